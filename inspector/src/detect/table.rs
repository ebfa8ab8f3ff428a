//! A table of bounded size that detectors share: no rehashing, no long evictions.

use std::hash::{BuildHasher, Hash};

use bytemuck::Zeroable;
use bytemuck::allocation::zeroed_slice_box;

mod slab;

use self::slab::Slab;
use crate::hash::KeyHash;

/// Slots that a key may be in.
const WAYS: usize = 8;
/// A full sweep for idle entries takes this many ticks.
const SWEEP_TICKS: usize = 64;

/// An entry of a [`Table`].
pub(crate) trait Entry {
    /// Time of the last packet, ns.
    fn last_ns(&self) -> u64;

    /// What would be lost with it; the least of a set makes room for a new key.
    fn worth(&self) -> u64;
}

/// Set-associative: a key's hash picks a set of eight slots. A full set gives up its entry of least worth, the
/// longest idle among equals, so one that carries evidence stays while others come and go.
///
/// Most look-ups are for keys that are not there, entries are large, and there are many tables: what is not in the
/// cache is what costs. So a slot has some bits of its key's hash beside the entry's place, a set is half a cache line,
/// and what has other bits need not be touched. Nor are entries looked at again and again for how long they were idle.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    sets: Box<[Set]>,
    ages: Ages,
    entries: Slab<(K, V)>,
    sweep: usize,
}

/// What is known of how long the entries of each set were idle, without a look at them.
#[derive(Debug)]
struct Ages {
    /// A time that none of them is older than, ns, but for the new ones.
    oldest_ns: Box<[u64]>,
    /// A bit for each slot that has a new entry since the last sweep.
    new: Box<[u8]>,
}

/// Eight slots: [`TAKEN`], a tag of the key's hash, and the place in `entries`; 0 where the slot is empty.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C, align(32))]
struct Set([u32; WAYS]);

/// The bit of a slot that is in use.
const TAKEN: u32 = 1 << 31;
/// The bits of the place; those of the tag are above it.
const PLACE: u32 = (1 << 20) - 1;

impl Set {
    /// Which slots have this tag, or are empty where it is 0: a bit each. All are compared at once.
    fn alike(&self, tag: u32) -> Ways {
        let bits = self.0.iter().enumerate();
        Ways(bits.fold(0, |bits, (way, slot)| bits | u8::from(slot & !PLACE == tag) << way))
    }
}

/// Slots of a set, by the bits of their numbers.
struct Ways(u8);

impl Iterator for Ways {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let way = (self.0 != 0).then_some(self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        way
    }
}

/// The place that a slot names.
const fn place(slot: u32) -> usize {
    (slot & PLACE) as usize
}

impl<K: Hash + Eq + Copy, V: Entry> Table<K, V> {
    /// A table of at least `capacity` entries, rounded up to a power of two of sets, and of a million at most.
    pub(crate) fn new(capacity: usize) -> Self {
        let most = (PLACE as usize + 1) / WAYS;
        let sets = capacity.div_ceil(WAYS).next_power_of_two().min(most);
        let ages = Ages { oldest_ns: vec![0; sets].into(), new: vec![0; sets].into() };
        Self { sets: zeroed_slice_box(sets), ages, entries: Slab::default(), sweep: 0 }
    }

    /// The set that the key may be in, and its tag.
    fn set(&self, key: &K) -> (usize, u32) {
        let hash = KeyHash.hash_one(key);
        let [high @ .., h0, h1, h2, h3] = hash.to_be_bytes();
        let set = u32::from_be_bytes([h0, h1, h2, h3]) as usize & (self.sets.len() - 1);
        (set, u32::from_be_bytes(high) & !PLACE | TAKEN)
    }

    /// Where in `entries` the key's is.
    fn find(&self, (set, tag): (usize, u32), key: &K) -> Option<usize> {
        let set = self.sets.get(set)?;
        let is_key = |at: &usize| self.entries.get(*at).is_some_and(|(its, _)| its == key);
        set.alike(tag).map(|way| place(set.0[way & (WAYS - 1)])).find(is_key)
    }

    /// The key's entry, if it is there.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if self.entries.is_empty() {
            return None;
        }
        let at = self.find(self.set(key), key)?;
        self.entries.get_mut(at).map(|(_, entry)| entry)
    }

    /// The key's entry, made by `make` if there is none. `None` never happens but for want of a better type.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let place = self.set(&key);
        if let Some(at) = self.find(place, &key) {
            return self.entries.get_mut(at).map(|(_, entry)| entry);
        }
        let at = self.room(place)?;
        self.entries.put(at, || (key, make())).map(|(_, entry)| entry)
    }

    /// Makes room for a new entry in a set, that of another if the set is full; where in `entries` that is.
    fn room(&mut self, (set, tag): (usize, u32)) -> Option<usize> {
        let slots = self.sets.get(set)?;
        let (way, at) = if let Some(empty) = slots.alike(0).next() {
            (empty, self.entries.room())
        } else {
            let least = self.least(slots)?;
            (least, place(slots.0[least]))
        };
        *self.sets.get_mut(set)?.0.get_mut(way)? = tag | u32::try_from(at).ok()?;
        *self.ages.new.get_mut(set)? |= 1 << way;
        Some(at)
    }

    /// Which entry of a full set is the least.
    fn least(&self, Set(slots): &Set) -> Option<usize> {
        let rank = |way: usize| {
            let (_, entry) = self.entries.get(place(slots[way]))?;
            Some((entry.worth(), entry.last_ns()))
        };
        (0..WAYS).min_by_key(|way| rank(*way))
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, entry))
    }

    /// Drops entries of a part of the table that were idle since `before_ns`.
    pub(crate) fn expire(&mut self, before_ns: u64) {
        let part = self.sets.len().div_ceil(SWEEP_TICKS);
        let ages = self.ages.oldest_ns.iter_mut().zip(&mut self.ages.new);
        let sets = self.sets.iter_mut().zip(ages);
        for (set, (oldest_ns, new)) in sets.skip(self.sweep * part).take(part) {
            // Times only grow, so a bound holds until there are new entries.
            let looked_at = if *oldest_ns < before_ns { u8::MAX } else { *new };
            if looked_at == u8::MAX {
                *oldest_ns = u64::MAX;
            }
            *new = 0;
            for way in Ways(looked_at) {
                let slot = &mut set.0[way & (WAYS - 1)];
                let Some((_, entry)) = self.entries.get(place(*slot)).filter(|_| *slot != 0) else {
                    continue;
                };
                let last_ns = entry.last_ns();
                if last_ns < before_ns {
                    self.entries.remove(place(*slot));
                    *slot = 0;
                } else {
                    *oldest_ns = last_ns.min(*oldest_ns);
                }
            }
        }
        self.sweep = (self.sweep + 1) % SWEEP_TICKS;
    }

    /// Entries in use, and room for them.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        (self.entries.len(), self.sets.len() * WAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(u64);

    impl Entry for Item {
        fn last_ns(&self) -> u64 {
            self.0
        }

        fn worth(&self) -> u64 {
            u64::from(self.0 == 1_000_000)
        }
    }

    #[test]
    fn stays_bounded_keeps_what_is_worth_it_and_forgets_the_idle() {
        let mut table = Table::new(100);
        assert_eq!(table.occupancy(), (0, 128));
        table.entry((1, 1), || Item(1_000_000));
        for i in 0..10_000 {
            table.entry((2, i), || Item(i));
        }
        assert_eq!(table.occupancy(), (128, 128));
        assert_eq!(table.get(&(1, 1)).map(|item| item.0), Some(1_000_000));
        assert_eq!(table.entry((1, 1), || Item(0)).map(|item| item.0), Some(1_000_000));
        for _ in 0..SWEEP_TICKS {
            table.expire(u64::MAX);
        }
        assert_eq!(table.occupancy().0, 0);
    }

    #[test]
    fn what_grew_since_it_came_stays_and_what_is_least_now_goes() {
        let mut table = Table::new(WAYS);
        for key in 0..8 {
            table.entry(key, || Item(0));
        }
        for round in 1..100 {
            for key in 0..8 {
                *table.get(&key).unwrap() = Item(8 * round + key);
            }
            table.entry(100, || Item(0));
            assert!(table.get(&0).is_none(), "the longest idle");
            assert!((1..8).all(|key| table.get(&key).is_some()));
            table.entry(0, || Item(0));
            assert!(table.get(&100).is_none(), "idle all along");
            table.expire(0);
            assert_eq!(table.occupancy(), (8, 8));
        }
        table.get(&3).unwrap().0 = 5_000;
        for _ in 0..SWEEP_TICKS {
            table.expire(5_000);
        }
        assert_eq!(table.occupancy(), (1, 8));
        assert_eq!(table.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [3]);
        for key in 4..11 {
            table.entry(key, || Item(0));
        }
        assert_eq!((table.occupancy(), table.iter().count()), ((8, 8), 8));
    }
}

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

/// Eight slots, each with a tag of the key's hash, or 0 where it is empty, and the place in `entries`, 24 bits.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C, align(32))]
struct Set {
    tags: [u8; WAYS],
    places: [[u8; 3]; WAYS],
}

/// The bit of a tag that says that the slot is in use.
const TAKEN: u8 = 0x80;

/// The lowest and the highest bit of each of eight bytes.
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = LOW << 7;

impl Set {
    /// Most entries that places tell apart.
    const MOST: usize = 1 << 24;

    /// The slots that have this tag, all compared at once, and maybe some that haven't: a borrow may go on into the
    /// byte above. The key decides.
    fn alike(self, tag: u8) -> Ways {
        let differing = u64::from_le_bytes(self.tags) ^ (u64::from(tag) * LOW);
        Ways(differing.wrapping_sub(LOW) & !differing & HIGH)
    }

    /// The empty slots.
    fn empty(self) -> Ways {
        Ways(!u64::from_le_bytes(self.tags) & HIGH)
    }

    /// The place in a slot.
    fn place(self, way: usize) -> usize {
        let [a, b, c] = self.places[way % WAYS];
        u32::from_le_bytes([a, b, c, 0]) as usize
    }

    /// Puts a tag and a place into a slot.
    fn put(&mut self, way: usize, tag: u8, place: usize) {
        let [a, b, c, ..] = place.to_le_bytes();
        self.tags[way % WAYS] = tag;
        self.places[way % WAYS] = [a, b, c];
    }
}

/// Slots of a set: the highest bits of the bytes with their numbers.
struct Ways(u64);

impl Iterator for Ways {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let way = (self.0 != 0).then_some(self.0.trailing_zeros() as usize / 8);
        self.0 &= self.0.wrapping_sub(1);
        way
    }
}

impl<K: Hash + Eq + Copy, V: Entry> Table<K, V> {
    /// A table of at least `capacity` entries, rounded up to a power of two of sets, and of 16 million at most.
    pub(crate) fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two().min(Set::MOST / WAYS);
        let ages = Ages { oldest_ns: vec![0; sets].into(), new: vec![0; sets].into() };
        Self { sets: zeroed_slice_box(sets), ages, entries: Slab::default(), sweep: 0 }
    }

    /// The set that the key may be in, and its tag.
    fn set(&self, key: &K) -> (usize, u8) {
        let [tag, .., h0, h1, h2, h3] = KeyHash.hash_one(key).to_be_bytes();
        let set = u32::from_be_bytes([h0, h1, h2, h3]) as usize & (self.sets.len() - 1);
        (set, tag | TAKEN)
    }

    /// Where in `entries` the key's is.
    fn find(&self, (set, tag): (usize, u8), key: &K) -> Option<usize> {
        let set = self.sets.get(set)?;
        let is_key = |at: &usize| self.entries.get(*at).is_some_and(|(its, _)| its == key);
        set.alike(tag).map(|way| set.place(way)).find(is_key)
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
    fn room(&mut self, (set, tag): (usize, u8)) -> Option<usize> {
        let new = self.ages.new.get_mut(set)?;
        let set = self.sets.get_mut(set)?;
        let (way, at) = if let Some(empty) = set.empty().next() {
            (empty, self.entries.room())
        } else {
            let least = least(set, &self.entries)?;
            (least, set.place(least))
        };
        set.put(way, tag, at);
        *new |= 1 << way;
        Some(at)
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, entry))
    }

    /// Drops entries of a part of the table that were idle since `before_ns`.
    pub(crate) fn expire(&mut self, before_ns: u64) {
        let part = self.sets.len().div_ceil(SWEEP_TICKS);
        let from = (self.sweep * part).min(self.sets.len());
        let to = (from + part).min(self.sets.len());
        let Ages { oldest_ns, new } = &mut self.ages;
        let ages = oldest_ns[from..to].iter_mut().zip(&mut new[from..to]);
        for (set, (oldest_ns, new)) in self.sets[from..to].iter_mut().zip(ages) {
            // Times only grow, so a bound holds until there are new entries.
            let looked_at = if *oldest_ns < before_ns { u8::MAX } else { *new };
            if looked_at == u8::MAX {
                *oldest_ns = u64::MAX;
            }
            *new = 0;
            let mut left = looked_at;
            while left != 0 {
                let way = left.trailing_zeros() as usize % WAYS;
                left &= left - 1;
                let (is_taken, place) = (set.tags[way] != 0, set.place(way));
                let Some((_, entry)) = self.entries.get(place).filter(|_| is_taken) else { continue };
                let last_ns = entry.last_ns();
                if last_ns < before_ns {
                    self.entries.remove(place);
                    set.put(way, 0, 0);
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

/// Which entry of a full set is the least.
fn least<K, V: Entry>(set: &Set, entries: &Slab<(K, V)>) -> Option<usize> {
    let rank = |way: usize| entries.get(set.place(way)).map(|(_, entry)| (entry.worth(), entry.last_ns()));
    (0..WAYS).min_by_key(|way| rank(*way))
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

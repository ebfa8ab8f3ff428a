//! A table of bounded size that detectors share: no rehashing, no long evictions.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

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
/// cache is what costs. So one byte of each key's hash stands in front, those of a set side by side, and what has
/// another one need not be touched. Entries lie in the order they came, so that a table takes the memory of what is in
/// it.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    /// By set and slot: a byte of the key's hash with the highest bit set, or 0 where the slot is empty.
    tags: Box<[[u8; WAYS]]>,
    /// By set and slot: the place in `entries`.
    places: Box<[[u32; WAYS]]>,
    entries: Vec<Option<(K, V)>>,
    /// Places in `entries` that were given up.
    free: Vec<u32>,
    sweep: usize,
}

/// Where a key's hash leads.
#[derive(Clone, Copy)]
struct Place {
    set: usize,
    tag: u8,
}

impl<K: Hash + Eq + Copy, V: Entry> Table<K, V> {
    /// A table of at least `capacity` entries, rounded up to a power of two of sets.
    pub(crate) fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Self {
            tags: vec![[0; WAYS]; sets].into(),
            places: vec![[0; WAYS]; sets].into(),
            entries: Vec::new(),
            free: Vec::new(),
            sweep: 0,
        }
    }

    /// The set that the key may be in, and its tag.
    fn place(&self, key: &K) -> Place {
        let hash = FixedState::default().hash_one(key);
        let [tag, .., h0, h1, h2, h3] = hash.to_be_bytes();
        let set = u32::from_be_bytes([h0, h1, h2, h3]) as usize & (self.tags.len() - 1);
        Place { set, tag: tag | 0x80 }
    }

    /// Where in `entries` the key's is.
    fn find(&self, Place { set, tag }: Place, key: &K) -> Option<usize> {
        let (tags, places) = (self.tags.get(set)?, self.places.get(set)?);
        let alike = tags.iter().zip(places).filter(|(its, _)| **its == tag);
        let mut at = alike.map(|(_, place)| *place as usize);
        at.find(|at| matches!(self.entries.get(*at), Some(Some((its, _))) if its == key))
    }

    /// The key's entry, if it is there.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(self.place(key), key)?;
        self.entries.get_mut(at)?.as_mut().map(|(_, entry)| entry)
    }

    /// The key's entry, made by `make` if there is none. `None` never happens but for want of a better type.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let place = self.place(&key);
        if let Some(at) = self.find(place, &key) {
            return self.entries.get_mut(at)?.as_mut().map(|(_, entry)| entry);
        }
        let at = self.room(place)?;
        Some(&mut self.entries.get_mut(at)?.insert((key, make())).1)
    }

    /// Makes room for a new entry in a set, that of another if the set is full; where in `entries` that is.
    fn room(&mut self, Place { set, tag }: Place) -> Option<usize> {
        let empty = self.tags.get(set)?.iter().position(|tag| *tag == 0);
        let way = empty.or_else(|| self.least(set))?;
        let place = self.places.get_mut(set)?.get_mut(way)?;
        if empty.is_some() {
            if let Some(free) = self.free.pop() {
                *place = free;
            } else {
                *place = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(None);
            }
        }
        *self.tags.get_mut(set)?.get_mut(way)? = tag;
        Some(*place as usize)
    }

    /// Which entry of a full set is the least.
    fn least(&self, set: usize) -> Option<usize> {
        let places = self.places.get(set)?;
        let rank = |way: usize| {
            let (_, entry) = self.entries.get(*places.get(way)? as usize)?.as_ref()?;
            Some((entry.worth(), entry.last_ns()))
        };
        (0..WAYS).min_by_key(|way| rank(*way))
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().flatten().map(|(key, entry)| (key, entry))
    }

    /// Drops entries of a part of the table that were idle since `before_ns`.
    pub(crate) fn expire(&mut self, before_ns: u64) {
        let part = self.tags.len().div_ceil(SWEEP_TICKS);
        let sets = self.tags.iter_mut().zip(&self.places);
        for (tags, places) in sets.skip(self.sweep * part).take(part) {
            for (tag, place) in tags.iter_mut().zip(places).filter(|(tag, _)| **tag != 0) {
                let Some(slot) = self.entries.get_mut(*place as usize) else { continue };
                if slot.as_ref().is_some_and(|(_, entry)| entry.last_ns() < before_ns) {
                    (*slot, *tag) = (None, 0);
                    self.free.push(*place);
                }
            }
        }
        self.sweep = (self.sweep + 1) % SWEEP_TICKS;
    }

    /// Entries in use, and room for them.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        (self.entries.len() - self.free.len(), self.tags.len() * WAYS)
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

//! A table of bounded size that detectors share: no growth, no rehashing, no long evictions.

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
/// Most look-ups are for keys that are not there, and entries are large. So one byte of each key's hash stands in
/// front, those of a set side by side: what has another one need not be touched.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    /// By set and slot: a byte of the key's hash with the highest bit set, or 0 where the slot is empty.
    tags: Box<[[u8; WAYS]]>,
    /// Keys by slot, apart from the entries so that a set's are close together; one of an empty slot is stale.
    keys: Box<[Option<K>]>,
    slots: Box<[Option<V>]>,
    used: usize,
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
        let slots = sets * WAYS;
        Self {
            tags: vec![[0; WAYS]; sets].into(),
            keys: vec![None; slots].into(),
            slots: (0..slots).map(|_| None).collect(),
            used: 0,
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

    /// Which slot the key is in.
    fn find(&self, Place { set, tag }: Place, key: &K) -> Option<usize> {
        let tags = self.tags.get(set)?;
        let keys = self.keys.get(set * WAYS..)?;
        let way = tags.iter().zip(keys).position(|(its, k)| *its == tag && k.as_ref() == Some(key))?;
        Some(set * WAYS + way)
    }

    /// The key's entry, if it is there.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.find(self.place(key), key)?;
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The key's entry, made by `make` if there is none. `None` never happens but for want of a better type.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let place = self.place(&key);
        if let Some(slot) = self.find(place, &key) {
            return self.slots.get_mut(slot)?.as_mut();
        }
        let way = self.room(place.set)?;
        let slot = place.set * WAYS + way;
        let tag = self.tags.get_mut(place.set)?.get_mut(way)?;
        self.used += usize::from(*tag == 0);
        *tag = place.tag;
        *self.keys.get_mut(slot)? = Some(key);
        Some(self.slots.get_mut(slot)?.insert(make()))
    }

    /// Which slot of a set a new key gets.
    fn room(&self, set: usize) -> Option<usize> {
        if let Some(empty) = self.tags.get(set)?.iter().position(|tag| *tag == 0) {
            return Some(empty);
        }
        let slots = self.slots.get(set * WAYS..(set + 1) * WAYS)?;
        let rank = |slot: &Option<V>| slot.as_ref().map(|v| (v.worth(), v.last_ns()));
        (0..WAYS).min_by_key(|&way| slots.get(way).and_then(rank))
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.keys.iter().zip(&self.slots).filter_map(|(key, slot)| key.as_ref().zip(slot.as_ref()))
    }

    /// Drops entries of a part of the table that were idle since `before_ns`.
    pub(crate) fn expire(&mut self, before_ns: u64) {
        let part = self.tags.len().div_ceil(SWEEP_TICKS);
        let first = self.sweep * part;
        for (set, tags) in self.tags.iter_mut().enumerate().skip(first).take(part) {
            for (way, tag) in tags.iter_mut().enumerate().filter(|(_, tag)| **tag != 0) {
                let Some(slot) = self.slots.get_mut(set * WAYS + way) else { continue };
                if slot.as_ref().is_some_and(|v| v.last_ns() < before_ns) {
                    (*slot, *tag) = (None, 0);
                    self.used -= 1;
                }
            }
        }
        self.sweep = (self.sweep + 1) % SWEEP_TICKS;
    }

    /// Entries in use, and room for them.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        (self.used, self.slots.len())
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
}

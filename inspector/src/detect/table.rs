//! A table of bounded size that detectors share: no growth, no rehashing, no long evictions.

use std::hash::{BuildHasher, Hash};
use std::ops::Range;

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
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    /// Keys by slot, apart from the entries so that a set's are close together; one of an empty slot is stale.
    keys: Box<[Option<K>]>,
    slots: Box<[Option<V>]>,
    used: usize,
    sweep: usize,
}

impl<K: Hash + Eq + Copy, V: Entry> Table<K, V> {
    /// A table of at least `capacity` entries, rounded up to a power of two of sets.
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = capacity.div_ceil(WAYS).next_power_of_two() * WAYS;
        Self { keys: vec![None; slots].into(), slots: (0..slots).map(|_| None).collect(), used: 0, sweep: 0 }
    }

    /// The slots that the key may be in.
    fn set(&self, key: &K) -> Range<usize> {
        let hash = FixedState::default().hash_one(key);
        let set = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0) & (self.slots.len() / WAYS - 1);
        set * WAYS..(set + 1) * WAYS
    }

    /// Which of its slots the key is in.
    fn place(&self, set: Range<usize>, key: &K) -> Option<usize> {
        let (keys, slots) = (self.keys.get(set.clone())?, self.slots.get(set)?);
        keys.iter().zip(slots).position(|(k, slot)| slot.is_some() && k.as_ref() == Some(key))
    }

    /// The key's entry, if it is there.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        let set = self.set(key);
        let place = self.place(set.clone(), key)?;
        self.slots.get_mut(set.start + place)?.as_mut()
    }

    /// The key's entry, made by `make` if there is none. `None` never happens but for want of a better type.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        let set = self.set(&key);
        let found = self.place(set.clone(), &key);
        let (keys, slots) = (self.keys.get_mut(set.clone())?, self.slots.get_mut(set)?);
        let rank = |slot: &Option<V>| slot.as_ref().map_or((0, 0), |v| (v.worth() + 1, v.last_ns()));
        let place = found.or_else(|| (0..WAYS).min_by_key(|&i| slots.get(i).map(rank)))?;
        let slot = slots.get_mut(place)?;
        if found.is_none() {
            self.used += usize::from(slot.is_none());
            *keys.get_mut(place)? = Some(key);
            *slot = Some(make());
        }
        slot.as_mut()
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.keys.iter().zip(&self.slots).filter_map(|(key, slot)| key.as_ref().zip(slot.as_ref()))
    }

    /// Drops entries of a part of the table that were idle since `before_ns`.
    pub(crate) fn expire(&mut self, before_ns: u64) {
        let part = self.slots.len().div_ceil(SWEEP_TICKS);
        let start = self.sweep * part;
        for slot in self.slots.iter_mut().skip(start).take(part) {
            if slot.as_ref().is_some_and(|v| v.last_ns() < before_ns) {
                *slot = None;
                self.used -= 1;
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

//! A table of bounded size without growth, rehashing or long evictions.

/// Slots that a key may be in.
const WAYS: usize = 8;
/// A full sweep for idle entries takes this many ticks.
const SWEEP_TICKS: usize = 64;

/// An entry of a [`Table`].
pub(super) trait Entry {
    /// Time of the last packet, ns.
    fn last_ns(&self) -> u64;

    /// What would be lost with it; the least of a set makes room for a new key.
    fn worth(&self) -> u64;
}

/// Set-associative: a key's hash picks a set of eight slots. A full set gives up its entry of least worth,
/// the longest idle among equals, so one that carries evidence stays while others come and go.
#[derive(Debug)]
pub(super) struct Table<V> {
    /// Keys by slot, apart from the entries so that a set's are in one cache line.
    keys: Box<[u64]>,
    slots: Box<[Option<V>]>,
    used: usize,
    sweep: usize,
}

impl<V: Entry> Table<V> {
    /// A table of at least `capacity` entries, rounded up to a power of two of sets.
    pub(super) fn new(capacity: usize) -> Self {
        let slots = capacity.div_ceil(WAYS).next_power_of_two() * WAYS;
        Self { keys: vec![0; slots].into(), slots: (0..slots).map(|_| None).collect(), used: 0, sweep: 0 }
    }

    /// The key's entry, made by `make` if there is none. `None` never happens but for want of a better type.
    pub(super) fn entry(&mut self, key: u64, make: impl FnOnce() -> V) -> Option<&mut V> {
        let sets = self.slots.len() / WAYS;
        let set = usize::try_from(key >> 20).unwrap_or_default() & sets.saturating_sub(1);
        let range = set * WAYS..(set + 1) * WAYS;
        let (keys, set) = (self.keys.get_mut(range.clone())?, self.slots.get_mut(range)?);
        let found = (0..WAYS).find(|&i| keys.get(i) == Some(&key) && set.get(i).is_some_and(Option::is_some));
        let place = found.or_else(|| {
            let rank = |slot: &Option<V>| slot.as_ref().map_or((0, 0), |v| (v.worth() + 1, v.last_ns()));
            (0..WAYS).min_by_key(|&i| set.get(i).map(rank))
        })?;
        let slot = set.get_mut(place)?;
        if found.is_none() {
            self.used += usize::from(slot.is_none());
            *keys.get_mut(place)? = key;
            *slot = Some(make());
        }
        slot.as_mut()
    }

    /// Drops entries of a part of the table that were idle since `before_ns`.
    pub(super) fn expire(&mut self, before_ns: u64) {
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
    pub(super) fn occupancy(&self) -> (usize, usize) {
        (self.used, self.slots.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen::mix;
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
        table.entry(mix(1, 1), || Item(1_000_000));
        for i in 0..10_000 {
            table.entry(mix(2, i), || Item(i));
        }
        assert_eq!(table.occupancy(), (128, 128));
        assert_eq!(table.entry(mix(1, 1), || Item(0)).map(|item| item.0), Some(1_000_000));
        for _ in 0..SWEEP_TICKS {
            table.expire(u64::MAX);
        }
        assert_eq!(table.occupancy().0, 0);
    }
}

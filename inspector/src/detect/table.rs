//! A bounded table that forgets what was not heard of for longest.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: entries that are asked for move to the young one; when that is full it becomes the old one,
/// and the former old one is dropped. Each of the last `capacity / 2` entries is there, and a look-up costs the
/// same in a flood of new keys as without.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Hash + Eq + Clone, V: Default> Table<K, V> {
    /// An empty table of at most `capacity` entries.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation: (capacity / 2).max(1) }
    }

    /// The entry of a key, new if it is not known.
    pub(super) fn entry(&mut self, key: &K) -> &mut V {
        if !self.young.contains_key(key) {
            if self.young.len() >= self.generation {
                self.old = std::mem::take(&mut self.young);
            }
            let value = self.old.remove(key).unwrap_or_default();
            self.young.insert(key.clone(), value);
        }
        self.young.entry(key.clone()).or_default()
    }

    /// Whether a key is known.
    #[must_use]
    pub(super) fn contains(&self, key: &K) -> bool {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    /// Forgets a key.
    pub(super) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Forgets the entries that are not to be kept.
    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.young.retain(|_, value| keep(value));
        self.old.retain(|_, value| keep(value));
    }

    /// Entries in use, and their capacity.
    #[must_use]
    pub(super) fn occupancy(&self) -> (usize, usize) {
        (self.young.len() + self.old.len(), self.generation * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recent_entries_go_first_and_the_table_stays_bounded() {
        let mut table = Table::<u32, u32>::new(4);
        *table.entry(&1) = 10;
        for key in 2..100 {
            table.entry(&key);
            assert_eq!(*table.entry(&1), 10, "it is asked for again and again");
            assert!(table.occupancy().0 <= 4);
        }
        assert!(!table.contains(&50) && table.contains(&99));
        table.retain(|value| *value != 10);
        assert!(!table.contains(&1));
    }
}

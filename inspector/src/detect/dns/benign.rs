//! Suffixes under which many distinct names are ordinary.

use super::question::{Qname, suffix_hash};

/// The built-in list: one suffix a line, `#` begins a comment.
pub const BUILT_IN: &str = include_str!("benign_suffixes.txt");

/// A set of suffixes, matched on label boundaries: `example.net` covers itself and `a.example.net`, not
/// `an-example.net`.
#[derive(Clone, Debug)]
pub struct BenignSuffixes {
    /// Hashes in order.
    hashes: Vec<u64>,
    /// Which last 12 bits they have: spares most searches.
    endings: [u64; 64],
}

impl BenignSuffixes {
    /// The built-in list.
    #[must_use]
    pub fn built_in() -> Self {
        Self::empty().with(BUILT_IN.lines())
    }

    /// No suffixes at all: every domain is judged.
    #[must_use]
    pub fn empty() -> Self {
        Self { hashes: Vec::new(), endings: [0; 64] }
    }

    /// Adds suffixes; comments and blank lines are skipped.
    #[must_use]
    pub fn with<'a>(mut self, lines: impl IntoIterator<Item = &'a str>) -> Self {
        let suffixes = lines.into_iter().filter_map(|line| line.split('#').next()).map(str::trim);
        self.hashes.extend(suffixes.filter(|suffix| !suffix.is_empty()).map(suffix_hash));
        self.hashes.sort_unstable();
        for hash in &self.hashes {
            let (word, bit) = ending(*hash);
            if let Some(word) = self.endings.get_mut(word) {
                *word |= bit;
            }
        }
        self
    }

    /// Whether the list has the suffix with this hash.
    pub(super) fn contains(&self, suffix: u64) -> bool {
        let (word, bit) = ending(suffix);
        self.endings.get(word).is_some_and(|word| word & bit != 0)
            && self.hashes.binary_search(&suffix).is_ok()
    }

    /// Whether the name is under one of the suffixes.
    pub(super) fn covers(&self, name: &Qname) -> bool {
        name.suffixes().any(|(_, hash)| self.contains(hash))
    }
}

/// Where a hash's last 12 bits are in a map of 4096 bits.
fn ending(hash: u64) -> (usize, u64) {
    (usize::try_from(hash >> 6 & 63).unwrap_or_default(), 1 << (hash & 63))
}

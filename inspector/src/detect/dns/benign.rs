//! Suffixes under which many distinct names are ordinary.

use super::question::{Qname, suffix_hash};

/// A suffix that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name; write a domain like example.org, which covers all names under it")]
pub struct SuffixError(String);

/// Whether a text is a name: labels of 1 to 63 letters, digits, hyphens and underscores.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 254 && text.trim_matches('.').split('.').all(is_label)
}

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

    /// Adds an operator's suffixes.
    ///
    /// # Errors
    /// One of them is no name.
    pub fn extended<'a>(self, suffixes: impl IntoIterator<Item = &'a str>) -> Result<Self, SuffixError> {
        let names: Vec<_> = suffixes.into_iter().collect();
        match names.iter().find(|suffix| !is_name(suffix)) {
            Some(wrong) => Err(SuffixError((*wrong).to_owned())),
            None => Ok(self.with(names)),
        }
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

//! Whether a value was among the last few of its kind.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

/// Values that are remembered.
const REMEMBERED: usize = 32;

/// The hashes of the last values that were new.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    hashes: Vec<u64>,
    next: usize,
}

impl Recent {
    /// Whether `value` is not among the remembered ones. It is then one of them.
    pub(crate) fn is_new(&mut self, value: &[u8]) -> bool {
        let hash = FixedState::default().hash_one(value);
        if self.hashes.contains(&hash) {
            return false;
        }
        if self.hashes.len() < REMEMBERED {
            self.hashes.push(hash);
        } else if let Some(oldest) = self.hashes.get_mut(self.next) {
            *oldest = hash;
            self.next = (self.next + 1) % REMEMBERED;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_few() {
        let mut recent = Recent::default();
        assert!((0..REMEMBERED).all(|i| recent.is_new(&[u8::try_from(i).unwrap()])));
        assert!(!recent.is_new(&[0]));
        assert!(recent.is_new(&[200]));
        assert!(recent.is_new(&[0]), "forgotten for 200");
    }
}

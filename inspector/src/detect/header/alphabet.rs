//! The values that a field took.

use smallvec::SmallVec;

/// Distinct values kept; what comes beyond is only counted.
const KEPT: usize = 64;

/// A bounded histogram of a field's values.
#[derive(Clone, Debug, Default)]
pub(in crate::detect) struct Alphabet {
    /// Values in order, and how often each came. So few are found faster in one piece than in a tree; most fields
    /// have one.
    counts: SmallVec<[(u64, u32); 1]>,
    total: u32,
}

impl Alphabet {
    pub(in crate::detect) fn add(&mut self, value: u64) {
        self.total = self.total.saturating_add(1);
        match self.find(value) {
            Ok(at) => {
                if let Some((_, count)) = self.counts.get_mut(at) {
                    *count = count.saturating_add(1);
                }
            }
            Err(at) if self.counts.len() < KEPT => self.counts.insert(at, (value, 1)),
            Err(_) => {}
        }
    }

    /// Where the value is, or else where it belongs.
    fn find(&self, value: u64) -> Result<usize, usize> {
        self.counts.binary_search_by_key(&value, |(value, _)| *value)
    }

    /// How many distinct values were kept, at most 64.
    pub(in crate::detect) fn distinct(&self) -> u32 {
        u32::try_from(self.counts.len()).unwrap_or(u32::MAX)
    }

    /// How many distinct values there are if so many low bits are left out.
    pub(in crate::detect) fn distinct_above(&self, bits: u32) -> u32 {
        let mut values: Vec<u64> = self.counts.iter().map(|(value, _)| value >> bits).collect();
        values.dedup();
        u32::try_from(values.len()).unwrap_or(u32::MAX)
    }

    /// How many values were added.
    pub(in crate::detect) const fn total(&self) -> u32 {
        self.total
    }

    pub(in crate::detect) fn contains(&self, value: u64) -> bool {
        self.find(value).is_ok()
    }

    /// How often the most frequent value came.
    pub(in crate::detect) fn mode(&self) -> u32 {
        self.counts.iter().map(|(_, count)| *count).max().unwrap_or(0)
    }

    pub(in crate::detect) fn min(&self) -> Option<u64> {
        self.counts.first().map(|(value, _)| *value)
    }

    pub(in crate::detect) fn max(&self) -> Option<u64> {
        self.counts.last().map(|(value, _)| *value)
    }

    /// Shannon entropy of the kept values, bits: H = −Σ p·log₂ p (Shannon 1948). The capacity of a noiseless
    /// channel that uses the values as often as they were seen.
    pub(in crate::detect) fn entropy(&self) -> f64 {
        let total: f64 = self.counts.iter().map(|(_, count)| f64::from(*count)).sum();
        let share = |count: u32| f64::from(count) / total;
        -self.counts.iter().map(|(_, count)| share(*count) * share(*count).log2()).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_agrees_with_values_computed_by_hand() {
        let of = |values: &[u64]| {
            let mut alphabet = Alphabet::default();
            for value in values {
                alphabet.add(*value);
            }
            alphabet.entropy()
        };
        assert!((of(&[1, 2]) - 1.0).abs() < 1e-12);
        // 3/4 and 1/4: 0.75·0.415037 + 0.25·2.
        assert!((of(&[1, 1, 1, 2]) - 0.811_278).abs() < 1e-6);
        assert!(of(&[7, 7, 7]).abs() < 1e-12);
        assert!(of(&[]).abs() < 1e-12);
    }

    #[test]
    fn low_bits_can_be_left_out() {
        let mut alphabet = Alphabet::default();
        for value in [0, 1, 2, 3, 4, 9] {
            alphabet.add(value);
        }
        assert_eq!([0, 2, 8].map(|bits| alphabet.distinct_above(bits)), [6, 3, 1]);
    }

    #[test]
    fn entropy_is_within_its_bounds_and_the_alphabet_stays_small() {
        let mut alphabet = Alphabet::default();
        let mut state = 1u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            alphabet.add(state >> 50);
            let bound = f64::from(alphabet.distinct()).log2();
            assert!(alphabet.entropy() <= bound + 1e-9 && alphabet.entropy() > -1e-9);
        }
        assert_eq!((alphabet.distinct(), alphabet.total()), (64, 10_000));
    }
}

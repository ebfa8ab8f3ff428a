//! What many measurements of the same thing come to.

use serde::Serialize;

/// The middle of measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) p90: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            min: *sorted.first()?,
            median: *sorted.get(rank(sorted.len(), 50))?,
            p90: *sorted.get(rank(sorted.len(), 90))?,
        })
    }

    /// Of differences between measurements that were made side by side.
    pub(crate) fn of_differences(of: &[f64], over: &[f64]) -> Option<Self> {
        let differences: Vec<f64> = of.iter().zip(over).map(|(of, over)| of - over).collect();
        Self::of(&differences)
    }

    /// How much of a difference may be due to chance, if this is what two runs of the same differ by.
    pub(crate) const fn noise(&self) -> f64 {
        self.median.abs().max(self.p90 - self.median)
    }
}

/// Where among so many sorted values the one is that a per cent of them lie below: the nearest rank.
const fn rank(count: usize, percent: usize) -> usize {
    (count.saturating_sub(1) * percent + 50) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let samples: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(Spread::of(&samples), Some(Spread { min: 0.0, median: 50.0, p90: 90.0 }));
        assert_eq!(Spread::of(&[7.0]), Some(Spread { min: 7.0, median: 7.0, p90: 7.0 }));
        assert_eq!(Spread::of(&[1.0, 2.0, 9.0]), Some(Spread { min: 1.0, median: 2.0, p90: 9.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn differences_pair_what_was_measured_side_by_side() {
        // Both slow down together: the difference doesn't.
        let differences = Spread::of_differences(&[60.0, 160.0, 110.0], &[50.0, 150.0, 101.0]).unwrap();
        assert_eq!(differences, Spread { min: 9.0, median: 10.0, p90: 10.0 });
    }

    #[test]
    fn noise_is_an_offset_or_a_spread() {
        let noise = |min, median, p90| Spread { min, median, p90 }.noise().to_bits();
        assert_eq!(noise(-9.0, -4.0, -1.0), 4f64.to_bits());
        assert_eq!(noise(-9.0, 1.0, 8.0), 7f64.to_bits());
    }
}

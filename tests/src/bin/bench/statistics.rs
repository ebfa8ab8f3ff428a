//! What many measurements of the same thing come to.

use serde::Serialize;

/// The middle of measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) mean: f64,
    pub(crate) p90: f64,
    /// How many measurements.
    pub(crate) count: usize,
}

impl Spread {
    /// Of at least one measurement.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        Some(Self {
            min: *sorted.first()?,
            median: *sorted.get(rank(count, 50))?,
            mean: sorted.iter().sum::<f64>() / count as f64,
            p90: *sorted.get(rank(count, 90))?,
            count,
        })
    }

    /// Of something that is counted and not measured.
    pub(crate) const fn exactly(value: f64) -> Self {
        Self { min: value, median: value, mean: value, p90: value, count: 1 }
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

    /// How far off the median may be by chance: twice its standard error, which is 1.25 standard deviations over the
    /// root of the count; from the least to the 90th percentile it is about 2.5 of these.
    pub(crate) fn error(&self) -> f64 {
        (self.p90 - self.min) / (self.count as f64).sqrt()
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
        let expected = Spread { min: 0.0, median: 50.0, mean: 50.0, p90: 90.0, count: 101 };
        assert_eq!(Spread::of(&samples), Some(expected));
        assert_eq!(Spread::of(&[7.0]), Some(Spread::exactly(7.0)));
        let expected = Spread { min: 1.0, median: 2.0, mean: 4.0, p90: 9.0, count: 3 };
        assert_eq!(Spread::of(&[1.0, 2.0, 9.0]), Some(expected));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn differences_pair_what_was_measured_side_by_side() {
        // Both slow down together: the difference doesn't.
        let differences = Spread::of_differences(&[60.0, 160.0, 113.0], &[50.0, 150.0, 100.0]).unwrap();
        assert_eq!(differences, Spread { min: 10.0, median: 10.0, mean: 11.0, p90: 13.0, count: 3 });
    }

    #[test]
    fn noise_is_an_offset_or_a_spread() {
        let noise = |samples: &[f64]| Spread::of(samples).unwrap().noise().to_bits();
        assert_eq!(noise(&[-9.0, -4.0, -1.0]), 4f64.to_bits());
        assert_eq!(noise(&[-9.0, 1.0, 8.0]), 7f64.to_bits());
    }

    #[test]
    fn the_error_of_a_median_shrinks_with_the_root_of_the_count() {
        let four = Spread { min: 10.0, p90: 14.0, count: 4, ..Spread::exactly(12.0) };
        assert_eq!(four.error().to_bits(), 2f64.to_bits());
        assert_eq!(Spread { count: 16, ..four }.error().to_bits(), 1f64.to_bits());
        assert_eq!(Spread::exactly(3.0).error().to_bits(), 0f64.to_bits());
    }
}

//! Samples that keep away from a threshold: values just above it, others far below, and next to none between.

use std::ops::RangeInclusive;

/// A sample around a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// The threshold, which is one of the values.
    pub threshold: f64,
    /// Share of the sample from the threshold to so many times of it.
    pub above: f64,
    /// Share of the sample at and below a part of it.
    pub below: f64,
}

/// Of the values t in `thresholds` of a sorted sample that with which A + B is largest, where A is the share of values in
/// [t, `span`·t], and B that of values up to t/`room`. `None` where neither leaves `least` for the smaller of the two.
///
/// A sender that waits for more than t for a one, and for less for a zero, has A + B near 1 if its cover is fast. For
/// exponential gaps, `room` 5 and `span` 2.1, A is at most e^-0.674 − e^-1.416 = 0.267.
///
/// Own construction, from how Gasior and Yang (CSIIRW 2011) tell symbols apart; `span` is 2 and jitter where the wait is
/// t and what a natural gap leaves modulo t.
#[must_use]
pub fn split(
    sorted: &[f64],
    thresholds: &RangeInclusive<f64>,
    (room, span): (f64, f64),
    least: f64,
) -> Option<Split> {
    let up_to = |limit: f64| sorted.partition_point(|&value| value <= limit);
    let all = sorted.len() as f64;
    let splits =
        sorted.iter().enumerate().filter(|(_, value)| thresholds.contains(value)).map(|(at, &t)| Split {
            threshold: t,
            above: (up_to(span * t) - at) as f64 / all,
            below: up_to(t / room) as f64 / all,
        });
    let sum = |split: &Split| split.above + split.below;
    splits.filter(|split| split.above.min(split.below) >= least).max_by(|a, b| sum(a).total_cmp(&sum(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn agrees_with_a_value_computed_by_hand() {
        // 200 to 390 are four of ten, up to 40 are five, and 90 is neither; from 210 on one less is above.
        let sample = sorted([3.0, 5.0, 8.0, 12.0, 40.0, 90.0, 200.0, 210.0, 300.0, 390.0]);
        let found = split(&sample, &(60.0..=500.0), (5.0, 2.1), 0.3).unwrap();
        assert_eq!(found, Split { threshold: 200.0, above: 0.4, below: 0.5 });
        assert_eq!(split(&sample, &(60.0..=500.0), (5.0, 2.1), 0.45), None);
        assert_eq!(split(&[], &(60.0..=500.0), (5.0, 2.1), 0.3), None);
    }

    #[test]
    fn what_keeps_away_from_a_threshold_is_told_from_smooth_densities_at_any_scale() {
        for scale in [1.0, 3.0, 10.0] {
            let all = 0.0..=f64::INFINITY;
            let kept = sorted((0..100).flat_map(|n| [1.0 + 0.09 * f64::from(n), 200.0 + 2.0 * f64::from(n)]));
            let waits = sorted((1..1000).map(|n| -100.0 * (f64::from(n) / 1000.0).ln()));
            let even = sorted((1..1000).map(f64::from));
            let sum = |sample: &[f64]| {
                let sample: Vec<f64> = sample.iter().map(|value| scale * value).collect();
                split(&sample, &all, (5.0, 2.1), 0.1).map_or(0.0, |found| found.above + found.below)
            };
            assert!(sum(&kept) > 0.999);
            assert!((0.4..0.5).contains(&sum(&waits)), "{}", sum(&waits));
            assert!((sum(&even) - 0.6).abs() < 0.01, "{}", sum(&even));
        }
    }

    #[test]
    fn shares_are_shares() {
        for seed in 1..60u32 {
            let sample = sorted((0..400u32).map(|n| 1.0 + f64::from(n * n * seed % 977)));
            let found = split(&sample, &(0.0..=1000.0), (5.0, 2.1), 0.0).unwrap();
            assert!(found.above + found.below <= 1.0 && sample.contains(&found.threshold));
        }
    }
}

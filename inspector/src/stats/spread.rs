//! Robust measures of how values spread around their median.

/// Median, quartiles and deviation of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Median.
    pub median: f64,
    /// Median absolute deviation from the median.
    pub mad: f64,
    /// Distance of the quartiles, Q3 − Q1.
    pub between_quartiles: f64,
    /// Bowley's skewness, (Q1 + Q3 − 2·Q2) / (Q3 − Q1): −1 to 1, and 0 where the quartiles agree.
    pub skew: f64,
}

impl Spread {
    /// Of a sample that is not empty.
    ///
    /// Quantiles by linear interpolation (Hyndman and Fan, The American Statistician 50 (1996), type 7), skewness
    /// by Bowley (1901); both as RITA scores beacons, on intervals of any resolution.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let [first, median, third] = [0.25, 0.5, 0.75].map(|share| quantile(&sorted, share));
        let (first, median, third) = (first?, median?, third?);
        let mut deviations: Vec<f64> = sorted.iter().map(|value| (value - median).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        let range = third - first;
        let skew = if range > 0.0 { (first + third - 2.0 * median) / range } else { 0.0 };
        Some(Self { median, mad: quantile(&deviations, 0.5)?, between_quartiles: range, skew })
    }
}

/// The value below which this share of a sorted sample lies.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the sample's length")]
    let below = place as usize;
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_values_computed_by_hand() {
        // 1 2 4 8 16: quartiles 2, 4, 8; skew (2 + 8 − 8) / 6 = ⅓; deviations 0 2 3 4 12, median 3.
        let spread = Spread::of(&[16.0, 1.0, 4.0, 2.0, 8.0]).unwrap();
        assert!((spread.median - 4.0).abs() < 1e-12 && (spread.mad - 3.0).abs() < 1e-12);
        assert!((spread.skew - 1.0 / 3.0).abs() < 1e-12 && (spread.between_quartiles - 6.0).abs() < 1e-12);
        // 1 2 3 4: median 2.5, between two values.
        assert!((Spread::of(&[1.0, 2.0, 3.0, 4.0]).unwrap().median - 2.5).abs() < 1e-12);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn shifting_moves_the_median_alone_and_mirroring_turns_the_skew() {
        for seed in 1..50u32 {
            let values: Vec<f64> = (0..40u32).map(|n| f64::from((n * n * seed + n) % 97)).collect();
            let spread = Spread::of(&values).unwrap();
            let shifted = Spread::of(&values.iter().map(|value| value + 10.0).collect::<Vec<_>>()).unwrap();
            let mirrored = Spread::of(&values.iter().map(|value| -value).collect::<Vec<_>>()).unwrap();
            assert!((shifted.median - spread.median - 10.0).abs() < 1e-9);
            assert!((shifted.mad - spread.mad).abs() < 1e-9 && (shifted.skew - spread.skew).abs() < 1e-9);
            assert!((mirrored.skew + spread.skew).abs() < 1e-9 && spread.skew.abs() <= 1.0);
        }
    }
}

//! Regularity: how much the spread of a series changes as it goes on.

/// R = stdev(|σᵢ − σⱼ| / σᵢ for all i < j), σ being the standard deviations of consecutive windows of `window` values.
/// Windows of equal values have nothing to be compared with and are left out as i. 0 for fewer than two windows.
///
/// Cabuk, Brodley and Shields, CCS 2004. Near 0 for a source whose statistics stay; activity that comes and goes gives
/// 1 and more.
#[must_use]
pub fn of_windows(values: &[f64], window: usize) -> f64 {
    let sigmas: Vec<f64> = values.chunks_exact(window.max(1)).map(deviation).collect();
    let later = |i: usize| sigmas.get(i + 1..).unwrap_or_default();
    let pairs: Vec<f64> = sigmas
        .iter()
        .enumerate()
        .filter(|(_, first)| **first > 0.0)
        .flat_map(|(i, first)| later(i).iter().map(move |second| (first - second).abs() / first))
        .collect();
    deviation(&pairs)
}

/// Standard deviation of the values themselves, not of what they are drawn from.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_value_computed_by_hand() {
        // σ = 1, 0, 2, 4; differences 1, 1, 3 to the first, 1 of the third to the fourth: stdev of 1 1 3 1 is √¾.
        let value = of_windows(&[1.0, 3.0, 2.0, 2.0, 1.0, 5.0, 0.0, 8.0], 2);
        assert!((value - 0.75f64.sqrt()).abs() < 1e-12);
        assert!(of_windows(&[], 10).abs() < 1e-12 && of_windows(&[1.0, 2.0], 2).abs() < 1e-12);
    }

    #[test]
    fn is_low_for_what_stays_and_high_for_what_comes_and_goes_at_any_scale() {
        let steady: Vec<f64> = (0..1000u32).map(|n| f64::from(n * n % 101)).collect();
        let bursts = (0..1000u32).map(|n| f64::from(n * n % 101) * if n / 100 % 2 == 0 { 1.0 } else { 20.0 });
        let bursts: Vec<f64> = bursts.collect();
        assert!(of_windows(&steady, 50) < 0.2 && of_windows(&bursts, 50) > 1.0);
        let scaled: Vec<f64> = bursts.iter().map(|value| 3.0 * value).collect();
        assert!((of_windows(&scaled, 50) - of_windows(&bursts, 50)).abs() < 1e-9);
    }
}

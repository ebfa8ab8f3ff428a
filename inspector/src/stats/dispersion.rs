//! Whether a share stays the same as a series goes on.

/// Dispersion of counts: Σ (kᵢ − w·p)² / (w·p·(1 − p)) / (m − 1) for the counts kᵢ of `true` in m consecutive windows of w
/// values, p being their share in all of these windows. 0 for fewer than two windows, or where all are alike.
///
/// Cochran, Biometrics 10 (1954): times m − 1 it is χ² with m − 1 degrees of freedom where each value is `true` with the
/// same chance, whatever came before: near 1. What has a rhythm of its own lies below, activity that comes and goes far
/// above.
#[must_use]
pub fn of_windows(values: &[bool], window: usize) -> f64 {
    let counts: Vec<f64> = values
        .chunks_exact(window.max(1))
        .map(|window| window.iter().filter(|&&value| value).count() as f64)
        .collect();
    let (m, w) = (counts.len() as f64, window as f64);
    let share = counts.iter().sum::<f64>() / (m * w).max(1.0);
    let variance = w * share * (1.0 - share);
    if counts.len() < 2 || variance <= 0.0 {
        return 0.0;
    }
    counts.iter().map(|count| (count - w * share).powi(2)).sum::<f64>() / variance / (m - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_value_computed_by_hand() {
        // Counts 1, 3, 2 of 4; p = ½, variance 1: (1 + 1 + 0) / 1 / 2 = 1. The last two values are no window.
        let values = [1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1].map(|value| value == 1);
        assert!((of_windows(&values, 4) - 1.0).abs() < 1e-12);
        assert!(of_windows(&[true; 12], 4).abs() < 1e-12 && of_windows(&values[..7], 4).abs() < 1e-12);
        assert!(of_windows(&[], 4).abs() < 1e-12);
    }

    #[test]
    fn is_near_one_for_coins_low_for_cycles_and_high_for_what_comes_and_goes() {
        let mut state = 1u32;
        let mut coin = |share: f64| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) < share
        };
        for share in [0.2, 0.5, 0.8] {
            let mean = (0..200)
                .map(|_| of_windows(&(0..500).map(|_| coin(share)).collect::<Vec<_>>(), 25))
                .sum::<f64>()
                / 200.0;
            assert!((mean - 1.0).abs() < 0.1, "{share}: {mean}");
        }
        let cycle: Vec<bool> = (0..500).map(|n| n % 3 == 0).collect();
        let spells: Vec<bool> = (0..500).map(|n| coin(if n / 100 % 2 == 0 { 0.3 } else { 0.7 })).collect();
        assert!(of_windows(&cycle, 25) < 0.1 && of_windows(&spells, 25) > 3.0);
    }
}

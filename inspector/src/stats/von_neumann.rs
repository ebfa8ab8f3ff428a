//! How much values depend on the one before.

/// Von Neumann's ratio η = Σ(xᵢ₊₁ − xᵢ)² / Σ(xᵢ − x̄)² (von Neumann, Ann. Math. Stat. 12, 1941): near 2 for values
/// that don't depend on the one before, near 0 for ones that drift, as free space in a buffer does. `None` for
/// fewer than two values or constant ones.
#[must_use]
pub fn ratio(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let steps: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    (values.len() >= 2 && spread > 0.0).then(|| steps / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_values_computed_by_hand() {
        // 1 3 2: mean 2, spread 2, steps 4 + 1.
        assert!((ratio(&[1.0, 3.0, 2.0]).unwrap() - 2.5).abs() < 1e-12);
        // 1 2 3 4: spread 5, steps 3.
        assert!((ratio(&[1.0, 2.0, 3.0, 4.0]).unwrap() - 0.6).abs() < 1e-12);
        assert_eq!(ratio(&[5.0, 5.0]), None);
        assert_eq!(ratio(&[]), None);
    }

    #[test]
    fn is_within_its_bounds_and_ignores_scale() {
        let mut state = 7u32;
        for _ in 0..200 {
            let values: Vec<f64> = (0..20)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    f64::from(state >> 24)
                })
                .collect();
            let value = ratio(&values).unwrap();
            let scaled: Vec<f64> = values.iter().map(|value| 3.0 * value - 40.0).collect();
            assert!((0.0..=4.0).contains(&value));
            assert!((ratio(&scaled).unwrap() - value).abs() < 1e-9);
        }
    }
}

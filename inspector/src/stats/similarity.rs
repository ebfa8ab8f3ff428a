//! ε-similarity: how many values of a sample have a near neighbour.

/// Share of λ below `epsilon`, where λᵢ = (T₍ᵢ₊₁₎ − T₍ᵢ₎) / T₍ᵢ₎ over the sorted sample of positive values. 0 for fewer
/// than two.
///
/// Cabuk, Brodley and Shields, CCS 2004. A few sharp values give nearly 1; a smooth density less, the less the
/// smaller the sample, so compare only samples of one size.
#[must_use]
pub fn epsilon(values: &[f64], epsilon: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let near = sorted.windows(2).filter(|pair| matches!(pair, [a, b] if b - a < epsilon * a)).count();
    near as f64 / sorted.len().saturating_sub(1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_values_computed_by_hand() {
        // λ = 0.004, 0.992, 0.015, 0.970.
        let sample = [20.3, 10.0, 40.0, 10.04, 20.0];
        assert!((epsilon(&sample, 0.005) - 0.25).abs() < 1e-12);
        assert!((epsilon(&sample, 0.02) - 0.5).abs() < 1e-12);
        assert!(epsilon(&[], 0.1).abs() < 1e-12 && epsilon(&[7.0], 0.1).abs() < 1e-12);
    }

    #[test]
    fn grows_with_epsilon_and_knows_nothing_of_order_and_scale() {
        for seed in 1..40u32 {
            let sample: Vec<f64> = (0..200u32).map(|n| 1.0 + f64::from(n * n * seed % 977)).collect();
            let shares = [0.001, 0.01, 0.1, 1.0].map(|limit| epsilon(&sample, limit));
            assert!(shares.windows(2).all(|pair| pair[0] <= pair[1]) && shares[3] <= 1.0);
            let other: Vec<f64> = sample.iter().rev().map(|value| 8.0 * value).collect();
            assert!((epsilon(&other, 0.01) - shares[1]).abs() < 1e-12);
        }
    }
}

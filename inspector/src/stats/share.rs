//! How large a share surely is.

/// Quantile of the normal distribution for a confidence of 99.9 % on one side.
pub const SURE: f64 = 3.090_232;

/// Wilson's lower bound for a share that was `observed` among `n`, at `z` standard deviations:
/// (p + z²/2n − z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). 0 where `n` is 0.
///
/// Wilson, Journal of the American Statistical Association 22 (1927).
#[must_use]
pub fn at_least(observed: f64, n: usize, z: f64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let n = n as f64;
    let (square, p) = (z * z, observed);
    let root = (p * (1.0 - p) / n + square / (4.0 * n * n)).max(0.0).sqrt();
    ((p + square / (2.0 * n) - z * root) / (1.0 + square / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // binomtest(k, n).proportion_ci(0.998, 'wilson'): 99.9 % on the lower side.
        assert!((at_least(0.95, 100, SURE) - 0.835_411).abs() < 1e-5);
        assert!((at_least(0.5, 100, SURE) - 0.352_376).abs() < 1e-5);
        assert!((at_least(1.0, 250, SURE) - 0.963_207).abs() < 1e-5);
    }

    #[test]
    fn lies_below_the_observed_share_and_nears_it_with_the_size_of_the_sample() {
        for observed in [0.0, 0.1, 0.5, 0.9, 1.0] {
            let bounds: Vec<f64> = [0, 1, 10, 100, 10_000].map(|n| at_least(observed, n, SURE)).into();
            assert!(bounds.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
            assert!(bounds.iter().all(|bound| (0.0..=observed + 1e-12).contains(bound)));
            assert!(observed - bounds[4] < 0.02);
        }
    }
}

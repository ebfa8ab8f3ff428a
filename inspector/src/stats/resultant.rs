//! How well values fit a comb: the mean resultant length of their phases.

use std::f64::consts::TAU;

/// R = |Σ exp(2πi·x/p)| / n, from 0 (phases spread evenly) to 1 (all values alike modulo `period`).
///
/// Mardia and Jupp, Directional Statistics (2000), 2.3. For smooth densities n·R² is exponential with mean 1
/// (Rayleigh), so R ≥ 0.5 at n = 250 comes by chance once in e^62.
#[must_use]
pub fn length(values: &[f64], period: f64) -> f64 {
    let (mut sin, mut cos) = (0.0, 0.0);
    for value in values {
        let (s, c) = (TAU * value / period).sin_cos();
        sin += s;
        cos += c;
    }
    f64::hypot(sin, cos) / values.len().max(1) as f64
}

/// [`length`] to within 0.003, for values from 0 to 2^31 periods, in a tenth of the time.
#[must_use]
pub fn rough_length(values: &[f64], period: f64) -> f64 {
    let frequency = 1.0 / period;
    let (mut sin, mut cos) = (0.0, 0.0);
    for value in values {
        let turns = value * frequency;
        sin += rough_sine(turns);
        cos += rough_sine(turns + 0.25);
    }
    f64::hypot(sin, cos) / values.len().max(1) as f64
}

/// −sin(2πt) for t ≥ 0, by a parabola that is bent to it. Without a branch or a call, so that several are one.
#[expect(clippy::cast_possible_truncation, reason = "a whole number of turns, which saturates")]
#[inline]
fn rough_sine(turns: f64) -> f64 {
    let x = turns - f64::from(turns as i32) - 0.5;
    let parabola = 8.0 * x * (1.0 - 2.0 * x.abs());
    parabola * (0.775 + 0.225 * parabola.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rough_length_is_near() {
        for spread in [0.0, 0.1, 0.3, 0.45, 0.5] {
            for period in [7.0, 20.0, 313.7] {
                let phase = |i: u32| f64::from(i * 7919 % 1000) / 1000.0 * 2.0 - 1.0;
                let values: Vec<f64> =
                    (1..400).map(|i| (f64::from(i) + 0.5 + spread * phase(i)) * period).collect();
                let (exact, rough) = (length(&values, period), rough_length(&values, period));
                assert!((exact - rough).abs() < 0.003, "{exact} {rough}");
            }
        }
    }

    #[test]
    fn agrees_with_values_computed_by_hand() {
        assert!((length(&[10.0, 30.0, 50.0], 20.0) - 1.0).abs() < 1e-9);
        // Phases 0, 0, ¼ turn: |2 + i| / 3 = √5 / 3.
        assert!((length(&[20.0, 40.0, 25.0], 20.0) - 5f64.sqrt() / 3.0).abs() < 1e-9);
        assert!(length(&[0.0, 5.0, 10.0, 15.0], 20.0) < 1e-9);
        assert!(length(&[], 20.0).abs() < 1e-12);
    }
}

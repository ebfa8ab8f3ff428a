//! Humps of a sample of positive numbers, broad or narrow, with valleys between them.

use std::ops::RangeInclusive;

/// One hump.
#[derive(Clone, Debug, PartialEq)]
pub struct Hump {
    /// Median of its values.
    pub center: f64,
    /// Its share of the sample.
    pub share: f64,
    /// Median absolute deviation of its values over their median.
    pub width: f64,
    /// Its least and its largest value.
    pub range: RangeInclusive<f64>,
}

/// Width of a bin: 3 % of its values.
const BIN: f64 = 1.03;
/// How many times lower than its top a hump's density is where it may end.
const VALLEY: f64 = 6.0;
/// Weights of a bin and its neighbours in the density, outwards.
const WEIGHTS: [f64; 3] = [3.0, 2.0, 1.0];

/// The humps of a sorted sample with at least the share `least` of it, the largest first.
///
/// The density is a histogram over the logarithm, smoothed over 15 %. A hump is a peak and all around it down to
/// where the density is zero, or a sixth of the peak and rising again.
///
/// Own construction: valley seeking (Koontz and Fukunaga, IEEE Transactions on Computers C-21 (1972)) on a line.
#[must_use]
pub fn of(sorted: &[f64], least: f64) -> Vec<Hump> {
    let Some(&first) = sorted.first().filter(|&&value| value > 0.0) else { return Vec::new() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred bins")]
    let bin = |value: f64| ((value / first).ln() / BIN.ln()) as usize + WEIGHTS.len();
    let bins: Vec<usize> = sorted.iter().map(|&value| bin(value)).collect();
    let density = smooth(&bins);
    let mut is_taken = vec![false; density.len()];
    let mut humps = Vec::new();
    while let Some(peak) = highest(&density, &is_taken) {
        let low = edge(&density, &is_taken, peak, |at| at.checked_sub(1));
        let high = edge(&density, &is_taken, peak, |at| Some(at + 1));
        is_taken.get_mut(low..=high).unwrap_or_default().fill(true);
        let within = bins.partition_point(|&at| at < low)..bins.partition_point(|&at| at <= high);
        humps.extend(sorted.get(within).and_then(|values| hump(values, sorted.len())));
    }
    humps.retain(|hump| hump.share >= least);
    humps.sort_by(|a, b| b.share.total_cmp(&a.share));
    humps
}

fn smooth(bins: &[usize]) -> Vec<f64> {
    let mut density = vec![0.0; bins.last().map_or(0, |last| last + WEIGHTS.len())];
    for &at in bins {
        for (distance, weight) in WEIGHTS.iter().enumerate() {
            for place in if distance == 0 { vec![at] } else { vec![at - distance, at + distance] } {
                if let Some(sum) = density.get_mut(place) {
                    *sum += weight;
                }
            }
        }
    }
    density
}

fn highest(density: &[f64], is_taken: &[bool]) -> Option<usize> {
    let free = density.iter().zip(is_taken).enumerate().filter(|(_, (sum, taken))| !**taken && **sum > 0.0);
    free.max_by(|a, b| a.1.0.total_cmp(b.1.0)).map(|(at, _)| at)
}

/// The last bin of the hump around `peak` in the direction of `next`.
fn edge(density: &[f64], is_taken: &[bool], peak: usize, next: impl Fn(usize) -> Option<usize>) -> usize {
    let height = |at: usize| density.get(at).copied().unwrap_or(0.0);
    let (mut at, mut is_low) = (peak, false);
    while let Some(beyond) = next(at) {
        let is_free = is_taken.get(beyond) == Some(&false);
        is_low |= height(beyond) * VALLEY < height(peak);
        if !is_free || height(beyond) <= 0.0 || (is_low && height(beyond) > height(at)) {
            break;
        }
        at = beyond;
    }
    at
}

fn hump(values: &[f64], all: usize) -> Option<Hump> {
    let center = *values.get(values.len() / 2)?;
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    deviations.sort_by(f64::total_cmp);
    let width = deviations.get(values.len() / 2)? / center;
    let range = *values.first()?..=*values.last()?;
    Some(Hump { center, share: values.len() as f64 / all as f64, width, range })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` values spread evenly within `half` of `center`.
    fn block(center: f64, half: f64, n: u32) -> impl Iterator<Item = f64> {
        (0..n).map(move |k| center * (1.0 - half + 2.0 * half * f64::from(k) / f64::from(n - 1)))
    }

    fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn agrees_with_values_computed_by_hand() {
        let humps = of(&sorted(block(50.0, 0.2, 301).chain(block(120.0, 0.1, 101))), 0.02);
        assert_eq!(humps.len(), 2);
        // Half of what is spread evenly within 20 % lies within 10 % of the middle.
        assert!((humps[0].center - 50.0).abs() < 1e-9 && (humps[0].width - 0.1).abs() < 0.002);
        assert!((humps[1].center - 120.0).abs() < 1e-9 && (humps[1].width - 0.05).abs() < 0.002);
        assert!((humps[0].share - 301.0 / 402.0).abs() < 1e-12);
        assert!((humps[1].range.start() - 108.0).abs() < 1e-9 && (humps[1].range.end() - 132.0).abs() < 1e-9);
    }

    #[test]
    fn one_smooth_density_is_one_hump_and_shares_never_exceed_the_sample() {
        let waits = sorted((1..1000u32).map(|k| -70.0 * (f64::from(k) / 1000.0).ln()));
        assert!(of(&waits, 0.02).first().is_some_and(|hump| hump.share > 0.9));
        for seed in 1..60u32 {
            let values = sorted((0..500u32).map(|n| 1.0 + f64::from(n * n % (7 * seed + 3))));
            let humps = of(&values, 0.0);
            let all = humps.iter().map(|hump| hump.share).sum::<f64>();
            assert!((all - 1.0).abs() < 1e-9, "{seed}: {all}");
        }
        assert_eq!(of(&[], 0.1), []);
    }
}

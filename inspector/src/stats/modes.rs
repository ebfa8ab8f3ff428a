//! Narrow modes of a sample of positive numbers: how many values lie in a few windows with nothing beside them.

/// One mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Its middle: the median of its values.
    pub center: f64,
    /// Its share of the sample.
    pub share: f64,
}

/// Half the width of a mode around `center`: 4 % of it, and at least `floor`.
#[must_use]
pub fn half_width(center: f64, floor: f64) -> f64 {
    (0.04 * center).max(floor)
}

/// The modes of a sorted sample, the largest first: windows of twice [`half_width`] that hold at least `least` of
/// it, with less than a sixth as much in the half windows on both sides together. A broad hump has no mode,
/// however often it is cut; the sixth leaves room for noise.
///
/// Own construction, after the multimodality test of `BroCCaDe` (Gunadi and Zander, 2018).
#[must_use]
pub fn narrow(sorted: &[f64], floor: f64, least: f64) -> Vec<Mode> {
    let mut modes: Vec<Mode> = Vec::new();
    let all = sorted.len().max(1) as f64;
    let mut taken: Vec<(f64, f64)> = Vec::new();
    loop {
        let free = |value: f64| !taken.iter().any(|&(low, high)| value >= low && value <= high);
        let Some((start, end)) = fullest(sorted, floor, free) else { break };
        let share = (end - start) as f64 / all;
        if share < least {
            break;
        }
        let (Some(&low), Some(&center)) = (sorted.get(start), sorted.get(start.midpoint(end))) else { break };
        let half = half_width(center, floor);
        let inside = between(sorted, center - half, center + half);
        let beside = between(sorted, center - 1.5 * half, center + 1.5 * half) - inside;
        taken.push((low.min(center - 1.5 * half), center + 1.5 * half));
        if beside * 6 < inside {
            modes.push(Mode { center, share: inside as f64 / all });
        }
    }
    modes
}

/// The range of places of the free window that holds most values.
fn fullest(sorted: &[f64], floor: f64, free: impl Fn(f64) -> bool) -> Option<(usize, usize)> {
    let (mut best, mut end) = (None::<(usize, usize)>, 0);
    for (start, &low) in sorted.iter().enumerate() {
        if !free(low) {
            continue;
        }
        let high = low + 2.0 * half_width(low, floor);
        end = end.max(start);
        while sorted.get(end).is_some_and(|&value| value <= high && free(value)) {
            end += 1;
        }
        if best.is_none_or(|(from, to)| end - start > to - from) {
            best = Some((start, end));
        }
    }
    best
}

fn between(sorted: &[f64], low: f64, high: f64) -> usize {
    sorted.partition_point(|&value| value <= high) - sorted.partition_point(|&value| value < low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_narrow_humps_are_two_modes_and_a_broad_one_is_none() {
        let mut two: Vec<f64> = (0..60).map(|n| 60.0 + f64::from(n % 10) * 0.1).collect();
        two.extend((0..40).map(|n| 120.0 + f64::from(n % 10) * 0.1));
        two.sort_by(f64::total_cmp);
        let modes = narrow(&two, 1.0, 0.1);
        assert_eq!(modes.iter().map(|mode| mode.share).collect::<Vec<_>>(), [0.6, 0.4]);
        assert!((modes[0].center - 60.5).abs() < 0.2 && (modes[1].center - 120.5).abs() < 0.2);

        let broad: Vec<f64> = (0..1000).map(|n| 50.0 + f64::from(n) * 0.1).collect();
        assert_eq!(narrow(&broad, 1.0, 0.02), []);
        assert_eq!(narrow(&[], 1.0, 0.1), []);
    }

    #[test]
    fn shares_of_modes_never_exceed_the_sample() {
        for spread in 1..60u32 {
            let mut values: Vec<f64> = (0..500u32).map(|n| f64::from(n * n % (7 * spread) + 3)).collect();
            values.sort_by(f64::total_cmp);
            assert!(narrow(&values, 0.5, 0.01).iter().map(|mode| mode.share).sum::<f64>() <= 1.0 + 1e-9);
        }
    }
}

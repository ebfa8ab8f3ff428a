//! Whether the low bits of a clock's readings belong to the times at which it was read.
//!
//! A reading whose low bits are x and whose other bits are v says v + x. Where the clock tells the time, v is behind it by x:
//! regressed on time and x, v has the slope −1 on x. Where somebody overwrote the low bits, v is behind by anything up to
//! 2ᵏ whatever x is, and the slope is 0. The standard error is about 1/√n then, for any k.

use std::ops::{AddAssign, SubAssign};

/// A regression of what is above low bits on time and on these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Slope on the low bits.
    pub slope: f64,
    /// How far it is above −1, standard errors.
    pub errors: f64,
    /// Variance that is left, ticks squared: 4ᵏ/12 of a clock without its low bits, read at any times, and more where the
    /// times have jitter.
    pub variance: f64,
}

/// Sums of squares and products about lines through time, one line a clock (Frisch and Waugh, Econometrica 1, 1933): those of
/// several clocks add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LowBits {
    freedom: f64,
    xx: f64,
    xv: f64,
    vv: f64,
}

impl LowBits {
    /// Of readings of one clock, as (time in any unit, reading), of which `bits` low bits are in question.
    #[must_use]
    pub fn of(readings: &[(f64, u32)], bits: u32) -> Self {
        let Some((_, first)) = readings.first() else { return Self::default() };
        let mask = 1_u32.checked_shl(bits).map_or(u32::MAX, |bit| bit - 1);
        let split = |(time, reading): &(f64, u32)| {
            let high = (reading & !mask).wrapping_sub(first & !mask).cast_signed();
            (*time, f64::from(reading & mask), f64::from(high))
        };
        let n = readings.len() as f64;
        let mut means = (0.0, 0.0, 0.0);
        for (t, x, v) in readings.iter().map(split) {
            means = (means.0 + t / n, means.1 + x / n, means.2 + v / n);
        }
        let [mut tt, mut tx, mut tv, mut xx, mut xv, mut vv] = [0.0; 6];
        for (t, x, v) in readings.iter().map(split) {
            let (t, x, v) = (t - means.0, x - means.1, v - means.2);
            tt += t * t;
            tx += t * x;
            tv += t * v;
            xx += x * x;
            xv += x * v;
            vv += v * v;
        }
        if tt <= 0.0 || n < 3.0 {
            return Self::default();
        }
        Self { freedom: n - 2.0, xx: xx - tx * tx / tt, xv: xv - tx * tv / tt, vv: vv - tv * tv / tt }
    }

    /// What the regression comes to; `None` where the low bits never change.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        if self.xx <= 0.0 || self.freedom <= 1.0 {
            return None;
        }
        let slope = self.xv / self.xx;
        let variance = (self.vv - slope * self.xv).max(0.0) / (self.freedom - 1.0);
        let error = (variance / self.xx).sqrt();
        Some(Fit { slope, errors: if error > 0.0 { (slope + 1.0) / error } else { 0.0 }, variance })
    }
}

impl AddAssign for LowBits {
    fn add_assign(&mut self, other: Self) {
        self.freedom += other.freedom;
        self.xx += other.xx;
        self.xv += other.xv;
        self.vv += other.vv;
    }
}

impl SubAssign for LowBits {
    fn sub_assign(&mut self, other: Self) {
        self.freedom -= other.freedom;
        self.xx -= other.xx;
        self.xv -= other.xv;
        self.vv -= other.vv;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_values_computed_by_hand() {
        // Readings 0 1 2 3 at times 0 to 3: x 0 1 0 1, v 0 0 2 2; about their lines 0.8, −0.8, 0.8.
        let true_ones: Vec<(f64, u32)> = (0..4).map(|n| (f64::from(n), n)).collect();
        let sums = LowBits::of(&true_ones, 1);
        assert!(
            (sums.xx - 0.8).abs() < 1e-12 && (sums.xv + 0.8).abs() < 1e-12 && (sums.vv - 0.8).abs() < 1e-12
        );
        assert!((sums.fit().unwrap().slope + 1.0).abs() < 1e-12);
        // 0 1 1 2 3 at times 0 1 1 2 4: by the normal equations of v on 1, t and x, in fractions.
        let readings = [(0.0, 0), (1.0, 1), (1.0, 1), (2.0, 2), (4.0, 3)];
        let Fit { slope, errors, .. } = LowBits::of(&readings, 1).fit().unwrap();
        assert!(
            (slope + 13.0 / 12.0).abs() < 1e-9 && (errors + 0.294_883_912_31).abs() < 1e-9,
            "{slope} {errors}"
        );
        assert_eq!(LowBits::of(&[(0.0, 4), (1.0, 6), (2.0, 8), (3.0, 8)], 1).fit(), None, "always even");
        assert_eq!(LowBits::of(&[], 1).fit(), None);
    }

    /// Readings of clocks of so many ticks a second at odd times; of the low bits what `write` makes of them.
    fn clocks(rate: f64, bits: u32, write: impl Fn(u32, u32) -> u32) -> Fit {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24)
        };
        let mut sums = LowBits::default();
        for begin in [0_u32, 0x7fff_ff00, u32::MAX - 50] {
            let mut time = 0.0;
            let readings: Vec<(f64, u32)> = (0..60)
                .map(|_| {
                    time += 0.2 * next();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "small, and positive"
                    )]
                    let reading = begin.wrapping_add((time * rate) as u32);
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "less than 256"
                    )]
                    let data = (next() * 256.0) as u32;
                    (time, write(reading, data & ((1 << bits) - 1)))
                })
                .collect();
            sums += LowBits::of(&readings, bits);
        }
        sums.fit().unwrap()
    }

    #[test]
    fn clocks_that_tell_the_time_have_the_slope_and_overwritten_ones_have_none() {
        for bits in 1..=6 {
            for rate in [1000.0, 250.0, 100.0] {
                let Fit { slope, errors, .. } = clocks(rate, bits, |reading, _| reading);
                assert!((slope + 1.0).abs() < 0.15 && errors.abs() < 4.0, "{bits} {rate}: {slope} {errors}");
                let mask = (1 << bits) - 1;
                let Fit { slope, errors, variance } =
                    clocks(rate, bits, |reading, data| reading & !mask | data);
                assert!(slope.abs() < 0.3 && errors > 8.0, "{bits} {rate}: {slope} {errors}");
                let expected = f64::from(1 << (2 * bits)) / 12.0;
                assert!((0.7..1.4).contains(&(variance / expected)), "{bits} {rate}: {variance}");
            }
        }
    }

    #[test]
    fn what_is_taken_away_again_changes_nothing() {
        let readings: Vec<(f64, u32)> = (0..9).map(|n| (f64::from(n * n), n * n + n % 2)).collect();
        let (one, other) = (LowBits::of(&readings, 1), LowBits::of(&readings[2..], 1));
        let mut sums = one;
        sums += other;
        sums -= other;
        assert!((sums.xx - one.xx).abs() < 1e-9 && (sums.vv - one.vv).abs() < 1e-9);
    }
}

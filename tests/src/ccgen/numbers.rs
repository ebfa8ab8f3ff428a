//! Numbers that look random and are the same each time.

/// A linear congruential generator (Knuth, TAOCP 2 §3.3.4, as in MMIX).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_mul(2).wrapping_add(1))
    }

    /// The next number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = (self.0 >> 33) as u32;
        high % limit
    }

    /// The next number of a range, its end included.
    pub fn between(&mut self, least: u32, greatest: u32) -> u32 {
        least + self.below(greatest - least + 1)
    }

    /// Evenly distributed in [0, 1).
    pub fn even(&mut self) -> f64 {
        f64::from(self.below(1 << 30)) / f64::from(1 << 30)
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.even() < probability
    }

    /// About normal, mean 0 and standard deviation 1: the sum of twelve even ones.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() - 6.0
    }

    /// Log-normal with this median; `spread` is the standard deviation of its logarithm.
    pub fn skewed(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.normal()).exp()
    }

    /// One of them.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u32) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_means_that_they_say() {
        let mut numbers = Numbers::new(7);
        let mut mean =
            |draw: fn(&mut Numbers) -> f64| (0..20_000).map(|_| draw(&mut numbers)).sum::<f64>() / 20_000.0;
        assert!((mean(Numbers::even) - 0.5).abs() < 0.01);
        assert!(mean(Numbers::normal).abs() < 0.03);
        // The mean of a log-normal is its median times e^(σ²/2).
        assert!((mean(|numbers| numbers.skewed(10.0, 0.5)) - 11.33).abs() < 0.2);
        assert!((mean(|numbers| f64::from(numbers.between(3, 5))) - 4.0).abs() < 0.03);
    }
}

//! Chance, the same in every run.

use inspector_tests::kernel::frames::Random;

/// A seeded source of choices.
#[derive(Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Random(seed))
    }

    /// A number from 0 to below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// A number from `least` to below `bound`.
    pub(crate) fn between(&mut self, least: usize, bound: usize) -> usize {
        least + self.below(bound - least)
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub(crate) fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.0.byte())
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = (0..count.div_ceil(8)).flat_map(|_| self.0.draw().to_le_bytes());
        words.take(count).collect()
    }

    pub(crate) fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn half_word(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// A port that systems give to clients (Linux: 32,768 to 60,999).
    pub(crate) fn client_port(&mut self) -> u16 {
        32_768 + self.half_word() % 28_232
    }

    /// A time of this many milliseconds on average, with the spread of independent events; nanoseconds.
    pub(crate) fn wait_ms(&mut self, mean: f64) -> u64 {
        let share = (self.below(1 << 20) + 1) as f64 / f64::from(1 << 20);
        std::time::Duration::from_secs_f64(mean * 1e-3 * -share.ln())
            .as_nanos()
            .try_into()
            .unwrap_or(u64::MAX)
    }
}

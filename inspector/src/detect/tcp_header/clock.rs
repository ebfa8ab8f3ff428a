//! The low bits of TCP timestamps, held against the times at which the segments were seen.

use inspector_common::SeriesEntry;

use crate::stats::low_bits::LowBits;

/// Low bits that are tried, from one on: with more of them overwritten the clock goes back.
pub(super) const MOST_BITS: u32 = 4;
const KINDS: usize = MOST_BITS as usize;

/// Readings of one clock that are judged together: over longer times its drift is no straight line.
const BLOCK: usize = 64;

/// New readings from which on a block is judged again.
const NEWS: usize = 8;

/// What is known of low bits, of several clocks together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) low: LowBits,
    /// Steps of what is above the bits, and of these those of the most common length of each block.
    pub(super) steps: u32,
    pub(super) alike: u32,
}

/// For each number of bits, from one on.
pub(super) type AllSums = [Sums; KINDS];

impl Sums {
    fn of(readings: &[(f64, u32)], bits: u32) -> Self {
        let high = readings.windows(2).map(|pair| (pair[1].1 >> bits).wrapping_sub(pair[0].1 >> bits));
        let mut steps: Vec<u32> = high.filter(|step| *step != 0).collect();
        steps.sort_unstable();
        let alike = steps.chunk_by(|a, b| a == b).map(<[u32]>::len).max().unwrap_or(0);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { low: LowBits::of(readings, bits), steps: count(steps.len()), alike: count(alike) }
    }

    /// Puts `new` in the place of `old`, which is in the sums.
    fn exchange(&mut self, old: &Self, new: &Self) {
        self.low -= old.low;
        self.low += new.low;
        self.steps = self.steps.saturating_sub(old.steps).saturating_add(new.steps);
        self.alike = self.alike.saturating_sub(old.alike).saturating_add(new.alike);
    }
}

/// The timestamps of one direction of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    readings: Vec<(f64, u32)>,
    /// Time since the first reading, microseconds.
    elapsed_us: f64,
    /// Readings that were in the block when it was judged last, and what they came to.
    judged: usize,
    sums: AllSums,
}

impl Clock {
    /// Lets time pass up to a packet.
    pub(super) fn pass(&mut self, entry: &SeriesEntry) {
        if entry.has_gap() {
            self.elapsed_us += f64::from(entry.gap_us);
        } else {
            self.begin();
        }
    }

    /// Takes the timestamp of the packet. Those of one burst are one reading.
    pub(super) fn read(&mut self, timestamp: u32) {
        let is_new = self.readings.last().is_none_or(|(_, before)| *before != timestamp);
        if is_new && self.readings.len() < BLOCK {
            self.readings.push((self.elapsed_us, timestamp));
        }
    }

    /// Begins a new block. What the one before came to stays where it was added.
    pub(super) fn begin(&mut self) {
        *self = Self { readings: std::mem::take(&mut self.readings), ..Self::default() };
        self.readings.clear();
    }

    /// Brings the sums of several clocks up to date, where there is enough that is new; whether there was.
    pub(super) fn settle(&mut self, all: &mut AllSums) -> bool {
        let count = self.readings.len();
        if count < self.judged + NEWS && (count < BLOCK || count == self.judged) {
            return false;
        }
        for ((bits, old), all) in (1..).zip(&mut self.sums).zip(all) {
            let new = Sums::of(&self.readings, bits);
            all.exchange(old, &new);
            *old = new;
        }
        self.judged = count;
        if count == BLOCK {
            self.begin();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    /// A clock of milliseconds, read after these gaps in microseconds, with so many low bits replaced.
    fn sums(gaps: impl IntoIterator<Item = u32>, bits: u32) -> AllSums {
        let (mut clock, mut all) = (Clock::default(), AllSums::default());
        let mut time_us = 0;
        for (n, gap_us) in (1_u32..).zip(gaps) {
            time_us += gap_us;
            clock.pass(&SeriesEntry { gap_us, ..SeriesEntry::zeroed() });
            let mask = (1 << bits) - 1;
            let data = n.wrapping_mul(0x9e37_79b1) >> 28;
            clock.read((5_000_000 + time_us / 1000) & !mask | data & mask);
            clock.settle(&mut all);
        }
        all
    }

    /// Gaps of 3 to 40 milliseconds.
    fn gaps(count: u32) -> impl Iterator<Item = u32> {
        (0..count).map(|n| 3_000 + n.wrapping_mul(0x85eb_ca6b).wrapping_add(n << 13) % 37_000)
    }

    fn errors(all: &AllSums, bits: usize) -> f64 {
        all[bits - 1].low.fit().map_or(0.0, |fit| fit.errors)
    }

    #[test]
    fn low_bits_that_do_not_tell_the_time_are_told() {
        for bits in 1..=MOST_BITS {
            let all = sums(gaps(120), bits);
            assert!(errors(&all, bits as usize) > 6.0, "{bits}: {all:?}");
            let all = sums(gaps(120), 0);
            assert!(errors(&all, bits as usize) < 4.0, "{bits}: {all:?}");
        }
    }

    #[test]
    fn blocks_add_up_and_regular_times_have_steps_alike() {
        let few = sums(gaps(40), 1)[0];
        let many = sums(gaps(400), 1)[0];
        assert!(many.steps > 8 * few.steps && many.alike < many.steps / 2, "{many:?}");
        let regular = sums((0..400).map(|_| 20_000), 1)[0];
        assert!(regular.alike > regular.steps / 2, "{regular:?}");
    }

    #[test]
    fn what_follows_a_gap_that_nobody_knows_begins_anew() {
        let (mut clock, mut all) = (Clock::default(), AllSums::default());
        for n in 0..100 {
            let flags = if n % 5 == 0 { SeriesEntry::UNKNOWN_GAP } else { 0 };
            clock.pass(&SeriesEntry { gap_us: 1000, flags, ..SeriesEntry::zeroed() });
            clock.read(n * 7);
            assert!(!clock.settle(&mut all), "never more than five readings");
        }
    }
}

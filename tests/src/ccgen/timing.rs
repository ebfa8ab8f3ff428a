//! Moving packets, so that the gaps between them carry symbols.

use super::message::Message;
use super::{Frame, Numbers, Technique};

/// What a network adds to a gap: standard deviation, microseconds.
const JITTER_US: f64 = 250.0;

/// GAS: a one is a gap of more, microseconds, and a zero one of less; the longest of a zero that is behind the cover.
const GAS_THRESHOLD_US: f64 = 200_000.0;
const GAS_LEAST_US: f64 = 10_000.0;
/// SHA: half of the window, and the longest that is added to a gap, microseconds.
const SHA_HALF_US: f64 = 100_000.0;
const SHA_RESIDUAL_US: f64 = 1_000.0;

/// The client's frames at new times; all that is not the client's stays where it is.
pub(super) fn embed(
    cover: &[Frame],
    technique: Technique,
    rate: f64,
    message: &mut Message,
    numbers: &mut Numbers,
) -> Vec<Frame> {
    let mut frames = cover.to_vec();
    let mut modulation = Modulation { technique, before: message.take(1), is_more: true };
    let (mut last_cover_us, mut last_us) = (0, 0);
    for frame in frames.iter_mut().filter(|frame| frame.is_sent) {
        let cover_gap_us = frame.time_us - last_cover_us;
        let wanted_us = frame.time_us as f64 - last_us as f64;
        let gap_us = if last_cover_us == 0 {
            cover_gap_us
        } else if numbers.happens(rate) {
            let gap_us = modulation.gap_us(wanted_us, message, numbers);
            (gap_us + JITTER_US * numbers.normal()).max(0.0) as u64
        } else {
            cover_gap_us
        };
        last_cover_us = frame.time_us;
        frame.time_us = last_us + gap_us;
        last_us = frame.time_us;
    }
    frames.sort_by_key(|frame| frame.time_us);
    frames
}

struct Modulation {
    technique: Technique,
    before: u32,
    is_more: bool,
}

impl Modulation {
    /// The gap that carries the message's next bit, or bits, microseconds. `wanted_us` is the one after which the packet
    /// would leave at the time of the cover's: less than zero once the channel is behind it.
    fn gap_us(&mut self, wanted_us: f64, message: &mut Message, numbers: &mut Numbers) -> f64 {
        let (bit, before) = (message.take(1), self.before);
        self.before = bit;
        match (self.technique, bit) {
            (Technique::TimingBer, 0) => 100_000.0,
            (Technique::TimingBer, _) | (Technique::TimingZan, 0) => 200_000.0,
            // Moved by as many thresholds as it takes; what would leave before the packet before follows it closely.
            (Technique::TimingGas, 0) if wanted_us < 0.0 => GAS_LEAST_US * numbers.even(),
            (Technique::TimingGas, 0) => wanted_us.rem_euclid(GAS_THRESHOLD_US),
            (Technique::TimingGas, _) if wanted_us < GAS_THRESHOLD_US => {
                GAS_THRESHOLD_US + wanted_us.rem_euclid(GAS_THRESHOLD_US)
            }
            (Technique::TimingSha, _) => {
                f64::from(2 * numbers.between(1, 3) + 1 - bit) * SHA_HALF_US
                    + SHA_RESIDUAL_US * numbers.even()
            }
            (Technique::TimingZan, _) => {
                self.is_more = !self.is_more;
                if self.is_more { 250_000.0 } else { 150_000.0 }
            }
            (Technique::TimingZan2, _) => {
                [[100_000.0, 300_000.0], [250_000.0, 150_000.0]][before as usize][bit as usize]
            }
            (Technique::TimingEd1, 0) => {
                let mut zeros = 1.0;
                while message.take(1) == 0 {
                    zeros += 1.0;
                }
                zeros * 300_000.0
            }
            (Technique::TimingEd1, _) => 60_000.0,
            _ => wanted_us.max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccgen::Cover;

    /// What CCgen's receiver makes of the gaps. Bits are sent with the gap after them in its code, here with that before.
    fn received(technique: Technique, frames: &[Frame]) -> Vec<u32> {
        let times: Vec<u64> =
            frames.iter().filter(|frame| frame.is_sent).map(|frame| frame.time_us).collect();
        let bit = |gap_us: f64| match technique {
            Technique::TimingSha => 1 - (gap_us / SHA_HALF_US).round() as u32 % 2,
            Technique::TimingGas => u32::from(gap_us > GAS_THRESHOLD_US),
            _ => u32::from(gap_us > 150_000.0),
        };
        times.windows(2).map(|pair| bit((pair[1] - pair[0]) as f64)).collect()
    }

    #[test]
    fn a_receiver_reads_the_message_from_the_gaps() {
        for technique in [Technique::TimingBer, Technique::TimingGas, Technique::TimingSha] {
            for seed in 0..4 {
                let cover = Cover::Log.frames(600, seed);
                let bits = received(technique, &technique.embed(&cover, 1.0, seed));
                let mut message = Message::new(seed);
                message.take(1);
                // Jitter turns what ends at the threshold.
                let wrong = bits.iter().filter(|bit| **bit != message.take(1)).count();
                assert!(wrong <= 6, "{technique:?}, seed {seed}: {wrong} of {}", bits.len());
            }
        }
    }

    #[test]
    fn gas_falls_behind_its_cover_and_then_leaves_a_void_below_the_threshold() {
        let cover = Cover::Log.frames(600, 1);
        let frames = Technique::TimingGas.embed(&cover, 1.0, 1);
        let times: Vec<u64> =
            frames.iter().filter(|frame| frame.is_sent).map(|frame| frame.time_us).collect();
        let within = |low: u64, high: u64| {
            times.windows(2).filter(|pair| (low..high).contains(&(pair[1] - pair[0]))).count()
        };
        assert!(within(0, 11_000) > 200 && within(199_000, 401_000) > 200);
        assert!(within(11_000, 199_000) < 60, "{}", within(11_000, 199_000));
    }
}

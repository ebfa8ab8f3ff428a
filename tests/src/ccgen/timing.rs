//! Moving packets, so that the gaps between them carry symbols.

use super::message::Message;
use super::{Frame, Numbers, Technique};

/// What a network adds to a gap: standard deviation, microseconds.
const JITTER_US: f64 = 250.0;

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
        let gap_us = if last_cover_us == 0 {
            cover_gap_us
        } else if numbers.happens(rate) {
            let gap_us = modulation.gap_us(cover_gap_us, message, numbers);
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
    /// The gap that carries the message's next bit, or bits, microseconds.
    fn gap_us(&mut self, cover_us: u64, message: &mut Message, numbers: &mut Numbers) -> f64 {
        let (bit, before) = (message.take(1), self.before);
        self.before = bit;
        match (self.technique, bit) {
            (Technique::TimingBer, 0) => 100_000.0,
            (Technique::TimingBer, _) | (Technique::TimingZan, 0) => 200_000.0,
            // By as many thresholds as it takes.
            (Technique::TimingGas, 0) => (cover_us % 200_000) as f64,
            (Technique::TimingGas, _) if cover_us < 200_000 => cover_us as f64 + 200_000.0,
            (Technique::TimingSha, _) => f64::from(2 * numbers.between(1, 3) + 1 - bit) * 100_000.0,
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
            _ => cover_us as f64,
        }
    }
}

//! Embedding: writes symbols into one field of a share of the client's packets.

use super::cover::fill_in;
use super::{Frame, Numbers, Technique};

/// The cover with a channel in a share (`rate`, 0 to 1) of the client's packets.
#[must_use]
pub fn embed(cover: &[Frame], technique: Technique, rate: f64, seed: u64) -> Vec<Frame> {
    let mut numbers = Numbers::new(seed ^ 0x5eed);
    let mut frames = cover.to_vec();
    for frame in &mut frames {
        if frame.is_sent && numbers.happens(rate) {
            let bit = numbers.below(2);
            write(&mut frame.bytes, technique, bit, &mut numbers);
            fill_in(&mut frame.bytes);
        }
    }
    frames
}

fn write(frame: &mut Vec<u8>, technique: Technique, bit: u32, numbers: &mut Numbers) {
    let high = bit == 1;
    let word = |frame: &mut Vec<u8>, at: usize, value: u16| {
        frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
    };
    match technique {
        Technique::IpFlags => frame[20] |= (bit as u8) << 7,
        Technique::IpId => {
            frame[20] = 0;
            word(frame, 18, if high { 0x0100 } else { 0 });
        }
        Technique::IpLen => frame.extend(vec![0; if high { 40 } else { 8 }]),
        Technique::IpLenRange => {
            let extra = numbers.below(32) + if high { 64 } else { 1 };
            frame.extend(vec![0; extra as usize]);
        }
        Technique::IpProto => frame[23] = if high { 253 } else { 254 },
        Technique::IpTos => frame[15] = if high { 4 } else { 0 },
        Technique::SrcPort => word(frame, 34, if high { 40_001 } else { 40_000 }),
        Technique::SrcPortRange => {
            word(frame, 34, if high { 50_000 } else { 40_000 } + numbers.below(5000) as u16);
        }
        Technique::SrcPortDeviation => {
            let port = u16::from_be_bytes([frame[34], frame[35]]);
            word(frame, 34, port.wrapping_add(if high { 2 } else { 1 }));
        }
        Technique::Ttl => frame[22] = if high { 200 } else { 100 },
        Technique::TtlRange => frame[22] = if high { 190 } else { 50 } + numbers.below(20) as u8,
        Technique::TtlDeviation => frame[22] -= bit as u8,
        Technique::IpAddress => frame[33] = if high { 81 } else { 82 },
        Technique::IpFragment => {
            let [high, low] = (1 + numbers.below(0x1fff) as u16).to_be_bytes();
            (frame[20], frame[21]) = (high, low);
        }
        Technique::Urgent => word(frame, 52, numbers.below(0xffff) as u16 + 1),
    }
}

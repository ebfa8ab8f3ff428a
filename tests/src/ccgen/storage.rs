//! Writing symbols into fields.

use super::message::Message;
use super::wire::{IP, L4, sum_header, sum_segment};
use super::{Numbers, Technique};

/// What fields that carry a difference remember.
#[derive(Debug)]
pub(super) struct Field {
    ttl: u8,
    port: u16,
}

impl Default for Field {
    fn default() -> Self {
        Self { ttl: 62, port: 100 }
    }
}

const FLAGS: usize = IP + 6;
const TTL: usize = IP + 8;

fn put(frame: &mut [u8], at: usize, value: u32) {
    frame[at..at + 2].copy_from_slice(&(value as u16).to_be_bytes());
}

impl Field {
    /// Writes the message's next symbol into a TCP segment's frame, and sets checksums right: that of the header, and
    /// that of a segment which the technique changes. What it leaves contradictory stays so, as CCgen leaves it.
    pub(super) fn write(
        &mut self,
        frame: &mut [u8],
        technique: Technique,
        message: &mut Message,
        numbers: &mut Numbers,
    ) {
        match technique {
            Technique::IpFlags => frame[FLAGS] = frame[FLAGS] & 0x7f | (message.take(1) << 7) as u8,
            Technique::IpId => {
                frame[FLAGS] &= 0xbf;
                put(frame, IP + 4, message.take(8) << 8);
            }
            Technique::IpLen => put(frame, IP + 2, 50 + message.take(8)),
            Technique::IpLenRange => {
                let base = if message.take(1) == 1 { 120 } else { 60 };
                put(frame, IP + 2, base - 15 + 5 * numbers.below(7));
            }
            Technique::IpProto => frame[IP + 9] = [1, 4, 6, 17][message.take(2) as usize],
            Technique::IpTos => frame[IP + 1] = (message.take(6) << 2) as u8,
            Technique::SrcPort => put(frame, L4, 1000 + message.take(8)),
            Technique::SrcPortRange => {
                let base = if message.take(1) == 1 { 2000 } else { 1000 };
                put(frame, L4, base - 200 + numbers.below(401));
            }
            Technique::SrcPortDeviation => {
                let step = message.take(8) as u16;
                self.port = if self.port >= 65_000 { 100 } else { self.port } + step;
                put(frame, L4, self.port.into());
            }
            Technique::Ttl => frame[TTL] = if message.take(1) == 1 { 200 } else { 100 },
            Technique::TtlRange => {
                let base = if message.take(1) == 1 { 200 } else { 60 };
                frame[TTL] = (base - 10 + numbers.below(21)) as u8;
            }
            Technique::TtlDeviation => {
                self.ttl = if message.take(1) == 1 { 123 - self.ttl } else { self.ttl };
                frame[TTL] = self.ttl;
            }
            Technique::IpAddr => {
                frame[IP + 16..IP + 19].copy_from_slice(&[123, 103, 24]);
                frame[IP + 19] = message.take(8) as u8;
            }
            Technique::IpFragment => put(frame, FLAGS, 0x2000 | message.take(13)),
            Technique::Urgent => {
                frame[L4 + 13] &= 0xdf;
                put(frame, L4 + 18, message.take(16));
            }
            _ => return,
        }
        sum_header(frame);
        if matches!(
            technique,
            Technique::SrcPort
                | Technique::SrcPortRange
                | Technique::SrcPortDeviation
                | Technique::IpAddr
                | Technique::Urgent
        ) {
            sum_segment(frame);
        }
    }
}

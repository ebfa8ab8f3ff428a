//! Packets, made by the bench itself: the same on every machine and in every run.

mod apps;
mod dice;
mod mix;
mod streams;
mod talk;
mod wire;

pub(crate) use mix::{PACKETS as PER_MIX, mix};
pub(crate) use streams::{dns, dns_flood, encapsulated, established, flood, icmp, unknown};

use crate::pace::{LONGEST, SHORTEST};

/// A frame and when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time_ns: u64,
    pub(crate) bytes: Vec<u8>,
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// When the first packets come.
const BEGIN: u64 = 1_700_000_000 * SECOND;

/// The frames alone, padded and cut to what a pacing program takes.
pub(crate) fn frames(packets: &[Packet]) -> Vec<Vec<u8>> {
    let fit = |packet: &Packet| {
        let mut frame = packet.bytes.clone();
        frame.resize(frame.len().clamp(SHORTEST, LONGEST), 0);
        frame
    };
    packets.iter().map(fit).collect()
}

//! What the detectors of header fields share: who sends to whom, alphabets, switching fields, findings.

mod alphabet;
mod spelled;
mod switching;

pub(super) use alphabet::Alphabet;
pub(super) use spelled::{Spelled, is_letters};
pub(super) use switching::{Counts, Flows, Switching, field};

use inspector_common::FlowKey;

pub(super) use crate::checksum::{has_right_header, is_segment};

use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::Head;

/// Pairs kept by each of the detectors of header fields, entries of about 1 KiB, and up to 4 KiB with full alphabets.
pub(super) const PAIRS: usize = 4096;

/// Idle pairs and flows are forgotten after this, nanoseconds.
pub(super) const IDLE_NS: u64 = 3_600_000_000_000;

/// Whether a packet's network header can be believed, see [`crate::checksum`].
pub(super) const fn is_sound(head: &Head<'_>) -> bool {
    head.checks.is_sound
}

/// Whether a TCP segment's checksum is right, where that can be told, see [`crate::checksum`].
pub(super) const fn has_right_segment(head: &Head<'_>) -> Option<bool> {
    head.checks.has_right_segment
}

/// One direction between two hosts, over one IP protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    src: [u8; 16],
    dst: [u8; 16],
    protocol: u8,
}

impl Pair {
    pub(super) const fn of(key: &FlowKey) -> Self {
        Self { src: key.src, dst: key.dst, protocol: key.protocol }
    }

    /// The pair whatever the protocol: 0 is none of IPv4's.
    pub(super) const fn of_hosts(key: &FlowKey) -> Self {
        Self { src: key.src, dst: key.dst, protocol: 0 }
    }
}

/// Lets a growing count through when it first matters and each time it has doubled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate(u32);

impl Gate {
    pub(super) fn opens(&mut self, count: u32) -> bool {
        let is_due = count >= self.0.saturating_mul(2).max(1);
        if is_due {
            self.0 = count;
        }
        is_due
    }
}

/// Whether flags and offset of IPv4, as on the wire, say that more fragments belong to the datagram.
pub(super) const fn is_fragment(flags_and_offset: u16) -> bool {
    flags_and_offset << 2 != 0
}

/// A measured value with the threshold that it crossed.
pub(super) fn crossed(name: &'static str, value: f64, threshold: f64, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold: Some(threshold), unit }
}

/// A measured value that decides nothing by itself.
pub(super) fn context(name: &'static str, value: f64, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold: None, unit }
}

/// How much a channel carries: packets that may carry a symbol, and bits in each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    pub(super) packets: u64,
    pub(super) bits: f64,
    pub(super) time_ns: u64,
}

/// The finding for the sender of `key`'s packets: medium, or high where the score says so.
pub(super) fn finding(
    signature: &'static Signature,
    key: &FlowKey,
    score: f64,
    carried: Carried,
    mut evidence: Vec<Evidence>,
) -> Finding {
    evidence.push(context("bits_per_packet", carried.bits, "bits"));
    evidence.push(context("directions_seen", 1.0, "directions"));
    let bytes = carried.packets as f64 * carried.bits / 8.0;
    let traffic =
        Traffic { packets_to_server: carried.packets, last_ns: carried.time_ns, ..Traffic::default() };
    Finding {
        signature,
        subject: Subject::of(key, true),
        severity: if score >= 0.9 { Severity::High } else { Severity::Medium },
        score,
        evidence,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate, never negative"
        )]
        estimated_bytes: bytes as u64,
        traffic,
        tool: None,
    }
}

#[cfg(test)]
mod tests;

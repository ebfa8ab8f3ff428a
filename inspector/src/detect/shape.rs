//! What the detectors of size, order, repetition and endpoints share.

use inspector_common::FlowKey;

use super::header::context;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};

/// A channel as far as it was measured.
pub(super) struct Channel {
    /// How sure, 0 to 1: high from 0.9 on.
    pub(super) score: f64,
    /// Symbols seen.
    pub(super) symbols: u64,
    /// Bits in each.
    pub(super) bits: f64,
    /// Directions that had to be seen to tell.
    pub(super) directions: u8,
    /// What the detector saw of the sender's packets.
    pub(super) traffic: Traffic,
}

/// The finding about the sender of `key`'s packets.
pub(super) fn finding(
    signature: &'static Signature,
    key: &FlowKey,
    channel: &Channel,
    mut evidence: Vec<Evidence>,
) -> Finding {
    let &Channel { score, symbols, bits, directions, traffic } = channel;
    evidence.push(context("bits_per_symbol", bits, "bits"));
    evidence.push(context("directions_seen", directions.into(), "directions"));
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
        estimated_bytes: (symbols as f64 * bits / 8.0) as u64,
        traffic,
        tool: None,
    }
}

/// Numbers that look random and are the same each time (Knuth, TAOCP 2 §3.3.4, constants of MMIX).
#[cfg(test)]
pub(super) struct Numbers(pub(super) u64);

#[cfg(test)]
impl Numbers {
    /// The next number below `limit`.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % limit
    }
}

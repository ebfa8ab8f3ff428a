//! Segments with data that belong to no connection, from ever new ports of one host to one port of another, which resets all
//! of them: programs with a raw socket send them for somebody who listens with one.
//!
//! Connections that began before the capture look the same at first, but go on or are answered; and those that a server has
//! lost (it was started anew) are few, speak a protocol, and are opened again.

use inspector_common::parse::flag::{ACK, FIN, RST, SYN};

use super::{ORPHANS, Thresholds};
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::dissect::payload::Payload;
use crate::findings::{Evidence, Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// What one host sent to a port of another out of connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Orphans {
    traffic: Traffic,
    recent: Recent,
    novel: u32,
    resets: u32,
    bytes: u64,
    /// The other side sent data, or a protocol was spoken.
    is_answered: bool,
}

/// Whether a segment is the first of its flow and has data.
pub(super) fn is_orphan(head: &Head<'_>) -> bool {
    head.meta.number == 1
        && head.meta.tcp_flags & (SYN | ACK | RST | FIN) == ACK
        && head.payload_len() > 0
        && head.checks.has_right_segment != Some(false)
}

impl Orphans {
    /// Adds one.
    pub(super) fn add(&mut self, head: &Head<'_>, payload: Option<&Payload<'_>>) {
        self.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        self.is_answered |= payload.is_some_and(|payload| payload.protocol().is_some());
        if self.recent.is_new(head.payload()) {
            self.novel += 1;
            self.bytes += u64::from(head.payload_len());
        }
    }

    /// Adds a segment of the other side.
    pub(super) fn answer(&mut self, head: &Head<'_>) {
        self.traffic.add(false, head.meta.wire_len, head.meta.time_ns);
        let is_reset = head.meta.tcp_flags & RST != 0;
        self.resets += u32::from(is_reset);
        self.is_answered |= !is_reset && head.meta.tcp_flags & SYN == 0 && head.payload_len() > 0;
    }

    pub(super) fn judge(&self, head: &Head<'_>, t: &Thresholds) -> Option<Finding> {
        let are_reset = u64::from(self.resets) * 4 >= self.traffic.packets_to_server * 3;
        if self.novel < t.orphans || self.is_answered || !are_reset {
            return None;
        }
        let count = |name, value: u32| Evidence::from(name, value.into(), t.orphans.into(), "packets");
        Some(Finding {
            signature: &ORPHANS,
            subject: Subject { client_port: 0, ..Subject::of(&head.meta.key, false) },
            severity: Severity::Medium,
            score: 0.7,
            evidence: vec![
                count("different_data_out_of_connections", self.novel),
                count("resets_of_these", self.resets),
            ],
            estimated_bytes: self.bytes,
            traffic: self.traffic,
            tool: None,
        })
    }
}

impl Entry for Orphans {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.novel > 1 && !self.is_answered)
    }
}

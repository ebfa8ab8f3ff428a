//! Data in TCP SYNs, and in segments that acknowledge nothing. RFC 9293 allows the former, but stacks don't send it but for
//! fast open (RFC 7413), which has an option; the latter no connection has (§3.10.7.4).

use inspector_common::Anomaly;
use inspector_common::parse::flag;

use super::{OPENING, Thresholds};
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::findings::{Evidence, Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// Data in SYNs from one host to one port of another.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    traffic: Traffic,
    recent: Recent,
    novel: u32,
    bytes: u64,
}

/// Whether a head is a SYN with data and without fast open's option, or a segment with data and without an acknowledgement.
pub(super) fn has_data(head: &Head<'_>) -> bool {
    let is_begun = head.meta.tcp_flags & (flag::SYN | flag::ACK) == flag::SYN
        && head.meta.anomalies & (1 << Anomaly::TcpSynData as u32) != 0
        && !has_fast_open(head);
    let is_lost = head.meta.tcp_flags & (flag::SYN | flag::ACK) == 0
        && head.meta.l4_header_len >= 20
        && head.checks.has_right_segment == Some(true);
    (is_begun || is_lost) && head.payload_len() > 0
}

/// Option 34, or the experimental one with fast open's identifier.
fn has_fast_open(head: &Head<'_>) -> bool {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const FAST_OPEN: u8 = 34;
    let header = head.segment().get(..usize::from(head.meta.l4_header_len)).unwrap_or_default();
    let mut rest = header.get(20..).unwrap_or_default();
    loop {
        rest = match *rest {
            [NO_OPERATION, ref after @ ..] => after,
            [END, ..] | [] | [_] => return false,
            [FAST_OPEN, ..] | [254, _, 0xf9, 0x89, ..] => return true,
            [_, len, ..] => match rest.get(usize::from(len.max(2))..) {
                Some(after) => after,
                None => return false,
            },
        }
    }
}

impl Opening {
    pub(super) fn new(now_ns: u64) -> Self {
        let traffic = Traffic { first_ns: now_ns, last_ns: now_ns, ..Traffic::default() };
        Self { traffic, recent: Recent::default(), novel: 0, bytes: 0 }
    }

    pub(super) fn add(&mut self, head: &Head<'_>) {
        self.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        if self.recent.is_new(head.payload()) {
            self.novel += 1;
            self.bytes += u64::from(head.payload_len());
        }
    }

    pub(super) fn judge(&self, head: &Head<'_>, t: &Thresholds) -> Option<Finding> {
        let is_many = self.novel >= t.opening_payloads && self.bytes >= t.opening_bytes;
        let severity = match is_many {
            true if self.novel >= 4 * t.opening_payloads => Severity::High,
            true => Severity::Medium,
            false => return None,
        };
        let evidence = |name, value: f64, threshold: f64, unit| Evidence {
            name,
            value,
            threshold: Some(threshold),
            unit,
        };
        Some(Finding {
            signature: &OPENING,
            subject: Subject::of(&head.meta.key, true),
            severity,
            score: if severity == Severity::High { 0.9 } else { 0.7 },
            evidence: vec![
                evidence(
                    "different_payloads",
                    f64::from(self.novel),
                    f64::from(t.opening_payloads),
                    "packets",
                ),
                evidence("payload_bytes", self.bytes as f64, t.opening_bytes as f64, "bytes"),
            ],
            estimated_bytes: self.bytes,
            traffic: self.traffic,
            tool: None,
        })
    }
}

impl Entry for Opening {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.novel > 1)
    }
}

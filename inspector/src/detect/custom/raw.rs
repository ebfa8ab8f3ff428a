//! Packets of IP protocols that nothing opens: are they what their number says?

use inspector_common::{Class, FlowKey};

use super::protocols::{Fit, fit};
use super::{RAW, Thresholds};
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::findings::{Evidence, Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// ESP. All that it has in clear are an index that all packets of an association share, and a number that counts from 1.
const ESP: u8 = 50;

/// Whether a head is a packet of a protocol that nothing else looks after, and no part of one. Encapsulations that say what
/// they carry are opened, and what is in them is looked at instead.
pub(super) fn is_raw(head: &Head<'_>, class: Class) -> bool {
    const NO_NEXT_HEADER: u8 = 59;
    let is_extension =
        head.meta.key.is_ipv6() && matches!(head.meta.key.protocol, 0 | 43 | 44 | 60 | 135 | NO_NEXT_HEADER);
    let is_known = matches!(
        class,
        Class::OtherIp
            | Class::Igmp
            | Class::Sctp
            | Class::Gre
            | Class::IpInIp
            | Class::L2tp
            | Class::Esp
            | Class::Ah
    );
    is_known
        && head.meta.key.flags & FlowKey::FRAGMENT == 0
        && !is_extension
        && head.meta.ip_fragment & MORE_FRAGMENTS == 0
}

/// The flag of IPv4 and the bit of IPv6's fragment header that more fragments follow.
const MORE_FRAGMENTS: u16 = 0x2000;

/// Packets of one protocol between two hosts.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    key: FlowKey,
    traffic: Traffic,
    recent: Recent,
    /// Packets with different data that don't fit, those that might, and the bytes of both.
    misfits: u32,
    unknown: u32,
    bytes: u64,
    fitting: u32,
    /// The sides and indices of ESP's associations.
    associations: Recent,
}

impl Raw {
    pub(super) fn new(head: &Head<'_>) -> Self {
        Self {
            key: head.meta.key,
            traffic: Traffic::default(),
            recent: Recent::default(),
            misfits: 0,
            unknown: 0,
            bytes: 0,
            fitting: 0,
            associations: Recent::default(),
        }
    }

    pub(super) fn add(&mut self, head: &Head<'_>) {
        let is_forward = head.meta.key.src == self.key.src;
        self.traffic.add(is_forward, head.meta.wire_len, head.meta.time_ns);
        let bytes = head.segment();
        let counter = match self.fit(head, is_forward) {
            Fit::Fits => {
                self.fitting = self.fitting.saturating_add(1);
                return;
            }
            Fit::Unknown => &mut self.unknown,
            Fit::Not => &mut self.misfits,
        };
        if !bytes.is_empty() && self.recent.is_new(bytes) {
            *counter = counter.saturating_add(1);
            self.bytes += u64::from(head.meta.l4_len());
        }
    }

    fn fit(&mut self, head: &Head<'_>, is_forward: bool) -> Fit {
        if self.key.protocol != ESP {
            return fit(self.key.protocol, head);
        }
        let Some([index @ .., number, _, _, _]) = head.segment().first_chunk::<8>() else { return Fit::Not };
        let association = [u8::from(is_forward), index[0], index[1], index[2], index[3]];
        // Nobody sends 16 million packets before he uses an index a second time.
        if self.associations.is_new(&association) && *number != 0 { Fit::Not } else { Fit::Fits }
    }

    pub(super) fn judge(&self, head: &Head<'_>, t: &Thresholds) -> Option<Finding> {
        let (name, value, threshold) = if self.unknown > 0 {
            ("different_packets_of_unused_protocol", self.unknown, t.raw_packets_obscure)
        } else {
            ("different_packets_of_unassigned_protocol", self.misfits, t.raw_packets)
        };
        // A damaged packet among many that fit.
        if value == 0 || self.fitting > value {
            return None;
        }
        let is_enough = value >= threshold && self.bytes >= t.raw_bytes;
        let severity = match is_enough {
            true if value >= 4 * threshold && self.unknown == 0 => Severity::High,
            true => Severity::Medium,
            // One or two may be damage on the way.
            false if value >= 3 => Severity::Low,
            false => return None,
        };
        Some(Finding {
            signature: &RAW,
            subject: Subject::of(&self.key, true),
            severity,
            score: match severity {
                Severity::High => 0.9,
                Severity::Medium => 0.7,
                _ => 0.3,
            },
            evidence: vec![
                Evidence::from(name, f64::from(value), f64::from(threshold), "packets"),
                Evidence::from("bytes", self.bytes as f64, t.raw_bytes as f64, "bytes"),
                Evidence {
                    name: "ip_protocol",
                    value: f64::from(head.meta.key.protocol),
                    threshold: None,
                    unit: "number",
                },
            ],
            estimated_bytes: self.bytes,
            traffic: self.traffic,
            tool: None,
        })
    }
}

impl Entry for Raw {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.misfits + self.unknown > 1)
    }
}

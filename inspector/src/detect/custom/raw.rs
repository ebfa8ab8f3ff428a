//! Packets of IP protocols that nothing opens: are they what their number says?

use inspector_common::{Class, FlowKey};

use super::{RAW, Thresholds};
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::findings::{Evidence, Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// How well a packet fits the number of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// It has the header that the protocol's standard asks for.
    Fits,
    /// The number is assigned, to something that is hardly used and not known here.
    Unknown,
    /// The number is unassigned or for experiments, or the header contradicts the protocol.
    Not,
}

/// Holds a packet's first bytes against its protocol: the IANA registry of protocol numbers, and the version or
/// type that the standards of those in use begin with.
fn fit(protocol: u8, bytes: &[u8]) -> Fit {
    let begins = |is_so: bool| if is_so { Fit::Fits } else { Fit::Not };
    let first = bytes.first().copied().unwrap_or_default();
    match protocol {
        // In this order: EGP and OSPF; IGRP; DCCP, IPComp, PGM, L2TP, SCTP, UDP-Lite, MPLS, HIP and Shim6;
        // RSVP; EIGRP; EtherIP; PIM; VRRP and CARP; IS-IS. 141, 143 and 144 wrap ESP and Ethernet.
        8 | 89 => begins(matches!(first, 2 | 3)),
        9 => begins(first >> 4 <= 2),
        33 | 108 | 113 | 115 | 132 | 136 | 137 | 139..=141 | 143 | 144 => Fit::Fits,
        // Encapsulations that say in their first bytes what they carry: minimal encapsulation (RFC 2004), AX.25
        // (call signs shifted by a bit), KA9Q's IP in IP.
        55 if matches!(bytes, [_, 0 | 0x80, ..]) => Fit::Fits,
        93 if bytes.iter().take(6).all(|byte| byte & 1 == 0) => Fit::Fits,
        94 if first >> 4 == 4 => Fit::Fits,
        46 => begins(first >> 4 == 1),
        88 => begins(first <= 3),
        97 => begins(first >> 4 <= 4),
        103 => begins(matches!(first >> 4, 1 | 2)),
        112 => begins(matches!(first >> 4, 2 | 3)),
        124 => begins(matches!(first, 0x83 | 0x82)),
        147..=255 => Fit::Not,
        _ => Fit::Unknown,
    }
}

/// Whether a head is a packet of a protocol that nothing else looks after.
pub(super) fn is_raw(head: &Head<'_>, class: Class) -> bool {
    const NO_NEXT_HEADER: u8 = 59;
    let is_extension =
        head.meta.key.is_ipv6() && matches!(head.meta.key.protocol, 0 | 43 | 44 | 60 | 135 | NO_NEXT_HEADER);
    class == Class::OtherIp && head.meta.key.flags & FlowKey::FRAGMENT == 0 && !is_extension
}

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
        }
    }

    pub(super) fn add(&mut self, head: &Head<'_>) {
        let is_forward = head.meta.key.src == self.key.src;
        self.traffic.add(is_forward, head.meta.wire_len, head.meta.time_ns);
        let bytes = head.segment();
        let counter = match fit(self.key.protocol, bytes) {
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

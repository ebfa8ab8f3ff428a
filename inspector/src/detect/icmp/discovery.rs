//! What neighbours and routers say of themselves (RFC 4861), and listeners (RFC 2710, 9777): the same, again and again.
//!
//! A sender's own link-layer address and a router's timers change when somebody changes them; unused bits are zero, and
//! what follows the options is nothing. A channel there needs values that are new in every message. What a sender asks
//! for, nonces, lifetimes and keys are new by nature and say nothing.

use super::{NAME, Thresholds};
use crate::checksum::is_right_icmpv6;
use crate::detect::novelty::Recent;
use crate::detect::pace::Pace;
use crate::detect::table::Entry;
use crate::dissect::discovery::{Field, Message, kind, option};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::{Head, Observation};

static SIGNATURE: Signature = Signature {
    id: 9_100_002,
    rev: 1,
    detector: NAME,
    title: "Covert channel in neighbour or router discovery",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1095",
    hint: "Find the host by its port on the switch and the process with a raw socket; filter there (RA Guard, ND inspection)",
};

/// What a sender has to repeat.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Bits that are to be zero.
    Unused,
    /// Options that nobody assigned.
    Unassigned,
    /// What is behind the options or the records.
    Behind,
    /// Its own link-layer address.
    Address,
    /// A router's timers.
    Timers,
    /// What else it says of the link: prefixes, servers.
    Link,
}

/// So often a value is repeated on average where it is none of a channel.
const REPEATED: u32 = 4;

/// The values of one part.
#[derive(Clone, Debug, Default)]
struct Values {
    recent: Recent,
    different: u32,
    all: u32,
}

/// A sender.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    parts: [Values; 6],
    bytes: u64,
    traffic: Traffic,
    pace: Pace,
}

impl Sender {
    /// Takes a message, and gives a finding when it is time for one.
    pub(super) fn observe(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
        limits: &Thresholds,
    ) -> Option<Finding> {
        let (head, time_ns) = (&observation.head, observation.time_ns());
        self.traffic.add(true, head.meta.wire_len, time_ns);
        if !is_right_icmpv6(head) {
            return None;
        }
        let before = self.bytes;
        each(head, message, |part, value| self.add(part, value));
        if self.bytes == before {
            return None;
        }
        let evidence = self.evidence(limits);
        if evidence.is_empty() || !self.pace.is_due(Severity::Medium, self.bytes, time_ns) {
            return None;
        }
        Some(Finding {
            signature: &SIGNATURE,
            subject: Subject::of(observation.key(), true),
            severity: Severity::Medium,
            score: 0.7,
            evidence,
            estimated_bytes: self.bytes,
            traffic: self.traffic,
            tool: None,
        })
    }

    fn add(&mut self, part: Part, value: &[u8]) {
        let values = &mut self.parts[part as usize];
        values.all = values.all.saturating_add(1);
        if values.recent.is_new(value) {
            values.different = values.different.saturating_add(1);
            self.bytes += value.len() as u64;
        }
    }

    /// The parts that crossed their threshold.
    fn evidence(&self, limits: &Thresholds) -> Vec<Evidence> {
        let [unused, unassigned, behind, address, timers, link] = &self.parts;
        // Where several networks are mirrored to one place their routers share an address, and repeat what they say.
        let most = |values: &Values| limits.constants.max(values.all / REPEATED);
        [
            ("values_of_unused_fields", unused, limits.reserved),
            ("values_of_unassigned_options", unassigned, limits.reserved),
            ("values_behind_options", behind, limits.reserved),
            ("link_layer_addresses", address, most(address)),
            ("values_of_timers", timers, most(timers)),
            ("values_of_link", link, most(link)),
        ]
        .into_iter()
        .filter(|(_, values, threshold)| values.different >= *threshold)
        .map(|(name, values, threshold)| {
            Evidence::from(name, values.different.into(), threshold.into(), "values")
        })
        .collect()
    }
}

/// Calls `found` with each part of a message that its sender has to repeat.
fn each(head: &Head<'_>, message: &Message<'_>, mut found: impl FnMut(Part, &[u8])) {
    let unused = message.unused();
    if unused != 0 {
        found(Part::Unused, &unused.to_be_bytes());
    }
    if message.code != 0 {
        found(Part::Unused, &[message.code]);
    }
    let behind = message.behind();
    if behind.iter().any(|byte| *byte != 0) {
        found(Part::Behind, behind);
    }
    if let Some(timers) = message.timers() {
        found(Part::Timers, &timers);
    }
    let is_of_router = message.kind == kind::ROUTER_ADVERTISEMENT;
    let speaks_for_itself =
        message.kind != kind::ADVERTISEMENT || message.target() == Some(head.meta.key.src);
    for Field { kind, data } in message.options() {
        match kind {
            option::SOURCE_ADDRESS => found(Part::Address, data),
            option::TARGET_ADDRESS if message.kind == kind::ADVERTISEMENT && speaks_for_itself => {
                found(Part::Address, data);
            }
            option::PREFIX if is_of_router => prefix(data, &mut found),
            option::MTU | option::PORTAL if is_of_router => found(Part::Link, data),
            // Reserved bits and lifetime come first.
            option::DNS_SERVERS | option::DNS_SUFFIXES if is_of_router => {
                found(Part::Link, data.get(6..).unwrap_or_default());
            }
            kind if is_unassigned(kind) => found(Part::Unassigned, data),
            _ => {}
        }
    }
}

/// A prefix, whose lifetimes may run down: bits behind its length, and the second reserved field, are to be zero.
fn prefix(data: &[u8], found: &mut impl FnMut(Part, &[u8])) {
    let (Some(&[length, flags]), Some(reserved), Some(address)) =
        (data.first_chunk(), data.get(10..14), data.get(14..30).and_then(<[u8]>::first_chunk))
    else {
        return;
    };
    if reserved != [0; 4] {
        found(Part::Unused, reserved);
    }
    let address = u128::from_be_bytes(*address);
    let host = address & u128::MAX.checked_shr(length.into()).unwrap_or(0);
    // A router that has one address of the prefix may give that (RFC 6275 §7.2).
    let mut stated = [0; 18];
    stated[..16].copy_from_slice(&(address ^ host).to_be_bytes());
    stated[16..].copy_from_slice(&[length, flags]);
    found(Part::Link, &stated);
    if host != 0 {
        found(Part::Link, &host.to_be_bytes());
    }
}

/// Whether a type of option is nobody's, or for experiments (IANA, IPv6 Neighbor Discovery Option Formats).
const fn is_unassigned(kind: u8) -> bool {
    !matches!(kind, 1..=20 | 23..=40 | 138 | 139)
}

impl Entry for Box<Sender> {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests;

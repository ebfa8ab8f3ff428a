//! What a resource record brings that its domain has not shown to this client before.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::benign::BenignSuffixes;
use super::question::{Qname, information};
use super::seen::{Seen, hash, mix};
use crate::dissect::dns::{Record, kind};

/// Whether practically nobody uses a type: neither everyday types, nor DNSSEC, nor what inventories, mail and
/// telephony ask for, nor the pseudo types. NULL and KEY are rare, and so is what has not been assigned.
pub(super) const fn is_rare(kind: u16) -> bool {
    !matches!(kind, 0..=2 | 5 | 6 | 12 | 13 | 15..=18 | 24 | 28 | 29 | 33 | 35..=39 | 41..=53 | 55 | 59..=65 | 99)
        && !matches!(kind, 108 | 109 | 249..=258 | 32768 | 32769)
}

/// Types whose data is random by design (keys and signatures) or belongs to the transport.
const fn is_noise(kind: u16) -> bool {
    matches!(kind, kind::OPT | kind::SOA | 24 | 43 | 46..=48 | 50..=53 | 55 | 59..=61 | 249 | 250)
}

/// A policy of mail or a proof of ownership in a TXT record begins with its version or key type. What follows
/// is fixed for years, so it counts for little.
const POLICY_SHARE: f64 = 0.125;

/// What one record adds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Whether the record's kind can carry much at all: not an address.
    pub(super) is_data: bool,
    /// Whether its data is new.
    pub(super) is_new: bool,
    /// Bytes of new data.
    pub(super) bytes: f64,
    /// Whether it is an address that no host can have.
    pub(super) is_impossible: bool,
    /// For an address: whether nothing near it was in an answer of the domain before.
    pub(super) is_far: Option<bool>,
}

impl Answer {
    /// Measures a record for the account `scope`; `None` for records that carry nothing.
    pub(super) fn of(
        record: &Record<'_>,
        scope: u64,
        benign: &BenignSuffixes,
        seen: &mut Seen,
    ) -> Option<Self> {
        if is_noise(record.kind) || record.rdata.is_empty() {
            return None;
        }
        if let Some(target) = record.target() {
            let target = Qname::new(&target);
            return (!benign.covers(&target)).then(|| Self::of_target(&target, scope, seen));
        }
        let item = mix(mix(scope, u64::from(record.kind) + 16), hash(0, record.rdata));
        let is_new = seen.insert(item);
        let is_address = matches!(record.kind, kind::A | kind::AAAA);
        // Service bindings (RFC 9460) have addresses and a key for each name.
        let is_fixed = is_policy(record) || matches!(record.kind, 64 | 65);
        let share = if is_fixed { POLICY_SHARE } else { 1.0 };
        Some(Self {
            is_data: !is_address,
            is_new,
            bytes: if is_new { f64::from(record.rdlength) * share } else { 0.0 },
            is_impossible: is_new && is_impossible(record),
            is_far: network(record).map(|network| seen.insert(hash(mix(scope, 5), network))),
        })
    }

    /// New labels of an alias, exchanger or service's name.
    fn of_target(target: &Qname, scope: u64, seen: &mut Seen) -> Self {
        let mut bytes = 0.0;
        for label in target.iter() {
            if seen.insert(hash(mix(scope, 2), label)) {
                bytes += information(label);
            }
        }
        Self { is_data: true, is_new: bytes > 0.0, bytes, is_impossible: false, is_far: None }
    }
}

/// The network that an address is in: its first 16 bits (IPv4) or 48 (IPv6, what a site has). A domain's hosts are
/// in few of them. Loopback and all zeros are verdicts of lists and filters, not addresses.
fn network<'a>(record: &Record<'a>) -> Option<&'a [u8]> {
    match (record.kind, record.rdata) {
        (kind::A, [0 | 127, ..]) => None,
        (kind::A, rdata) if rdata.len() == 4 => rdata.get(..2),
        (kind::AAAA, rdata) if rdata.len() == 16 && rdata.starts_with(&[0; 8]) => None,
        (kind::AAAA, rdata) if rdata.len() == 16 => rdata.get(..6),
        _ => None,
    }
}

fn is_policy(record: &Record<'_>) -> bool {
    let text = record.rdata.get(1..).unwrap_or_default();
    record.kind == kind::TXT && [&b"v="[..], b"k=", b"p="].iter().any(|prefix| text.starts_with(prefix))
}

/// Multicast, reserved and "this network" addresses never answer for a host; a resolver that blocks or a block
/// list answers with loopback or all zeros or ones, which is left out.
fn is_impossible(record: &Record<'_>) -> bool {
    if let (kind::A, Ok(octets)) = (record.kind, <[u8; 4]>::try_from(record.rdata)) {
        let address = Ipv4Addr::from(octets);
        return matches!(octets[0], 0 | 224..) && !address.is_unspecified() && !address.is_broadcast();
    }
    if let (kind::AAAA, Ok(octets)) = (record.kind, <[u8; 16]>::try_from(record.rdata)) {
        let address = Ipv6Addr::from(octets);
        let [first, second, ..] = address.segments();
        let is_global = matches!(first, 0x2000..=0x3fff);
        let is_local = matches!(first, 0xfc00..=0xfdff | 0xfe80..=0xfebf);
        let is_embedded = first == 0 || (first == 0x64 && second == 0xff9b);
        return !(is_global || is_local || is_embedded);
    }
    false
}

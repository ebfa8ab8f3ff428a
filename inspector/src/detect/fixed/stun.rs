//! STUN's attributes as carriers (RFC 8489), in datagrams.
//!
//! What a program says of itself is the same in all its messages; a flow has one user; a message is as long as its header
//! says, and what pads it is zero or whatever was there before. Random by design are transaction identifiers, codes of
//! integrity, nonces, tokens, and what relays carry.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::{Enough, Field};
use super::names::is_code;
use super::{STUN, Thresholds};
use crate::detect::pairing::Link;
use crate::detect::table::Table;
use crate::dissect::stun::Message;
use crate::findings::Finding;
use crate::observation::Head;

const USERNAME: u16 = 0x0006;
const REALM: u16 = 0x0014;
const SOFTWARE: u16 = 0x8022;
/// What no attribute has as its type in the table of fields.
const PADDING: u16 = 0xfffe;
const TRAILER: u16 = 0xffff;
const UNKNOWN: u16 = 0xfffd;

/// Attributes whose values are random, or change, by design: those that IANA lists, and those that Microsoft's and Google's
/// programs send ([MS-TURN], [MS-ICE2], libwebrtc).
const fn is_registered(kind: u16) -> bool {
    matches!(kind,
        0x0001..=0x0030 | 0x4000..=0x4007 | 0x8000..=0x8004 | 0x8008 | 0x8020..=0x8032 | 0x8050..=0x809f
        | 0xc000..=0xc07f)
}

/// Looks at a datagram that may be a STUN message.
pub(super) fn observe(
    table: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let Some(message) = Message::parse(head.payload()) else { return };
    let key = &head.meta.key;
    let is_request = message.kind & 0x0100 == 0;
    let hasher = FixedState::default();
    let host = hasher.hash_one((Link::hosts(key), key.src, STUN.id));
    let flow = hasher.hash_one((Link::of(key), key.src, STUN.id));
    let mut look = |scope: u64, code: u16, value: &[u8], bytes: u64| {
        let Some(field) = table.entry((scope, code), Field::new) else { return };
        field.add(head, value, is_request);
        let enough = Enough { values: t.stun_values, bytes };
        findings.extend(field.judge(&STUN, key, (code, is_request), enough));
    };
    let end = usize::try_from(message.len).unwrap_or(usize::MAX).saturating_add(20);
    let trailer = head.payload().get(end..).unwrap_or_default();
    if !trailer.is_empty() {
        look(host, TRAILER, trailer, t.option_bytes);
    }
    let mut padding = Vec::new();
    for (kind, value, pad) in message.attributes() {
        padding.extend(pad);
        match kind {
            SOFTWARE => look(host, SOFTWARE, value, t.option_bytes),
            USERNAME | REALM => look(flow, kind, value, t.option_bytes),
            kind if !is_registered(kind) && is_code(value) => look(host, UNKNOWN, value, t.option_bytes),
            _ => {}
        }
    }
    if padding.iter().any(|byte| *byte != 0) {
        look(host, PADDING, &padding, t.stun_values.into());
    }
}

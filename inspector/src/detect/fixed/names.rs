//! Texts in SNMP, SSDP and TFTP as carriers.
//!
//! A manager knows its communities, a control point the kinds of devices that it looks for, a device its own name. They
//! are words and numbers, or identifiers that stay. What is encoded and new in message after message is none of that.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::Field;
use super::{TEXTS, Thresholds};
use crate::detect::http::token::{self, Place};
use crate::detect::noise;
use crate::detect::table::Table;
use crate::dissect::snmp;
use crate::findings::Finding;
use crate::observation::Head;

/// Which text it is, as evidence has it.
const COMMUNITY: u16 = 1;
const SNMP_VALUE: u16 = 2;
const SSDP_FIELD: u16 = 3;
const TFTP_NAME: u16 = 4;
/// Least bytes of data in an encoded text to count. Base rate: addresses have 6 and 16, and serial numbers less.
const CODE_BYTES: u32 = 17;
/// Least length of a community that counts: who guesses them tries words.
const COMMUNITY_LEN: usize = 16;

/// Whether a value can't be read but as data: random bytes, or a code of such.
pub(super) fn is_code(value: &[u8]) -> bool {
    let mut bytes = 0_u32;
    token::each(value, Place::Path, |token| bytes = bytes.saturating_add(token.bytes));
    bytes >= CODE_BYTES || (!value.is_ascii() && noise::is_uniform(value))
}

/// Looks at a datagram of one of the ports that have texts.
pub(super) fn observe(
    table: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    port: u16,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    let is_request = key.dst_port == port;
    let scope = FixedState::default().hash_one((key.src, key.ifindex, key.vlan));
    let mut look = |scope: u64, code: u16, value: &[u8]| {
        let Some(field) = table.entry((scope, code), Field::new) else { return };
        field.add(head, value, is_request);
        findings.extend(field.judge(&TEXTS, key, (code, is_request), t.texts, t));
    };
    match port {
        161 | 162 => {
            let Some(message) = snmp::Message::parse(head.payload()) else { return };
            if is_request && message.community.len() >= COMMUNITY_LEN {
                look(scope, COMMUNITY, message.community);
            }
            // Who walks a table asks for another object each time; the same one has the same value, or a number.
            if is_code(message.value) {
                look(FixedState::default().hash_one((scope, message.object)), SNMP_VALUE, message.value);
            }
        }
        1900 => {
            for line in head.payload().split(|byte| *byte == b'\n').skip(1) {
                let is_location = line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case(b"location:"));
                if !is_location && is_code(line) {
                    look(scope, SSDP_FIELD, line);
                }
            }
        }
        69 => {
            if let [0, 1 | 2, name @ ..] = head.payload()
                && let Some(name) = name.split(|byte| *byte == 0).next()
                && is_code(name)
            {
                look(scope, TFTP_NAME, name);
            }
        }
        _ => {}
    }
}

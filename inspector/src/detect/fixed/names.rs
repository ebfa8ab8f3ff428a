//! Texts in SNMP and SSDP as carriers.
//!
//! A manager knows its communities and users, an agent has one engine, a control point knows the kinds of devices that it
//! looks for, a device its own name. They are words and numbers, or identifiers that stay. What is encoded and
//! new in message after message is none of that; nor are objects whose numbers are uniform bytes.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::{Enough, Field};
use super::{TEXTS, Thresholds};
use crate::detect::http::token::{self, Place};
use crate::detect::noise;
use crate::detect::table::Table;
use crate::dissect::snmp;
use crate::findings::Finding;
use crate::observation::Head;

/// Which text it is, as evidence has it.
const NAME: u16 = 1;
const SNMP_VALUE: u16 = 2;
const SSDP_FIELD: u16 = 3;
const ENGINE: u16 = 4;
const OBJECT: u16 = 5;
const SSDP_DEVICE: u16 = 6;
/// Least bytes of data in an encoded text to count. Base rate: addresses have 6 and 16, and serial numbers less.
const CODE_BYTES: u32 = 17;
/// Least bytes of a kind of device or service that is searched for, or of a device's identifier. Base rate: kinds are
/// words; a host's devices have a few identifiers of 16 bytes, which stay; hence the next number.
const DEVICE_BYTES: u32 = 8;
/// Times `texts` for these.
const DEVICES: u32 = 2;
/// Least length of a community or user that counts: who guesses them tries words.
const NAME_LEN: usize = 16;
/// Numbers of an object before those that a channel is free to choose: the organisation's.
const PREFIX: usize = 6;

/// Bytes of data in a value by the alphabets of its parts.
pub(super) fn code_bytes(value: &[u8]) -> u32 {
    let mut bytes = 0_u32;
    token::each(value, Place::Path, |token| bytes = bytes.saturating_add(token.bytes));
    bytes
}

/// Whether a value can't be read but as data: random bytes, or a code of such.
pub(super) fn is_code(value: &[u8]) -> bool {
    code_bytes(value) >= CODE_BYTES || (!value.is_ascii() && noise::is_uniform(value))
}

/// Whether an object's numbers are uniform bytes. Addresses in them, which have their kind and length before them
/// (RFC 4001 §4.1), are none of a channel's.
fn is_uniform_object(object: &[u8]) -> bool {
    let arcs = snmp::arcs(object);
    let own = arcs.get(PREFIX..).unwrap_or_default();
    if own.windows(2).any(|pair| matches!(pair, [1, 4] | [2, 16] | [3, 8] | [4, 20])) {
        return false;
    }
    let bytes = |arc: &u32| {
        let bytes = arc.to_be_bytes();
        let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
        bytes.into_iter().skip(zeros)
    };
    let bytes: Vec<u8> = own.iter().flat_map(bytes).collect();
    noise::is_uniform(&bytes) || code_bytes(&bytes) >= CODE_BYTES
}

/// Whether a value has the length of a file's hash, which alarms of scanners have.
fn is_hash(value: &[u8]) -> bool {
    value.len() == 32
        || (matches!(value.len(), 40 | 64 | 96 | 128) && value.iter().all(u8::is_ascii_hexdigit))
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
    let mut look = |scope: u64, code: u16, value: &[u8], values: u32| {
        let Some(field) = table.entry((scope, code), Field::new) else { return };
        field.add(head, value, is_request);
        let enough = Enough { values, bytes: t.option_bytes };
        findings.extend(field.judge(&TEXTS, key, (code, is_request), enough));
    };
    if port == 1900 {
        // A description has few devices; who looks for devices has no description. Devices that leave have none either, and a
        // bridge has many.
        let lines = head.payload().split(|byte| *byte == b'\n');
        let location = lines.clone().find(|line| is_field(line, b"location"));
        let described = FixedState::default().hash_one((scope, location));
        let is_telling = location.is_some() || head.payload().starts_with(b"M-SEARCH");
        for line in lines.skip(1) {
            let is_device = is_field(line, b"st") || is_field(line, b"nt") || is_field(line, b"usn");
            let bytes = if is_device { device_bytes(line) } else { 0 };
            if bytes >= CODE_BYTES || (!is_field(line, b"location") && is_code(line)) {
                look(scope, SSDP_FIELD, line, t.texts);
            } else if bytes >= DEVICE_BYTES && is_telling {
                look(described, SSDP_DEVICE, device(line), DEVICES * t.texts);
            }
        }
        return;
    }
    let Some(message) = snmp::Message::parse(head.payload()) else { return };
    if is_request && message.name.len() >= NAME_LEN {
        look(scope, NAME, message.name, t.texts);
    }
    let pair = FixedState::default().hash_one((scope, key.dst));
    // Four bytes of an organisation, one of a format (RFC 3411 §5), and what is often an address.
    if is_code(message.engine) || message.engine.get(5..).is_some_and(noise::is_uniform) {
        look(pair, ENGINE, message.engine, t.texts);
    }
    let is_event = snmp::NOTIFICATIONS.contains(&message.kind);
    for (object, value) in message.variables() {
        // Who walks a table asks for another object each time; the same one has the same value, or a number. An event has
        // its own objects.
        if is_code(value) && !(is_event && is_hash(value)) {
            let whose = if is_event { pair } else { FixedState::default().hash_one((scope, object)) };
            look(whose, SNMP_VALUE, value, t.texts);
        }
        if is_uniform_object(object) {
            look(pair, OBJECT, object, t.texts);
        }
    }
}

/// Whether a line is the field of this name.
fn is_field(line: &[u8], name: &[u8]) -> bool {
    let (start, rest) = line.split_at_checked(name.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(name) && rest.first() == Some(&b':')
}

/// What a line says of a device: without the field's name, and what follows a pair of colons.
fn device(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
    let end = line.windows(2).position(|pair| pair == b"::").unwrap_or(line.len());
    line.get(start..end).unwrap_or_default().trim_ascii()
}

/// Bytes of data in it, those of an identifier of 36 characters included.
fn device_bytes(line: &[u8]) -> u32 {
    let words = device(line).split(|byte| !byte.is_ascii_alphanumeric());
    let coded: u32 = words.clone().map(code_bytes).fold(0, u32::saturating_add);
    let is_hex = |word: &[u8]| word.iter().all(u8::is_ascii_hexdigit);
    let lengths: Vec<usize> = words.filter(|word| is_hex(word)).map(<[u8]>::len).collect();
    if lengths.windows(5).any(|lengths| lengths == [8, 4, 4, 4, 12]) { 16 } else { coded }
}

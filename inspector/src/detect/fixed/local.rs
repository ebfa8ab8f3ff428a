//! Names of the local network as carriers: mDNS (RFC 6762), LLMNR (RFC 4795), NetBIOS (RFC 1001, 1002).
//!
//! Hosts and services have names that people can read, or identifiers of up to 16 bytes that stay. A name is UTF-8; one of
//! NetBIOS has 15 characters and a byte that says what it is of. What is encoded at length, no text at all, or
//! of kinds that nobody defined, and new in message after message, is no name.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::{Enough, Field};
use super::names::{code_bytes, is_code};
use super::{LOCAL, Thresholds};
use crate::detect::table::Table;
use crate::dissect::dns::{Message, Name, kind};
use crate::findings::Finding;
use crate::observation::Head;

/// Which part it is, as evidence has it.
const NAME: u16 = 1;
const RAW: u16 = 2;
const DATA: u16 = 3;
const NETBIOS_CODE: u16 = 4;
const NETBIOS_KIND: u16 = 5;

/// Least bytes of data in a name. Base rate: identifiers of Thread, Matter, HomeKit and casting have up to 16.
const NAME_BYTES: u32 = 17;
/// Characters of a NetBIOS name that is a code throughout: names of hosts by number are shorter, or have words.
const NETBIOS_CHARS: usize = 14;
/// Times `texts` for these, which say less each.
const NETBIOS_NAMES: u32 = 2;

/// Looks at a datagram of one of the three.
pub(super) fn observe(
    table: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    port: u16,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let Ok(message) = Message::parse(head.payload(), head.payload_len()) else { return };
    let key = &head.meta.key;
    let is_request = !message.is_response();
    let scope = FixedState::default().hash_one((key.src, key.ifindex, key.vlan, port, LOCAL.id));
    let mut look = |scope: u64, code: u16, value: &[u8], enough: Enough| {
        let Some(field) = table.entry((scope, code), Field::new) else { return };
        field.add(head, value, is_request);
        findings.extend(field.judge(&LOCAL, key, (code, is_request), enough));
    };
    let text = Enough { values: t.texts, bytes: t.option_bytes };
    let names = message.question.iter().map(|question| question.name);
    let names = names.chain(message.records().map(|record| record.name).take(1));
    for name in names {
        if port == 137 {
            let Some(name) = name.labels().next().and_then(netbios) else { continue };
            let [characters @ .., suffix] = name;
            if characters.iter().any(|byte| is_control(*byte)) {
                look(scope, RAW, &characters, text);
            } else if is_netbios_code(&characters) {
                let enough = Enough { values: NETBIOS_NAMES * t.texts, ..text };
                look(scope, NETBIOS_CODE, &characters, enough);
            }
            if !is_kind(suffix) {
                look(scope, NETBIOS_KIND, &[suffix], Enough { values: t.texts, bytes: t.texts.into() });
            }
            continue;
        }
        let (bytes, whole) = spelled(&name);
        if std::str::from_utf8(&whole).is_err() || whole.iter().any(|byte| is_control(*byte)) {
            look(scope, RAW, &whole, text);
        } else if bytes >= NAME_BYTES {
            look(scope, NAME, &whole, text);
        }
    }
    if port == 5353 {
        for record in message.records().filter(|record| record.kind == kind::TXT && is_code(record.rdata)) {
            let (_, owner) = spelled(&record.name);
            look(FixedState::default().hash_one((scope, owner)), DATA, record.rdata, text);
        }
    }
}

/// Bytes of data in a name's labels, and the name.
fn spelled(name: &Name<'_>) -> (u32, Vec<u8>) {
    let (mut bytes, mut whole) = (0_u32, Vec::new());
    for label in name.labels() {
        bytes = bytes.saturating_add(code_bytes(label));
        whole.extend(label);
        whole.push(b'.');
    }
    (bytes, whole)
}

/// The 16 bytes of a NetBIOS name, each of which is two letters of A to P (RFC 1001 §14.1).
fn netbios(label: &[u8]) -> Option<[u8; 16]> {
    let mut name = [0; 16];
    let label: &[u8; 32] = label.try_into().ok()?;
    for (byte, pair) in name.iter_mut().zip(label.chunks_exact(2)) {
        let [high @ b'A'..=b'P', low @ b'A'..=b'P'] = pair else { return None };
        *byte = (high - b'A') << 4 | (low - b'A');
    }
    Some(name)
}

/// Whether a byte is in no name: what fills up one for any host is zeros, and browsers' has 1 and 2.
const fn is_control(byte: u8) -> bool {
    matches!(byte, 3..=31 | 127)
}

/// Whether a name is letters and digits mixed as by chance, to the end.
fn is_netbios_code(characters: &[u8]) -> bool {
    let name = characters.trim_ascii_end();
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    let turns = name.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    name.len() >= NETBIOS_CHARS
        && name.iter().all(u8::is_ascii_alphanumeric)
        && (1..name.len()).contains(&digits)
        && turns * 5 >= name.len()
}

/// What a name is of, as Microsoft, Lotus, Sniffer and others use it ([MS-NBTE] §2.2.1 and its predecessors).
const fn is_kind(suffix: u8) -> bool {
    matches!(
        suffix,
        0 | 1 | 3 | 6 | 0x1b..=0x24 | 0x2b | 0x2f..=0x33 | 0x42..=0x4c | 0x52 | 0x6a | 0x87 | 0xa4 | 0xbe | 0xbf
    )
}

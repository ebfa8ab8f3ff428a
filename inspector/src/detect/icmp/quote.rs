//! What an ICMP error carries behind the datagram that it quotes.

use crate::dissect::icmp::Message;

/// Where RFC 4884 puts extensions in errors that don't say where, bytes.
const EXTENSION_AT: usize = 128;

/// Data of an error that is neither quoted datagram nor extension (RFC 4884), as far as captured; empty where
/// there is none.
///
/// An error quotes the start of a datagram, which says how long it is. Nothing ordinary goes behind its end but
/// zeros up to an extension.
pub(super) fn excess<'a>(message: &Message<'a>) -> &'a [u8] {
    let Some(quoted_len) = quoted_len(message) else {
        // Not even the version of a datagram: it quotes nothing.
        let version = if message.is_v6 { 6 } else { 4 };
        let is_datagram = message.data.first().is_none_or(|first| first >> 4 == version);
        return if is_datagram || message.data.iter().all(|byte| *byte == 0) { &[] } else { message.data };
    };
    let end = extension_at(message).unwrap_or(message.data.len());
    let excess = message.data.get(quoted_len..end).unwrap_or_default();
    let is_padding = excess.iter().all(|byte| *byte == 0);
    if is_padding { &[] } else { excess }
}

/// Length of the quoted datagram by its own header, if that is plausible.
fn quoted_len(message: &Message<'_>) -> Option<usize> {
    let [first, _, b2, b3, b4, b5, ..] = *message.data else { return None };
    let (len, least) = match first >> 4 {
        4 if !message.is_v6 => (usize::from(u16::from_be_bytes([b2, b3])), usize::from(first & 15) * 4 + 8),
        6 if message.is_v6 => (usize::from(u16::from_be_bytes([b4, b5])) + 40, 48),
        _ => return None,
    };
    (len >= least).then_some(len)
}

fn extension_at(message: &Message<'_>) -> Option<usize> {
    let [upper, lower] = message.id.to_be_bytes();
    let declared = if message.is_v6 { usize::from(upper) * 8 } else { usize::from(lower) * 4 };
    let at = if declared > 0 { declared } else { EXTENSION_AT };
    let version = message.data.get(at)? >> 4;
    (version == 2).then_some(at)
}

/// The value of a field of the header that has none, or none that it could have: unused bytes of errors, a router that a
/// redirect names, sizes and places beyond any, codes of echoes and queries. `None` where there is nothing.
///
/// Errors have a length there (RFC 4884), an MTU (RFC 1191, 4443) or a place (RFC 792). A redirect's routers are few.
pub(super) fn reserved(message: &Message<'_>) -> Option<u32> {
    let rest = u32::from(message.id) << 16 | u32::from(message.seq);
    let value = match (message.is_v6, message.kind, message.code) {
        (false, 3, 4) if message.seq < 68 && message.seq != 0 => rest,
        (false, 3, 4) => rest & 0xff00_0000,
        (false, 3 | 11, _) => rest & 0xff00_ffff,
        (false, 12, _) => rest & 0xffff,
        (false, 4 | 5, _) => rest,
        (true, 1 | 3, _) => rest & 0x00ff_ffff,
        (true, 2 | 4, _) if rest > 65_535 => rest,
        (false, 0 | 8 | 13..=18, code) | (true, 128 | 129, code) => code.into(),
        _ => 0,
    };
    (value != 0).then_some(value)
}

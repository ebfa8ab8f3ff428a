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
        let is_datagram = message.data.first().is_none_or(|first| matches!(first >> 4, 4 | 6));
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

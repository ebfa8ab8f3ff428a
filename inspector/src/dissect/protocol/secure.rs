//! Encrypted transports: TLS, DTLS, QUIC, SSH.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("TLS", tls),
    Protocol::plain("SSH", |m| m.is_tcp && m.begins_any(&[b"SSH-1.", b"SSH-2."])),
    Protocol::plain("DTLS", dtls),
    Protocol::plain("QUIC", quic),
];

/// A record of RFC 8446 §5.1, or the hello of SSLv2.
fn tls(m: &Message<'_>) -> bool {
    let record = matches!(m.bytes, [20..=24, 3, 0..=4, high, _, ..] if *high <= 0x48);
    let old = matches!(m.bytes, [0x80..=0x8f, _, 1, 3, 0..=3, ..] | [0x80..=0x8f, _, 1, 0, 2, ..]);
    m.is_tcp && (record || old)
}

/// A record of RFC 6347 §4.1, or RFC 9147's unified header once the handshake is over (too short to tell).
fn dtls(m: &Message<'_>) -> bool {
    let is_record = matches!(m.bytes, [20..=26, 0xfe, 0xff | 0xfd | 0xfc, ..] | [20..=23, 1, 0, ..]);
    !m.is_tcp && is_record && m.be16(11).is_some_and(|len| len + 13 <= m.len)
}

/// Long headers of RFC 9000 §17.2 and of the drafts, and Google's public header.
fn quic(m: &Message<'_>) -> bool {
    let Some(first) = m.byte(0).filter(|_| !m.is_tcp && m.len >= 21) else {
        return false;
    };
    let is_version = match m.bytes.get(1..5) {
        Some(
            [0, 0, 0, 0 | 1]
            | [0xff, 0, 0, 1..=34]
            | [0x6b, 0x33, 0x43, 0xcf]
            | [0x70, 0x9a, 0x50, 0xc4]
            | [0xfa, 0xce, 0xb0, _]
            | [b'Q' | b'T', b'0', b'0'..=b'9', b'0'..=b'9'],
        ) => true,
        Some(version) => version.iter().all(|byte| byte & 0x0f == 0x0a),
        None => false,
    };
    let connection = m.byte(5).is_some_and(|len| len <= 20 || first & 0x40 == 0);
    let google = matches!(m.bytes.get(9..13), Some([b'Q', b'0', b'0'..=b'9', b'0'..=b'9']));
    (first & 0x80 != 0 && is_version && connection) || (first & 0x09 == 0x09 && google)
}

//! Voice, video and meetings: SIP, STUN and TURN, RTP and RTCP, Skype, Viber, Zoom and the like.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("STUN", stun),
    Protocol::plain("SIP", |m| m.begins_any(SIP)),
    Protocol::plain("MGCP", |m| (m.has_port(2427) || m.has_port(2727)) && mgcp(m)),
    Protocol::plain("IAX2", iax2),
    Protocol::plain("RTCP", rtcp),
    Protocol::plain("RTP", rtp),
    Protocol::plain("TURN channel", turn_channel),
    Protocol::plain("Skype", |m| {
        !m.is_tcp && m.byte(2).is_some_and(|b| b & 0x0f == 0x0d) && m.has_port(3478)
    }),
    Protocol::plain("Viber", |m| m.is_tcp && m.has(2, &[3, 0]) && m.is_length(m.le16(0), 0)),
    Protocol::plain("Zoom", zoom),
    Protocol::plain("Discord", |m| {
        !m.is_tcp && m.len == 74 && m.begins_any(&[&[0, 1, 0, 0x46], &[0, 2, 0, 0x46]])
    }),
];

const SIP: &[&[u8]] = &[
    b"SIP/2.0 ",
    b"INVITE ",
    b"REGISTER ",
    b"OPTIONS ",
    b"SUBSCRIBE ",
    b"PUBLISH ",
    b"MESSAGE ",
    b"ACK sip",
    b"BYE sip",
    b"CANCEL sip",
    b"INFO sip",
    b"REFER sip",
    b"UPDATE sip",
    b"PRACK sip",
    b"\r\n\r\n",
];

/// RFC 8489 §5: the magic cookie; or RFC 3489's header, whose length is the datagram's.
fn stun(m: &Message<'_>) -> bool {
    let at = if m.is_tcp && m.is_length(m.be16(0), 2) { 2 } else { 0 };
    let header = 20 + u32::try_from(at).unwrap_or(0);
    let is_old = matches!(m.be16(at), Some(0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102 | 0x0112));
    let has_cookie = m.has(at + 4, &[0x21, 0x12, 0xa4, 0x42]) && m.byte(at).is_some_and(|b| b < 4);
    has_cookie || (is_old && m.is_length(m.be16(at + 2), header))
}

/// RFC 3550 §6.4 and RFC 4585: version 2, known type, a length that ends within the datagram.
fn rtcp(m: &Message<'_>) -> bool {
    let is_header = matches!(m.bytes, [0x80..=0xbf, 200..=207, ..]);
    !m.is_tcp && is_header && m.be16(2).is_some_and(|words| (words + 1) * 4 <= m.len)
}

/// RFC 3550 §5.1: version 2 without CSRCs, a payload type in use. Random bytes pass once in about 30 times, so
/// this alone only counts for datagrams of a size that media have, and the flow's judge looks at constant bits too.
fn rtp(m: &Message<'_>) -> bool {
    let is_header = matches!(m.bytes, [0x80 | 0x90, kind, ..] if matches!(kind & 0x7f, 0..=34 | 96..=127));
    let small = m.be16(2).is_some_and(|seq| seq < 0x0400) || m.has(4, &[0, 0]) || m.has(8, &[0, 0]);
    let on_port = m.ports.iter().all(|port| *port >= 1024 && port % 2 == 0);
    !m.is_tcp && is_header && m.len <= 1500 && (small || on_port)
}

/// RFC 8656 §12.4: channel numbers and a length that is the datagram's, or up to 3 bytes less.
fn turn_channel(m: &Message<'_>) -> bool {
    let is_channel = matches!(m.byte(0), Some(0x40..=0x4f));
    is_channel
        && m.be16(2).is_some_and(|len| (m.len.saturating_sub(7)..=m.len.saturating_sub(4)).contains(&len))
}

/// Zoom's media encapsulation to its server ports: a type, and a counter behind a session's bytes.
fn zoom(m: &Message<'_>) -> bool {
    let on_port = m.ports.iter().any(|port| matches!(port, 8801..=8810));
    !m.is_tcp && on_port && m.len > 8 && matches!(m.byte(0), Some(0..=7 | 0x1f..=0x22))
}

/// RFC 3435 §3.2: a verb or a code of three digits, and a space.
fn mgcp(m: &Message<'_>) -> bool {
    const VERBS: &[&[u8]] =
        &[b"AUEP ", b"AUCX ", b"CRCX ", b"DLCX ", b"EPCF ", b"MDCX ", b"NTFY ", b"RQNT ", b"RSIP ", b"MESG "];
    let is_answer = matches!(m.bytes, [a, b, c, b' ', ..] if [a, b, c].iter().all(|it| it.is_ascii_digit()));
    m.begins_any(VERBS) || is_answer
}

/// RFC 5456 §8.1.1: full frames begin all calls: a known type behind the numbers of calls, a time and two counters.
fn iax2(m: &Message<'_>) -> bool {
    let is_full = m.byte(0).is_some_and(|b| b >> 7 == 1) && matches!(m.byte(10), Some(1..=12));
    !m.is_tcp && m.has_port(4569) && m.len >= 12 && is_full
}

//! Directory and file services: Kerberos, LDAP, SMB, NetBIOS sessions, DCE and Sun RPC, NFS, AFP.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("Kerberos", kerberos),
    Protocol::plain("SMB", smb),
    // RFC 1002 §4.3.1: a known type, and a length of 17 bits.
    Protocol::plain("NetBIOS session", |m| {
        m.is_tcp && m.has_port(139) && matches!(m.bytes, [0 | 0x81..=0x85, 0 | 1, ..])
    }),
    Protocol::plain("LDAP", ldap),
    Protocol::plain("DCE RPC", |m| {
        m.bytes.len() >= 16 && matches!(m.bytes, [5, 0 | 1, 0..=19, _, 0x10 | 0, ..]) && m.le16(8).is_some()
    }),
    Protocol::plain("DCE RPC", |m| {
        !m.is_tcp && matches!(m.bytes, [4, 0..=10, _, _, 0x10 | 0x00, 0, 0, 0, ..])
    }),
    Protocol::plain("Sun RPC", sun_rpc),
    Protocol::plain("AFP", |m| {
        m.is_tcp && matches!(m.bytes, [0 | 1, 1..=8, ..]) && m.is_length(m.be32(8), 16)
    }),
    Protocol::plain("rsync", |m| m.begins(b"@RSYNCD:")),
];

/// RFC 4120: an application tag of the messages there are, behind a length in TCP.
fn kerberos(m: &Message<'_>) -> bool {
    let at = if m.is_tcp { 4 } else { 0 };
    let is_tag = matches!(m.byte(at), Some(0x6a..=0x6f | 0x74 | 0x75 | 0x76 | 0x7e));
    is_tag && (m.has_port(88) || m.has_port(464))
}

fn smb(m: &Message<'_>) -> bool {
    [0, 4].iter().any(|at| m.has(at + 1, b"SMB") && matches!(m.byte(*at), Some(0xfc..=0xff)))
}

/// RFC 4511 §4.1.1: a sequence, a small message identifier, an application tag.
fn ldap(m: &Message<'_>) -> bool {
    let at = match m.bytes {
        [0x30, len, ..] if *len < 0x80 => 2,
        [0x30, long @ 0x81..=0x84, ..] => usize::from(long & 0x0f) + 2,
        _ => return false,
    };
    let after = match m.bytes.get(at..at + 2) {
        Some([2, len @ 1..=4]) => at + 2 + usize::from(*len),
        _ => return false,
    };
    m.byte(after).is_some_and(|tag| matches!(tag, 0x60..=0x79 | 0x42 | 0x4a | 0x50 | 0x80 | 0xa0))
}

/// RFC 5531 §9: calls of version 2 and replies, behind a record mark in TCP.
fn sun_rpc(m: &Message<'_>) -> bool {
    let at = if m.is_tcp { 4 } else { 0 };
    let call = m.has(at + 4, &[0, 0, 0, 0, 0, 0, 0, 2]);
    let reply = m.has(at + 4, &[0, 0, 0, 1, 0, 0, 0]);
    call || reply
}

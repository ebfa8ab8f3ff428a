//! Remote desktops and terminals: RDP, VNC, Telnet, X11, TeamViewer, Citrix, SPICE.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("VNC", |m| m.is_tcp && m.begins(b"RFB 00")),
    Protocol::plain("TPKT", |m| {
        m.is_tcp && m.begins(&[3, 0]) && m.be16(2).is_some_and(|len| len >= 7 && len <= m.len)
    }),
    Protocol::plain("Telnet", |m| m.is_tcp && matches!(m.bytes, [0xff, 0xf0..=0xfe, 0..=50 | 0xff, ..])),
    Protocol::plain("X11", |m| m.is_tcp && m.begins_any(&[b"l\0\x0b\0\0\0", b"B\0\0\x0b\0\0"])),
    Protocol::plain("TeamViewer", |m| m.begins_any(&[&[0x17, 0x24], &[0x11, 0x30]])),
    Protocol::plain("Citrix ICA", |m| m.begins(b"\x7f\x7fICA")),
    Protocol::plain("SPICE", |m| m.begins(b"REDQ")),
    Protocol::plain("RDP over UDP", rdp_udp),
    Protocol::plain("RustDesk", rust_desk),
];

/// [MS-RDPEUDP] §2.2: a SYN that acknowledges nothing, or the header of a datagram with a window in packets and known
/// flags, among them that it acknowledges or has data.
fn rdp_udp(m: &Message<'_>) -> bool {
    let is_open = m.begins(&[0xff; 4]);
    let is_later = m
        .be16(6)
        .is_some_and(|flags| flags & 0xe000 == 0 && flags & 0x0c != 0 && flags.trailing_zeros() >= 2)
        && m.be16(4).is_some_and(|window| window <= 1024);
    !m.is_tcp && m.has_port(3389) && (is_open || is_later)
}

/// Its framing in TCP: a length of one to three bytes whose lowest bits say how many those are. In UDP a message of
/// protocol buffers that is one field.
fn rust_desk(m: &Message<'_>) -> bool {
    let on_port = m.ports.iter().any(|port| matches!(port, 21115..=21119));
    let len = match m.bytes {
        _ if !on_port => return false,
        [first, len, ..] if !m.is_tcp => {
            return first & 7 == 2 && (u32::from(*len) + 2 == m.len || (*len >= 0x80 && m.len > 129));
        }
        [first, ..] if first.trailing_zeros() >= 2 => Some(u32::from(first >> 2) + 1),
        [first, ..] if first & 3 == 1 => m.le16(0).map(|len| (len >> 2) + 2),
        [first, ..] if first & 3 == 2 => m.le32(0).map(|len| ((len & 0x00ff_ffff) >> 2) + 3),
        _ => None,
    };
    len == Some(m.len)
}

//! Remote desktops and terminals: RDP, VNC, Telnet, X11, TeamViewer, Citrix, SPICE.

use super::Protocol;

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
    Protocol::plain("RDP over UDP", |m| !m.is_tcp && m.has_port(3389)),
    Protocol::plain("RustDesk", |m| m.ports.iter().any(|port| matches!(port, 21115..=21119))),
];

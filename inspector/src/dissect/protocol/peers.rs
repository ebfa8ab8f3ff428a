//! Peer to peer: BitTorrent with DHT and uTP, eDonkey, Gnutella, Bitcoin and the like.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::peers("BitTorrent", |m| m.begins(b"\x13BitTorrent protocol")),
    Protocol::peers("BitTorrent DHT", |m| !m.is_tcp && m.begins(b"d1:")),
    Protocol::peers("BitTorrent LSD", |m| m.begins(b"BT-SEARCH ")),
    Protocol::peers("BitTorrent tracker", |m| m.begins(&[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80])),
    Protocol::peers("uTP", utp),
    Protocol::peers("eDonkey", edonkey),
    Protocol::peers("Gnutella", |m| m.begins_any(&[b"GNUTELLA", b"GND\x01", b"GND\x02", b"GIV "])),
    Protocol::peers("Bitcoin", |m| {
        m.begins_any(&[b"\xf9\xbe\xb4\xd9", b"\x0b\x11\x09\x07", b"\xfa\xbf\xb5\xda"])
    }),
    Protocol::peers("Lightning", |m| {
        // BOLT 8: version 0, a compressed point and a tag.
        m.is_tcp && m.len == 50 && matches!(m.bytes, [0, 2 | 3, ..])
    }),
    Protocol::peers("Ethereum", ethereum),
    Protocol::peers("libp2p", |m| m.has(1, b"/multistream/1.0.0\n")),
    Protocol::peers("Syncthing", |m| m.begins(&[0x2e, 0xa7, 0xd9, 0x0b])),
    Protocol::peers("Soulseek", |m| {
        m.is_tcp && m.is_length(m.le32(0), 4) && m.le32(4).is_some_and(|code| code <= 1100)
    }),
];

/// Whether a port is one of peer-to-peer networks whose connections are encrypted from the first byte on (BIP 324,
/// BitTorrent's message stream encryption): of these only the port tells, and that a host has many of them.
#[must_use]
pub const fn is_peers_port(port: u16) -> bool {
    matches!(port, 6881..=6889 | 8333 | 18333 | 51413)
}

/// BEP 29: version 1, types 0 to 4, extensions 0 to 2; a window and, in SYNs, nothing acknowledged.
fn utp(m: &Message<'_>) -> bool {
    let is_header = matches!(m.bytes, [0x01 | 0x11 | 0x21 | 0x31 | 0x41, 0..=2, ..]) && m.len >= 20;
    let is_window = m.be32(12).is_some_and(|window| window < 1 << 24);
    !m.is_tcp && is_header && is_window
}

/// Discovery (hash, signature with recovery identifier, type, list) and RLPx (EIP-8: a length and an uncompressed point;
/// that is little, so ports of services don't have it).
fn ethereum(m: &Message<'_>) -> bool {
    let is_discovery = !m.is_tcp
        && matches!(m.byte(96), Some(0 | 1))
        && matches!(m.byte(97), Some(1..=6))
        && m.byte(98).is_some_and(|list| list >= 0xc0);
    let is_point = m.is_tcp && m.is_length(m.be16(0), 2) && m.byte(2) == Some(4) && m.len >= 200;
    let is_handshake = is_point && m.ports.iter().all(|port| *port >= 1024);
    is_discovery || is_handshake
}

/// The header of the servers' and clients' protocol, with the length that follows it in TCP.
fn edonkey(m: &Message<'_>) -> bool {
    let is_marked = matches!(m.byte(0), Some(0xe3 | 0xc5 | 0xd4 | 0xe4 | 0xe5));
    let tcp = m.is_tcp && m.le32(1).is_some_and(|len| (1..=m.len.max(2048)).contains(&len));
    is_marked && (tcp || (!m.is_tcp && (m.has_port(4672) || m.has_port(4665))))
}

/// Whether programs that millions run send ciphertext without a header over this port, from the first byte on or once a
/// game has begun: peer-to-peer networks, and games on the Source engine (UDP 27000 to 27050), whose datagrams are
/// encrypted after a greeting in clear.
#[must_use]
pub const fn is_ciphertext_port(port: u16, is_tcp: bool) -> bool {
    is_peers_port(port) || (!is_tcp && matches!(port, 27000..=27050))
}

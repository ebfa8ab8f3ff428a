//! Protocols that carry other traffic and say so: VPNs, proxies, encapsulations over UDP and TCP.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::tunnel("WireGuard", wireguard),
    Protocol::tunnel("Tailscale", |m| !m.is_tcp && m.begins(b"TS\xf0\x9f\x92\xac")),
    Protocol::tunnel("IKE", ike),
    Protocol::tunnel("IPsec over UDP", nat_traversal),
    Protocol::tunnel("OpenVPN", open_vpn),
    Protocol::tunnel("L2TP", l2tp),
    Protocol::tunnel("Teredo", teredo),
    Protocol::tunnel("PPTP", pptp),
    Protocol::tunnel("SOCKS5", socks5),
    Protocol::tunnel("SOCKS4", socks4),
    Protocol::tunnel("AYIYA", ayiya),
    Protocol::tunnel("GTP", gtp),
    Protocol::tunnel("VXLAN", vxlan),
    Protocol::tunnel("Geneve", geneve),
    Protocol::tunnel("ZeroTier", zero_tier),
    Protocol::tunnel("SoftEther", soft_ether),
    Protocol::tunnel("tinc", |m| m.is_tcp && m.begins(b"0 ") && m.bytes.iter().take(64).any(|b| *b == b'\n')),
    Protocol::tunnel("CAPWAP", capwap),
    Protocol::tunnel("TZSP", |m| m.has_port(37008) && matches!(m.bytes, [1, 0..=5, 0, _, ..])),
    Protocol::tunnel("HAProxy PROXY", |m| m.begins_any(&[b"PROXY TCP", b"\r\n\r\n\0\r\nQUIT\n"])),
    Protocol::tunnel("Cloudflare Warp", |m| m.has_port(2408) && wireguard(m)),
];

/// The WireGuard paper, §5.4: type, three reserved bytes that some providers fill, and fixed sizes.
fn wireguard(m: &Message<'_>) -> bool {
    let is_sized = match m.bytes {
        [1, ..] => m.len == 148,
        [2, ..] => m.len == 92,
        [3, ..] => m.len == 64,
        [4, ..] => m.len >= 32 && m.len.is_multiple_of(16) && m.has(12, &[0, 0, 0, 0]),
        _ => false,
    };
    !m.is_tcp && is_sized && (m.has(1, &[0, 0, 0]) || m.len == 148 || m.len == 92)
}

/// RFC 7296 §3.1: version 1 or 2, known payloads, and a length that is the datagram's.
fn ike(m: &Message<'_>) -> bool {
    let at = if m.begins(&[0, 0, 0, 0]) && m.has_port(4500) { 4 } else { 0 };
    let is_version = matches!(m.byte(at + 17), Some(0x10 | 0x11 | 0x20..=0x2f));
    let whole = m.be32(at + 24).and_then(|len| len.checked_add(u32::try_from(at).unwrap_or(0)));
    !m.is_tcp && is_version && (whole == Some(m.len) || (m.has_port(500) && whole.is_some_and(|w| w > m.len)))
}

/// RFC 3948: ESP with a non-zero SPI on port 4500, whose sequence number is small, or a keep-alive.
fn nat_traversal(m: &Message<'_>) -> bool {
    !m.is_tcp && m.has_port(4500) && (m.bytes == [0xff] || m.be32(4).is_some_and(|seq| seq < 1 << 24))
}

/// A first control packet, with what `tls-auth` and `tls-crypt` put between, or a first data packet.
fn open_vpn(m: &Message<'_>) -> bool {
    let at = if m.is_tcp {
        // Every packet goes behind its length; the one that is captured may be followed by others.
        if m.be16(0).is_none_or(|len| len < 14 || len + 2 > m.len) {
            return false;
        }
        2
    } else {
        0
    };
    let Some(opcode) = m.byte(at).filter(|byte| byte.trailing_zeros() >= 3).map(|byte| byte >> 3) else {
        return false;
    };
    match opcode {
        // Hard resets, which are the first of either side: session, then nothing acknowledged and packet 0,
        // or behind a digest of 16 to 64 bytes packet 1 and the time.
        1 | 2 | 7 | 8 | 10 => {
            let is_plain = matches!(m.byte(at + 9), Some(0 | 1)) && m.len <= 64;
            let authenticated = [16, 20, 28, 32, 48, 64]
                .iter()
                .any(|digest| m.be32(at + 9 + digest).is_some_and(|id| id == 1 || id == 2));
            let wrapped = m.has(at + 9, &[0, 0, 0, 1]) || m.has(at + 9, &[0x0f, 0, 0, 1]);
            is_plain || authenticated || wrapped
        }
        _ => false,
    }
}

/// RFC 2661 §3.1: control messages have type, length and sequence; version 2 or 3.
fn l2tp(m: &Message<'_>) -> bool {
    let is_version = matches!(m.bytes, [_, 2 | 3, ..]) && m.byte(1).is_some_and(|b| b & 0xf0 == 0);
    let is_control = m.byte(0) == Some(0xc8) && m.is_length(m.be16(2), 0);
    !m.is_tcp && is_version && (is_control || m.has_port(1701))
}

/// RFC 4380: IPv6, behind authentication or origin indications or not.
fn teredo(m: &Message<'_>) -> bool {
    let ipv6 = |at: usize| {
        m.byte(at).is_some_and(|b| b >> 4 == 6)
            && m.be16(at + 4)
                .is_some_and(|len| usize::try_from(m.len).is_ok_and(|all| len as usize + 40 + at <= all))
    };
    !m.is_tcp && m.has_port(3544) && (ipv6(0) || m.begins(&[0, 0]) || m.begins(&[0, 1]))
}

fn pptp(m: &Message<'_>) -> bool {
    m.is_tcp && m.has(2, &[0, 1, 0x1a, 0x2b, 0x3c, 0x4d])
}

/// RFC 1928: a greeting lists as many methods as it says; an answer is two bytes.
fn socks5(m: &Message<'_>) -> bool {
    let greeting = matches!(m.bytes, [5, n @ 1..=10, ..] if m.len == u32::from(*n) + 2);
    let request = m.len <= 262 && matches!(m.bytes, [5, 1..=3, 0, 1 | 3 | 4, ..]);
    m.is_tcp && (greeting || request)
}

fn socks4(m: &Message<'_>) -> bool {
    m.is_tcp && m.len >= 9 && m.len < 300 && matches!(m.bytes, [4, 1 | 2, _, _, .., 0])
}

/// SixXS: identity type and signature lengths, then IPv6, IPv4 or nothing as next header.
fn ayiya(m: &Message<'_>) -> bool {
    let is_header = matches!(m.bytes, [0x44 | 0x42, 0x50..=0x5f, 0x10 | 0x11, 4 | 41 | 58 | 59, ..]);
    m.has_port(5072) && !m.is_tcp && m.len >= 44 && is_header
}

/// GTPv1 and v2 and GTP', whose length is the datagram's: 3GPP TS 29.060, 29.274, 29.281, 32.295.
fn gtp(m: &Message<'_>) -> bool {
    let is_version =
        m.byte(0).is_some_and(|b| matches!(b, 0x30..=0x37 | 0x48 | 0x40 | 0x4f | 0x0e | 0x0f | 0x2e | 0x4e));
    let header = if m.byte(0).is_some_and(|b| b >> 5 == 2) { 4 } else { 8 };
    let is_sized = m.is_length(m.be16(2), header) || m.is_length(m.be16(2), 6);
    let on_port = m.has_port(2152) || m.has_port(2123) || m.has_port(3386);
    !m.is_tcp && is_version && (is_sized || on_port)
}

fn vxlan(m: &Message<'_>) -> bool {
    !m.is_tcp
        && (m.has_port(4789) || m.has_port(8472) || m.has_port(4790))
        && m.byte(0).is_some_and(|flags| flags & 0x08 != 0)
        && m.has(1, &[0, 0])
}

fn geneve(m: &Message<'_>) -> bool {
    let is_carried = matches!(m.be16(2), Some(0x6558 | 0x0800 | 0x86dd | 0x8847 | 0x0806 | 0));
    !m.is_tcp && m.has_port(6081) && m.byte(0).is_some_and(|b| b >> 6 == 0) && is_carried
}

/// Packets name a receiver and a sender of five bytes, that are not the same, nor reserved (a first byte of 0 or 255), and
/// a cipher of 0 to 3. Fragments are longer, have a byte of 255 there, and a total of 2 to 15.
fn zero_tier(m: &Message<'_>) -> bool {
    let is_address = |at: usize| m.byte(at).is_some_and(|b| b != 0xff && b != 0);
    let is_whole =
        is_address(8) && is_address(13) && matches!(m.byte(18), Some(flags) if flags & 0x38 <= 0x18);
    // The greeting is in clear: its verb, and a version of the protocol.
    let is_hello =
        is_whole && m.byte(27).is_some_and(|verb| verb & 0x1f == 1) && matches!(m.byte(28), Some(1..=20));
    !m.is_tcp && m.has_port(9993) && m.len >= 28 && is_hello
}

fn soft_ether(m: &Message<'_>) -> bool {
    !m.is_tcp && (m.has_port(5004) || m.has_port(5555)) && (m.begins(b"A") && m.len == 1 || m.begins(b"IP="))
}

fn capwap(m: &Message<'_>) -> bool {
    !m.is_tcp && (m.has_port(5246) || m.has_port(5247)) && m.byte(0).is_some_and(|b| b <= 1)
}

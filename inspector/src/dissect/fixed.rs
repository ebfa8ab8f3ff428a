//! The shapes of protocols that have a UDP port of their own: enough of each to tell it from something else.

use super::{dhcp, ntp};

/// Whether a datagram on a port has the shape of the port's protocol; `None` where the port has no such
/// protocol, or the datagram may be of a session that only began there.
#[must_use]
pub fn fits(port: u16, payload: &[u8], len: u32) -> Option<bool> {
    Some(match port {
        67 | 68 => dhcp::Message::parse(payload).is_some(),
        69 => matches!(payload, [0, 1..=6, ..]),
        123 => ntp::is_ntp(payload, len),
        137 | 5353 | 5355 => is_dns_like(payload),
        138 => matches!(payload.first(), Some(0x10..=0x16)),
        161 | 162 => is_snmp(payload),
        1900 => is_ssdp(payload),
        _ => return None,
    })
}

/// The port of such a protocol among a datagram's source and destination port; if both are one, the latter.
#[must_use]
pub fn port(ports: [u16; 2]) -> Option<u16> {
    let is_known =
        |port: &u16| matches!(port, 67..=69 | 123 | 137 | 138 | 161 | 162 | 546 | 547 | 1900 | 5353 | 5355);
    ports.into_iter().rev().find(is_known)
}

/// RFC 1035 §4.1.1: twelve bytes, the last eight of which count records. More than 255 of a kind, or none at all, no
/// one sends.
#[must_use]
pub fn is_dns_like(payload: &[u8]) -> bool {
    let Some([_, _, _, _, counts @ ..]) = payload.first_chunk::<12>() else {
        return false;
    };
    counts.chunks_exact(2).all(|count| count.first() == Some(&0)) && *counts != [0; 8]
}

/// RFC 3411 and its kin: a sequence that holds an integer, the version, of 0 to 3.
#[must_use]
pub fn is_snmp(payload: &[u8]) -> bool {
    let rest = match payload {
        [0x30, len, rest @ ..] if *len < 0x80 => rest,
        [0x30, 0x81, _, rest @ ..]
        | [0x30, 0x82, _, _, rest @ ..]
        | [0x30, 0x83, _, _, _, rest @ ..]
        | [0x30, 0x84, _, _, _, _, rest @ ..] => rest,
        _ => return false,
    };
    matches!(rest, [2, 1, 0..=3, ..] | [2, 2, 0, 0..=3, ..] | [2, 4, 0, 0, 0, 0..=3, ..])
}

/// Lines of text that begin like HTTP's (UPnP device architecture 2.0 §1).
fn is_ssdp(payload: &[u8]) -> bool {
    let is_line = payload.iter().take(16).all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t' | 0));
    let is_start = [&b"M-SEARCH "[..], b"NOTIFY ", b"HTTP/", b"GET ", b"POST ", b"UPDATE "]
        .iter()
        .any(|start| start.starts_with(payload.get(..start.len()).unwrap_or(payload)));
    is_line && is_start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_protocols_from_ciphertext() {
        let noise: Vec<u8> =
            (0..200_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1] | 0x80).collect();
        for port in [67, 69, 123, 137, 138, 161, 1900, 5353] {
            assert_eq!(fits(port, &noise, 200), Some(false), "{port}");
        }
        assert_eq!(fits(161, b"\x30\x26\x02\x01\x01\x04\x06public", 40), Some(true));
        assert_eq!(fits(5353, b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04test\0\0\x0c\0\x01", 24), Some(true));
        assert_eq!(fits(1900, b"M-SEARCH * HTTP/1.1\r\n", 21), Some(true));
        assert_eq!(fits(4000, &noise, 200), None);
    }
}

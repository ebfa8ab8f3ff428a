//! What has no business inside a UDP datagram or a TCP segment: a whole IP datagram without an encapsulation's header,
//! and SSH inside UDP.

/// Bytes of an unknown header that may stand before it.
const HEADER_MAX: usize = 32;

/// Whether a payload of `len` bytes holds one.
pub(super) fn is_stranger(bytes: &[u8], len: u32) -> bool {
    (0..=HEADER_MAX).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let left = len.saturating_sub(u32::try_from(at).unwrap_or(u32::MAX));
        rest.starts_with(b"SSH-2.0-") || is_datagram(rest, left) || is_datagram_v6(rest, left)
    })
}

/// An IPv4 datagram that fills all of `len` bytes, with a checksum that is right: by chance once in 2^40.
fn is_datagram(bytes: &[u8], len: u32) -> bool {
    let Some(header) = bytes.first_chunk::<20>() else {
        return false;
    };
    let total = u32::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] != 0x45 || total != len || len < 28 {
        return false;
    }
    let sum: u32 = header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    (sum & 0xffff) + (sum >> 16) == 0xffff
}

/// An IPv6 datagram that fills all of `len` bytes, of a protocol that is carried, between addresses in use: by chance
/// once in 2^32. An address of Teredo says what the tunnel is, whatever ports its clients and relays talk to each
/// other on (RFC 4380 §2.9).
fn is_datagram_v6(bytes: &[u8], len: u32) -> bool {
    let Some(&[first, _, _, _, l0, l1, next, hops, ref addresses @ ..]) = bytes.first_chunk::<40>() else {
        return false;
    };
    let (src, dst) = addresses.split_at(16);
    // Global, unique local and link-local; multicast only as destination.
    let is_teredo = [src, dst].iter().any(|address| address.starts_with(&[0x20, 1, 0, 0]));
    let is_address = |first: Option<&u8>| matches!(first, Some(0x20..=0x3f | 0xfc | 0xfd | 0xfe));
    first >> 4 == 6
        && !is_teredo
        && u32::from(u16::from_be_bytes([l0, l1])) + 40 == len
        && hops > 0
        && matches!(next, 0 | 6 | 17 | 44 | 58)
        && is_address(src.first())
        && (is_address(dst.first()) || dst.first() == Some(&0xff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::{CLIENT, SERVER, ipv4, noise};

    #[test]
    fn datagrams_are_found_behind_short_headers_and_noise_is_none() {
        let v4 = ipv4(CLIENT, SERVER, 17, &noise(1, 60));
        let mut v6 = vec![0x60, 0, 0, 0, 0, 60, 17, 64];
        for last in [1, 2] {
            v6.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        v6.extend(noise(2, 60));
        for header in [0, 2, 12] {
            for inner in [&v4, &v6] {
                let payload = [noise(3, header), inner.clone()].concat();
                let len = u32::try_from(payload.len()).unwrap();
                assert!(is_stranger(&payload, len));
                assert!(!is_stranger(&payload, len + 1), "it does not fill the payload");
            }
        }
        v6[24..28].copy_from_slice(&[0x20, 1, 0, 0]);
        assert!(!is_stranger(&v6, 100), "Teredo to a client");
        assert!((0..2000).all(|seed| !is_stranger(&noise(seed + 1, 100), 100)));
    }
}

//! What has no business inside a UDP datagram: a whole IP datagram without an encapsulation's header, and SSH.

/// Bytes of an unknown header that may stand before it.
const HEADER_MAX: usize = 32;

/// Whether a UDP payload of `len` bytes holds one.
pub(super) fn is_stranger(bytes: &[u8], len: u32) -> bool {
    (0..=HEADER_MAX).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let left = len.saturating_sub(u32::try_from(at).unwrap_or(u32::MAX));
        rest.starts_with(b"SSH-2.0-") || is_datagram(rest, left)
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

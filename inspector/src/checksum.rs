//! Whether a packet's checksums say that it is as it was sent. Damaged packets have any value in any field.

use inspector_common::{Anomaly, FlowKey};

use crate::observation::Head;

/// The folded sum of 16-bit words in ones' complement (RFC 1071 §4.1). It is the same in either byte order but for the
/// order of its own bytes (§2 (B)), so it is taken in the machine's, four bytes at a time.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut total: u64 = 0;
    for part in parts {
        let (words, rest) = part.as_chunks::<4>();
        total += words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum::<u64>();
        let mut last = [0; 4];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        total += u64::from(u32::from_ne_bytes(last));
    }
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    u16::from_be_bytes(u16::try_from(total).unwrap_or(u16::MAX).to_ne_bytes())
}

/// What a head's checksums say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checks {
    /// Whether the network header can be believed.
    pub(crate) is_sound: bool,
    /// Whether a TCP segment's checksum is right, where that can be told.
    pub(crate) has_right_segment: Option<bool>,
}

impl Checks {
    /// Of a head.
    pub(crate) fn of(head: &Head<'_>) -> Self {
        let is_tcp = head.meta.key.protocol == 6;
        let has_right_segment = if is_tcp { has_right_segment(head) } else { None };
        Self { is_sound: is_sound(head), has_right_segment }
    }
}

/// Whether a packet's network header can be believed: no longer than the frame and, in IPv4, with a checksum that
/// is right, or left to the card.
fn is_sound(head: &Head<'_>) -> bool {
    let is_long = head.meta.anomalies & 1 << Anomaly::IpLength as u32 != 0;
    let header = head.network();
    let is_right = || sum(&[header]) == 0xffff || header.get(10..12) == Some(&[0, 0]);
    head.meta.ip_len != 0 && !is_long && (head.meta.key.is_ipv6() || is_right())
}

/// Whether a whole IPv4 header was captured and its checksum is there and right.
pub(crate) fn has_right_header(head: &Head<'_>) -> bool {
    let header = head.network();
    header.len() >= 20 && header.get(10..12) != Some(&[0, 0]) && sum(&[header]) == 0xffff
}

/// Whether the checksum in a message without a pseudo-header, as ICMP's and IGMP's, is right.
pub(crate) fn is_right_message(bytes: &[u8]) -> bool {
    sum(&[bytes]) == 0xffff
}

/// Whether bytes behind the IPv4 header are a TCP segment, UDP datagram or ICMP message by their checksum, which is
/// computed with this length.
pub(crate) fn is_segment(key: &FlowKey, protocol: u8, length: u32, segment: &[u8]) -> bool {
    let pseudo = [&key.src[12..], &key.dst[12..], &length.to_be_bytes(), &[0, protocol]];
    let [src, dst, length, protocol] = pseudo;
    match protocol[1] {
        1 => segment.len() >= 8 && sum(&[segment]) == 0xffff,
        6 => segment.len() >= 20 && sum(&[src, dst, length, protocol, segment]) == 0xffff,
        17 => {
            let is_summed = segment.get(6..8).is_some_and(|checksum| checksum != [0, 0]);
            is_summed && sum(&[src, dst, length, protocol, segment]) == 0xffff
        }
        _ => false,
    }
}

/// Whether a TCP segment's checksum is right. `None` where that can't be told: the segment was not captured whole, or
/// the field has the sum of the pseudo-header that a stack leaves to the card to complete.
fn has_right_segment(head: &Head<'_>) -> Option<bool> {
    let segment = head.segment();
    let length = head.meta.l4_len();
    if u32::try_from(segment.len()) != Ok(length) {
        return None;
    }
    let key = &head.meta.key;
    // The prefix of mapped IPv4 addresses is none of the pseudo-header's.
    let from = if key.is_ipv6() { 0 } else { 12 };
    let pseudo = [&key.src[from..], &key.dst[from..], &length.to_be_bytes(), &[0, key.protocol]];
    let [src, dst, length, protocol] = pseudo;
    let partial = sum(&[src, dst, length, protocol]);
    let stored = segment.get(16..18).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let is_right = sum(&[&partial.to_be_bytes(), segment]) == 0xffff;
    (is_right || stored != Some(partial)).then_some(is_right)
}

/// Whether an ICMPv6 message was captured whole and its checksum (RFC 4443 §2.3) is right.
pub(crate) fn is_right_icmpv6(head: &Head<'_>) -> bool {
    let (segment, length, key) = (head.segment(), head.meta.l4_len(), &head.meta.key);
    u32::try_from(segment.len()) == Ok(length)
        && sum(&[&key.src, &key.dst, &length.to_be_bytes(), &[0, 58], segment]) == 0xffff
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use inspector_common::HeadMeta;

    use super::*;

    #[test]
    fn sums_agree_with_the_examples_of_rfc_1071() {
        assert_eq!(sum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), 0xddf2);
        assert_eq!(sum(&[&[0x12]]), 0x1200, "an odd byte is the high one");
        // The header of an echo request from 10.0.0.1 to 192.0.2.1, checksum from an independent tool.
        let header = [0x45, 0, 0, 84, 0, 0, 0x40, 0, 64, 1, 0x6e, 0xa7, 10, 0, 0, 1, 192, 0, 2, 1];
        assert_eq!(sum(&[&header]), 0xffff);
    }

    #[test]
    fn a_solicitation_has_the_checksum_of_an_independent_tool() {
        // Scapy's of ICMPv6ND_NS(tgt="fe80::2") from fe80::1 to ff02::1:ff00:2.
        let address = |first: [u8; 2], last: [u8; 4]| {
            let mut address = [0; 16];
            address[..2].copy_from_slice(&first);
            address[12..].copy_from_slice(&last);
            address
        };
        let mut segment = [0; 24];
        segment[..4].copy_from_slice(&[135, 0, 0x7d, 0xa1]);
        segment[8..].copy_from_slice(&address([0xfe, 0x80], [0, 0, 0, 2]));
        let mut meta = HeadMeta::zeroed();
        meta.key.src = address([0xfe, 0x80], [0, 0, 0, 1]);
        meta.key.dst = address([0xff, 2], [0xff, 0, 0, 2]);
        meta.key.dst[11] = 1;
        (meta.ip_len, meta.captured) = (24, 24);
        assert!(is_right_icmpv6(&Head::new(&meta, &segment)));
        segment[23] = 3;
        assert!(!is_right_icmpv6(&Head::new(&meta, &segment)));
        assert!(!is_right_icmpv6(&Head::new(&meta, &segment[..20])), "cut");
    }
}

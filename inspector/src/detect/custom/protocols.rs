//! Whether a packet has the header that its IP protocol asks for.
//!
//! Only what a standard fixes is asked for: versions, types, bits that must be zero, lengths that must fit the packet. Data
//! that is put there without a header passes by chance once in 10 packets at most, by most of these once in hundreds.

use crate::checksum::is_right_message;
use crate::observation::Head;

/// How well a packet fits the number of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It has the header that the protocol's standard asks for.
    Fits,
    /// The number is assigned, to something that is hardly used and not known here.
    Unknown,
    /// The number is unassigned or for experiments, or the header contradicts the protocol.
    Not,
}

/// Holds a packet against its protocol: the IANA registry of protocol numbers, and what the standards of those in use begin
/// with.
pub(super) fn fit(protocol: u8, head: &Head<'_>) -> Fit {
    let bytes = head.segment();
    let len = head.meta.l4_len();
    let begins = |is_so: bool| if is_so { Fit::Fits } else { Fit::Not };
    let first = bytes.first().copied().unwrap_or_default();
    match protocol {
        2 => begins(is_igmp(bytes, len)),
        4 => begins(is_datagram(bytes, len)),
        // In this order: EGP and OSPF; IGRP; PGM, L2TP, HIP and Shim6;
        // RSVP; EIGRP; EtherIP; PIM; VRRP and CARP; IS-IS. 137, 141, 143 and 144 wrap MPLS, ESP and Ethernet.
        8 | 89 => begins(matches!(first, 2 | 3)),
        9 => begins(first >> 4 <= 2),
        113 | 115 | 137 | 139..=141 | 143 | 144 => Fit::Fits,
        33 => begins(is_dccp(bytes, len)),
        41 => begins(first >> 4 == 6),
        47 => begins(is_gre(bytes)),
        // The reserved fields of AH (RFC 4302 §2.3) and IPComp (RFC 3173 §3.2).
        51 => begins(matches!(bytes, [_, words, 0, 0, ..] if (u32::from(*words) + 2) * 4 <= len)),
        108 => begins(matches!(bytes, [_, 0, ..])),
        // Encapsulations that say in their first bytes what they carry: minimal encapsulation (RFC 2004), AX.25
        // (call signs shifted by a bit), KA9Q's IP in IP.
        55 if matches!(bytes, [_, 0 | 0x80, ..]) => Fit::Fits,
        93 if bytes.iter().take(6).all(|byte| byte & 1 == 0) => Fit::Fits,
        94 if first >> 4 == 4 => Fit::Fits,
        46 => begins(first >> 4 == 1),
        88 => begins(first <= 3),
        97 => begins(first >> 4 <= 4),
        103 => begins(matches!(first >> 4, 1 | 2)),
        112 => begins(matches!(first >> 4, 2 | 3)),
        124 => begins(matches!(first, 0x83 | 0x82)),
        132 => begins(is_sctp(bytes, len)),
        136 => begins(is_udp_lite(bytes, len)),
        147..=255 => Fit::Not,
        _ => Fit::Unknown,
    }
}

/// An IGMP message (RFC 9776, DVMRP, PIM version 1, multicast traceroute and router discovery: RFC 3228's registry), whose
/// checksum is right where all of it was captured.
fn is_igmp(bytes: &[u8], len: u32) -> bool {
    let is_whole = bytes.len() as u64 == u64::from(len);
    matches!(bytes, [0x11..=0x17 | 0x1e | 0x1f | 0x22..=0x26 | 0x30..=0x32, ..])
        && (!is_whole || is_right_message(bytes))
}

/// An IPv4 header whose length has room in the packet; or IPv6, which some put behind the same number.
fn is_datagram(bytes: &[u8], len: u32) -> bool {
    match bytes {
        [first, _, high, low, ..] if first >> 4 == 4 => {
            let total = u32::from(u16::from_be_bytes([*high, *low]));
            first & 15 >= 5 && (20..=len).contains(&total)
        }
        [first, ..] => first >> 4 == 6,
        [] => false,
    }
}

/// RFC 2784 §2 with the key and number of RFC 2890 and the routes of RFC 1701, or RFC 2637's. What is carried is an
/// EtherType, OSI's 0xfe, or nothing (keepalives).
fn is_gre(bytes: &[u8]) -> bool {
    matches!(bytes, [flags, version, kind, low, ..]
        if flags.trailing_zeros() >= 3
            && (version & 0x7f <= 1)
            && (*kind >= 6 || (*kind == 0 && matches!(low, 0 | 0xfe))))
}

/// Types of chunks (RFC 9260 and its registry) and a length that has room.
fn is_sctp(bytes: &[u8], len: u32) -> bool {
    let room = len.saturating_sub(12);
    let has_room = |high: u8, low: u8| (4..=room).contains(&u32::from(u16::from_be_bytes([high, low])));
    matches!(bytes.get(12..),
        Some([0..=0x0f | 0x14 | 0x40 | 0x80..=0x84 | 0xc0..=0xc2, _, high, low, ..]) if has_room(*high, *low))
}

/// How much the checksum covers: all, or at least the header (RFC 3828 §3.1).
fn is_udp_lite(bytes: &[u8], len: u32) -> bool {
    matches!(bytes.get(4..6).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])),
        Some(covered) if covered == 0 || (8..=len).contains(&covered))
}

/// Types, a header that has room, and reserved bits (RFC 4340 §5.1).
fn is_dccp(bytes: &[u8], len: u32) -> bool {
    matches!(bytes, [_, _, _, _, words, _, _, _, kind, ..]
        if (12..=len).contains(&(u32::from(*words) * 4)) && kind >> 5 == 0 && kind >> 1 <= 9)
}

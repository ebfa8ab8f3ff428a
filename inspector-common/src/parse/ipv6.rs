//! IPv6 (RFC 8200) and the extension headers that are followed.

use super::{Layer3, Packet};
use crate::{Anomaly, Class, FlowKey, Frame};

const HEADER: u32 = 40;
/// Most extension headers followed. RFC 8200 lists seven kinds, of which real traffic shows at
/// most three in a packet; a longer chain is counted as an anomaly.
const MAX_EXTENSIONS: usize = 6;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;

#[inline(always)]
pub(super) fn datagram<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Layer3 {
    let Some(header) = frame.read::<40>(offset) else {
        return Layer3::Ends(Class::MalformedIp);
    };
    if header[0] >> 4 != 6 {
        return Layer3::Ends(Class::MalformedIp);
    }
    let available = packet.wire_len.wrapping_sub(offset);
    let declared = u32::from(u16::from_be_bytes([header[4], header[5]]));
    // 0 with data after it: a jumbogram (RFC 2675), or segmentation left to the card.
    let total = if declared == 0 { available } else { declared + HEADER };
    packet.anomalies.insert_if(total > available, Anomaly::IpLength);

    packet.ip_len = total;
    packet.tos = header[0] << 4 | header[1] >> 4;
    packet.ttl = header[7];
    packet.flow_label = u32::from_be_bytes([0, header[1] & 0x0f, header[2], header[3]]);
    let key = &mut packet.key;
    key.flags |= FlowKey::IPV6;
    copy_address(&mut key.src, [half(&header, 8), half(&header, 16)]);
    copy_address(&mut key.dst, [half(&header, 24), half(&header, 32)]);

    extensions(frame, packet, header[6], offset)
}

/// The 64 bits at `at`: the BPF target copies longer pieces byte by byte.
#[inline(always)]
fn half(header: &[u8; 40], at: usize) -> u64 {
    header[at..].first_chunk().map_or(0, |half| u64::from_ne_bytes(*half))
}

#[inline(always)]
fn copy_address(to: &mut [u8; 16], [high, low]: [u64; 2]) {
    to[..8].copy_from_slice(&high.to_ne_bytes());
    to[8..].copy_from_slice(&low.to_ne_bytes());
}

/// Follows the extension headers from the fixed header at `start` on. Only headers known to have
/// the common shape are walked; anything else is the layer 4 protocol.
#[inline(always)]
fn extensions<F: Frame>(frame: &F, packet: &mut Packet, mut next: u8, start: u32) -> Layer3 {
    let mut offset = start + HEADER;
    let mut walked = 0;
    while walked < MAX_EXTENSIONS {
        if !matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION | MOBILITY) {
            break;
        }
        let Some([following, length, f0, f1]) = frame.read::<4>(offset) else {
            return Layer3::Ends(Class::MalformedIp);
        };
        if next == FRAGMENT {
            let fragment = u16::from_be_bytes([f0, f1]);
            if fragment & 0xfff8 != 0 {
                return later_fragment(packet, following, offset + 8, start);
            }
            packet.is_partial = fragment & 1 != 0;
            offset += 8;
        } else {
            packet.anomalies.insert(Anomaly::Ipv6Extensions);
            offset += (u32::from(length) + 1) * 8;
        }
        next = following;
        walked += 1;
    }
    packet.key.protocol = next;
    let Some(l4_len) = remaining(packet, offset, start) else {
        return Layer3::Ends(Class::MalformedIp);
    };
    packet.l4_offset = offset;
    packet.l4_len = l4_len;
    if matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION | MOBILITY) {
        packet.anomalies.insert(Anomaly::Ipv6ExtensionLimit);
        return Layer3::Ends(Class::OtherIp);
    }
    Layer3::Carries
}

#[inline(always)]
fn later_fragment(packet: &mut Packet, protocol: u8, offset: u32, start: u32) -> Layer3 {
    let Some(l4_len) = remaining(packet, offset, start) else {
        return Layer3::Ends(Class::MalformedIp);
    };
    packet.key.protocol = protocol;
    packet.key.flags |= FlowKey::FRAGMENT;
    packet.l4_offset = offset;
    packet.l4_len = l4_len;
    packet.payload_len = l4_len;
    packet.is_partial = true;
    Layer3::Ends(Class::Fragment)
}

/// Bytes of the datagram from `offset` on, or `None` where the extension headers outrun it.
#[inline(always)]
fn remaining(packet: &Packet, offset: u32, start: u32) -> Option<u32> {
    packet.ip_len.checked_sub(offset - start)
}

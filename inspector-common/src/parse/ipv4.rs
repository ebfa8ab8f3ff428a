//! IPv4 (RFC 791).

use super::{Layer3, Packet};
use crate::{Anomaly, Class, FlowKey, Frame};

const HEADER: u32 = 20;
const RESERVED_FLAG: u16 = 0x8000;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

#[inline(always)]
pub(super) fn datagram<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Layer3 {
    let Some(header) = frame.read::<20>(offset) else {
        return Layer3::Ends(Class::MalformedIp);
    };
    let header_len = u32::from(header[0] & 0x0f) * 4;
    if header[0] >> 4 != 4 || header_len < HEADER {
        return Layer3::Ends(Class::MalformedIp);
    }
    let available = packet.wire_len.wrapping_sub(offset);
    let declared = u32::from(u16::from_be_bytes([header[2], header[3]]));
    // A sender that leaves segmentation to its card writes 0 (seen in captures, and behind GRO).
    let total = if declared == 0 { available } else { declared };
    if total < header_len {
        return Layer3::Ends(Class::MalformedIp);
    }
    packet.anomalies.insert_if(total > available, Anomaly::IpLength);
    packet.anomalies.insert_if(header_len > HEADER, Anomaly::Ipv4Options);

    packet.ip_len = total;
    packet.tos = header[1];
    packet.ip_id = u16::from_be_bytes([header[4], header[5]]);
    packet.ip_fragment = u16::from_be_bytes([header[6], header[7]]);
    packet.ttl = header[8];
    packet.anomalies.insert_if(packet.ip_fragment & RESERVED_FLAG != 0, Anomaly::Ipv4ReservedFlag);

    let is_fragment = packet.ip_fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0;
    packet
        .anomalies
        .insert_if(is_fragment && packet.ip_fragment & DONT_FRAGMENT != 0, Anomaly::FragmentWithDf);

    let key = &mut packet.key;
    key.protocol = header[9];
    map_address(&mut key.src, [header[12], header[13], header[14], header[15]]);
    map_address(&mut key.dst, [header[16], header[17], header[18], header[19]]);

    packet.l4_offset = offset + header_len;
    packet.l4_len = total - header_len;
    if packet.ip_fragment & FRAGMENT_OFFSET != 0 {
        packet.key.flags |= FlowKey::FRAGMENT;
        packet.payload_len = packet.l4_len;
        packet.is_partial = true;
        return Layer3::Ends(Class::Fragment);
    }
    packet.is_partial = packet.ip_fragment & MORE_FRAGMENTS != 0;
    Layer3::Carries
}

/// Makes the all-zero `to` `::ffff:a.b.c.d`.
#[inline(always)]
fn map_address(to: &mut [u8; 16], address: [u8; 4]) {
    to[8..12].copy_from_slice(&[0, 0, 0xff, 0xff]);
    to[12..].copy_from_slice(&address);
}

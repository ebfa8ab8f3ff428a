//! Layer 4: UDP, ICMP, ICMPv6, TCP (in [`super::tcp`]); other protocols by number.

use super::ethernet::{IPV4, IPV6};
use super::{Packet, encapsulation, tcp};
use crate::{Anomaly, Class, FlowKey, Frame};

/// IP protocol numbers (IANA).
mod protocol {
    pub(super) const ICMP: u8 = 1;
    pub(super) const IGMP: u8 = 2;
    pub(super) const IPV4: u8 = 4;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const IPV6: u8 = 41;
    pub(super) const GRE: u8 = 47;
    pub(super) const ESP: u8 = 50;
    pub(super) const AH: u8 = 51;
    pub(super) const ICMPV6: u8 = 58;
    pub(super) const L2TP: u8 = 115;
    pub(super) const SCTP: u8 = 132;
}

const DNS_PORT: u16 = 53;
const UDP_HEADER: u8 = 8;
const ICMP_HEADER: u8 = 8;

/// The segment at the packet's `l4_offset`.
#[inline(always)]
pub(super) fn segment<F: Frame>(frame: &F, packet: &mut Packet) -> Class {
    let offset = packet.l4_offset;
    packet.payload_len = packet.l4_len;
    match packet.key.protocol {
        protocol::TCP => tcp::segment(frame, packet, offset),
        protocol::UDP => udp(frame, packet, offset),
        protocol::ICMP if !packet.key.is_ipv6() => icmp(frame, packet, offset),
        protocol::ICMPV6 if packet.key.is_ipv6() => icmp(frame, packet, offset),
        protocol::IGMP => Class::Igmp,
        protocol::SCTP => Class::Sctp,
        protocol::GRE => {
            encapsulation::gre(frame, packet);
            Class::Gre
        }
        protocol::IPV4 | protocol::IPV6 => {
            let is_ipv6 = packet.key.protocol == protocol::IPV6;
            encapsulation::ip_in_ip(packet, if is_ipv6 { IPV6 } else { IPV4 });
            Class::IpInIp
        }
        protocol::L2TP => Class::L2tp,
        protocol::ESP => Class::Esp,
        protocol::AH => Class::Ah,
        _ => Class::OtherIp,
    }
}

/// Notes the header's length; `false` where the segment has no room for it.
#[inline(always)]
pub(super) fn has_header(packet: &mut Packet, header_len: u8) -> bool {
    if packet.l4_len < u32::from(header_len) {
        return false;
    }
    packet.l4_header_len = header_len;
    packet.payload_len = packet.l4_len - u32::from(header_len);
    true
}

#[inline(always)]
pub(super) fn set_ports(key: &mut FlowKey, ports: [u8; 4]) {
    let [s0, s1, d0, d1] = ports;
    key.src_port = u16::from_be_bytes([s0, s1]);
    key.dst_port = u16::from_be_bytes([d0, d1]);
}

#[inline(always)]
pub(super) fn by_port(key: &FlowKey, otherwise: Class) -> Class {
    if key.src_port == DNS_PORT || key.dst_port == DNS_PORT { Class::Dns } else { otherwise }
}

#[inline(always)]
fn udp<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Class {
    let Some(header) = frame.read::<8>(offset) else {
        return Class::MalformedL4;
    };
    if !has_header(packet, UDP_HEADER) {
        return Class::MalformedL4;
    }
    set_ports(&mut packet.key, [header[0], header[1], header[2], header[3]]);
    let length = u32::from(u16::from_be_bytes([header[4], header[5]]));
    // 0 is a jumbogram (RFC 2675), or segmentation left to the card.
    let fits =
        length == 0 || (length >= u32::from(UDP_HEADER) && (packet.is_partial || length <= packet.l4_len));
    packet.anomalies.insert_if(!fits, Anomaly::UdpLength);
    packet.checksum = u16::from_be_bytes([header[6], header[7]]);
    match by_port(&packet.key, Class::Udp) {
        Class::Udp if !packet.is_inner() => encapsulation::over_udp(frame, packet).unwrap_or(Class::Udp),
        class => class,
    }
}

/// ICMP and ICMPv6: the flow key takes identifier, type and code in place of ports.
#[inline(always)]
fn icmp<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Class {
    let Some(header) = frame.read::<8>(offset) else {
        return Class::MalformedL4;
    };
    if !has_header(packet, ICMP_HEADER) {
        return Class::MalformedL4;
    }
    let class = if packet.key.is_ipv6() { icmpv6_class(header[0]) } else { icmpv4_class(header[0]) };
    packet.key.dst_port = u16::from_be_bytes([header[0], header[1]]);
    if matches!(class, Class::IcmpEcho | Class::Icmpv6Echo | Class::IcmpOther) {
        packet.key.src_port = u16::from_be_bytes([header[4], header[5]]);
    }
    class
}

#[inline(always)]
const fn icmpv4_class(kind: u8) -> Class {
    match kind {
        0 | 8 => Class::IcmpEcho,
        3 | 4 | 5 | 11 | 12 => Class::IcmpError,
        _ => Class::IcmpOther,
    }
}

#[inline(always)]
const fn icmpv6_class(kind: u8) -> Class {
    match kind {
        128 | 129 => Class::Icmpv6Echo,
        1..=4 => Class::Icmpv6Error,
        // Listener and neighbour discovery, and MLDv2 (RFC 4861, 2710, 9777).
        130..=137 | 143 => Class::Icmpv6Control,
        _ => Class::Icmpv6Other,
    }
}

//! The classifier against frames built, and taken apart, by etherparse.

extern crate std;

use std::vec::Vec;

use etherparse::{
    IpFragOffset, Ipv4Header, Ipv6FragmentHeader, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
    VlanId,
};

use super::{Packet, Start, classify};
use crate::{Anomaly, Class, Direction, FlowKey, SliceFrame};

const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
const V4: [[u8; 4]; 2] = [[192, 0, 2, 1], [198, 51, 100, 2]];
const V6: [[u8; 16]; 2] = [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xfe; 16]];

fn packet(frame: &[u8]) -> Packet {
    classify(&SliceFrame::new(frame, 0), Start::Ethernet, 3, Direction::Ingress)
}

fn vlan(id: u16) -> VlanId {
    VlanId::try_new(id).unwrap()
}

/// Every mix of tags, IP version and layer 4 that etherparse builds.
fn frames(data: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for tags in 0..3 {
        for is_v6 in [false, true] {
            for transport in 0..4 {
                let ethernet = PacketBuilder::ethernet2(MACS[0], MACS[1]);
                let ip =
                    |step: etherparse::PacketBuilderStep<etherparse::Ethernet2Header>| match (tags, is_v6) {
                        (0, false) => step.ipv4(V4[0], V4[1], 61),
                        (0, true) => step.ipv6(V6[0], V6[1], 61),
                        (1, false) => step.single_vlan(vlan(7)).ipv4(V4[0], V4[1], 61),
                        (1, true) => step.single_vlan(vlan(7)).ipv6(V6[0], V6[1], 61),
                        (_, false) => step.double_vlan(vlan(4094), vlan(7)).ipv4(V4[0], V4[1], 61),
                        (_, true) => step.double_vlan(vlan(4094), vlan(7)).ipv6(V6[0], V6[1], 61),
                    };
                let ip = ip(ethernet);
                let mut frame = Vec::new();
                match transport {
                    0 => ip.udp(5_000, 6_000).write(&mut frame, data),
                    1 => ip.tcp(5_000, 443, 1, 100).syn().write(&mut frame, data),
                    2 if is_v6 => ip.icmpv6_echo_request(77, 1).write(&mut frame, data),
                    2 => ip.icmpv4_echo_request(77, 1).write(&mut frame, data),
                    _ => ip.udp(53, 40_000).write(&mut frame, data),
                }
                .unwrap();
                frames.push(frame);
            }
        }
    }
    frames
}

#[test]
fn what_etherparse_builds_is_classified_as_etherparse_reads_it() {
    for len in [0, 1, 100, 1_400] {
        let data: Vec<u8> = (0..=255).cycle().take(len).collect();
        for frame in frames(&data) {
            let packet = packet(&frame);
            let sliced = SlicedPacket::from_ethernet(&frame).unwrap();
            assert_eq!(packet.anomalies.0 & !(1 << Anomaly::TcpSynData as u32), 0, "{packet:?}");
            assert_eq!(usize::try_from(packet.payload_len).unwrap(), len, "{packet:?}");
            assert_eq!((packet.ttl, packet.key.ifindex), (61, 3));
            match sliced.net.unwrap() {
                NetSlice::Ipv4(ip) => {
                    assert_eq!(packet.key.src[12..], ip.header().source());
                    assert_eq!(packet.key.dst[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
                    assert_eq!(packet.ip_len, u32::from(ip.header().total_len()));
                }
                NetSlice::Ipv6(ip) => {
                    assert_eq!(
                        (packet.key.src, packet.key.dst),
                        (ip.header().source(), ip.header().destination())
                    );
                    assert!(packet.key.is_ipv6());
                }
                NetSlice::Arp(_) => unreachable!(),
            }
            let ports = (packet.key.src_port, packet.key.dst_port);
            match sliced.transport.unwrap() {
                TransportSlice::Udp(udp) => {
                    assert_eq!(ports, (udp.source_port(), udp.destination_port()));
                    assert_eq!(packet.class, if ports.0 == 53 { Class::Dns } else { Class::Udp });
                }
                TransportSlice::Tcp(tcp) => {
                    assert_eq!(ports, (tcp.source_port(), tcp.destination_port()));
                    assert_eq!((packet.class, packet.tcp_flags), (Class::Tcp, 2));
                    assert_eq!(packet.anomalies.contains(Anomaly::TcpSynData), len > 0);
                }
                TransportSlice::Icmpv4(_) => {
                    assert_eq!((packet.class, ports), (Class::IcmpEcho, (77, 8 << 8)));
                }
                TransportSlice::Icmpv6(_) => {
                    assert_eq!((packet.class, ports), (Class::Icmpv6Echo, (77, 128 << 8)));
                }
                TransportSlice::Igmp(_) => unreachable!(),
            }
            let tags = sliced.link_exts.len();
            assert_eq!(packet.key.vlan, [[0, 0], [7, 0], [4_094, 7]][tags]);
        }
    }
}

#[test]
fn only_the_first_fragment_has_ports() {
    let mut header = Ipv4Header::new(16, 64, etherparse::IpNumber::UDP, V4[0], V4[1]).unwrap();
    for (offset, more, class) in
        [(0, true, Class::Udp), (1, true, Class::Fragment), (8, false, Class::Fragment)]
    {
        header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
        header.more_fragments = more;
        let mut frame = [MACS[0], MACS[1]].concat();
        frame.extend([8, 0]);
        frame.extend(header.to_bytes());
        // Longer by its own account than this fragment: right for a first one.
        frame.extend([0x13, 0x88, 0x17, 0x70, 0x0f, 0xff, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let packet = packet(&frame);
        assert_eq!(packet.class, class);
        assert_eq!(packet.key.src_port != 0, class == Class::Udp);
        assert_eq!(packet.key.flags & FlowKey::FRAGMENT != 0, class == Class::Fragment);
        assert_eq!(packet.anomalies.0, 0, "{packet:?}");
    }
}

fn ipv6_with(next: u8, payload: &[u8]) -> Packet {
    let mut frame = [MACS[0], MACS[1]].concat();
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend([next, 64]);
    frame.extend(V6[0]);
    frame.extend(V6[1]);
    frame.extend(payload);
    packet(&frame)
}

#[test]
fn extension_headers_are_followed_up_to_a_bound_and_no_others() {
    let udp = [0x13, 0x88, 0x17, 0x70, 0, 8, 0, 0];
    for count in 0..10 {
        let mut payload = Vec::new();
        for i in 1..=count {
            payload.extend([if i == count { 17 } else { 60 }, 0, 1, 4, 0, 0, 0, 0]);
        }
        payload.extend(udp);
        let packet = ipv6_with(if count == 0 { 17 } else { 60 }, &payload);
        let is_followed = count <= 6;
        assert_eq!(packet.class, if is_followed { Class::Udp } else { Class::OtherIp }, "{count} headers");
        assert_eq!(packet.anomalies.contains(Anomaly::Ipv6ExtensionLimit), !is_followed);
        assert_eq!(packet.key.dst_port, if is_followed { 6_000 } else { 0 });
    }
    let unknown = ipv6_with(253, &[17, 0, 0, 0, 0, 0, 0, 0, 0x13, 0x88, 0x17, 0x70, 0, 8, 0, 0]);
    assert_eq!((unknown.class, unknown.key.src_port), (Class::OtherIp, 0), "an unknown header is not walked");
    assert_eq!(ipv6_with(60, &[17, 9, 0, 0]).class, Class::MalformedIp, "a header longer than the packet");
}

#[test]
fn ipv6_fragments() {
    let udp = [0x13, 0x88, 0x17, 0x70, 0, 200, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    for (offset, class) in [(0, Class::Udp), (3, Class::Fragment)] {
        let header = Ipv6FragmentHeader::new(
            etherparse::IpNumber::UDP,
            IpFragOffset::try_new(offset).unwrap(),
            true,
            9,
        );
        let packet = ipv6_with(44, &[&header.to_bytes()[..], &udp].concat());
        assert_eq!((packet.class, packet.key.protocol), (class, 17));
        assert_eq!(packet.key.dst_port, if class == Class::Udp { 6_000 } else { 0 });
    }
}

#[test]
fn headers_that_contradict_themselves_have_classes_of_their_own() {
    let whole = &frames(&[0; 40])[1];
    for len in 0..whole.len() {
        let class = packet(&whole[..len]).class;
        let expected = match len {
            0..14 => Class::Runt,
            14..34 => Class::MalformedIp,
            34..54 => Class::MalformedL4,
            _ => Class::Tcp,
        };
        assert_eq!(class, expected, "cut to {len} bytes");
    }
    let patched = |at: usize, value: u8| {
        let mut frame = whole.clone();
        frame[at] = value;
        packet(&frame)
    };
    assert_eq!(patched(14, 0x65).class, Class::MalformedIp, "version");
    assert_eq!(patched(14, 0x44).class, Class::MalformedIp, "header length");
    assert_eq!(patched(46, 0x40).class, Class::MalformedL4, "TCP data offset");
    assert!(patched(46, 0x5e).anomalies.contains(Anomaly::TcpReservedBits));
    assert!(!patched(46, 0x51).anomalies.contains(Anomaly::TcpReservedBits), "Accurate ECN");
    assert!(patched(20, 0xc0).anomalies.contains(Anomaly::Ipv4ReservedFlag));
    assert!(patched(53, 9).anomalies.contains(Anomaly::TcpUrgentWithoutFlag));
    assert!(patched(45, 9).anomalies.contains(Anomaly::TcpAckWithoutFlag));
    assert!(patched(16, 9).anomalies.contains(Anomaly::IpLength));
}

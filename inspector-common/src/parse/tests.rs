//! The classifier against frames built, and taken apart, by etherparse.

extern crate std;

use std::vec::Vec;

use etherparse::{
    IpFragOffset, Ipv4Header, Ipv6FragmentHeader, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
    VlanId,
};

use super::{Origin, Packet, Start, Tunnel, classify, classify_inner};
use crate::{Anomaly, Class, Direction, FlowKey, SliceFrame};

const ORIGIN: Origin = Origin::new(3, Direction::Ingress);
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
const V4: [[u8; 4]; 2] = [[192, 0, 2, 1], [198, 51, 100, 2]];
const V6: [[u8; 16]; 2] = [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xfe; 16]];

fn packet(frame: &[u8]) -> Packet {
    classify(&SliceFrame::new(frame, 0), Start::Ethernet, ORIGIN)
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
        header.dont_fragment = false;
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

/// A ping from 192.0.2.1, as IPv4.
fn ping() -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(V4[0], V4[1], 61).icmpv4_echo_request(77, 1).write(&mut packet, b"data").unwrap();
    packet
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[0][..], &MACS[1], &ethertype.to_be_bytes(), payload].concat()
}

fn in_ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let ip = PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv4([198, 51, 100, 9], [198, 51, 100, 8], 64);
    ip.write(&mut frame, protocol.into(), payload).unwrap();
    frame
}

fn in_udp(port: u16, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let ip = PacketBuilder::ethernet2(MACS[0], MACS[1]).ipv4([198, 51, 100, 9], [198, 51, 100, 8], 64);
    ip.udp(50_000, port).write(&mut frame, &[header, payload].concat()).unwrap();
    frame
}

#[test]
fn an_encapsulation_is_one_packet_and_what_it_carries_another() {
    let (ping, web) = (ping(), ethernet(0x0800, &ping()));
    let cases = [
        (in_ipv4(4, &ping), Class::IpInIp, Tunnel::IpInIp.tag(0)),
        (
            in_ipv4(47, &[&[0x20, 0, 8, 0, 0, 0, 0x12, 0x34][..], &ping].concat()),
            Class::Gre,
            Tunnel::Gre.tag(0x1234),
        ),
        (in_ipv4(47, &[&[0, 0, 0x65, 0x58][..], &web].concat()), Class::Gre, Tunnel::Gre.tag(0)),
        (in_udp(4789, &[8, 0, 0, 0, 0, 0, 42, 0], &web), Class::Vxlan, Tunnel::Vxlan.tag(42)),
        (in_udp(6081, &[1, 0, 8, 0, 0, 0, 5, 0, 0, 1, 2, 0], &ping), Class::Geneve, Tunnel::Geneve.tag(5)),
        (in_udp(2152, &[0x30, 255, 0, 32, 0, 0, 0, 9], &ping), Class::Gtpu, Tunnel::Gtpu.tag(9)),
        (
            in_udp(2152, &[0x34, 255, 0, 40, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0x10, 9, 0], &ping),
            Class::Gtpu,
            Tunnel::Gtpu.tag(9),
        ),
        (
            ethernet(0x8864, &[&[0x11, 0, 0, 7, 0, 34, 0, 0x21][..], &ping].concat()),
            Class::Pppoe,
            Tunnel::Pppoe.tag(7),
        ),
        (
            ethernet(0x8847, &[&[0, 1, 0x10, 64, 0, 0x20, 0x11, 64][..], &ping].concat()),
            Class::Mpls,
            Tunnel::Mpls.tag(0x201),
        ),
    ];
    for (frame, class, tunnel) in cases {
        let mut packet = packet(&frame);
        assert_eq!(
            (packet.class, packet.is_inner(), packet.inner.tunnel),
            (class, false, tunnel),
            "{packet:?}"
        );
        let outer = packet;
        classify_inner(&mut packet, &SliceFrame::new(&frame, 0));
        assert_eq!((packet.class, packet.key.tunnel), (Class::IcmpEcho, tunnel), "{packet:?}");
        assert_eq!((&packet.key.src[12..], packet.key.ifindex), (&V4[0][..], 3));
        assert_eq!(packet.payload_len, 4);
        assert_eq!(packet.bytes() + outer.inner.offset, outer.bytes(), "{class:?}");
        assert_eq!(packet.inner.offset, 0, "one level only");
        assert_eq!(Tunnel::of(tunnel).map(|kind| kind.tag(0) >> 12), Some(tunnel >> 12));
    }
}

#[test]
fn what_only_looks_like_an_encapsulation_carries_nothing() {
    let ping = ping();
    let frames = [
        in_ipv4(47, &[&[0x30, 1, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 0][..], &ping].concat()),
        in_ipv4(47, &[0x20, 0]),
        in_udp(4789, &[0, 0, 0, 0, 0, 0, 42, 0], &ping),
        in_udp(6081, &[0xc0, 0, 8, 0, 0, 0, 5, 0], &ping),
        in_udp(2152, &[0x50, 255, 0, 32, 0, 0, 0, 9], &ping),
        in_udp(2152, &[0x30, 255, 0, 32, 0, 0, 0, 9], &[]),
        ethernet(0x8864, &[0x11, 0, 0, 7, 0, 34, 0xc0, 0x21, 1, 2, 3, 4]),
        ethernet(0x8847, &[0, 1, 0x10, 64].repeat(20)),
        ethernet(0x8847, &[0, 1, 0x11, 64, 0, 0, 0, 0]),
    ];
    for frame in frames {
        let packet = packet(&frame);
        assert_eq!(packet.inner.offset, 0, "{packet:?}");
    }
}

#[test]
fn a_tag_beside_the_frame_is_the_outermost() {
    let inside = [&[0, 7, 8, 0][..], &ping()].concat();
    let frame = ethernet(0x8100, &inside);
    let origin = Origin { tag: Some(0xa005), ..ORIGIN };
    let packet = classify(&SliceFrame::new(&frame, 0), Start::Ethernet, origin);
    assert_eq!((packet.class, packet.key.vlan, packet.vlan_pcp), (Class::IcmpEcho, [5, 7], 10));
}

#[test]
fn bytes_behind_the_datagram_are_an_anomaly_unless_they_are_zero() {
    let anomalous = |padding: &[u8]| {
        let frame = ethernet(0x0800, &[&ping()[..], padding].concat());
        packet(&frame).anomalies.contains(Anomaly::Trailer)
    };
    for len in 0..40 {
        assert!(!anomalous(&[0; 40][..len]), "{len} zeros");
    }
    for len in [1, 2, 7, 8, 9, 40] {
        let mut padding = [0; 40];
        padding[len - 1] = 1;
        assert!(anomalous(&padding[..len]), "the last of {len}");
        padding[len - 1] = 0;
        padding[0] = 1;
        assert!(anomalous(&padding[..len]), "the first of {len}");
    }
}

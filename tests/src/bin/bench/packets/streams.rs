//! Traffic of one kind each.

use super::dice::Dice;
use super::mix::{PACKETS, client, server};
use super::talk::{Say, Talk};
use super::wire::{Route, TcpHeader, Way, be16, ethertype, protocol};
use super::{BEGIN, MICROSECOND, Packet, apps};

/// The middles of 1,000 TLS connections, all open at once: data one way, every other segment acknowledged.
pub(crate) fn established() -> Vec<Packet> {
    const CONNECTIONS: u64 = 1_000;
    let mut dice = Dice::new(2);
    let mut packets = Vec::new();
    for number in 0..CONNECTIONS {
        let mut route = Route::plain([client(&mut dice), server(&mut dice)]);
        route.is_ipv6 = dice.happens(20);
        let ports = [dice.client_port(), 443];
        let mut talk = Talk::new(route, ports, BEGIN + number * 7 * MICROSECOND, &mut dice, &mut packets);
        // Fourteen segments, and seven that acknowledge them.
        let way = dice.pick(&[Way::Back, Way::Back, Way::Back, Way::There]);
        let data = apps::records(&mut dice, 19_000);
        talk.established(vec![Say::now(way, data)], &mut dice);
    }
    in_order(packets)
}

/// Look-ups and answers of many clients.
pub(crate) fn dns() -> Vec<Packet> {
    let mut dice = Dice::new(3);
    let mut packets = Vec::new();
    for number in 0..PACKETS as u64 / 2 {
        let mut route = Route::plain([client(&mut dice), [10, 0, 0, 53]]);
        route.is_ipv6 = dice.happens(20);
        let ports = [dice.client_port(), 53];
        let begin = BEGIN + number * 100 * MICROSECOND;
        let script = apps::dns(&mut dice);
        Talk::new(route, ports, begin, &mut dice, &mut packets).udp(script);
    }
    in_order(packets)
}

/// Echo requests and replies between 500 pairs of hosts, and one error in ten packets.
pub(crate) fn icmp() -> Vec<Packet> {
    let mut dice = Dice::new(4);
    let mut packets = Vec::new();
    for _ in 0..500 {
        let mut route = Route::plain([client(&mut dice), server(&mut dice)]);
        route.is_ipv6 = dice.happens(20);
        let data = [dice.bytes(16), (0x10..0x38).collect()].concat();
        let begin = BEGIN + dice.below(1_000) as u64 * 1_000 * MICROSECOND;
        Talk::new(route, [0; 2], begin, &mut dice, &mut packets).pings(18, &data, &mut dice);
    }
    for number in 0..2_000 {
        let mut route = Route::plain([client(&mut dice), server(&mut dice)]);
        route.is_ipv6 = dice.happens(20);
        let datagram = route.udp(Way::There, [dice.client_port(), 33_434], &dice.bytes(24));
        let quoted = route.ip(Way::There, dice.half_word(), protocol::UDP, &datagram);
        // Port unreachable.
        let head = if route.is_ipv6 { [1, 4, 0, 0, 0, 0, 0, 0] } else { [3, 3, 0, 0, 0, 0, 0, 0] };
        let (protocol, message) = route.icmp(Way::Back, [&head[..], &quoted].concat());
        let packet = route.ip(Way::Back, dice.half_word(), protocol, &message);
        let time_ns = BEGIN + number * 10_000 * MICROSECOND;
        packets.push(Packet { time_ns, bytes: route.frame(Way::Back, &packet) });
    }
    in_order(packets)
}

/// Shortest frames, UDP and TCP SYN by turns. The pacing program gives each a random source, and other last octets
/// and source ports; checksums are those from before.
pub(crate) fn flood() -> Vec<Packet> {
    let mut dice = Dice::new(5);
    numbered(|number| {
        let route = Route::plain([client(&mut dice), [10, 1, dice.array::<1>()[0], 1]]);
        let ports = [dice.client_port(), dice.pick(&[80, 443, 8_080, 123])];
        let (protocol, segment) = if number % 2 == 0 {
            (protocol::UDP, route.udp(Way::There, ports, &dice.array::<18>()))
        } else {
            let header = TcpHeader {
                sequence: dice.word(),
                acknowledged: 0,
                flags: 2,
                window: 64_240,
                options: Vec::new(),
            };
            (protocol::TCP, route.tcp(Way::There, ports, &header, &[]))
        };
        route.frame(Way::There, &route.ip(Way::There, dice.half_word(), protocol, &segment))
    })
}

/// Queries for names that differ, whose sources the pacing program makes random.
pub(crate) fn dns_flood() -> Vec<Packet> {
    let mut dice = Dice::new(6);
    numbered(|_| {
        let route = Route::plain([client(&mut dice), [10, 1, 0, 53]]);
        let (query, _) = apps::dns_query(&mut dice);
        let segment = route.udp(Way::There, [dice.client_port(), 53], &query);
        route.frame(Way::There, &route.ip(Way::There, dice.half_word(), protocol::UDP, &segment))
    })
}

/// EtherTypes and IP protocols that no classifier has a parser for, between 1,000 pairs of hosts.
pub(crate) fn unknown() -> Vec<Packet> {
    /// Local experiments (IEEE 802), AppleTalk, PROFINET, HomePlug.
    const ETHERTYPES: [u16; 4] = [0x88b5, 0x809b, 0x8892, 0x88e1];
    /// Experiments (RFC 3692), PIM, VRRP, OSPF, EIGRP, and unassigned ones.
    const PROTOCOLS: [u8; 8] = [253, 254, 103, 112, 89, 88, 150, 200];
    let mut dice = Dice::new(7);
    let pairs: Vec<_> = (0..1_000).map(|_| [client(&mut dice), server(&mut dice)]).collect();
    numbered(|number| {
        let mut route = Route::plain(dice.pick(&pairs));
        route.is_ipv6 = dice.happens(20);
        let size = dice.pick(&[46, 100, 300, 1_000]);
        let data = dice.bytes(size);
        if number % 2 == 0 {
            return route.ethernet(Way::There, dice.pick(&ETHERTYPES), &data);
        }
        let protocol = dice.pick(&PROTOCOLS);
        route.frame(Way::There, &route.ip(Way::There, dice.half_word(), protocol, &data))
    })
}

/// Packets of 1,000 TCP and UDP flows, each in one of eight encapsulations.
pub(crate) fn encapsulated() -> Vec<Packet> {
    let mut dice = Dice::new(8);
    let tunnels: Vec<_> = (0..50).map(|_| Route::plain([client(&mut dice), server(&mut dice)])).collect();
    let flows: Vec<_> = (0..1_000)
        .map(|_| {
            let mut route = Route::plain([client(&mut dice), server(&mut dice)]);
            route.is_ipv6 = dice.happens(20);
            (route, [dice.client_port(), dice.pick(&[443, 443, 80, 53, 4_500])], dice.pick(&tunnels))
        })
        .collect();
    numbered(|number| {
        let (inner, ports, outer) = dice.pick(&flows);
        let size = dice.pick(&[0, 0, 100, 500, 1_300]);
        let data = dice.bytes(size);
        let (protocol, segment) = if ports[1] == 443 || ports[1] == 80 {
            let header = TcpHeader {
                sequence: dice.word(),
                acknowledged: dice.word(),
                flags: 0x10,
                window: 501,
                options: Vec::new(),
            };
            (protocol::TCP, inner.tcp(Way::There, ports, &header, &data))
        } else {
            (protocol::UDP, inner.udp(Way::There, ports, &data))
        };
        let packet = inner.ip(Way::There, dice.half_word(), protocol, &segment);
        encapsulate(number % 8, &outer, &inner, &packet, &mut dice)
    })
}

/// Puts an IP packet into one of eight encapsulations.
fn encapsulate(kind: usize, outer: &Route, inner: &Route, packet: &[u8], dice: &mut Dice) -> Vec<u8> {
    let ethertype = if inner.is_ipv6 { ethertype::IPV6 } else { ethertype::IPV4 };
    let over_ip =
        |protocol, payload: &[u8], id| outer.frame(Way::There, &outer.ip(Way::There, id, protocol, payload));
    let over_udp = |port, sender, payload: &[u8], id| {
        over_ip(protocol::UDP, &outer.udp(Way::There, [sender, port], payload), id)
    };
    let (id, sender) = (dice.half_word(), dice.client_port());
    match kind {
        // GRE (RFC 2784), with a key by turns (RFC 2890).
        0 => {
            let key = dice.happens(50).then(|| dice.array::<4>());
            let flags: [u8; 2] = if key.is_some() { [0x20, 0] } else { [0, 0] };
            let header = [&flags[..], &ethertype.to_be_bytes(), &key.map_or(Vec::new(), Vec::from)].concat();
            over_ip(protocol::GRE, &[&header, packet].concat(), id)
        }
        // IP in IP (RFC 2003), 6in4 (RFC 4213).
        1 => over_ip(if inner.is_ipv6 { protocol::IPV6 } else { protocol::IPV4 }, packet, id),
        // 4in6 and 6in6 (RFC 2473).
        2 => {
            let outer = Route { is_ipv6: true, ..*outer };
            let protocol = if inner.is_ipv6 { protocol::IPV6 } else { protocol::IPV4 };
            outer.frame(Way::There, &outer.ip(Way::There, id, protocol, packet))
        }
        // VXLAN (RFC 7348).
        3 => over_udp(
            4_789,
            sender,
            &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &inner.frame(Way::There, packet)].concat(),
            id,
        ),
        // Geneve (RFC 8926) with one option of eight bytes.
        4 => {
            let header = [2, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 4, 0x80, 1, 0, 0, 0, 1];
            over_udp(6_081, sender, &[&header[..], &inner.frame(Way::There, packet)].concat(), id)
        }
        // GTP-U (3GPP TS 29.281).
        5 => {
            let header = [&[0x30, 255][..], &be16(packet.len()), &[0, 0, 1, 2]].concat();
            over_udp(2_152, sender, &[&header, packet].concat(), id)
        }
        // PPPoE (RFC 2516).
        6 => {
            let protocol: [u8; 2] = if inner.is_ipv6 { [0, 0x57] } else { [0, 0x21] };
            let length = be16(packet.len() + 2);
            let session = [&[0x11, 0, 0x12, 0x34][..], &length, &protocol, packet].concat();
            outer.ethernet(Way::There, ethertype::PPPOE, &session)
        }
        // MPLS (RFC 3032), two labels.
        _ => {
            let labels = [&[0, 1, 0, 64][..], &[0, 2, 1, 63], packet].concat();
            outer.ethernet(Way::There, ethertype::MPLS, &labels)
        }
    }
}

/// As many packets as a mix has, 10 µs apart.
fn numbered(mut frame: impl FnMut(usize) -> Vec<u8>) -> Vec<Packet> {
    let packet = |number| Packet { time_ns: BEGIN + number as u64 * 10 * MICROSECOND, bytes: frame(number) };
    (0..PACKETS).map(packet).collect()
}

fn in_order(mut packets: Vec<Packet>) -> Vec<Packet> {
    packets.sort_by_key(|packet| packet.time_ns);
    packets.truncate(PACKETS);
    packets
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use inspector_common::{Class, Direction, Origin, SliceFrame, Start, classify};

    use super::*;

    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;

    fn read(packets: &[Packet]) -> Vec<inspector_common::Packet> {
        let read = |packet: &Packet| {
            classify(&SliceFrame::new(&packet.bytes, 0), Start::Ethernet, Origin::new(1, Direction::Ingress))
        };
        packets.iter().map(read).collect()
    }

    #[test]
    fn every_stream_has_as_many_packets_as_a_mix_and_none_is_malformed() {
        let streams = [established(), dns(), icmp(), flood(), dns_flood(), unknown(), encapsulated()];
        for (number, packets) in streams.iter().enumerate() {
            assert_eq!(packets.len(), PACKETS, "stream {number}");
            let malformed = |p: &&inspector_common::Packet| {
                matches!(p.class, Class::Runt | Class::MalformedIp | Class::MalformedL4)
            };
            let packets = read(packets);
            assert_eq!(packets.iter().filter(malformed).count(), 0, "stream {number}");
        }
    }

    #[test]
    fn streams_are_of_their_kind() {
        let all = |packets: &[Packet], holds: fn(&inspector_common::Packet) -> bool| {
            read(packets).iter().all(holds)
        };
        assert!(all(&established(), |p| p.class == Class::Tcp && p.tcp_flags & (SYN | FIN | RST) == 0));
        assert!(all(&dns(), |p| p.class == Class::Dns && p.payload_len > 0));
        assert!(all(&dns_flood(), |p| p.class == Class::Dns && !p.key.is_ipv6() && p.key.vlan[0] == 0));
        assert!(all(&flood(), |p| matches!(p.class, Class::Tcp | Class::Udp) && p.wire_len <= 60));
        assert!(all(&icmp(), |p| matches!(p.key.protocol, 1 | 58)));
        assert!(all(&encapsulated(), |p| p.inner.offset != 0));
        assert!(all(&unknown(), |p| matches!(p.class, Class::OtherEthertype | Class::OtherIp)));
        let established = read(&established());
        assert!(established.iter().map(|p| p.key).collect::<HashSet<_>>().len() >= 1_900);
        let mut errors: HashMap<bool, usize> = HashMap::new();
        for packet in read(&icmp()) {
            *errors.entry(matches!(packet.class, Class::IcmpError | Class::Icmpv6Error)).or_default() += 1;
        }
        assert_eq!(errors.get(&true), Some(&2_000));
    }
}

//! The traffic of an office in a minute: 20,000 packets in about 1,900 flows.
//!
//! Its proportions are those that make a classifier's and a flow table's work what it is on real links: many flows
//! of few packets and few of many, short packets and full ones, both IP versions, VLANs. It is for cost: nothing in
//! it has anything to do with what real applications hide or don't.

use super::dice::Dice;
use super::talk::Talk;
use super::wire::{Host, Route, Way, ethertype};
use super::{BEGIN, MILLISECOND, Packet, SECOND, apps};

/// Packets of one mix.
pub(crate) const PACKETS: usize = 20_000;

/// A mix; another seed gives other hosts, names and sizes. `minute` is which minute it fills.
pub(crate) fn mix(seed: u64, minute: u64) -> Vec<Packet> {
    let mut office = Office::new(seed, BEGIN + minute * 60 * SECOND);
    for (count, what) in SCHEDULE {
        for _ in 0..*count {
            what(&mut office);
        }
    }
    while office.packets.len() < PACKETS {
        office.download();
    }
    office.packets.sort_by_key(|packet| packet.time_ns);
    office.packets.truncate(PACKETS);
    office.packets
}

/// Something that is done in the office.
type Occupation = fn(&mut Office);

/// How often each thing is done; downloads fill up what is left.
const SCHEDULE: &[(usize, Occupation)] = &[
    (950, Office::look_up),
    (330, Office::page),
    (330, Office::visit),
    (110, Office::quic),
    (30, Office::ping),
    (70, Office::clock),
    (16, Office::call),
    (18, Office::shell),
    (40, Office::discover),
    (60, Office::arp),
];

struct Office {
    dice: Dice,
    begin_ns: u64,
    clients: Vec<Host>,
    servers: Vec<Host>,
    packets: Vec<Packet>,
}

const RESOLVERS: [Host; 3] = [[10, 0, 0, 53], [9, 9, 9, 9], [8, 8, 4, 4]];

impl Office {
    fn new(seed: u64, begin_ns: u64) -> Self {
        let mut dice = Dice::new(seed);
        let clients = (0..220).map(|_| client(&mut dice)).collect();
        let servers = (0..300).map(|_| server(&mut dice)).collect();
        Self { dice, begin_ns, clients, servers, packets: Vec::new() }
    }

    fn route(&mut self, server: Host) -> Route {
        let dice = &mut self.dice;
        Route {
            hosts: [dice.pick(&self.clients), server],
            is_ipv6: dice.happens(22),
            vlan: dice.happens(8).then(|| dice.pick(&[10, 20, 30])),
            ttl: [dice.pick(&[64, 64, 64, 128]), dice.pick(&[45, 48, 52, 55, 58, 61])],
            tos: dice.pick(&[0, 0, 0, 0, 0x10, 0x28]),
            label: dice.word() >> 12,
        }
    }

    /// Starts a conversation with some server at some time.
    fn talk(&mut self, port: u16) -> (Talk<'_>, &mut Dice) {
        let server = self.dice.pick(&self.servers);
        let route = self.route(server);
        self.talk_on(route, port)
    }

    fn talk_on(&mut self, route: Route, port: u16) -> (Talk<'_>, &mut Dice) {
        let Self { dice, packets, begin_ns, .. } = self;
        let begin = *begin_ns + dice.below(55_000) as u64 * MILLISECOND;
        let ports = [dice.client_port(), port];
        (Talk::new(route, ports, begin, dice, packets), dice)
    }

    fn look_up(&mut self) {
        let resolver = self.dice.pick(&RESOLVERS);
        let route = self.route(resolver);
        let (mut talk, dice) = self.talk_on(route, 53);
        talk.udp(apps::dns(dice));
    }

    fn page(&mut self) {
        let (mut talk, dice) = self.talk(80);
        talk.tcp(apps::http(dice), dice);
    }

    fn visit(&mut self) {
        let (mut talk, dice) = self.talk(443);
        let (up, down) = (dice.between(120, 900), dice.between(200, 6_000));
        talk.tcp(apps::tls(dice, up, down), dice);
    }

    fn download(&mut self) {
        let (mut talk, dice) = self.talk(443);
        let up = dice.pick(&[300, 300, 300, 40_000]);
        let down = dice.pick(&[300, 80_000, 80_000, 140_000, 200_000]);
        talk.tcp(apps::tls(dice, up, down), dice);
    }

    fn quic(&mut self) {
        let (mut talk, dice) = self.talk(443);
        talk.udp(apps::quic(dice));
    }

    fn ping(&mut self) {
        let (mut talk, dice) = self.talk(0);
        let count = dice.pick(&[4, 6, 9, 13]);
        // What iputils sends: a time of sixteen bytes, then a pattern.
        let data = [dice.bytes(16), (0x10..0x38).collect()].concat();
        talk.pings(count, &data, dice);
    }

    fn clock(&mut self) {
        let (mut talk, dice) = self.talk(123);
        if dice.happens(40) {
            talk.ports[0] = 123;
        }
        talk.udp(apps::ntp(dice));
    }

    fn call(&mut self) {
        let port = 2 * (10_000 + self.dice.half_word() % 10_000);
        let (mut talk, dice) = self.talk(port);
        talk.route.tos = 0xb8;
        talk.udp(apps::call(dice));
    }

    fn shell(&mut self) {
        let (mut talk, dice) = self.talk(22);
        talk.tcp(apps::ssh(dice), dice);
    }

    fn discover(&mut self) {
        let route = self.route([224, 0, 0, 251]);
        let (mut talk, _) =
            self.talk_on(Route { is_ipv6: false, vlan: None, ttl: [255, 255], ..route }, 5_353);
        talk.ports[0] = 5_353;
        talk.udp(apps::mdns());
    }

    fn arp(&mut self) {
        let hosts = [self.dice.pick(&self.clients), self.dice.pick(&self.clients)];
        let [asks, asked] = hosts;
        let request = [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0][..], &asks, &asks, &[0; 6], &asked, &[0; 18]].concat();
        let bytes = Route::plain(hosts).ethernet(Way::There, ethertype::ARP, &request);
        let time_ns = self.begin_ns + self.dice.below(55_000) as u64 * MILLISECOND;
        self.packets.push(Packet { time_ns, bytes });
    }
}

pub(super) fn client(dice: &mut Dice) -> Host {
    let [b, c, d] = dice.array();
    [10, b, c, d]
}

pub(super) fn server(dice: &mut Dice) -> Host {
    let [b, c, d] = dice.array();
    [dice.pick(&[13, 23, 34, 52, 93, 104, 142, 151, 185, 199]), b, c, d]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use inspector_common::{Class, Direction, FlowKey, Origin, SliceFrame, Start, classify};

    use super::*;

    /// What share of something there is, within two points in a hundred.
    fn assert_share(what: &str, count: usize, expected: f64) {
        let share = count as f64 / PACKETS as f64;
        assert!((share - expected).abs() < 0.02, "{what}: {share} instead of {expected}");
    }

    #[test]
    fn the_mix_has_the_statistics_that_it_promises() {
        let packets = mix(1, 0);
        assert_eq!(packets.len(), PACKETS);
        assert!(packets.is_sorted_by_key(|packet| packet.time_ns));
        let bytes: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
        let mean = bytes as f64 / PACKETS as f64;
        assert!((430.0..485.0).contains(&mean), "{mean} bytes on average");

        let read: Vec<_> = packets
            .iter()
            .map(|packet| {
                classify(
                    &SliceFrame::new(&packet.bytes, 0),
                    Start::Ethernet,
                    Origin::new(1, Direction::Ingress),
                )
            })
            .collect();
        let count = |holds: fn(&inspector_common::Packet) -> bool| read.iter().filter(|p| holds(p)).count();
        assert_share("TCP", count(|p| p.key.protocol == 6), 0.70);
        assert_share("UDP", count(|p| p.key.protocol == 17), 0.27);
        assert_share("ICMP", count(|p| matches!(p.key.protocol, 1 | 58)), 0.027);
        assert_share("IPv6", count(|p| p.key.is_ipv6()), 0.21);
        assert_share("VLAN", count(|p| p.key.vlan[0] != 0), 0.07);
        assert_share("DNS", count(|p| p.class == Class::Dns), 0.095);
        assert_share("under 64 bytes", count(|p| p.class.has_flow() && p.l4_len < 64), 0.45);
        assert_share("full", count(|p| (1_024..=1_500).contains(&p.l4_len)), 0.24);
        assert!(count(|p| p.class == Class::Arp) >= 50);
        assert!(count(|p| p.class == Class::Icmpv6Echo) > 20);

        let flows: HashSet<FlowKey> = read.iter().filter(|p| p.class.has_flow()).map(both_ways).collect();
        assert!((1_800..2_050).contains(&flows.len()), "{} flows", flows.len());
    }

    #[test]
    fn nothing_is_malformed_and_the_same_seed_gives_the_same() {
        let packets = mix(1, 0);
        for (packet, again) in packets.iter().zip(mix(1, 0)) {
            let frame = SliceFrame::new(&packet.bytes, 0);
            let read = classify(&frame, Start::Ethernet, Origin::new(1, Direction::Ingress));
            assert!(
                !matches!(read.class, Class::Runt | Class::MalformedIp | Class::MalformedL4),
                "{packet:?}"
            );
            assert_eq!(read.anomalies.0, 0, "{packet:?}");
            assert_eq!(packet.bytes, again.bytes);
        }
        assert!(mix(2, 1).first().unwrap().time_ns >= BEGIN + 60 * SECOND);
    }

    fn both_ways(packet: &inspector_common::Packet) -> FlowKey {
        let mut key = packet.key;
        if matches!(key.protocol, 1 | 58) {
            key.dst_port = key.src_port;
        }
        let reversed = key.reversed();
        if (key.src, key.src_port) <= (key.dst, key.dst_port) { key } else { reversed }
    }
}

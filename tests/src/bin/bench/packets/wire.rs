//! Headers, with right lengths and checksums.

use inspector_tests::capture::internet_checksum;

/// IP protocol numbers (IANA).
pub(crate) mod protocol {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ICMPV6: u8 = 58;
}

/// EtherTypes (IEEE).
pub(crate) mod ethertype {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const VLAN: u16 = 0x8100;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const PPPOE: u16 = 0x8864;
}

/// A host: its IPv4 address, from which its others follow.
pub(crate) type Host = [u8; 4];

/// Which of two hosts sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    There,
    Back,
}

impl Way {
    pub(crate) const fn reversed(self) -> Self {
        match self {
            Self::There => Self::Back,
            Self::Back => Self::There,
        }
    }

    /// Of two things, the sender's first.
    pub(crate) fn order<T>(self, [there, back]: [T; 2]) -> [T; 2] {
        match self {
            Self::There => [there, back],
            Self::Back => [back, there],
        }
    }
}

/// What all packets between two hosts have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) hosts: [Host; 2],
    pub(crate) is_ipv6: bool,
    pub(crate) vlan: Option<u16>,
    /// TTL or hop limit of either host's packets here.
    pub(crate) ttl: [u8; 2],
    pub(crate) tos: u8,
    /// IPv6 flow label, 20 bits.
    pub(crate) label: u32,
}

impl Route {
    /// Between two hosts, with nothing special.
    pub(crate) const fn plain(hosts: [Host; 2]) -> Self {
        Self { hosts, is_ipv6: false, vlan: None, ttl: [64, 56], tos: 0, label: 0 }
    }

    const fn ethertype(&self) -> u16 {
        if self.is_ipv6 { ethertype::IPV6 } else { ethertype::IPV4 }
    }

    /// An Ethernet frame around an IP packet of this route.
    pub(crate) fn frame(&self, way: Way, packet: &[u8]) -> Vec<u8> {
        self.ethernet(way, self.ethertype(), packet)
    }

    /// An Ethernet frame.
    pub(crate) fn ethernet(&self, way: Way, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let [from, to] = way.order(self.hosts);
        let mut frame = Vec::with_capacity(18 + payload.len());
        for host in [to, from] {
            frame.extend([2, 0]);
            frame.extend(host);
        }
        if let Some(vlan) = self.vlan {
            frame.extend(ethertype::VLAN.to_be_bytes());
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// An IP packet. TCP never lets its packets be fragmented.
    pub(crate) fn ip(&self, way: Way, id: u16, protocol: u8, segment: &[u8]) -> Vec<u8> {
        let [ttl, _] = way.order(self.ttl);
        let mut packet = Vec::with_capacity(40 + segment.len());
        if self.is_ipv6 {
            packet.extend((6 << 28 | u32::from(self.tos) << 20 | self.label).to_be_bytes());
            packet.extend(be16(segment.len()));
            packet.extend([protocol, ttl]);
            packet.extend(self.addresses(way));
        } else {
            let is_whole = if protocol == protocol::TCP { 0x40 } else { 0 };
            packet.extend([0x45, self.tos]);
            packet.extend(be16(20 + segment.len()));
            packet.extend(id.to_be_bytes());
            packet.extend([is_whole, 0, ttl, protocol, 0, 0]);
            packet.extend(self.addresses(way));
            let checksum = internet_checksum(&[&packet]);
            packet[10..12].copy_from_slice(&checksum);
        }
        packet.extend(segment);
        packet
    }

    fn addresses(&self, way: Way) -> Vec<u8> {
        let hosts = way.order(self.hosts);
        if !self.is_ipv6 {
            return hosts.concat();
        }
        let address = |host: Host| [&[0x20, 0x01, 0x0d, 0xb8][..], &host, &[0; 4], &host].concat();
        hosts.map(address).concat()
    }

    /// Fills in the checksum of a segment, which covers the addresses as well.
    fn seal(&self, way: Way, protocol: u8, mut segment: Vec<u8>, checksum_at: usize) -> Vec<u8> {
        let length = be16(segment.len());
        let pseudo = [&self.addresses(way)[..], &length, &[0, protocol]].concat();
        let checksum = match internet_checksum(&[&pseudo, &segment]) {
            // In UDP, 0 says that there is none.
            [0, 0] if protocol == protocol::UDP => [0xff, 0xff],
            checksum => checksum,
        };
        segment[checksum_at..checksum_at + 2].copy_from_slice(&checksum);
        segment
    }

    /// A UDP segment between two ports, in the order of the hosts.
    pub(crate) fn udp(&self, way: Way, ports: [u16; 2], data: &[u8]) -> Vec<u8> {
        let [from, to] = way.order(ports);
        let header = [from.to_be_bytes(), to.to_be_bytes(), be16(8 + data.len()), [0, 0]].concat();
        self.seal(way, protocol::UDP, [&header, data].concat(), 6)
    }

    /// A TCP segment; `options` are padded already.
    pub(crate) fn tcp(&self, way: Way, ports: [u16; 2], header: &TcpHeader, data: &[u8]) -> Vec<u8> {
        let [from, to] = way.order(ports);
        let TcpHeader { sequence, acknowledged, flags, window, options } = header;
        let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
        segment.extend(sequence.to_be_bytes());
        segment.extend(acknowledged.to_be_bytes());
        let words = u8::try_from(5 + options.len() / 4).unwrap_or(15);
        segment.extend([words << 4, *flags]);
        segment.extend(window.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(options);
        segment.extend(data);
        self.seal(way, protocol::TCP, segment, 16)
    }

    /// An echo request or reply of the route's IP version.
    pub(crate) fn echo(&self, way: Way, id: u16, sequence: u16, data: &[u8]) -> (u8, Vec<u8>) {
        let [kind, _] = way.order(if self.is_ipv6 { [128, 129] } else { [8, 0] });
        let head = [[kind, 0], [0, 0], id.to_be_bytes(), sequence.to_be_bytes()].concat();
        self.icmp(way, [&head, data].concat())
    }

    /// A message of the route's ICMP with its checksum filled in, and the protocol's number.
    pub(crate) fn icmp(&self, way: Way, mut message: Vec<u8>) -> (u8, Vec<u8>) {
        if self.is_ipv6 {
            return (protocol::ICMPV6, self.seal(way, protocol::ICMPV6, message, 2));
        }
        let checksum = internet_checksum(&[&message]);
        message[2..4].copy_from_slice(&checksum);
        (protocol::ICMP, message)
    }
}

/// What varies between the segments of a connection.
#[derive(Debug)]
pub(crate) struct TcpHeader {
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) options: Vec<u8>,
}

/// A length, as headers want it.
pub(crate) fn be16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

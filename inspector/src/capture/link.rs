//! Link types: where in a captured packet the classifier is to begin.
//!
//! Numbers and layouts: <https://www.tcpdump.org/linktypes.html>.

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and what came before 802.1ad.
const ETHERTYPES_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const VLAN_TAG_LEN: usize = 4;
const MAX_VLAN_TAGS: usize = 2;
/// Smaller values in an EtherType's place are lengths, or Linux's numbers for frames without an EtherType.
const MIN_ETHERTYPE: u16 = 0x0600;

/// The link layer of a captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet frames, without preamble (1).
    Ethernet,
    /// An IPv4 or IPv6 packet, told apart by its version field (101; 12 and 14 by BSD).
    RawIp,
    /// An IPv4 packet (228).
    RawIpv4,
    /// An IPv6 packet (229).
    RawIpv6,
    /// BSD loopback: an address family in the writer's byte order, then the packet (0).
    Null,
    /// OpenBSD loopback: an address family in network byte order, then the packet (108).
    Loop,
    /// Linux "cooked" header, version 1: what `tcpdump -i any` used to write (113).
    LinuxCooked,
    /// Linux "cooked" header, version 2: what `tcpdump -i any` writes (276).
    LinuxCooked2,
    /// Any other, by its number.
    Unsupported(u16),
}

impl From<u16> for LinkType {
    fn from(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::RawIp,
            108 => Self::Loop,
            113 => Self::LinuxCooked,
            228 => Self::RawIpv4,
            229 => Self::RawIpv6,
            276 => Self::LinuxCooked2,
            other => Self::Unsupported(other),
        }
    }
}

/// Where the classifier begins in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the packet's first byte, which begins an Ethernet frame.
    Ethernet,
    /// At a network-layer header.
    Network {
        /// Which protocol that header is of.
        ethertype: u16,
        /// Where it begins in the packet, in bytes; never beyond the packet's end.
        offset: usize,
    },
    /// Nowhere: a link layer without an EtherType, an unsupported one, or too short to tell.
    Other,
}

/// Finds where the classifier begins in `data`, a packet captured on a link of type `link`.
#[inline]
pub(super) fn start(link: LinkType, data: &[u8]) -> Start {
    let network = match link {
        LinkType::Ethernet => return Start::Ethernet,
        LinkType::RawIp => version(data).map(|ethertype| (ethertype, 0)),
        LinkType::RawIpv4 => Some((ETHERTYPE_IPV4, 0)),
        LinkType::RawIpv6 => Some((ETHERTYPE_IPV6, 0)),
        LinkType::Null => loopback(data, &[u32::from_le_bytes, u32::from_be_bytes]),
        LinkType::Loop => loopback(data, &[u32::from_be_bytes]),
        LinkType::LinuxCooked => cooked(data, 14, 16),
        LinkType::LinuxCooked2 => cooked(data, 0, 20),
        LinkType::Unsupported(_) => None,
    };
    network.map_or(Start::Other, |(ethertype, offset)| Start::Network { ethertype, offset })
}

fn version(data: &[u8]) -> Option<u16> {
    match data.first()? >> 4 {
        4 => Some(ETHERTYPE_IPV4),
        6 => Some(ETHERTYPE_IPV6),
        _ => None,
    }
}

/// An address family first, in one of these byte orders.
fn loopback(data: &[u8], orders: &[fn([u8; 4]) -> u32]) -> Option<(u16, usize)> {
    let family = *data.first_chunk()?;
    let ethertype = orders.iter().find_map(|order| match order(family) {
        2 => Some(ETHERTYPE_IPV4),
        // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS.
        10 | 24 | 28 | 30 => Some(ETHERTYPE_IPV6),
        _ => None,
    })?;
    Some((ethertype, family.len()))
}

/// An EtherType at `protocol_at` of a header of `header_len` bytes, then VLAN tags, if any.
fn cooked(data: &[u8], protocol_at: usize, header_len: usize) -> Option<(u16, usize)> {
    let mut ethertype = u16_at(data, protocol_at)?;
    let mut offset = header_len;
    for _ in 0..MAX_VLAN_TAGS {
        if !ETHERTYPES_VLAN.contains(&ethertype) {
            break;
        }
        ethertype = u16_at(data, offset + 2)?;
        offset += VLAN_TAG_LEN;
    }
    (ethertype >= MIN_ETHERTYPE && offset <= data.len()).then_some((ethertype, offset))
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// What tcpdump calls the unsupported link types that captures have most often.
pub(super) const fn name(number: u16) -> Option<&'static str> {
    Some(match number {
        8 => "SLIP",
        9 => "PPP",
        50 => "PPP in HDLC framing",
        51 => "PPPoE",
        104 => "Cisco HDLC",
        105 => "IEEE 802.11",
        107 => "Frame Relay",
        127 => "IEEE 802.11 with radiotap",
        147..=162 => "private use",
        189 | 220 => "USB",
        195 | 230 => "IEEE 802.15.4",
        201 | 251 => "Bluetooth",
        227 => "CAN",
        239 => "NFLOG",
        252 => "Wireshark upper PDU",
        253 => "Netlink",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4: Start = Start::Network { ethertype: ETHERTYPE_IPV4, offset: 0 };
    const IPV6: Start = Start::Network { ethertype: ETHERTYPE_IPV6, offset: 0 };

    fn at(start: Start, by: usize) -> Start {
        match start {
            Start::Network { ethertype, offset } => Start::Network { ethertype, offset: offset + by },
            other => other,
        }
    }

    #[test]
    fn raw_ip_goes_by_version() {
        for number in [12, 14, 101] {
            let link = LinkType::from(number);
            assert_eq!(start(link, &[0x45, 0]), IPV4);
            assert_eq!(start(link, &[0x60]), IPV6);
            assert_eq!(start(link, &[0x10]), Start::Other);
            assert_eq!(start(link, &[]), Start::Other);
        }
        assert_eq!(start(LinkType::from(228), &[]), IPV4);
        assert_eq!(start(LinkType::from(229), &[0x45]), IPV6);
    }

    #[test]
    fn loopback_goes_by_address_family() {
        let null = LinkType::from(0);
        let r#loop = LinkType::from(108);
        for (family, expected) in [(2_u32, IPV4), (10, IPV6), (24, IPV6), (28, IPV6), (30, IPV6)] {
            assert_eq!(start(null, &family.to_le_bytes()), at(expected, 4));
            assert_eq!(start(null, &family.to_be_bytes()), at(expected, 4));
            assert_eq!(start(r#loop, &family.to_be_bytes()), at(expected, 4));
            assert_eq!(start(r#loop, &family.to_le_bytes()), Start::Other);
        }
        assert_eq!(start(null, &[7, 0, 0, 0]), Start::Other);
        assert_eq!(start(null, &[2, 0, 0]), Start::Other);
    }

    fn cooked_packet(version: u16, chain: &[u16]) -> (LinkType, Vec<u8>) {
        let (number, mut data, rest) = match version {
            1 => (113, vec![0; 14], 0),
            _ => (276, vec![], 18),
        };
        for (nth, ethertype) in chain.iter().enumerate() {
            if nth > 0 {
                data.extend([0, 5]);
            }
            data.extend(ethertype.to_be_bytes());
            if nth == 0 {
                data.extend(vec![0; rest]);
            }
        }
        (LinkType::from(number), data)
    }

    #[test]
    fn cooked_headers_have_an_ethertype_and_perhaps_tags() {
        for (version, header) in [(1, 16), (2, 20)] {
            for (chain, expected) in [
                (&[0x0800][..], at(IPV4, header)),
                (&[0x86dd], at(IPV6, header)),
                (&[0x0806], Start::Network { ethertype: 0x0806, offset: header }),
                (&[0x8100, 0x0800], at(IPV4, header + 4)),
                (&[0x88a8, 0x8100, 0x86dd], at(IPV6, header + 8)),
                (&[0x8100, 0x8100, 0x8100], Start::Network { ethertype: 0x8100, offset: header + 8 }),
                (&[0x0004], Start::Other),
                (&[0x8100, 0x0026], Start::Other),
            ] {
                let (link, data) = cooked_packet(version, chain);
                assert_eq!(start(link, &data), expected, "version {version}, {chain:x?}");
                for cut in 0..data.len() {
                    assert_eq!(
                        start(link, &data[..cut]),
                        Start::Other,
                        "version {version}, {chain:x?} at {cut}"
                    );
                }
            }
        }
    }

    #[test]
    fn others_start_nowhere() {
        assert_eq!(start(LinkType::from(1), &[]), Start::Ethernet);
        assert_eq!(LinkType::from(105), LinkType::Unsupported(105));
        assert_eq!(start(LinkType::from(105), &[0x45; 64]), Start::Other);
    }
}

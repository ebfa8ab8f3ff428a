//! Community ID version 1: the name that Zeek, Suricata and others give to the same flow.
//!
//! Written after <https://github.com/corelight/community-id-spec>, since the crate that does it is GPL.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::Subject;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Types of ICMP that ask, each with the one that answers.
const ICMP_PAIRS: [(u8, u8); 5] = [(8, 0), (10, 9), (13, 14), (15, 16), (17, 18)];
/// The same for ICMPv6.
const ICMPV6_PAIRS: [(u8, u8); 6] = [(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

/// The Community ID of what a finding is about, under the default seed; `None` where that is no single flow
/// (a TCP, UDP or SCTP subject with several ports).
///
/// Answers of ICMP are taken to come from the server, and everything else from the client.
#[must_use]
pub fn of_subject(subject: &Subject) -> Option<String> {
    let Subject { client, client_port, server, server_port, protocol, icmp, .. } = subject;
    let ports = match (*protocol, *icmp) {
        (ICMP | ICMPV6, Some((kind, code))) => Some((kind.into(), code.into())),
        (ICMP | ICMPV6, None) => return None,
        (TCP | UDP | SCTP, _) if *client_port == 0 || *server_port == 0 => return None,
        (TCP | UDP | SCTP, _) => Some((*client_port, *server_port)),
        _ => None,
    };
    let answer = icmp.is_some_and(|(kind, _)| pairs(*protocol).iter().any(|(_, answer)| *answer == kind));
    let (src, dst) = if answer { (server, client) } else { (client, server) };
    Some(of_packet(*protocol, *src, *dst, ports, 0))
}

/// The Community ID of the flow that a packet belongs to.
///
/// `ports` are source and destination port of TCP, UDP and SCTP, type and code of ICMP and ICMPv6, and `None`
/// for everything else.
#[must_use]
pub fn of_packet(protocol: u8, src: IpAddr, dst: IpAddr, ports: Option<(u16, u16)>, seed: u16) -> String {
    let (ports, one_way) = match (protocol, ports) {
        (ICMP | ICMPV6, Some((kind, code))) => match counterpart(protocol, kind) {
            Some(other) => (Some((kind, other)), false),
            None => (Some((kind, code)), true),
        },
        (_, ports) => (ports, false),
    };
    let (src_port, dst_port) = ports.unwrap_or_default();
    let (mut from, mut to) = ((src, src_port), (dst, dst_port));
    if to < from && !one_way {
        (from, to) = (to, from);
    }

    let mut sha1 = Sha1::new();
    sha1.update(seed.to_be_bytes());
    for (address, _) in [from, to] {
        match address {
            IpAddr::V4(address) => sha1.update(address.octets()),
            IpAddr::V6(address) => sha1.update(address.octets()),
        }
    }
    sha1.update([protocol, 0]);
    if ports.is_some() {
        sha1.update(from.1.to_be_bytes());
        sha1.update(to.1.to_be_bytes());
    }
    format!("1:{}", STANDARD.encode(sha1.finalize()))
}

fn pairs(protocol: u8) -> &'static [(u8, u8)] {
    match protocol {
        ICMP => &ICMP_PAIRS,
        ICMPV6 => &ICMPV6_PAIRS,
        _ => &[],
    }
}

/// The type that answers this one or is answered by it.
fn counterpart(protocol: u8, kind: u16) -> Option<u16> {
    pairs(protocol).iter().map(|(ask, answer)| (u16::from(*ask), u16::from(*answer))).find_map(
        |(ask, answer)| {
            if kind == ask {
                Some(answer)
            } else if kind == answer {
                Some(ask)
            } else {
                None
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(protocol: u8, src: &str, dst: &str, ports: Option<(u16, u16)>, seed: u16) -> String {
        of_packet(protocol, src.parse().unwrap(), dst.parse().unwrap(), ports, seed)
    }

    /// The specification's baseline (baseline/baseline_deflt.json): protocol, source, destination, ports, hash.
    const BASELINE: &str = "
        58 fe80::200:86ff:fe05:80da fe80::260:97ff:fe07:69ea 135 136 dGHyGvjMfljg6Bppwm3bg0LO8TY=
        58 fe80::260:97ff:fe07:69ea fe80::200:86ff:fe05:80da 136 135 dGHyGvjMfljg6Bppwm3bg0LO8TY=
        58 fe80::260:97ff:fe07:69ea fe80::200:86ff:fe05:80da 135 136 zavyT/cezQr1fmImYCwYnMXbgck=
        58 fe80::200:86ff:fe05:80da fe80::260:97ff:fe07:69ea 136 135 zavyT/cezQr1fmImYCwYnMXbgck=
        58 3ffe:501:1800:2345::2 3ffe:507:0:1:200:86ff:fe05:80da 3 0 2ObVBgIn28oZvibYZhZMBgh7WdQ=
        58 3ffe:501:410:0:2c0:dfff:fe47:33e 3ffe:507:0:1:200:86ff:fe05:80da 1 4 hLZd0XGWojozrvxqE0dWB1iM6R0=
        58 3ffe:507:0:1:200:86ff:fe05:80da 3ffe:501:0:1001::2 128 129 +TW+HtLHvV1xnGhV1lv7XoJrqQg=
        58 3ffe:501:0:1001::2 3ffe:507:0:1:200:86ff:fe05:80da 129 128 +TW+HtLHvV1xnGhV1lv7XoJrqQg=
        58 fe80::200:86ff:fe05:80da ff02::2 133 134 hO+sN4H+MG5MY/8hIrXPqc4ZQz0=
        58 fe80::260:97ff:fe07:69ea ff02::1 134 133 pkvHqCL88/tg1k4cPigmZXUtL00=
        1 192.168.0.89 192.168.0.1 8 0 X0snYXpgwiv9TZtqg64sgzUn6Dk=
        1 192.168.0.1 192.168.0.89 0 8 X0snYXpgwiv9TZtqg64sgzUn6Dk=
        1 10.0.0.1 10.0.0.2 11 0 YHxtAirCG//0OzkcVAukqKQN9xM=
        6 2001:470:e5bf:dead:4957:2174:e82c:4887 2607:f8b0:400c:c03::1a 63943 25 /qFaeAR+gFe1KYjMzVDsMv+wgU4=
        6 2607:f8b0:400c:c03::1a 2001:470:e5bf:dead:4957:2174:e82c:4887 25 63943 /qFaeAR+gFe1KYjMzVDsMv+wgU4=
        132 192.168.170.8 192.168.170.56 7 7 MP2EtRCAUIZvTw6MxJHLV7N7JDs=
        132 192.168.170.56 192.168.170.8 7 7 MP2EtRCAUIZvTw6MxJHLV7N7JDs=
        6 128.232.110.120 66.35.250.204 34855 80 LQU9qZlK+B5F3KDmev6m5PMibrg=
        6 66.35.250.204 128.232.110.120 80 34855 LQU9qZlK+B5F3KDmev6m5PMibrg=
        17 192.168.1.52 8.8.8.8 54585 53 d/FP5EW3wiY1vCndhwleRRKHowQ=
        17 8.8.8.8 192.168.1.52 53 54585 d/FP5EW3wiY1vCndhwleRRKHowQ=
    ";

    #[test]
    fn agrees_with_the_specification() {
        let rows: Vec<&str> = BASELINE.lines().filter(|row| !row.trim().is_empty()).collect();
        assert_eq!(rows.len(), 21);
        for row in rows {
            let fields: Vec<&str> = row.split_whitespace().collect();
            let [protocol, src, dst, src_port, dst_port, hash] = fields[..] else { panic!("{row}") };
            let ports = (src_port.parse().unwrap(), dst_port.parse().unwrap());
            let found = id(protocol.parse().unwrap(), src, dst, Some(ports), 0);
            assert_eq!(found, format!("1:{hash}"), "{row}");
        }
        for (src, dst) in [("10.1.12.1", "10.1.12.2"), ("10.1.12.2", "10.1.12.1")] {
            assert_eq!(id(46, src, dst, None, 0), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
        }
    }

    /// From the tests of the reference implementation, pycommunityid.
    #[test]
    fn codes_count_only_where_nothing_answers() {
        let icmp = |kind, code, seed| id(1, "192.168.0.89", "192.168.0.1", Some((kind, code)), seed);
        assert_eq!(icmp(20, 0, 0), "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=");
        assert_eq!(icmp(20, 1, 0), "1:tz/fHIDUHs19NkixVVoOZywde+I=");
        assert_eq!(icmp(8, 0, 1), "1:03g6IloqVBdcZlPyX8r0hgoE7kA=");
        assert_eq!(id(1, "192.168.0.1", "192.168.0.89", Some((0, 20)), 0), icmp(8, 0, 0));
    }

    #[test]
    fn both_packets_of_an_echo_give_one_id() {
        let mut subject = Subject {
            client: "192.168.0.89".parse().unwrap(),
            client_port: 77,
            server: "192.168.0.1".parse().unwrap(),
            server_port: 0,
            protocol: 1,
            icmp: Some((8, 0)),
            ifindex: 0,
            vlan: [0; 2],
            domain: None,
        };
        assert_eq!(of_subject(&subject).unwrap(), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        subject.icmp = Some((0, 0));
        assert_eq!(of_subject(&subject).unwrap(), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        (subject.protocol, subject.icmp) = (17, None);
        assert_eq!(of_subject(&subject), None);
    }
}

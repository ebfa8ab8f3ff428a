use super::*;
use crate::detect::wire::{ACK, CLIENT, SERVER, SYN, Wire, identified, ipv4, noise};

fn wire() -> Wire<CustomProtocol> {
    Wire::new(CustomProtocol::new(Thresholds::default()))
}

/// Messages behind a header each.
fn messages(count: u64, header: impl Fn(u64, usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    let message = |i: u64| {
        let len = 80 + usize::try_from(i * 37 % 300).unwrap();
        [header(i, len), noise(i + 1, len)].concat()
    };
    (0..count).map(message).collect()
}

fn talk(wire: &mut Wire<CustomProtocol>, server_port: u16, messages: &[Vec<u8>]) {
    for (i, message) in messages.iter().enumerate() {
        wire.wait(100);
        wire.udp(i % 2 == 0, 40_001, server_port, message);
    }
}

#[test]
fn ciphertext_both_ways_is_an_alert() {
    let mut wire = wire();
    wire.connection([40_000, 8_500], &messages(80, |_, _| Vec::new()));
    assert_eq!(wire.severity(), Some(Severity::Medium));
    assert_eq!(wire.findings[0].subject.server_port, 8_500);
    let mut wire = self::wire();
    talk(&mut wire, 6_000, &messages(80, |_, _| Vec::new()));
    assert_eq!(wire.severity(), Some(Severity::Medium));
    let mut wire = self::wire();
    talk(&mut wire, 514, &messages(80, |_, _| Vec::new()));
    assert_eq!(wire.severity(), Some(Severity::High), "on another protocol's port");
}

#[test]
fn framed_ciphertext_is_somebodys_protocol() {
    let headers: [fn(u64, usize) -> Vec<u8>; 5] = [
        |_, _| vec![0x17, 3, 3, 0, 99],
        |_, len| u16::try_from(len).unwrap().to_be_bytes().to_vec(),
        |i, _| u32::try_from(i).unwrap().to_be_bytes().to_vec(),
        // QUIC's short header: the fixed bit, and a random connection.
        |i, _| vec![0x40 | noise(i + 500, 1)[0] & 0x3f],
        |i, _| vec![0x80, 96, 0, u8::try_from(i).unwrap(), 0, 0, 1, 0, 1, 2, 3, 4],
    ];
    for (i, header) in headers.into_iter().enumerate() {
        let mut wire = wire();
        talk(&mut wire, 6_000, &messages(200, header));
        assert!(wire.findings.is_empty(), "header {i}");
    }
}

#[test]
fn one_way_downloads_and_the_middle_of_connections_are_silent() {
    let mut wire = wire();
    for i in 0..200 {
        wire.wait(50);
        wire.tcp(true, [40_000, 9_000], 16, i * 300 + 1, &noise(u64::from(i) + 1, 300));
        wire.tcp(false, [40_000, 9_000], 16, i * 300 + 1, &noise(u64::from(i) + 900, 300));
    }
    assert!(wire.findings.is_empty(), "its beginning was not seen");
    // The greetings of both sides were lost.
    for port in [9_002, 9_003] {
        let mut wire = self::wire();
        wire.tcp(true, [40_000, port], SYN, 0, &[]);
        wire.tcp(false, [40_000, port], SYN | 16, 0, &[]);
        for i in 0..80 {
            wire.wait(50);
            // Of one side only, on the second port.
            let before = if port == 9_002 { 30 } else { 1 };
            wire.tcp(true, [40_000, port], 16, i * 300 + before, &noise(u64::from(i) + 1, 300));
            wire.tcp(false, [40_000, port], 16, i * 300 + 30, &noise(u64::from(i) + 900, 300));
        }
        assert!(wire.findings.is_empty(), "what it began like was not seen: {port}");
    }
    let mut wire = self::wire();
    let (request, block) = (b"GIVE 17\n".to_vec(), noise(5, 400));
    let both: Vec<_> = (0..100).flat_map(|_| [request.clone(), block.clone()]).collect();
    wire.connection([40_000, 9_001], &both);
    assert!(wire.findings.is_empty(), "requests can be read");
}

#[test]
fn openvpn_with_a_static_key_and_peers_are_observations() {
    let mut wire = wire();
    for i in 0..60 {
        wire.wait(100);
        let len = 52 + 16 * usize::try_from(i % 7).unwrap();
        wire.udp(i % 2 == 0, 1194, 1194, &noise(i + 1, len));
    }
    assert_eq!(wire.severity(), Some(Severity::Info));
    let mut wire = self::wire();
    wire.udp(true, 6881, 52_000, b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe");
    wire.connection([40_000, 52_000], &messages(80, |_, _| Vec::new()));
    assert_eq!(wire.severity(), Some(Severity::Low));
}

#[test]
fn the_first_fragment_of_a_datagram_counts_for_all_of_it() {
    let mut wire = wire();
    for i in 0..60u16 {
        wire.wait(100);
        let len = if i % 4 < 2 { 52 + 16 * (i % 7) } else { 1300 + 16 * (i % 5) };
        let segment =
            [[1194, 1194, len + 8, 0].map(u16::to_be_bytes).concat(), noise(u64::from(i) + 1, len.into())];
        let segment = segment.concat();
        let (src, dst) = if i % 2 == 0 { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let mut packet = ipv4(src, dst, 17, segment.get(..552).unwrap_or(&segment));
        if segment.len() > 552 {
            packet[6] = 0x20;
        }
        wire.packet(&identified(packet, 7 + i));
    }
    assert_eq!(wire.severity(), Some(Severity::Info), "blocks of OpenVPN with a static key");
}

#[test]
fn datagrams_inside_udp_on_the_port_of_quic_are_alerts() {
    let mut wire = wire();
    for i in 0..12 {
        let inner = ipv4([10, 0, 0, 1], [10, 0, 0, 2], 1, &noise(i + 1, 60));
        wire.udp(i % 2 == 0, 40_000, 443, &[&[0, 0, 8, 0][..], &inner].concat());
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
}

#[test]
fn datagrams_and_ssh_inside_udp_are_alerts() {
    let mut wire = wire();
    for i in 0..12 {
        let inner = ipv4([10, 8, 0, 1], [10, 8, 0, 2], 6, &noise(i + 1, 60));
        wire.udp(i % 2 == 0, 40_000, 7_000, &[noise(i + 50, 8), inner].concat());
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
}

#[test]
fn data_in_syns_alerts_but_scans_and_fast_open_do_not() {
    let mut wire = wire();
    for i in 0..6 {
        wire.tcp(true, [2000 + i, 80], SYN, 1, &noise(u64::from(i) + 1, 100));
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
    let mut wire = self::wire();
    for i in 0..500 {
        wire.tcp(true, [3000, 1 + i], SYN, 1, &noise(7, 64));
    }
    assert!(wire.findings.is_empty(), "one payload to many ports");
    let mut wire = self::wire();
    for i in 0..20_u16 {
        // 28 bytes of header: fast open's option with a cookie of six bytes.
        let mut segment = [2000 + i, 443].map(u16::to_be_bytes).concat();
        segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x70, SYN, 0xff, 0xff, 0, 0, 0, 0, 34, 8, 1, 2, 3, 4, 5, 6]);
        segment.extend(noise(u64::from(i) + 1, 100));
        wire.ip(CLIENT, SERVER, 6, &segment);
    }
    assert!(wire.findings.is_empty());
}

#[test]
fn data_out_of_connections_alerts() {
    const RST: u8 = 4;
    for flags in [0, 1, 0x29] {
        let mut wire = wire();
        for i in 0..6 {
            wire.tcp(true, [2000 + i, 80], flags, 1, &noise(u64::from(i) + 1, 40));
        }
        assert_eq!(wire.severity(), Some(Severity::Medium), "{flags}");
    }
    let lost = |count: u16, answer: &dyn Fn(&mut Wire<CustomProtocol>, u16)| {
        let mut wire = wire();
        for i in 0..count {
            wire.tcp(true, [2000 + i, 4444], ACK, 1, &noise(u64::from(i) + 1, 40));
            answer(&mut wire, 2000 + i);
        }
        wire.alerts()
    };
    let reset = |wire: &mut Wire<CustomProtocol>, port| wire.tcp(false, [port, 4444], RST, 1, &[]);
    assert!(lost(24, &reset) > 0);
    // Connections that a server has lost, and those that began before the capture.
    assert_eq!(lost(8, &reset), 0);
    assert_eq!(lost(200, &|wire, port| wire.tcp(false, [port, 4444], ACK, 1, &noise(9, 40))), 0);
    assert_eq!(lost(200, &|_, _| ()), 0);
}

#[test]
fn unassigned_protocols_with_data_alert_and_known_ones_do_not() {
    let mut wire = wire();
    for i in 0..25 {
        wire.ip(CLIENT, SERVER, 253, &noise(i + 1, 100));
    }
    assert_eq!(wire.severity(), Some(Severity::High));
    let mut wire = self::wire();
    for i in 0..25 {
        // OSPF version 2, PIM version 2, VRRP version 2.
        for (protocol, first) in [(89, 2), (103, 0x20), (112, 0x21)] {
            wire.ip(CLIENT, [224, 0, 0, 5], protocol, &[vec![first], noise(i + 1, 43)].concat());
        }
    }
    assert!(wire.findings.is_empty());
    // Encapsulations of old, and of late: minimal encapsulation, AX.25, wrapped ESP.
    for i in 0..40 {
        let sign = noise(i + 1, 14).iter().map(|byte| byte & 0xfe).collect();
        for (protocol, header) in [(55, vec![6, 0x80]), (93, sign), (141, vec![6, 0, 0, 0])] {
            wire.ip(CLIENT, SERVER, protocol, &[header, noise(i + 99, 60)].concat());
        }
    }
    assert!(wire.findings.is_empty());
    // A scan of protocols.
    for protocol in 143..=255 {
        wire.ip(CLIENT, SERVER, protocol, &[]);
    }
    assert!(wire.findings.is_empty());
    // The same number without OSPF's header.
    for i in 0..6 {
        wire.ip(CLIENT, SERVER, 89, &[vec![0x99], noise(i + 1, 43)].concat());
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
}

#[test]
fn data_under_the_number_of_a_known_protocol_alerts_without_its_header() {
    for protocol in [2, 4, 33, 41, 47, 50, 51, 108, 132, 136] {
        let mut wire = wire();
        for i in 0..24 {
            wire.ip(CLIENT, SERVER, protocol, &noise(i + 1, 100));
        }
        assert!(wire.severity() >= Some(Severity::Medium), "{protocol}");
    }
    for protocol in [2, 33, 47, 50, 51, 108, 132, 136] {
        let mut wire = wire();
        let text = b"lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor invidunt";
        for at in 0..24 {
            wire.ip(CLIENT, SERVER, protocol, &text[at..at + 60]);
        }
        assert!(wire.severity() >= Some(Severity::Medium), "text in {protocol}");
    }
}

#[test]
fn known_protocols_with_their_headers_are_silent() {
    let mut wire = wire();
    for i in 0..40_u8 {
        let data = noise(u64::from(i) + 1, 60);
        // A report of version 2 with its checksum, and a query that is padded.
        let report = [0x16, 0, 0, 0, 224, 0, 0, i];
        wire.ip(CLIENT, [224, 0, 0, i], 2, &with_checksum(&report));
        wire.ip(CLIENT, [224, 0, 0, 1], 2, &with_checksum(&[0x11, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, i]));
        let sctp = [&[11, 89, 11, 89, 1, 2, 3, 4, 0, 0, 0, 0, 0, 3, 0, 60][..], &data[..56]].concat();
        let dccp = [&[1, 1, 2, 2, 4, 0, 9, 9, 0x07, 0, 0, i][..], &data].concat();
        let lite = [&[1, 1, 2, 2, 0, 8, 9, i][..], &data].concat();
        let esp = [&[0x9a, 1, 2, 3, 0, 0, 0, i][..], &data].concat();
        let ah = [&[6, 4, 0, 0, 0x9a, 1, 2, 3, 0, 0, 0, i][..], &data].concat();
        let ipcomp = [&[6, 0, 0x9a, i][..], &data].concat();
        let erspan = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, i][..], &data].concat();
        let pptp = [&[0x30, 0x81, 0x88, 0x0b, 0, 4, 0, i][..], &data].concat();
        let packets = [
            (132, sctp),
            (33, dccp),
            (136, lite),
            (50, esp),
            (51, ah),
            (108, ipcomp),
            (47, erspan),
            (47, pptp),
        ];
        for (protocol, packet) in packets {
            wire.ip(CLIENT, SERVER, protocol, &packet);
        }
    }
    // New keys each few packets, whose numbers begin anew.
    for i in 0..40_u8 {
        wire.ip(CLIENT, SERVER, 50, &[&[i, 1, 2, 3, 0, 0, 0, i % 3][..], &noise(77, 60)].concat());
    }
    assert_eq!(wire.findings, []);
}

/// The message with the checksum that goes to its third and fourth byte.
fn with_checksum(message: &[u8]) -> Vec<u8> {
    let sum: u32 = message.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    let mut message = message.to_vec();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

#[test]
fn memory_is_bounded() {
    let mut wire = wire();
    let capacity = wire.detector.occupancy().1;
    for i in 0..2000_u16 {
        wire.udp(true, i, 9999, &noise(u64::from(i) + 1, 64));
    }
    assert!(wire.detector.occupancy().0 <= 2000);
    assert_eq!(wire.detector.occupancy().1, capacity);
}

#[test]
fn a_side_that_only_greets_hides_nothing() {
    let greeting = |seed, len| noise(seed, len);
    // An upload, and a download, behind greetings of both.
    for is_upload in [true, false] {
        let mut wire = wire();
        wire.ports([40_000, 9_001]);
        wire.connect();
        wire.send(true, &greeting(1, 700));
        wire.send(false, &greeting(2, 400));
        for i in 0..130 {
            wire.send(is_upload, &noise(i + 10, 200 + usize::try_from(i * 31 % 900).unwrap()));
        }
        assert_eq!(wire.severity(), Some(Severity::Medium), "upload: {is_upload}");
    }
    // Encrypted archives: sent to a port that never says anything, or after a request that can be read.
    for request in [&b""[..], b"STOR backup.gpg, of today, all of it\r\n"] {
        let mut wire = wire();
        wire.ports([40_000, 9_001]);
        wire.connect();
        if !request.is_empty() {
            wire.send(false, request);
        }
        for i in 0..130 {
            wire.send(true, &noise(i + 10, 1400));
        }
        assert_eq!(wire.alerts(), 0, "{request:?}: {:?}", wire.findings);
    }
}

#[test]
fn a_port_alone_is_no_protocol() {
    let udp = [514, 2427, 3389, 4569, 5072, 5683, 6081, 9993, 11_211, 21_117, 34_964];
    for port in udp {
        let mut wire = wire();
        talk(&mut wire, port, &messages(200, |_, _| Vec::new()));
        assert!(wire.alerts() > 0, "UDP {port}");
    }
    for port in [139, 2427, 11_211, 21_117, 27_015] {
        let mut wire = wire();
        wire.connection([40_000, port], &messages(80, |_, _| Vec::new()));
        assert!(wire.alerts() > 0, "TCP {port}");
    }
}

#[test]
fn a_port_of_ciphertext_is_an_observation() {
    for port in [6881, 27_015, 51_413] {
        let mut wire = wire();
        talk(&mut wire, port, &messages(200, |_, _| Vec::new()));
        assert_eq!(wire.severity(), Some(Severity::Low), "UDP {port}");
    }
    for port in [6881, 8333, 51_413] {
        let mut wire = wire();
        wire.connection([40_000, port], &messages(80, |_, _| Vec::new()));
        assert_eq!(wire.severity(), Some(Severity::Low), "TCP {port}");
    }
}

#[test]
fn a_host_with_many_peers_is_one() {
    let mut wire = wire();
    for last in 1..4 {
        // SYNs to others, on a port of such a network.
        let mut segment = [50_000 + u16::from(last), 51_413].map(u16::to_be_bytes).concat();
        segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, SYN, 0xff, 0xff, 0, 0, 0, 0]);
        crate::detect::wire::complete(CLIENT, [203, 0, 113, last], &mut segment);
        wire.ip(CLIENT, [203, 0, 113, last], 6, &segment);
    }
    wire.connection([40_000, 40_001], &messages(80, |_, _| Vec::new()));
    assert_eq!(wire.severity(), Some(Severity::Low));
}

#[test]
fn many_short_flows_are_one_conversation() {
    // A message and an answer in each connection, or from each port.
    let mut wire = wire();
    for (i, pair) in messages(24, |_, _| Vec::new()).chunks(2).enumerate() {
        wire.wait(500);
        wire.connection([40_000 + u16::try_from(i).unwrap(), 9_000], pair);
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
    for (is_answered, gap_ms, expected) in [(true, 500, true), (false, 500, true), (false, 5, false)] {
        let mut wire = self::wire();
        for (i, pair) in messages(160, |_, _| Vec::new()).chunks(2).enumerate() {
            let port = 40_000 + u16::try_from(i).unwrap();
            wire.wait(gap_ms);
            wire.udp(true, port, 9_000, &pair[0]);
            if is_answered {
                wire.udp(false, port, 9_000, &pair[1]);
            }
        }
        assert_eq!(wire.alerts() > 0, expected, "answered: {is_answered}, {gap_ms} ms");
    }
}

#[test]
fn short_flows_of_protocols_are_silent() {
    let greetings: [fn(u64, usize) -> Vec<u8>; 4] = [
        |_, len| [&[0x16, 0][..], &u16::try_from(len + 4).unwrap().to_be_bytes()].concat(),
        |_, len| u16::try_from(len).unwrap().to_be_bytes().to_vec(),
        |_, _| b"HELLO, this is a line of text before it all\r\n".to_vec(),
        |i, _| if i % 6 == 0 { vec![0x16, 3, 1, 0, 80, 1, 0, 0, 76] } else { Vec::new() },
    ];
    for (n, greeting) in greetings.into_iter().enumerate() {
        let mut wire = wire();
        for (i, pair) in messages(60, greeting).chunks(2).enumerate() {
            wire.wait(500);
            wire.connection([40_000 + u16::try_from(i).unwrap(), 9_000], pair);
        }
        assert_eq!(wire.alerts(), 0, "{n}: {:?}", wire.findings);
    }
}

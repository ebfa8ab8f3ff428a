use inspector_common::{FlowKey, FlowRecord};

use super::super::http::{self, Http};
use super::super::tls::{self as tls_detector, Tls};
use crate::detect::Detector as _;
use crate::detect::wire::{CLIENT, SERVER, Wire, noise};
use crate::observation::FlowUpdate;

fn on_443() -> Wire<Tls> {
    Wire::to(443, Tls::new(tls_detector::Thresholds::default()))
}

fn on_80() -> Wire<Http> {
    Wire::to(80, Http::new(http::Thresholds::default()))
}

#[test]
fn what_is_carried_is_what_records_count() {
    let mut bench = on_80();
    bench.connect();
    for seed in 0..4 {
        bench.send(true, &noise(seed, 200));
        bench.send(false, &noise(seed + 100, 900));
    }
    let estimated = |bench: &Wire<Http>| bench.findings.last().map(|finding| finding.estimated_bytes);
    let first = estimated(&bench).unwrap();
    let key = FlowKey {
        src: std::net::Ipv4Addr::from(CLIENT).to_ipv6_mapped().octets(),
        dst: std::net::Ipv4Addr::from(SERVER).to_ipv6_mapped().octets(),
        src_port: 40_001,
        dst_port: 80,
        protocol: 6,
        ifindex: 1,
        ..bytemuck::Zeroable::zeroed()
    };
    let mut record = FlowRecord { packets: 900, payload_bytes: first, ..bytemuck::Zeroable::zeroed() };
    let update = |record: &FlowRecord, bench: &mut Wire<Http>| {
        bench.detector.flow(&FlowUpdate { key: &key, record, is_final: false }, &mut bench.findings);
    };
    update(&record, &mut bench);
    assert_eq!(bench.findings.len(), 1, "hardly more than was seen");
    record.payload_bytes = 1_000_000;
    update(&record, &mut bench);
    update(&record, &mut bench);
    assert_eq!((bench.findings.len(), bench.findings[1].traffic.packets_to_server), (2, 900));
    assert!(estimated(&bench).is_some_and(|bytes| (1_000_000..1_010_000).contains(&bytes)));
}

/// What is drawn at random now and then looks like a protocol, or not like noise.
#[test]
fn hardly_any_connection_of_ciphertext_is_missed() {
    const RUNS: u64 = 2000;
    for width in [0, 2] {
        let found: usize = (0..RUNS)
            .map(|run| {
                let mut bench = on_443();
                bench.connect();
                for i in 0..16 {
                    let seed = run * 16 + i;
                    let len = 150 + 2 * u32::from(noise(seed + 16 * RUNS, 1)[0]);
                    let header = &len.to_be_bytes()[4 - width..];
                    bench.send(i % 2 == 0, &with(header, usize::try_from(len).unwrap(), seed));
                }
                bench.alerts()
            })
            .sum();
        assert!(found >= 1994, "{found} of {RUNS} with lengths of {width} bytes");
    }
}

fn with(header: &[u8], len: usize, seed: u64) -> Vec<u8> {
    [header, &noise(seed, len)].concat()
}

#[test]
fn ciphertext_on_port_80_alerts() {
    let mut bench = on_80();
    bench.connect();
    for seed in 0..4 {
        bench.send(true, &noise(seed, 200));
        bench.send(false, &noise(seed + 100, 900));
    }
    assert_eq!(bench.alerts(), 1, "{:?}", bench.findings);
}

#[test]
fn framed_ciphertext_one_way_and_tls_data_without_a_handshake_alert_on_443() {
    let mut framed = on_443();
    framed.connect();
    for seed in 0..5 {
        let len = 200 + u8::try_from(seed).unwrap() * 7;
        framed.send(true, &with(&[0, len], len.into(), seed));
    }
    assert_eq!(framed.alerts(), 1, "{:?}", framed.findings);
    let mut unlucky = on_443();
    unlucky.connect();
    for seed in 0..5 {
        // Later bytes of a channel may be any, those of OpenVPN's reset among them.
        let header: &[u8] = if seed == 2 { &[1, 1, 0x50] } else { &[0, 210] };
        unlucky.send(true, &with(header, if seed == 2 { 256 } else { 210 }, seed));
    }
    assert_eq!(unlucky.alerts(), 1, "{:?}", unlucky.findings);
    let mut early = on_443();
    early.connect();
    for seed in 0..3 {
        early.send(true, &with(&[23, 3, 3, 0, 200], 200, seed));
    }
    assert_eq!(early.alerts(), 1, "{:?}", early.findings);
}

#[test]
fn ciphertext_in_datagrams_alerts_on_443_and_quic_does_not() {
    let mut covert = on_443();
    for seed in 0..12 {
        covert.datagram(seed % 2 == 0, &noise(seed, 300));
    }
    assert_eq!(covert.alerts(), 1, "{:?}", covert.findings);
    let (mut quic, mut middle) = (on_443(), on_443());
    for seed in 0..12 {
        let mut short = noise(seed, 300);
        short[0] = short[0] & 0x3f | 0x40;
        middle.datagram(seed % 2 == 0, &short);
        let initial = with(&[0xc0 | short[1] & 0x3f, 0, 0, 0, 1], 1200, seed);
        quic.datagram(seed % 2 == 0, if seed < 2 { &initial } else { &short });
    }
    assert_eq!(quic.findings, []);
    assert_eq!(middle.findings, []);
}

#[test]
fn googles_quic_and_openvpn_seen_from_the_middle_are_silent() {
    for first in [[0x0c, 0x1c, 0x00, 0x20], [0x30, 0x31, 0x20, 0x48]] {
        let mut bench = on_443();
        for (seed, first) in (0..16).zip(first.into_iter().cycle()) {
            let mut datagram = noise(seed, 300);
            datagram[0] = first;
            bench.datagram(seed % 2 == 0, &datagram);
        }
        assert_eq!(bench.findings, []);
    }
}

#[test]
fn openvpn_with_a_static_key_is_silent() {
    let mut bench = on_443();
    bench.connect();
    for seed in 0..8 {
        let len = 68 + u8::try_from(seed % 3).unwrap() * 32;
        bench.send(true, &with(&[0, len], len.into(), seed));
        bench.send(false, &with(&[0, len], len.into(), seed + 50));
    }
    assert_eq!(bench.findings, []);
}

/// A hard reset behind tls-crypt: the length of all, opcode, session, packet 1; a time and a digest follow.
const OPENVPN: [u8; 15] = [0, 54, 0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1];

#[test]
fn protocols_with_headers_text_and_connections_seen_from_the_middle_are_silent() {
    for header in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        &[22, 3, 1, 2, 0, 1, 0],
        &OPENVPN,
        &[0xef, 0x50, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x17, 0x24, 0x0a],
        b"ED\0\x01\0\0",
    ] {
        let mut bench = on_443();
        bench.connect();
        for seed in 0..8 {
            let len = if header == OPENVPN { 41 } else { 300 };
            bench.send(true, &with(header, len, seed));
            bench.send(false, &with(header, len, seed + 50));
        }
        assert_eq!(bench.alerts(), 0, "{header:?} {:?}", bench.findings);
    }
    // The client's request and the server's first answers were lost.
    let mut lost = on_80();
    lost.connect();
    lost.skip(true, 40);
    lost.skip(false, 3000);
    for seed in 0..8 {
        lost.send(false, &noise(seed, 900));
    }
    assert_eq!(lost.findings, []);
    let mut middle = on_80();
    for seed in 0..8 {
        middle.send(true, &noise(seed, 300));
        middle.send(false, &noise(seed + 50, 300));
    }
    assert_eq!(middle.findings, []);
}

//! Races that must be found, and the corner cases of TCP and DNS that must not.

use bytemuck::Zeroable as _;
use inspector_common::{Anomaly, HeadMeta};

use super::*;
use crate::dissect::dns::Message;
use crate::observation::Head;

const SECOND: u64 = 1_000_000_000;

/// One packet of a server's side of a connection.
#[derive(Clone, Copy)]
struct Sent<'a> {
    seq: u32,
    payload: &'a [u8],
    reasons: u8,
    flags: u8,
    ttl: u8,
    id: u16,
    at_ns: u64,
}

const PLAIN: Sent<'_> =
    Sent { seq: 1000, payload: b"", reasons: reason::EARLY, flags: flag::ACK, ttl: 53, id: 0, at_ns: SECOND };

const REAL: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: real\r\nContent-Length: 100\r\n\r\n<html>the page that was asked for";
const FORGED: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: http://198.51.100.7/\r\nContent-Length: 0\r\n\r\n";

fn feed(sent: &[Sent<'_>]) -> Vec<Finding> {
    let mut detector = Injection::new(Thresholds::default());
    let mut findings = Vec::new();
    for packet in sent {
        let mut bytes = vec![0u8; 40];
        bytes[0] = 0x45;
        bytes[24..28].copy_from_slice(&packet.seq.to_be_bytes());
        bytes.extend_from_slice(packet.payload);
        let mut meta = HeadMeta::zeroed();
        meta.key.src[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
        meta.key.dst[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
        (meta.key.src_port, meta.key.dst_port, meta.key.protocol) = (80, 40000, 6);
        meta.class = Class::Tcp as u8;
        (meta.l4_offset, meta.l4_header_len) = (20, 20);
        // One byte was not captured, so that nobody can check the checksum.
        meta.ip_len = u32::try_from(bytes.len()).unwrap() + 1;
        (meta.reasons, meta.tcp_flags, meta.ttl) = (packet.reasons, packet.flags, packet.ttl);
        (meta.time_ns, meta.ip_id) = (packet.at_ns, packet.id);
        let head = Head::new(&meta, &bytes);
        detector.observe(&Observation { head, content: Content::Opaque }, &mut findings);
    }
    findings
}

fn overlap(seq: u32, payload: &[u8]) -> Sent<'_> {
    Sent { seq, payload, reasons: reason::OVERLAP, at_ns: SECOND + 40_000_000, ..PLAIN }
}

#[test]
fn a_forged_answer_that_wins_the_race_is_found_whichever_way_it_is_cut() {
    let forged = Sent { payload: FORGED, ttl: 64, ..PLAIN };
    let found = feed(&[forged, overlap(1000, REAL)]);
    assert_eq!((found.len(), found[0].severity), (1, Severity::High));
    assert_eq!(found[0].subject.client_port, 40000);
    let later = feed(&[forged, overlap(1010, &REAL[10..])]);
    assert_eq!(later.len(), 1, "begins inside the forged range");
    let loses = feed(&[Sent { payload: REAL, ..PLAIN }, Sent { ttl: 64, ..overlap(1000, FORGED) }]);
    assert_eq!(loses.len(), 1);
}

#[test]
fn a_sender_that_repeats_other_bytes_from_the_same_distance_is_an_alert_too() {
    let found = feed(&[Sent { payload: REAL, ..PLAIN }, overlap(1000, FORGED)]);
    assert_eq!(found[0].severity, Severity::Medium);
}

#[test]
fn one_contradiction_of_a_single_counter_is_an_observation_and_several_are_an_alert() {
    let first = Sent { payload: REAL, id: 70, ..PLAIN };
    let other = Sent { id: 72, ..overlap(1000, FORGED) };
    let found = feed(&[first, other]);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Low));
    let many = feed(&[first, other, Sent { payload: REAL, id: 73, ..other }, Sent { id: 75, ..other }]);
    assert_eq!(many.last().unwrap().severity, Severity::High);
}

#[test]
fn retransmissions_however_cut_keep_alives_and_probes_are_silent() {
    let first = Sent { payload: REAL, ..PLAIN };
    let (head, tail) = REAL.split_at(20);
    let silent: [&[Sent<'_>]; 6] = [
        &[first, overlap(1000, REAL)],
        &[first, overlap(1000, head), overlap(1020, tail)],
        &[Sent { payload: head, ..PLAIN }, overlap(1010, &REAL[10..])],
        &[first, overlap(1000, b"\0")],
        &[first, Sent { at_ns: 200 * SECOND, ..overlap(1000, FORGED) }],
        &[first, Sent { flags: flag::SYN, payload: b"", ..PLAIN }, overlap(1000, FORGED)],
    ];
    for (i, sent) in silent.iter().enumerate() {
        assert_eq!(feed(sent), Vec::new(), "{i}");
    }
}

#[test]
fn forged_answers_of_any_kind_length_distance_and_order_are_alerts() {
    let real = [
        REAL,
        b"plain text of a protocol that nobody knows",
        b"\x17\x03\x03\x00\x80 a record of TLS, which is ciphertext",
    ];
    let forged = [
        FORGED,
        &FORGED[..20],
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<script src=//198.51.100.7/x.js></script>",
        b"\x15\x03\x03\x00\x02\x02\x28, an alert of TLS and more",
    ];
    for real in real {
        for forged in forged {
            for (ttl, id) in [(53, 9_000), (54, 31_000), (128, 9_000), (53, 0), (250, 7)] {
                for is_first in [true, false] {
                    let (first, second) = if is_first { (forged, real) } else { (real, forged) };
                    let [of_first, of_second] =
                        if is_first { [(ttl, id), (53, 70)] } else { [(53, 70), (ttl, id)] };
                    let before = Sent { seq: 900, payload: &REAL[..20], id: 69, ..PLAIN };
                    let first = Sent { payload: first, ttl: of_first.0, id: of_first.1, ..PLAIN };
                    let second = Sent { ttl: of_second.0, id: of_second.1, ..overlap(1000, second) };
                    let found = feed(&[before, first, second]);
                    let is_alert = found.iter().any(|finding| finding.severity.is_alert());
                    assert!(is_alert, "{forged:?} {real:?} {ttl} {id} {is_first}");
                }
            }
        }
    }
}

#[test]
fn a_packet_that_is_rewritten_between_two_taps_is_an_observation_however_often() {
    let rewritten = |are_two: bool| {
        let opens = Sent { seq: 999, flags: flag::SYN | flag::ACK, ..PLAIN };
        let again = Sent { ttl: 52, at_ns: SECOND + 1_000_000, ..opens };
        let pairs = (1..8u16).flat_map(|n| {
            let (seq, id) = (1000 + 200 * u32::from(n), 500 * n);
            [Sent { seq, payload: REAL, id, ..PLAIN }, Sent { ttl: 52, id, ..overlap(seq, FORGED) }]
        });
        let begin = [opens, again].into_iter().take(if are_two { 2 } else { 1 });
        let sent: Vec<Sent<'_>> = begin.chain(pairs).collect();
        feed(&sent).iter().map(|finding| finding.severity).max()
    };
    assert_eq!(rewritten(true), Some(Severity::Low));
    // Of one tap, each packet is seen once.
    assert_eq!(rewritten(false), Some(Severity::High));
}

#[test]
fn sequence_numbers_wrap() {
    let start = u32::MAX - 4;
    let first = Sent { seq: start, payload: REAL, ..PLAIN };
    assert_eq!(feed(&[first, overlap(start.wrapping_add(10), &REAL[10..])]), Vec::new());
    assert_eq!(feed(&[first, overlap(start.wrapping_add(10), FORGED)]).len(), 1);
}

#[test]
fn a_reset_from_elsewhere_is_an_observation_and_one_from_the_host_is_nothing() {
    let data = [Sent { payload: b"abcd", ..PLAIN }, Sent { seq: 1004, payload: b"efgh", ..PLAIN }];
    let reset = |ttl| Sent { flags: flag::RST, ttl, reasons: reason::OPEN, ..PLAIN };
    let found = feed(&[data[0], data[1], reset(120)]);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Info));
    assert_eq!(feed(&[data[0], data[1], reset(54)]), Vec::new());
    assert_eq!(feed(&[reset(120)]), Vec::new(), "nothing to compare with");
}

#[test]
fn a_segment_that_its_receiver_drops_for_its_length_or_checksum_contradicts_nothing() {
    let mut bytes = vec![0u8; 40];
    (bytes[0], bytes[32]) = (0x45, 0x50);
    bytes.extend_from_slice(REAL);
    let mut meta = HeadMeta::zeroed();
    (meta.key.protocol, meta.l4_offset, meta.l4_header_len) = (6, 20, 20);
    meta.ip_len = u32::try_from(bytes.len()).unwrap();
    let sound = |meta: &HeadMeta, bytes: &[u8]| Segment::of(&Head::new(meta, bytes)).unwrap().is_sound;
    assert!(!sound(&meta, &bytes), "no checksum");
    // By an independent sum: protocol, length and the words of the segment, folded and inverted.
    let mut sum = 6 + u32::try_from(bytes.len() - 20).unwrap();
    for (i, &byte) in bytes[20..].iter().enumerate() {
        sum += u32::from(byte) << if i % 2 == 0 { 8 } else { 0 };
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    bytes[36..38].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    assert!(sound(&meta, &bytes));
    assert!(sound(&meta, &bytes[..bytes.len() - 1]), "cut by the capture: nothing speaks against it");
    meta.anomalies = 1 << Anomaly::IpLength as u32;
    assert!(!sound(&meta, &bytes), "longer than its frame");
}

/// A response of DNS to `id` with one address, or the query for it.
fn dns(id: u16, address: Option<u8>) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([
        if address.is_some() { 0x81 } else { 1 },
        0x80,
        0,
        1,
        0,
        u8::from(address.is_some()),
        0,
        0,
        0,
        0,
    ]);
    bytes.extend(b"\x03www\x04test\0\0\x01\0\x01");
    if let Some(last) = address {
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
    }
    bytes
}

#[test]
fn two_different_answers_to_one_query_are_an_observation_and_to_two_queries_nothing() {
    let run = |messages: &[Vec<u8>]| {
        let mut detector = Injection::new(Thresholds::default());
        let mut findings = Vec::new();
        for (n, bytes) in messages.iter().enumerate() {
            let message = Message::parse(bytes, u32::try_from(bytes.len()).unwrap()).unwrap();
            let mut meta = HeadMeta::zeroed();
            (meta.class, meta.time_ns) = (Class::Dns as u8, SECOND + n as u64);
            (meta.key.src_port, meta.key.dst_port, meta.key.protocol) = (4000, 53, 17);
            (meta.key.src[15], meta.key.dst[15]) = (1, 2);
            if message.is_response() {
                meta.key = meta.key.reversed();
            }
            let head = Head::new(&meta, &[]);
            detector.observe(&Observation { head, content: Content::Dns(message) }, &mut findings);
        }
        findings.into_iter().map(|finding| finding.severity).collect::<Vec<_>>()
    };
    assert_eq!(run(&[dns(7, None), dns(7, Some(1)), dns(7, Some(2))]), [Severity::Low]);
    assert_eq!(run(&[dns(7, None), dns(7, Some(1)), dns(7, Some(1))]), [], "seen twice");
    assert_eq!(run(&[dns(7, None), dns(7, None), dns(7, Some(1)), dns(7, Some(2))]), [], "asked again");
    assert_eq!(run(&[dns(7, None), dns(7, Some(1)), dns(8, None), dns(8, Some(2))]), [], "two questions");
}

//! The detectors of header fields on made-up traffic, through the same accumulation as live.

use std::collections::BTreeSet;

use inspector_common::{Control, Direction, Origin, SliceFrame, Start};

use crate::detect::Detector;
use crate::detect::ip_header::{self, IpHeader};
use crate::detect::ipv6_header::{self, Ipv6Header};
use crate::detect::link_padding::{self, LinkPadding};
use crate::detect::tcp_header::{self, TcpHeader};
use crate::dissect::dissect;
use crate::observation::{Event, Head, Observation};
use crate::replay::Replay;

/// The detectors that alert on frames 10 ms apart.
fn alerts(frames: &[Vec<u8>]) -> BTreeSet<&'static str> {
    let mut detectors: Vec<Box<dyn Detector>> = vec![
        Box::new(IpHeader::new(ip_header::Thresholds::default())),
        Box::new(Ipv6Header::new(ipv6_header::Thresholds::default())),
        Box::new(TcpHeader::new(tcp_header::Thresholds::default())),
        Box::new(LinkPadding::new(link_padding::Thresholds::default())),
    ];
    let mut findings = Vec::new();
    let mut replay = Replay::new(Control::default());
    let mut sink = |event: Event<'_>| {
        for detector in &mut detectors {
            match event {
                Event::Head(meta, bytes) => {
                    let head = Head::new(meta, bytes);
                    let content = dissect(&head);
                    detector.observe(&Observation { head, content }, &mut findings);
                }
                Event::Flow(update) => detector.flow(&update, &mut findings),
                Event::Series(series) => detector.series(&series, &mut findings),
                Event::Time(now_ns) => detector.tick(now_ns),
            }
        }
    };
    for (time_ms, frame) in (0..).step_by(10).zip(frames) {
        let time_ns = 1_000_000_000_000 + time_ms * 1_000_000;
        let wire_len = u32::try_from(frame.len()).unwrap();
        let origin = Origin::new(1, Direction::Ingress);
        replay.advance(time_ns, &mut sink);
        replay.packet(&SliceFrame::new(frame, wire_len), Start::Ethernet, origin, time_ns, &mut sink);
    }
    replay.drain(&mut sink);
    findings.iter().filter(|found| found.severity.is_alert()).map(|found| found.signature.detector).collect()
}

/// Bits that look random, the same each time.
fn noise(number: u32) -> u32 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b1);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b);
    mixed ^ mixed >> 13
}

/// The Internet checksum (RFC 1071).
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 =
        words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

/// A TCP segment, as its fields go.
#[derive(Clone)]
struct Segment {
    port: u16,
    seq: u32,
    ack: u32,
    /// Offset's low four bits.
    reserved: u8,
    flags: u8,
    window: u16,
    urgent: u16,
    options: Vec<u8>,
    payload: Vec<u8>,
}

impl Segment {
    fn new(number: u32) -> Self {
        Self {
            port: 40_000,
            seq: 1000 + 20 * number,
            ack: 77,
            reserved: 0,
            flags: 0x18,
            window: 502,
            urgent: 0,
            options: timestamp(5000 + 10 * number),
            payload: vec![b'x'; 20],
        }
    }

    fn bytes(&self, src: &[u8], dst: &[u8]) -> Vec<u8> {
        let mut bytes = [self.port.to_be_bytes(), 443u16.to_be_bytes()].concat();
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        let length = u8::try_from(20 + self.options.len()).unwrap();
        bytes.extend([length << 2 | self.reserved, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(self.urgent.to_be_bytes());
        bytes.extend(&self.options);
        bytes.extend(&self.payload);
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let sum = checksum(&[src, dst, &length, &[0, 6], &bytes]);
        bytes[16..18].copy_from_slice(&sum);
        bytes
    }
}

fn timestamp(value: u32) -> Vec<u8> {
    [&[1, 1, 8, 10][..], &value.to_be_bytes(), &[0, 0, 0, 9]].concat()
}

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
const ETHERNET: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// An IPv4 packet in a frame: TOS, identification, flags and offset, TTL, protocol.
fn ipv4(tos: u8, id: u32, fragment: u16, ttl: u8, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + segment.len()).unwrap();
    let [_, _, id0, id1] = id.to_be_bytes();
    let mut header = vec![0x45, tos];
    header.extend(length.to_be_bytes());
    header.extend([id0, id1]);
    header.extend(fragment.to_be_bytes());
    header.extend([ttl, protocol, 0, 0]);
    header.extend([CLIENT, SERVER].concat());
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum);
    [&ETHERNET[..], &[8, 0], &header, segment].concat()
}

/// Sets the checksum of the IPv4 header right.
fn sum_ip(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let sum = checksum(&[&frame[14..34]]);
    frame[24..26].copy_from_slice(&sum);
}

fn tcp(tos: u8, id: u32, ttl: u8, segment: &Segment) -> Vec<u8> {
    ipv4(tos, id, 0x4000, ttl, 6, &segment.bytes(&CLIENT, &SERVER))
}

fn udp(tos: u8, id: u32, is_summed: bool, number: u32) -> Vec<u8> {
    let mut bytes = vec![0x9c, 0x40, 0x20, 0, 0, 40, 0, u8::from(is_summed)];
    bytes.extend(vec![u8::try_from(number % 251).unwrap(); 32]);
    ipv4(tos, id, 0x4000, 64, 17, &bytes)
}

/// An IPv6 packet with a TCP segment behind an extension header.
fn ipv6(class: u32, label: u32, hops: u8, extension: Option<(u8, Vec<u8>)>, number: u32) -> Vec<u8> {
    let (src, dst) = ([0x20; 16], [0x30; 16]);
    let segment = Segment::new(number).bytes(&src, &dst);
    let (next, extension) = extension.unwrap_or((6, Vec::new()));
    let length = u16::try_from(extension.len() + segment.len()).unwrap();
    let mut header = (6 << 28 | class << 20 | label & 0xf_ffff).to_be_bytes().to_vec();
    header.extend(length.to_be_bytes());
    header.extend([next, hops]);
    [&ETHERNET[..], &[0x86, 0xdd], &header, &src, &dst, &extension, &segment].concat()
}

/// So many frames.
fn frames(count: u32, frame: impl FnMut(u32) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..count).map(frame).collect()
}

fn found(detector: &'static str, name: &str, frames: &[Vec<u8>]) {
    assert_eq!(alerts(frames), BTreeSet::from([detector]), "{name}");
}

fn silent(name: &str, frames: &[Vec<u8>]) {
    assert_eq!(alerts(frames), BTreeSet::new(), "{name}");
}

fn byte(number: u32) -> u8 {
    noise(number).to_be_bytes()[0]
}

fn half(number: u32) -> u16 {
    u16::from_be_bytes([byte(number), byte(number + 1000)])
}

fn bit(number: u32) -> u8 {
    byte(number) & 1
}

#[test]
fn fields_of_ipv4_that_carry_data_are_found() {
    let plain = |n| Segment::new(n);
    found("ip-header", "TTL", &frames(100, |n| tcp(0, n, 64 - bit(n), &plain(n))));
    found("ip-header", "DSCP", &frames(100, |n| tcp(byte(n) & 0xfc, n, 64, &plain(n))));
    let rare = |n| if n % 50 == 7 { byte(n) } else { 64 };
    found("ip-header", "a TTL now and then", &frames(900, |n| tcp(0, n, rare(n), &plain(n))));
    let mark = |n| if n % 20 == 7 { byte(n) & 0xfc } else { 0 };
    found("ip-header", "a mark now and then", &frames(500, |n| tcp(mark(n), n, 64, &plain(n))));
    let length = |n: u32| {
        let mut frame = tcp(0, n, 64, &plain(n));
        frame[17] = 60 + byte(n) % 100;
        sum_ip(&mut frame);
        frame
    };
    found("ip-header", "lengths that are not the frame's", &frames(100, length));
    let named = |n: u32| {
        let mut frame = tcp(0, n, 64, &plain(n));
        frame[23] = [1, 4, 6, 17][usize::from(byte(n) & 3)];
        sum_ip(&mut frame);
        frame
    };
    let found_by = alerts(&frames(100, named));
    assert!(found_by.contains("ip-header"), "protocols: {found_by:?}");
    found("ip-header", "ECN", &frames(100, |n| tcp(byte(n) & 3, n, 64, &plain(n))));
    found("ip-header", "UDP checksum", &frames(100, |n| udp(0, n, bit(n) == 1, n)));
    let flags = |n| 0x4000 * u16::from(bit(n));
    let data = |n| plain(n).bytes(&CLIENT, &SERVER);
    found("ip-header", "DF", &frames(100, |n| ipv4(0, n, flags(n), 64, 6, &data(n))));
    let low_byte = |n: u32| n << 8 | u32::from(byte(n));
    found("ip-header", "identification", &frames(120, |n| tcp(0, low_byte(n), 64, &plain(n))));
    let fragment = |n: u32| ipv4(0, n, (half(n) & 0x1ff) + 1, 64, 6, &data(n));
    found("ip-header", "fragments", &frames(60, fragment));
    let more = |n: u32| ipv4(0, 0, 0x2000 | half(n) & 0x1fff, 64, 6, &data(n)[..51]);
    found("ip-header", "fragments without numbers", &frames(60, more));
}

#[test]
fn what_paths_marks_and_stacks_do_to_ipv4_is_silent() {
    let plain = |n| Segment::new(n);
    silent("constant", &frames(300, |n| tcp(0, n, 64, &plain(n))));
    silent(
        "each packet seen twice, one hop apart",
        &frames(200, |n| tcp(0, n / 2, if n % 2 == 0 { 64 } else { 63 }, &plain(n / 2))),
    );
    let large = |n: u32| Segment { payload: vec![b'x'; 1400], ..plain(n) };
    silent(
        "the same with whole segments, whose heads are cut at different lengths",
        &frames(200, |n| tcp(0, n / 2, if n % 2 == 0 { 64 } else { 63 }, &large(n / 2))),
    );
    silent(
        "a firewall that opens and resets connections",
        &frames(400, |n| {
            let mut segment = plain(n % 8);
            segment.port = 20_000 + u16::try_from(n / 8).unwrap();
            segment.flags = [0x12, 0x18, 0x18, 0x18, 0x10, 0x18, 0x10, 4][(n % 8) as usize];
            tcp(0, n, if matches!(n % 8, 0 | 7) { 255 } else { 57 }, &segment)
        }),
    );
    silent("routes that flap", &frames(600, |n| tcp(0, n, if n / 40 % 2 == 0 { 57 } else { 54 }, &plain(n))));
    silent(
        "negotiated ECN",
        &frames(300, |n| {
            let mut segment = plain(n);
            segment.payload = vec![b'x'; if bit(n) == 1 { 20 } else { 0 }];
            tcp(if bit(n) == 1 { 2 } else { 0 }, n, 64, &segment)
        }),
    );
    let media = [0xb8, 0x88, 0x90, 0];
    silent("media of several kinds", &frames(300, |n| udp(media[usize::from(byte(n) & 3)], n, true, n)));
    let echo = |n: u32| [8, 0, 0, 0, 1, 1, 0, u8::try_from(n % 250).unwrap()];
    silent(
        "a path traced over and over",
        &frames(300, |n| ipv4(0, n, 0, 1 + u8::try_from(n % 12).unwrap(), 1, &echo(n))),
    );
    silent("counters in the other byte order", &frames(200, |n| tcp(0, n << 8, 64, &plain(n))));
    silent("random identifications", &frames(300, |n| tcp(0, noise(n), 64, &plain(n))));
    // A sixth of the copies comes after the next packet.
    let late_copies = |n: u32| match n % 12 {
        5 => n / 2 + 1,
        6 => n / 2 - 1,
        _ => n / 2,
    };
    silent(
        "the same, each packet seen twice",
        &frames(144, |n| tcp(0, (late_copies(n) + 1) << 8, 64, &plain(late_copies(n)))),
    );
    let some_low_zeros = |n: u32| if n % 14 == 13 { (noise(n) | 1) << 8 } else { noise(n) | 1 };
    silent(
        "random identifications, each packet seen twice",
        &frames(140, |n| tcp(0, some_low_zeros(n / 2), 64, &plain(n / 2))),
    );
    let data = [0; 40];
    silent(
        "datagrams of two fragments",
        &frames(200, |n| {
            let flags = if n % 2 == 0 { 0x2000 } else { 185 };
            ipv4(0, n / 2, flags, 64, 17, &data)
        }),
    );
}

#[test]
fn damaged_packets_are_silent() {
    let damaged = |n: u32| {
        let mut frame = tcp(byte(n), noise(n), byte(n + 7), &Segment::new(n));
        frame[20..24].copy_from_slice(&noise(n + 9).to_be_bytes());
        frame[52..54].copy_from_slice(&[1, 2]);
        frame
    };
    silent("random headers", &frames(300, damaged));
}

#[test]
fn fields_of_ipv6_that_carry_data_are_found() {
    found("ipv6-header", "label", &frames(100, |n| ipv6(0, noise(n), 64, None, n)));
    found("ipv6-header", "class", &frames(100, |n| ipv6(u32::from(byte(n)), 5, 64, None, n)));
    found("ipv6-header", "hop limit", &frames(100, |n| ipv6(0, 5, 64 - bit(n), None, n)));
    let options = |kind: u8, n: u32| {
        let data = [noise(n), noise(n + 1), noise(n + 2)].map(u32::to_be_bytes).concat();
        (60, [&[6, 1, kind, 12][..], &data].concat())
    };
    found("ipv6-header", "padding", &frames(20, |n| ipv6(0, 5, 64, Some(options(1, n)), n)));
    found("ipv6-header", "unknown option", &frames(20, |n| ipv6(0, 5, 64, Some(options(0x1e, n)), n)));
    let routing = |n: u32| (43, [&[6, 0, 253, 0][..], &noise(n).to_be_bytes()].concat());
    found("ipv6-header", "routing", &frames(20, |n| ipv6(0, 5, 64, Some(routing(n)), n)));
}

#[test]
fn ordinary_ipv6_is_silent() {
    silent("constant", &frames(200, |n| ipv6(0, 5, 64, None, n)));
    silent("a new label after a time-out", &frames(400, |n| ipv6(0, n / 60, 64, None, n)));
    let unanswered = |n: u32| {
        let mut frame = ipv6(0, noise(n), 64, None, 0);
        // SYN from another port for each eight tries, without data.
        frame[55] = u8::try_from(n / 8).unwrap();
        frame[67] = 2;
        frame
    };
    silent("SYNs that nobody answers", &frames(64, unanswered));
    let zeros = || (60, [&[6, 1, 1, 12][..], &[0; 12]].concat());
    silent("zero padding", &frames(100, |n| ipv6(0, 5, 64, Some(zeros()), n)));
}

#[test]
fn fields_of_tcp_that_carry_data_are_found() {
    let each = |count, change: &dyn Fn(&mut Segment, u32)| {
        frames(count, |n| {
            let mut segment = Segment::new(n);
            change(&mut segment, n);
            tcp(0, n + 1, 64, &segment)
        })
    };
    found("tcp-header", "reserved", &each(20, &|s, n| s.reserved = byte(n) & 0x0e));
    found("tcp-header", "urgent", &each(20, &|s, n| s.urgent = half(n)));
    let open = |s: &mut Segment, n: u32| {
        (s.flags, s.port, s.payload) = (2, 1000 + u16::try_from(n).unwrap(), Vec::new());
        (s.ack, s.options) = (0, Vec::new());
    };
    found(
        "tcp-header",
        "initial numbers",
        &each(40, &|s, n| {
            open(s, n);
            s.seq = noise(n) & 0xff00_0000;
        }),
    );
    found(
        "tcp-header",
        "acknowledgement",
        &each(20, &|s, n| {
            open(s, n);
            (s.seq, s.ack, s.options) = (noise(n), noise(n + 1), timestamp(n));
        }),
    );
    found(
        "tcp-header",
        "bounced",
        &each(40, &|s, n| {
            open(s, n);
            (s.flags, s.ack) = (0x12, (noise(n) & 0xff00_0000).wrapping_add(1));
        }),
    );
    found(
        "tcp-header",
        "options",
        &each(300, &|s, n| {
            s.options.extend([&[253, 6][..], &noise(n).to_be_bytes(), &[1, 1]].concat());
        }),
    );
    found(
        "tcp-header",
        "timestamps",
        &each(200, &|s, n| s.options = timestamp(9000 + n / 4 * 4 + u32::from(bit(n)))),
    );
    found("tcp-header", "windows", &each(100, &|s, n| s.window = 0x0100 | u16::from(byte(n))));
}

#[test]
fn ordinary_tcp_is_silent() {
    let each = |change: &dyn Fn(&mut Segment, u32)| {
        frames(200, |n| {
            let mut segment = Segment::new(n);
            change(&mut segment, n);
            tcp(0, n + 1, 64, &segment)
        })
    };
    silent(
        "probes with random numbers everywhere",
        &each(&|s, n| {
            (s.flags, s.port, s.seq, s.ack) = (2, 1000 + u16::try_from(n).unwrap(), noise(n), noise(n + 1));
            (s.options, s.payload) = (Vec::new(), Vec::new());
        }),
    );
    // hping, with any flags.
    for flags in [0, 1, 0x29] {
        let probe = |s: &mut Segment, n: u32| {
            (s.flags, s.port, s.seq, s.ack) =
                (flags, 2000 + u16::try_from(n).unwrap(), noise(n), noise(n + 1));
            (s.options, s.payload) = (Vec::new(), Vec::new());
        };
        silent("other probes with random numbers", &each(&probe));
    }
    // nmap asks a system about its stack by 13 probes, and up to five times if it isn't sure; each time with other numbers.
    let fingerprints = |s: &mut Segment, n: u32| {
        (s.flags, s.payload) = (2, Vec::new());
        if n < 65 {
            let round = n / 13;
            (s.ack, s.flags) =
                (noise(round), [2, 0xc2, 0, 0x2b, 0x10, 2, 0x10, 0x29][(n % 13).min(7) as usize]);
            if n % 13 == 1 {
                (s.reserved, s.urgent) = (8, 0xf7f5);
            }
        } else {
            s.ack = 0;
        }
        s.port = 1000 + u16::try_from(n).unwrap();
    };
    silent("probes of a stack", &each(&fingerprints));
    silent("windows of a reader that is late", &each(&|s, n| s.window = 501 - u16::from(byte(n)) % 64));
    silent(
        "counters of Accurate ECN",
        &each(&|s, n| s.options.extend([&[254, 8, 0xac, 0xce][..], &noise(n).to_be_bytes()].concat())),
    );
    silent(
        "random initial numbers",
        &each(&|s, n| {
            (s.flags, s.port, s.seq, s.ack) = (2, 1000 + u16::try_from(n).unwrap(), noise(n), 0);
            s.payload = Vec::new();
        }),
    );
    silent("a window that follows a buffer", &each(&|s, n| s.window = 300 + (n % 40) as u16 * 5));
    silent("two windows", &each(&|s, n| s.window = 501 + u16::from(bit(n))));
    silent(
        "multipath",
        &each(&|s, n| {
            s.options.extend([&[30, 8, 0x20, 1][..], &noise(n).to_be_bytes()].concat());
        }),
    );
}

/// SYNs of a program with a raw socket: one port, no options, all numbers zero, but for what carries data.
fn syn(number: u32, change: impl FnOnce(&mut Segment)) -> Segment {
    let mut segment = Segment { seq: 0, ack: 0, flags: 2, window: 8192, ..Segment::new(number) };
    (segment.port, segment.options, segment.payload) = (20, Vec::new(), Vec::new());
    change(&mut segment);
    segment
}

const TEXT: &[u8] = b"the key is under the third stone on the left hand";

fn letter(number: u32) -> u8 {
    TEXT[usize::try_from(number).unwrap() % TEXT.len()]
}

#[test]
fn fields_of_lone_syns_that_carry_data_are_found() {
    let all = |change: &dyn Fn(u32, &mut Segment)| {
        frames(40, |n| tcp(0, 1, 64, &syn(n, |segment| change(n, segment))))
    };
    found("tcp-header", "sequence", &all(&|n, it| it.seq = letter(n).into()));
    found("tcp-header", "window", &all(&|n, it| it.window = half(n)));
    found(
        "tcp-header",
        "letters in acknowledgements",
        &all(&|n, it| {
            it.ack = u32::from_be_bytes([letter(n), letter(n + 1), letter(n + 2), letter(n + 3)]);
        }),
    );
    found("tcp-header", "flags", &all(&|n, it| it.flags = letter(n) | byte(n) & 63));
    let options = |n: u32, list: Vec<u8>| {
        frames(n, |n| {
            tcp(
                0,
                1,
                64,
                &syn(n, |it| {
                    it.options =
                        list.iter().map(|value| if *value == 0xdd { letter(n) } else { *value }).collect();
                    it.options[3] = if list[0] == 2 { byte(n) } else { it.options[3] };
                }),
            )
        })
    };
    found("tcp-header", "segment size", &options(40, vec![2, 4, 0xdd, 0]));
    found("tcp-header", "no option", &options(40, vec![200, 4, 0xdd, 0xdd]));
    found("tcp-header", "echo", &options(40, vec![1, 1, 8, 10, 0, 0, 0, 9, 0xdd, 1, 2, 3]));
    found("ip-header", "TTL", &frames(60, |n| tcp(0, 1, letter(n), &syn(n, |it| it.seq = noise(n)))));
    found("ip-header", "TOS", &frames(60, |n| tcp(letter(n) & 0xfc, 1, 64, &syn(n, |it| it.seq = noise(n)))));
    found(
        "ip-header",
        "letters in identifications",
        &frames(30, |n| tcp(0, letter(n).into(), 64, &syn(n, |_| ()))),
    );
    let pair = |n: u32| u32::from(letter(2 * n)) << 8 | u32::from(letter(2 * n + 1));
    found(
        "ip-header",
        "two letters",
        &frames(24, |n| tcp(0, pair(n), 64, &syn(n, |it| it.port = 2000 + u16::from(byte(n))))),
    );
}

#[test]
fn syns_of_stacks_and_scanners_are_silent() {
    let stack = |n: u32, it: &mut Segment| {
        it.port = 30_000 + u16::try_from(n).unwrap();
        it.seq = noise(n);
        it.options = vec![2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
    };
    silent("Linux", &frames(100, |n| tcp(0, noise(n) & 0xffff, 64, &syn(n, |it| stack(n, it)))));
    // Many hosts behind one address.
    let windows = [64_240, 65_535, 29_200, 8192, 5840, 14_600, 65_160, 62_727];
    silent(
        "a gateway",
        &frames(200, |n| {
            tcp(
                0,
                noise(n) & 0xffff,
                63,
                &syn(n, |it| {
                    stack(n, it);
                    it.window = windows[usize::from(byte(n)) % windows.len()];
                    it.options[3] = [180, 120, 172][usize::from(byte(n + 7)) % 3];
                }),
            )
        }),
    );
    let probes = [0x29, 0x2b, 0x02, 0x12, 0x03, 0x07];
    let sizes = [1, 63, 4, 4, 16, 512, 3, 256, 31_337];
    silent(
        "a scanner",
        &frames(60, |n| {
            tcp(
                0,
                noise(n) & 0xffff,
                50,
                &syn(n, |it| {
                    it.port = 40_000 + u16::try_from(n).unwrap();
                    it.seq = noise(n);
                    it.flags = probes[usize::try_from(n).unwrap() % 3];
                    it.window = sizes[usize::try_from(n).unwrap() % sizes.len()];
                }),
            )
        }),
    );
    // A small stack that counts its connections.
    silent(
        "a controller",
        &frames(60, |n| {
            tcp(0, n, 64, &syn(n, |it| (it.seq, it.port) = (n * 64, 1024 + u16::try_from(n).unwrap())))
        }),
    );
}

#[test]
fn data_below_ip_is_found_and_stale_padding_is_not() {
    let short = |n: u32, padding: &[u8]| {
        let mut segment = Segment::new(n);
        (segment.options, segment.payload) = (Vec::new(), Vec::new());
        [&tcp(0, n, 64, &segment)[..], padding].concat()
    };
    let data = |n: u32| [&noise(n).to_be_bytes()[..], &[byte(n + 5), byte(n + 6)]].concat();
    found("link-padding", "padding", &frames(80, |n| short(n, &data(n))));
    silent("zeros", &frames(80, |n| short(n, &[0; 6])));
    silent("a check sequence", &frames(80, |n| short(n, &[&[0, 0][..], &noise(n).to_be_bytes()].concat())));
    silent(
        "a check sequence right behind what was not padded yet",
        &frames(80, |n| short(n, &noise(n).to_be_bytes())),
    );
    let four = |n: u32| {
        let mut segment = Segment { options: Vec::new(), ..Segment::new(n) };
        segment.payload = vec![b'x'; 4];
        [&tcp(0, n, 64, &segment)[..], &noise(n).to_be_bytes()].concat()
    };
    silent("a check sequence that begins within the least length", &frames(80, four));
    silent("what lay in the buffer", &frames(80, |n| short(n, &data(n / 3))));
    let arp = |padding: &dyn Fn(u32) -> Vec<u8>| {
        frames(60, |n| {
            let request =
                [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9];
            [&ETHERNET[..], &[8, 6], &request, &padding(n)].concat()
        })
    };
    found("link-padding", "ARP", &arp(&|n| [data(n), data(n + 100), data(n + 200)].concat()));
    silent("ARP with zeros", &arp(&|_| vec![0; 18]));
    let asked = |target: &dyn Fn(u32) -> Vec<u8>| {
        frames(40, |n| {
            let [.., last] = n.to_be_bytes();
            let request = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1];
            [&ETHERNET[..], &[8, 6], &request, &target(n), &[10, 0, 0, last], &[0; 18]].concat()
        })
    };
    found("link-padding", "ARP's target", &asked(&|n| [data(n), data(n + 100)].concat()[..6].to_vec()));
    silent("checks of neighbours", &asked(&|n| [&[2, 0x16, 0x3e][..], &n.to_be_bytes()[1..]].concat()));
    silent("open requests", &asked(&|n| if n % 2 == 0 { vec![0xff; 6] } else { vec![0; 6] }));
    let tagged = |n: u32, priority: u8| {
        let frame = tcp(0, n, 64, &Segment::new(n));
        [&frame[..12], &[0x81, 0, priority << 5, 100], &frame[12..]].concat()
    };
    found("link-padding", "priority", &frames(100, |n| tagged(n, byte(n) & 7)));
    silent("one priority", &frames(100, |n| tagged(n, 3)));
}

#[test]
fn a_gate_opens_at_each_doubling() {
    let mut gate = super::Gate::default();
    let opened: Vec<u32> = (1..=20).filter(|count| gate.opens(*count)).collect();
    assert_eq!(opened, [1, 2, 4, 8, 16]);
    assert!(!super::Gate::default().opens(0));
}

mod arp;
mod encoders;
mod variety;

//! Encoders of other tools than the corpus', at several rates, over bulk and interactive traffic.

use super::*;

const TEXT: &[u8] = b"What is said in the margins of packets is read by those who know where to look, and by \
    nobody else until somebody counts. The quick brown fox jumps over the lazy dog, 1234567890 times (or so).";

/// The letter that packet `n` carries.
fn letter(n: u32) -> u8 {
    TEXT[n as usize % TEXT.len()]
}

/// Which packets carry a symbol: all, or a share of them at random.
fn carries(n: u32, percent: u32) -> bool {
    noise(n + 31_337) % 100 < percent
}

/// A cover of `n`: whole segments, or all sizes with acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cover {
    Bulk,
    Interactive,
}

impl Cover {
    fn segment(self, n: u32) -> Segment {
        let mut segment = Segment::new(n);
        let len = match self {
            Self::Bulk => 1400,
            Self::Interactive => [0, 0, 60, 120, 700][usize::from(byte(n + 70_000)) % 5],
        };
        segment.payload = vec![b'x'; len];
        segment.flags = if len == 0 { 0x10 } else { 0x18 };
        segment.seq = 1000 + 1400 * n;
        segment
    }
}

type Encoder = (&'static str, Box<dyn Fn(Cover, u32, bool) -> Vec<u8>>);

/// Of IPv4 and UDP.
fn encoders() -> Vec<Encoder> {
    let ip = |field: fn(u32) -> (u8, u32, u16, u8)| {
        move |cover: Cover, n: u32, carries: bool| {
            let (tos, id, flags, ttl) = if carries { field(n) } else { (0, n + 1, 0x4000, 64) };
            ipv4(tos, id, flags, ttl, 6, &cover.segment(n).bytes(&CLIENT, &SERVER))
        }
    };
    let datagram = |field: fn(u32) -> (u8, u32, bool, u8)| {
        move |_: Cover, n: u32, carries: bool| {
            let (tos, id, is_summed, ttl) = if carries { field(n) } else { (0, n + 1, true, 64) };
            let mut frame = udp(tos, id, is_summed, n);
            frame[22] = ttl;
            sum_ip(&mut frame);
            frame
        }
    };
    vec![
        ("id, letter in the high byte", Box::new(ip(|n| (0, u32::from(letter(n)) << 8, 0x4000, 64)))),
        (
            "id, two letters",
            Box::new(ip(|n| (0, u32::from(letter(n)) << 8 | u32::from(letter(n + 1)), 0x4000, 64))),
        ),
        (
            "id, two letters, UDP",
            Box::new(datagram(|n| (0, u32::from(letter(n)) << 8 | u32::from(letter(n + 1)), true, 64))),
        ),
        ("id, letter in the low byte", Box::new(ip(|n| (0, u32::from(letter(n)), 0x4000, 64)))),
        ("id, letter in the low byte, UDP", Box::new(datagram(|n| (0, u32::from(letter(n)), true, 64)))),
        ("TTL, two", Box::new(ip(|n| (0, n + 1, 0x4000, 64 - bit(n))))),
        ("TTL, five", Box::new(ip(|n| (0, n + 1, 0x4000, 64 - byte(n) % 5)))),
        ("TTL, letter", Box::new(ip(|n| (0, n + 1, 0x4000, letter(n))))),
        ("TTL, two, UDP", Box::new(datagram(|n| (0, n + 1, true, 64 - bit(n))))),
        ("TOS, low two bits", Box::new(ip(|n| (byte(n) & 3, n + 1, 0x4000, 64)))),
        ("TOS, letter", Box::new(ip(|n| (letter(n), n + 1, 0x4000, 64)))),
        ("DSCP, two", Box::new(ip(|n| (bit(n) << 5, n + 1, 0x4000, 64)))),
        ("DSCP, two, UDP", Box::new(datagram(|n| (bit(n) << 5, n + 1, true, 64)))),
        ("DF", Box::new(ip(|n| (0, n + 1, 0x4000 * u16::from(bit(n)), 64)))),
        ("reserved flag", Box::new(ip(|n| (0, n + 1, 0x4000 + 0x8000 * u16::from(bit(n)), 64)))),
        ("UDP checksum", Box::new(datagram(|n| (0, n + 1, bit(n) == 1, 64)))),
    ]
}

/// Of TCP, IPv6 and Ethernet.
fn others() -> Vec<Encoder> {
    let of = |change: fn(&mut Segment, u32)| {
        move |cover: Cover, n: u32, carries: bool| {
            let mut segment = cover.segment(n);
            if carries {
                change(&mut segment, n);
            }
            tcp(0, n + 1, 64, &segment)
        }
    };
    let ip6 = |field: fn(u32) -> (u32, u32, u8)| {
        move |_: Cover, n: u32, carries: bool| {
            let (class, label, hops) = if carries { field(n) } else { (0, 5, 64) };
            ipv6(class, label, hops, None, n)
        }
    };
    vec![
        (
            "urgent pointer",
            Box::new(of(|s, n| s.urgent = u16::from(letter(n)) << 8 | u16::from(letter(n + 1)))),
        ),
        ("reserved bits", Box::new(of(|s, n| s.reserved = byte(n) & 0x0e))),
        (
            "timestamp, low bit",
            Box::new(of(|s, n| s.options = timestamp((5000 + 10 * n) & !1 | u32::from(bit(n))))),
        ),
        (
            "timestamp, low bit, slow clock",
            Box::new(of(|s, n| s.options = timestamp((5000 + n / 2) & !1 | u32::from(bit(n))))),
        ),
        (
            "timestamp, low byte",
            Box::new(of(|s, n| s.options = timestamp((5000 + 10 * n) & !0xff | u32::from(letter(n))))),
        ),
        ("window, letter", Box::new(of(|s, n| s.window = 0x0100 | u16::from(letter(n))))),
        (
            "window, two letters",
            Box::new(of(|s, n| s.window = u16::from(letter(n)) << 8 | u16::from(letter(n + 1)))),
        ),
        ("hop limit, two", Box::new(ip6(|n| (0, 5, 64 - bit(n))))),
        ("hop limit, letter", Box::new(ip6(|n| (0, 5, letter(n))))),
        ("flow label, letter", Box::new(ip6(|n| (0, u32::from(letter(n)), 64)))),
        ("flow label, 20 bits", Box::new(ip6(|n| (0, noise(n), 64)))),
        ("class, letter", Box::new(ip6(|n| (letter(n).into(), 5, 64)))),
        (
            "PadN, letter",
            Box::new(|_, n, carries| {
                let data = if carries { [letter(n), letter(n + 1), letter(n + 2), 0] } else { [0; 4] };
                ipv6(0, 5, 64, Some((60, [&[6, 0, 1, 4][..], &data].concat())), n)
            }),
        ),
        (
            "PCP, two",
            Box::new(|cover, n, carries| {
                let frame = tcp(0, n + 1, 64, &cover.segment(n));
                let priority = if carries { bit(n) } else { 0 };
                [&frame[..12], &[0x81, 0, priority << 5, 100], &frame[12..]].concat()
            }),
        ),
        (
            "trailer, text",
            Box::new(|cover, n, carries| {
                let frame = tcp(0, n + 1, 64, &cover.segment(n));
                let at = n as usize % (TEXT.len() - 8);
                let trailer = if carries { &TEXT[at..at + 8] } else { &[] };
                [&frame[..], trailer].concat()
            }),
        ),
    ]
}

/// At which rates, of 100, 50, 25 and 10 % of the packets, each is found: all, but where nothing forbids what it does, and it
/// does it as seldom as paths and stacks do.
#[test]
fn encoders_are_found_down_to_the_rates_at_which_nothing_tells_them_from_networks() {
    let rates = |name: &str| match name {
        // True clocks have low bits that look random; media of several kinds are marked in one flow.
        "timestamp, low bit" | "DSCP, two, UDP" => 0,
        name if name.starts_with("id, two") || name.starts_with("window") => 1,
        name if name.starts_with("id, letter in the low") || name.contains(", two") || name == "DF" => 2,
        "TTL, five" => 3,
        _ => 4,
    };
    let mut wrong = Vec::new();
    for (name, encode) in encoders().into_iter().chain(others()) {
        for cover in [Cover::Bulk, Cover::Interactive] {
            // Heads are cut before the end of whole segments.
            let rates = if (name, cover) == ("trailer, text", Cover::Bulk) { 0 } else { rates(name) };
            let row = [100, 50, 25, 10]
                .map(|percent| alerts(&frames(600, |n| encode(cover, n, carries(n, percent)))));
            println!("{name}, {cover:?}: {row:?}");
            let found = row.iter().filter(|found| !found.is_empty()).count();
            if found < rates {
                wrong.push((name, cover, found, rates));
            }
            let plain = alerts(&frames(600, |n| encode(cover, n, false)));
            assert_eq!(plain, BTreeSet::new(), "{name}, {cover:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// So many frames of one flow, each with this identification.
fn numbered(name: &str, id: impl Fn(u32) -> u32) {
    for cover in [Cover::Bulk, Cover::Interactive] {
        silent(name, &frames(600, |n| tcp(0, id(n) & 0xffff, 64, &cover.segment(n))));
    }
    silent(name, &frames(600, |n| udp(0, id(n) & 0xffff, true, n)));
}

#[test]
fn identifications_of_every_policy_are_silent() {
    numbered("zero", |_| 0);
    numbered("constant", |_| 0x4142);
    numbered("a counter of the flow", |n| n);
    numbered("a counter through characters", |n| 0x4120 + n % 90);
    numbered("a counter of the host", |n| 7000 + 3 * n + noise(n) % 4);
    numbered("a counter of a bucket", |n| 7000 + (0..=n % 50).map(|k| 1 + noise(k) % 9).sum::<u32>());
    numbered("random", |n| noise(n) | 1);
    numbered("random from a permutation of a few", |n| 1 + n * 25_173 % 32_768);
    numbered("a counter in the other byte order", |n| n << 8 | n >> 8);
    numbered("a counter modulo 8", |n| n % 8);
    numbered("a counter modulo 16", |n| 0x4141 + n % 16);
    numbered("a counter, pairs swapped by two links", |n| 0x4000 + (n ^ 1));
    numbered("a counter over four links out of step", |n| {
        0x4100 + (n & !7) + [3, 0, 5, 2, 7, 4, 1, 6][n as usize % 8]
    });
    numbered("a counter over links, each packet seen twice", |n| {
        0x4100 + (n / 16 * 8) + [3, 0, 5, 2, 7, 4, 1, 6][n as usize / 2 % 8]
    });
    numbered("two counters of two systems behind one port", |n| if n % 2 == 0 { n } else { 40_000 + 2 * n });
    numbered("zero with DF, a counter for the rest", |n| if byte(n).is_multiple_of(3) { n } else { 0 });
}

#[test]
fn what_stacks_and_middleboxes_do_to_tcp_is_silent() {
    let of = |name: &str, change: &dyn Fn(&mut Segment, u32)| {
        for cover in [Cover::Bulk, Cover::Interactive] {
            let frame = |n| {
                let mut segment = cover.segment(n);
                change(&mut segment, n);
                tcp(0, n + 1, 64, &segment)
            };
            silent(name, &frames(600, frame));
        }
    };
    of("a window that is full now and then", &|s, n| s.window = if byte(n) < 30 { 0 } else { 8192 });
    of("a window of a small buffer that is read at once", &|s, n| s.window = 5840 - 1460 * (n % 4) as u16);
    of("a buffer that is read late", &|s, n| s.window = 0x4000 - u16::from(byte(n)) * 8);
    of("a buffer of text lines that is read late", &|s, n| s.window = 0x7000 - half(n) % 0x3000);
    of("a proxy that sets one window", &|s, n| s.window = if n < 300 { 502 } else { 0x2020 });
    of("a clock of 100 Hz", &|s, n| s.options = timestamp(7000 + n));
    of("a clock that a middlebox removed", &|s, _| s.options = Vec::new());
    of("selective acknowledgements", &|s, n| {
        s.options.extend(
            [&[1, 1, 5, 10][..], &(n * 1000).to_be_bytes(), &(n * 1000 + 500).to_be_bytes()].concat(),
        );
    });
    of("an urgent byte of a terminal", &|s, n| {
        if n % 50 == 7 {
            (s.urgent, s.flags) = (1, s.flags | 0x20);
        }
    });
}

#[test]
fn what_networks_do_to_marks_paths_and_frames_is_silent() {
    let marked = |mark: &'static dyn Fn(u32) -> u8| {
        frames(600, move |n| tcp(mark(n), n + 1, 64, &Cover::Interactive.segment(n)))
    };
    silent("a mark that an edge removes midway", &marked(&|n| if n < 250 { 0x28 } else { 0 }));
    silent("a shaper that marks what is over its rate", &marked(&|n| if n % 40 < 6 { 0x30 } else { 0x28 }));
    silent("congestion marks", &marked(&|n| if noise(n).is_multiple_of(20) { 3 } else { 2 }));
    let hops = |ttl: &'static dyn Fn(u32) -> u8| {
        frames(600, move |n| tcp(0, n + 1, ttl(n), &Cover::Interactive.segment(n)))
    };
    silent("a path that changes for a while", &hops(&|n| if (200..260).contains(&n) { 51 } else { 54 }));
    silent("a path that flaps each ten packets", &hops(&|n| 54 - (n / 10 % 2) as u8));
    silent("one packet in six by another path", &hops(&|n| if noise(n).is_multiple_of(6) { 53 } else { 54 }));
    let tapped = |trailer: &'static dyn Fn(u32) -> Vec<u8>| {
        frames(600, move |n| [tcp(0, n + 1, 64, &Cover::Interactive.segment(n)), trailer(n)].concat())
    };
    silent("check sequences", &tapped(&|n| noise(n).to_be_bytes().to_vec()));
    silent(
        "a tap's clock and port",
        &tapped(&|n| {
            [&1_700_000_000u32.to_be_bytes()[..], &(n * 1_000_003).to_be_bytes(), &[0x31, 0x32]].concat()
        }),
    );
    silent(
        "a redundancy protocol's number",
        &tapped(&|n| [&n.to_be_bytes()[2..], &[0xa0, 0x34, 0x88, 0xfb]].concat()),
    );
    silent("a name of a probe, always the same", &tapped(&|_| b"probe-07".to_vec()));
}

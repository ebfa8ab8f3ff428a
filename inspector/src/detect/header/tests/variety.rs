//! Other alphabets, places and rates than those of the corpus, and ordinary traffic that looks like them.

use super::*;

fn plain(n: u32) -> Segment {
    Segment::new(n)
}

/// A segment of one of several sizes: data of a few lengths, and acknowledgements.
fn mixed(n: u32) -> Segment {
    let mut segment = plain(n);
    segment.payload = vec![b'x'; [0, 0, 120, 700, 1400][usize::from(byte(n + 70_000)) % 5]];
    segment.flags = if segment.payload.is_empty() { 0x10 } else { 0x18 };
    segment.seq = 1000 + 1400 * n;
    segment
}

fn is_ack(n: u32) -> bool {
    mixed(n).payload.is_empty()
}

#[test]
fn ttls_of_any_alphabet_in_acknowledgements_or_several_flows_are_found() {
    for symbols in [2, 3, 4, 8, 16, 32] {
        let ttl = |n: u32| 64 - byte(n) % symbols;
        found("ip-header", "TTL", &frames(200, |n| tcp(0, n, ttl(n), &mixed(n))));
    }
    let in_acks = |n: u32| if is_ack(n) { 128 - bit(n) } else { 128 };
    found("ip-header", "TTL of acknowledgements", &frames(300, |n| tcp(0, n, in_acks(n), &mixed(n))));
    let only_acks = |n: u32| if is_ack(n) { 100 + 20 * bit(n) } else { 64 };
    found("ip-header", "TTL of acknowledgements alone", &frames(300, |n| tcp(0, n, only_acks(n), &mixed(n))));
    let flows = |n: u32| {
        let mut segment = mixed(n / 6);
        segment.port = 30_000 + u16::try_from(n % 6).unwrap();
        tcp(0, n, 64 - bit(n), &segment)
    };
    found("ip-header", "TTL over six flows", &frames(400, flows));
    found(
        "ip-header",
        "TTL of UDP",
        &frames(200, |n| {
            let mut frame = udp(0, n, true, n);
            frame[22] -= bit(n);
            sum_ip(&mut frame);
            frame
        }),
    );
}

#[test]
fn any_bit_of_tos_is_found() {
    for place in 2..8 {
        let tos = |n: u32| bit(n) << place;
        found("ip-header", "a bit of DSCP", &frames(200, |n| tcp(tos(n), n, 64, &mixed(n))));
    }
    let both = |n: u32| if bit(n) == 1 { 1 } else { 2 };
    found(
        "ip-header",
        "ECT(0) or ECT(1)",
        &frames(300, |n| tcp(if n % 7 == 0 { 0 } else { both(n) }, n, 64, &mixed(n))),
    );
    let class = |n: u32| u32::from(bit(n)) << 5;
    found("ipv6-header", "a bit of the class", &frames(200, |n| ipv6(class(n), 5, 64, None, n)));
}

#[test]
fn any_part_of_the_flow_label_is_found() {
    for (place, width) in [(0, 1), (0, 8), (12, 8), (19, 1)] {
        let label = |n: u32| 0x3_1415 ^ (noise(n) & ((1 << width) - 1)) << place;
        found("ipv6-header", "label", &frames(200, |n| ipv6(0, label(n), 64, None, n)));
    }
    let rare = |n: u32| if n % 4 == 1 { noise(n) } else { 0x3_1415 };
    found("ipv6-header", "a quarter of the labels", &frames(200, |n| ipv6(0, rare(n), 64, None, n)));
}

#[test]
fn initial_numbers_of_text_are_found() {
    let text =
        b"numbers in the wire are read by those who know of them and by nobody else, ever, so they hope";
    let open = |n: u32| {
        let mut segment = plain(n);
        (segment.flags, segment.port, segment.payload) = (2, 1000 + u16::try_from(n).unwrap(), Vec::new());
        (segment.ack, segment.options) = (0, Vec::new());
        let at = usize::try_from(n).unwrap() * 4 % (text.len() - 4);
        segment.seq = u32::from_be_bytes(text[at..at + 4].try_into().unwrap());
        tcp(0, n, 64, &segment)
    };
    found("tcp-header", "four characters", &frames(23, open));
}

#[test]
fn what_routers_decide_by_the_length_of_a_packet_is_silent() {
    let mark = |n: u32| if is_ack(n) { 0x28 } else { 0 };
    silent("acknowledgements go first", &frames(400, |n| tcp(mark(n), n, 64, &mixed(n))));
    let flags = |n: u32| if mixed(n).payload.len() > 1000 { 0 } else { 0x4000 };
    let segment = |n: u32| mixed(n).bytes(&CLIENT, &SERVER);
    silent("DF cleared where it is too long", &frames(400, |n| ipv4(0, n, flags(n), 64, 6, &segment(n))));
    let class = |n: u32| n % 2 * 8;
    let sized = |n: u32| {
        let mut frame = ipv6(class(n), 5, 64, None, n);
        if n % 2 == 1 {
            frame.truncate(frame.len() - 10);
            let len = u16::try_from(frame.len() - 54).unwrap();
            frame[18..20].copy_from_slice(&len.to_be_bytes());
        }
        frame
    };
    silent("a class by length", &frames(200, sized));
}

#[test]
fn paths_that_change_or_are_several_are_silent() {
    silent(
        "packets over two paths in turn",
        &frames(400, |n| tcp(0, n, 57 - u8::from(n % 2 == 0), &plain(n))),
    );
    let flow = |n: u32| {
        let mut segment = plain(n / 8);
        segment.port = 30_000 + u16::try_from(n % 8).unwrap();
        tcp(0, n, 50 + u8::try_from(n % 8).unwrap(), &segment)
    };
    silent("each flow its path", &frames(400, flow));
    silent("a call that is marked midway", &frames(400, |n| udp(if n < 200 { 0 } else { 0xb8 }, n, true, n)));
    let hosts = |n: u32| {
        let mut segment = plain(n / 4);
        segment.port = 30_000 + u16::try_from(n % 4).unwrap();
        let id = if n.is_multiple_of(2) { noise(n) } else { n };
        tcp(0, id, if n.is_multiple_of(2) { 63 } else { 127 }, &segment)
    };
    silent("two systems behind one address", &frames(400, hosts));
}

#[test]
fn ecn_of_every_kind_is_silent() {
    let marked = |n: u32| match (is_ack(n), byte(n + 9) % 10) {
        (true, _) => 0,
        (false, 0..3) => 3,
        (false, _) => 2,
    };
    silent("congestion", &frames(500, |n| tcp(marked(n), n, 64, &mixed(n))));
    let falls_back = |n: u32| match (is_ack(n), n < 250) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    silent("L4S that falls back", &frames(500, |n| tcp(falls_back(n), n, 64, &mixed(n))));
    let two = |n: u32| {
        let mut segment = mixed(n / 2);
        segment.port = 30_000 + u16::try_from(n % 2).unwrap();
        let ecn = if is_ack(n / 2) { 0 } else { 1 + u8::try_from(n % 2).unwrap() };
        tcp(ecn, n, 64, &segment)
    };
    silent("two flows, one of them L4S", &frames(600, two));
}

#[test]
fn labels_that_stacks_change_are_silent() {
    let port = |frame: &mut Vec<u8>, port: u32| {
        frame[54..56].copy_from_slice(&u16::try_from(20_000 + port).unwrap().to_be_bytes());
    };
    let unanswered = |n: u32| {
        let mut frame = ipv6(0, noise(n), 64, None, n / 7);
        port(&mut frame, n / 7);
        (frame[54 + 13], frame[54 + 12]) = (2, frame[54 + 12]);
        frame
    };
    silent("SYNs that nobody answers", &frames(140, unanswered));
    let repeated = |n: u32| if n < 40 { ipv6(0, 5, 64, None, n) } else { ipv6(0, noise(n), 64, None, 39) };
    silent("a segment sent again and again", &frames(70, repeated));
    let short = |n: u32| {
        let label = [1, 2, 2, 2, 2, 3][(n % 6) as usize] + 10 * (n / 6);
        let mut frame = ipv6(0, label, 64, None, n);
        port(&mut frame, n / 6);
        frame
    };
    silent("short connections of a server", &frames(300, short));
}

/// What something on the way does to a long flow now and then, a channel does to many of its packets.
#[test]
fn a_clock_that_goes_back_now_and_then_is_silent_and_one_that_often_does_is_not() {
    let clock = |every: u32| {
        frames(1200, |n| {
            let mut segment = plain(n);
            let slip = if n % every == every - 1 { 15 } else { 0 };
            segment.options = timestamp(5000 + 10 * n - slip);
            tcp(0, n + 1, 64, &segment)
        })
    };
    silent("a clock that slips four times", &clock(300));
    assert!(!alerts(&clock(30)).is_empty());
}

/// Random numbers are no alphabet because a mirror shows each packet twice, and one number of them came twice.
#[test]
fn random_identifications_that_come_twice_are_silent() {
    let random = |n: u32| if n % 25 == 3 { noise(n - 3) } else { noise(n) };
    silent("random identifications", &frames(400, |n| tcp(0, random(n), 64, &plain(n))));
    silent("on a mirror", &frames(2000, |n| tcp(0, random(n / 2), 64, &plain(n / 2))));
}

#[test]
fn constant_garbage_is_silent() {
    let each = |change: &dyn Fn(&mut Segment)| {
        frames(200, |n| {
            let mut segment = plain(n);
            change(&mut segment);
            tcp(0, n + 1, 64, &segment)
        })
    };
    silent("a reserved bit that is always set", &each(&|segment| segment.reserved = 8));
    silent("an urgent pointer that is always the same", &each(&|segment| segment.urgent = 77));
}

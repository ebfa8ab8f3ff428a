//! RTP, RTCP and STUN.

use super::*;

/// What a sender of RTP has for its next packet.
#[derive(Clone, Copy)]
struct Next {
    i: u32,
    sequence: u16,
    timestamp: u32,
    source: u32,
}

fn rtp(first: u8, kind: u8, next: Next, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, kind];
    bytes.extend(next.sequence.to_be_bytes());
    bytes.extend([next.timestamp, next.source].map(u32::to_be_bytes).concat());
    bytes.extend(rest);
    bytes
}

/// G.711, 20 ms a packet: a few values, as of silence.
fn voice(i: u32) -> Vec<u8> {
    noise(u64::from(i) + 1, 160).into_iter().map(|byte| 0xd4 | byte & 0x83).collect()
}

/// A call of 300 packets, each made by `packet`.
fn call(packet: impl Fn(Next) -> Vec<u8>) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 0..300_u32 {
        wire.wait(20);
        let sequence = u16::try_from((i + 65_400) & 0xffff).unwrap();
        let next =
            Next { i, sequence, timestamp: 0xffff_0000_u32.wrapping_add(160 * i), source: 0x1234_5678 };
        wire.udp(true, 20_000, 30_000, &packet(next));
    }
    wire
}

fn field(wire: &Wire<FixedFormat>) -> &'static str {
    assert_eq!(wire.severity(), Some(Severity::Medium), "nothing");
    wire.findings[0].evidence[0].name
}

#[test]
fn fields_of_media_that_follow_from_nothing_alert() {
    let wire = call(|next| {
        rtp(0x80, 0, Next { sequence: u16::try_from(random(next.i) >> 16).unwrap(), ..next }, &voice(next.i))
    });
    assert_eq!(field(&wire), "sequence_jumps");
    let wire = call(|next| rtp(0x80, 0, Next { timestamp: random(next.i), ..next }, &voice(next.i)));
    assert_eq!(field(&wire), "timestamp_jumps");
    let low = |next: Next| next.timestamp & !0xff | random(next.i) & 0xff;
    let wire = call(|next| rtp(0x80, 0, Next { timestamp: low(next), ..next }, &voice(next.i)));
    assert_eq!(field(&wire), "timestamp_slips");
    let wire = call(|next| rtp(0x80, 0, Next { source: random(next.i), ..next }, &voice(next.i)));
    assert_eq!(field(&wire), "source_changes");
    let wire = call(|next| rtp(0x82, 0, next, &[noise(u64::from(next.i), 8), voice(next.i)].concat()));
    assert_eq!(field(&wire), "contributor_changes");
    for header in [&[0x12, 0x34, 0, 4][..], &[0xbe, 0xde, 0, 5, 0x3f]] {
        let padding = vec![0; header.len() % 4 * 3];
        let extension = |i| [header, &noise(i, 16), &padding].concat();
        let wire =
            call(|next| rtp(0x90, 111, next, &[extension(next.i.into()), noise(next.i.into(), 60)].concat()));
        assert_eq!(field(&wire), "extensions_of_ciphertext");
    }
}

#[test]
fn calls_are_silent() {
    // Encrypted, with pauses, a codec's other source after half of it, and contributors that take turns.
    let wire = call(|next| {
        let timestamp = next.timestamp.wrapping_add(next.i / 30 * 4000);
        let source = next.source + next.i / 150;
        let speaker = [0, 0, 0, u8::try_from(next.i / 16).unwrap()];
        let payload = [&speaker[..], &noise(next.i.into(), 170)].concat();
        rtp(0x81, 8, Next { timestamp, source, ..next }, &payload)
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // Video: frames of three packets, shown in another order than they are sent, with levels in an extension.
    let wire = call(|next| {
        let frame = next.i / 3;
        let timestamp = frame * 3000 + [0, 6000, 3000][usize::try_from(frame % 3).unwrap()];
        let extension = [0xbe, 0xde, 0, 1, 0x10, 0x80 | noise(next.i.into(), 1)[0] & 0x7f, 0, 0];
        rtp(0x90, 96, Next { timestamp, ..next }, &[&extension[..], &noise(next.i.into(), 900)].concat())
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // Events of keys that have a clock of their own.
    let wire = call(|next| match next.i % 60 {
        0..5 => rtp(0x80, 101, Next { timestamp: next.i, ..next }, &[5, 10, 0, 160]),
        _ => rtp(0x80, 0, next, &voice(next.i)),
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

#[test]
fn protocols_that_begin_like_media_are_silent() {
    let wire = call(|next| [&[0x90][..], &noise(next.i.into(), 100)].concat());
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // A conversation's number, a command, a clock, counters: KCP.
    let wire = call(|next| {
        let clock = (next.i * 20).to_le_bytes();
        [&[0x9b, 1, 2, 3, 81, 0, 128, 0][..], &clock, &next.i.to_le_bytes(), &noise(next.i.into(), 60)]
            .concat()
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

/// Reports each five seconds; `time` is NTP's, `name` the source's.
fn reports(compound: impl Fn(u32) -> Vec<u8>) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 0..70 {
        wire.wait(5000);
        wire.udp(true, 20_001, 30_001, &compound(i));
    }
    wire
}

fn report(time: &[u8], name: &[u8], application: &[u8]) -> Vec<u8> {
    let packet = |kind: u8, count: u8, body: &[u8]| {
        assert!(body.len().is_multiple_of(4), "{}", body.len());
        [&[0x80 | count, kind, 0, u8::try_from(body.len() / 4).unwrap()], body].concat()
    };
    let source = [0, 1, 2, 3];
    let sender = packet(200, 0, &[&source, time, &[0; 12]].concat());
    let padding = vec![0; 4 - (name.len() + 2) % 4];
    let item = [&[1, u8::try_from(name.len()).unwrap()], name, &padding].concat();
    let description = packet(202, 1, &[&source[..], &item].concat());
    let application = if application.is_empty() {
        Vec::new()
    } else {
        packet(204, 0, &[&source[..], b"DATA", application].concat())
    };
    [sender, description, application].concat()
}

#[test]
fn reports_that_carry_data_alert_and_those_of_a_clock_do_not() {
    let clock = |i: u32| [(THEN + 5 * i).to_be_bytes(), random(i).to_be_bytes()].concat();
    let wire = reports(|i| report(&noise(u64::from(i) + 5, 8), b"user@host", b""));
    assert_eq!(field(&wire), "report_time_jumps");
    let wire = reports(|i| report(&clock(i), hex(&noise(u64::from(i) + 5, 12)).as_bytes(), b""));
    assert_eq!(field(&wire), "different_values");
    let wire = reports(|i| report(&clock(i), b"user@host", &noise(u64::from(i) + 5, 48)));
    assert_eq!(field(&wire), "different_values");
    let wire = reports(|i| report(&clock(i), b"user@host", b"PoC1 is the floor taken."));
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // Encrypted: an index and a code follow.
    let wire = reports(|i| [&[0x80, 200, 0, 6, 0, 1, 2, 3][..], &noise(u64::from(i) + 5, 34)].concat());
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

fn attribute(kind: u16, value: &[u8], padding: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    let padding = &padding[..(4 - value.len() % 4) % 4];
    [&[kind, len].map(u16::to_be_bytes).concat(), value, padding].concat()
}

/// Bindings, one a second, with attributes and what follows the message.
fn bindings(
    port: u16,
    attributes: impl Fn(u64) -> Vec<u8>,
    trailer: impl Fn(u64) -> Vec<u8>,
) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 1..70 {
        wire.wait(1000);
        let attributes = attributes(i);
        let mut bytes = [1, u16::try_from(attributes.len()).unwrap()].map(u16::to_be_bytes).concat();
        bytes.extend([0x21, 0x12, 0xa4, 0x42]);
        bytes.extend([noise(i, 12), attributes, trailer(i)].concat());
        wire.udp(true, port, 3478, &bytes);
    }
    wire
}

#[test]
fn attributes_that_say_something_new_alert() {
    const ZEROS: [u8; 3] = [0; 3];
    let none = |_| Vec::new();
    let code = |i| hex(&noise(i + 9, 24)).into_bytes();
    let covert: [Make<'_>; 4] = [
        &|i| attribute(0xbabe, &noise(i + 9, 64), &ZEROS),
        &|i| attribute(0x8022, &code(i), &ZEROS),
        &|i| attribute(0x0006, &code(i), &ZEROS),
        &|i| {
            attribute(0x8022, b"a client", &ZEROS)
                .into_iter()
                .chain(attribute(0x24, &[1], &noise(i, 3)))
                .collect()
        },
    ];
    for attributes in covert {
        assert_eq!(field(&bindings(50_000, attributes, none)), "different_values");
    }
    assert_eq!(field(&bindings(50_000, none, |i| noise(i + 3, 40))), "different_values");
}

#[test]
fn connectivity_checks_are_silent() {
    // User, software with spaces as padding, role, priority, integrity, what a browser adds, and an attribute of
    // someone's own.
    let wire = bindings(
        50_000,
        |i| {
            [
                attribute(0x0006, b"Xk3y:abcd9", b"   "),
                attribute(0x8022, b"a client 1", b"   "),
                attribute(0x802a, &noise(77, 8), b""),
                attribute(0xc058, &noise(i, 12), b""),
                attribute(0xbabe, &[0, 0, 0, u8::try_from(i).unwrap()], b""),
                attribute(0x0008, &noise(i + 1, 20), b""),
            ]
            .concat()
        },
        |_| Vec::new(),
    );
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

//! Lengths that spell, and lengths of ordinary programs.

use bytemuck::Zeroable as _;
use inspector_common::{FlowKey, SeriesEntry};

use super::*;
use crate::detect::shape::Numbers;

/// Findings for payloads of these lengths, a few of which are seen; `fill` gives the bytes of the n-th.
fn judge(lengths: &[u32], fill: impl Fn(usize) -> Vec<u8>) -> Vec<Finding> {
    let mut detector = PacketLength::new(Thresholds::default());
    let mut findings = Vec::new();
    let key = FlowKey { protocol: 17, ..FlowKey::zeroed() };
    let flow = detector.flows.entry(key, Lengths::default).unwrap();
    for (at, length) in lengths.iter().enumerate().filter(|(at, _)| *at < 4 || (at + 1).is_power_of_two()) {
        let bytes = fill(at);
        flow.content.add(bytes.get(..*length as usize).unwrap_or(&bytes), *length);
    }
    for (number, length) in lengths.iter().enumerate() {
        let payload_len = u16::try_from(*length).unwrap();
        let entry = SeriesEntry { gap_us: 20_000, payload_len, ..SeriesEntry::zeroed() };
        let (is_start, last_ns) = (number == 0, number as u64);
        let series = Series { key: &key, entries: &[entry], missed: 0, is_start, last_ns };
        detector.series(&series, &mut findings);
    }
    findings
}

/// Payloads that all begin alike.
fn constant(_: usize) -> Vec<u8> {
    b"padding".repeat(60)
}

/// Payloads that begin with a counter.
fn counted(at: usize) -> Vec<u8> {
    [&at.to_be_bytes()[..], &b"reading".repeat(60)].concat()
}

fn lengths(seed: u64, count: usize, mut next: impl FnMut(&mut Numbers, usize) -> u32) -> Vec<u32> {
    let mut numbers = Numbers(seed);
    (0..count).map(|at| next(&mut numbers, at)).collect()
}

#[test]
fn lengths_of_a_payload_that_says_nothing_are_found() {
    let bits = lengths(1, 400, |random, _| 400 + random.below(2));
    assert!(!judge(&bits, constant).is_empty());
    let text = b"the quick brown fox jumps over the lazy dog and goes home ";
    let plain = lengths(1, 456, |_, at| 50 + 10 * u32::from(text[at / 8] >> (at % 8) & 1));
    assert!(!judge(&plain, constant).is_empty());
}

#[test]
fn evenly_used_lengths_are_found() {
    let nibbles = lengths(2, 600, |random, _| 200 + random.below(16));
    assert!(!judge(&nibbles, counted).is_empty());
    let crumbs = lengths(3, 600, |random, _| 64 + 4 * random.below(4));
    assert!(!judge(&crumbs, counted).is_empty());
    for seed in 0..10 {
        let blocks = lengths(seed, 700, |random, _| 300 + 16 * random.below(16));
        assert!(!judge(&blocks, counted).is_empty(), "{seed}");
        let blocks = lengths(seed, 700, |random, _| 200 + 40 * random.below(4));
        assert!(!judge(&blocks, counted).is_empty(), "{seed}");
    }
}

#[test]
fn two_lengths_in_no_order_are_found() {
    for seed in 0..20 {
        let bits = lengths(seed, 900, |random, _| 200 + 60 * random.below(2));
        assert!(!judge(&bits, counted).is_empty(), "{seed}");
    }
}

#[test]
fn bytes_in_lengths_are_found() {
    for seed in 0..10 {
        let even = lengths(seed, 800, |random, _| 300 + random.below(256));
        assert!(!judge(&even, counted).is_empty());
        let few = lengths(seed, 400, |random, _| 300 + random.below(256));
        assert!(!judge(&few, counted).is_empty(), "{seed}");
        let uneven = lengths(seed, 900, |random, _| 90 + random.below(256).min(random.below(256)));
        assert!(!judge(&uneven, counted).is_empty());
    }
}

#[test]
fn lengths_of_ordinary_programs_are_silent() {
    let checks: [(&str, Vec<u32>); 15] = [
        ("voice", lengths(1, 2000, |_, _| 172)),
        ("voice with pauses", lengths(1, 2000, |_, at| if at / 90 % 2 == 0 { 172 } else { 13 })),
        ("now and then a long record", {
            lengths(1, 2000, |random, _| if random.below(10) == 0 { 260 } else { 200 })
        }),
        ("two kinds in turn", lengths(1, 2000, |_, at| if at % 2 == 0 { 260 } else { 200 })),
        ("window updates", lengths(1, 2000, |random, _| 35 + 13 * random.below(2))),
        ("two kinds of records", lengths(1, 2000, |_, at| if at % 10 == 9 { 260 } else { 200 })),
        (
            "numbers in text",
            lengths(1, 2000, |random, _| 81 + random.below(1000).checked_ilog10().unwrap_or(0)),
        ),
        ("signs of numbers", lengths(1, 2000, |random, _| 120 + random.below(2))),
        ("three numbers with signs", {
            lengths(1, 2000, |random, _| 90 + (0..3).map(|_| random.below(2)).sum::<u32>())
        }),
        ("blocks of a cipher", lengths(1, 2000, |random, _| 48 + 16 * random.below(4))),
        ("signatures in DER", lengths(1, 2000, |random, _| 70 + random.below(2) + random.below(2))),
        ("log lines", { lengths(1, 3000, |random, _| 60 + (0..4).map(|_| random.below(90)).sum::<u32>()) }),
        ("telemetry of 60 lengths", lengths(1, 2000, |random, _| 485 + random.below(60))),
        ("wide telemetry", lengths(1, 2000, |random, _| 40 + random.below(460))),
        ("a game's snapshots", {
            let mut level = 128i32;
            lengths(1, 3000, |random, _| {
                level = (level + i32::try_from(random.below(31)).unwrap() - 15).clamp(0, 255);
                100 + level.unsigned_abs()
            })
        }),
    ];
    for (name, lengths) in checks {
        assert_eq!(judge(&lengths, counted), [], "{name}");
    }
}

#[test]
fn constant_content_with_a_cycle_of_lengths_is_silent() {
    // The simple mix of test equipment: seven short, four middle, one long.
    let mix = lengths(1, 2000, |_, at| [40, 40, 576, 40, 40, 576, 40, 576, 40, 576, 40, 1500][at % 12]);
    assert_eq!(judge(&mix, constant), []);
    assert_eq!(judge(&lengths(1, 2000, |_, _| 32), constant), []);
    // Zeros, in whole segments and what is left of each write.
    let writes = lengths(2, 2000, |random, _| [1448, 1448, 1000, 128][random.below(4) as usize]);
    assert_eq!(judge(&writes, |_| vec![0; 1448]), []);
}

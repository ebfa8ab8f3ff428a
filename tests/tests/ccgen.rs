//! The storage techniques of CCgen v2: found, and their cover silent.

use std::collections::BTreeSet;
use std::io::Cursor;

use inspector::analyse::analyse;
use inspector::capture::CaptureReader;
use inspector_common::Sampler;
use inspector_tests::capture::timed_pcap;
use inspector_tests::ccgen::{Frame, Technique, cover, embed};

const SEED: u64 = 20_130_920;
/// About 310 packets of the client, as many as in CCgen's own captures.
const CONNECTIONS: u16 = 5;

/// The detectors that alert.
fn alerts(frames: &[Frame]) -> BTreeSet<&'static str> {
    let file = timed_pcap(frames.iter().map(|frame| (frame.time_us, &frame.bytes[..])));
    let mut capture =
        CaptureReader::new("generated", Cursor::new(file)).unwrap_or_else(|error| panic!("{error}"));
    let mut found = BTreeSet::new();
    let analysis = analyse(&mut capture, Sampler::new(1, 0), |_, report| {
        let detector = report.finding.signature.detector;
        if report.finding.severity.is_alert() {
            found.insert(detector);
        }
    });
    assert!(analysis.damage.is_none());
    found
}

#[test]
fn the_cover_is_silent() {
    for seed in 0..20 {
        assert_eq!(alerts(&cover(CONNECTIONS, SEED + seed)), BTreeSet::new(), "seed {seed}");
    }
}

#[test]
fn every_technique_is_found_at_the_default_rate() {
    for technique in Technique::ALL {
        let detector = technique.detector();
        for seed in 0..5 {
            let frames = embed(&cover(CONNECTIONS, SEED + seed), technique, 1.0, seed);
            let found = alerts(&frames);
            assert!(found.contains(detector), "{technique:?}, seed {seed}: {found:?}");
        }
    }
}

/// What must be zero, or cannot come from one host, tells from a few packets; what may vary tells from many.
#[test]
fn forbidden_values_are_found_in_a_tenth_of_the_packets() {
    for technique in [Technique::IpFlags, Technique::Urgent, Technique::Ttl, Technique::TtlRange] {
        for seed in 0..5 {
            let frames = embed(&cover(CONNECTIONS, SEED + seed), technique, 0.1, seed);
            let found = alerts(&frames);
            assert!(found.contains(technique.detector()), "{technique:?}, seed {seed}: {found:?}");
        }
    }
}

#[test]
fn every_technique_changes_the_client_s_packets_only() {
    let frames = cover(CONNECTIONS, SEED);
    for technique in Technique::ALL {
        let embedded = embed(&frames, technique, 1.0, SEED);
        let differ = |sent: bool| {
            let pairs = frames.iter().zip(&embedded);
            pairs.filter(|(frame, other)| frame.is_sent == sent && frame.bytes != other.bytes).count()
        };
        assert_eq!(differ(false), 0, "{technique:?}");
        assert!(differ(true) > 100, "{technique:?}");
        assert_eq!(embed(&frames, technique, 0.0, SEED).len(), frames.len());
    }
}

/// Prints recall against the embedding rate: `cargo test -p inspector-tests --test ccgen -- --ignored --nocapture`.
#[test]
#[ignore = "a table for the documentation"]
fn recall_by_rate() {
    println!("| technique | detector | 1.0 | 0.1 | 0.01 |\n|---|---|---|---|---|");
    for technique in Technique::ALL {
        let detector = technique.detector();
        let recall = |rate: f64| {
            let found = |seed: &u64| {
                alerts(&embed(&cover(CONNECTIONS, SEED + seed), technique, rate, *seed)).contains(detector)
            };
            (0..20).filter(found).count()
        };
        let [all, tenth, hundredth] = [1.0, 0.1, 0.01].map(recall);
        println!("| {technique:?} | {detector} | {all}/20 | {tenth}/20 | {hundredth}/20 |");
    }
}

//! `--state`: what detectors learn survives from one run to the next.

use std::fs;
use std::process::Command;

use inspector_tests::capture::timed_pcap;
use inspector_tests::lab::{Ended, Event, Scratch, binary};

const SYN: u8 = 2;
const PUSH: u8 = 0x18;
const ACK: u8 = 0x10;
const FIN: u8 = 0x11;

/// A TCP segment between a client and a server in an Ethernet frame; checksums are left out.
fn segment(to_server: bool, port: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let ends = [[10, 0, 0, 9], [192, 0, 2, 77]];
    let ports = [port.to_be_bytes(), 443u16.to_be_bytes()];
    let (from, to) = if to_server { (0, 1) } else { (1, 0) };
    let length = u16::try_from(40 + payload.len()).unwrap_or(u16::MAX);
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(ends[from]);
    frame.extend(ends[to]);
    frame.extend(ports[from]);
    frame.extend(ports[to]);
    frame.extend([0, 0, 1, 0, 0, 0, 1, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(payload);
    frame
}

/// One call of a beacon from its own port, each packet 10 ms after the one before.
fn call(port: u16) -> Vec<Vec<u8>> {
    vec![
        segment(true, port, SYN, &[]),
        segment(false, port, SYN | ACK, &[]),
        segment(true, port, ACK, &[]),
        segment(true, port, PUSH, &[b'q'; 120]),
        segment(false, port, PUSH, &[b'a'; 90]),
        segment(true, port, FIN, &[]),
        segment(false, port, FIN, &[]),
    ]
}

/// A capture of calls with these numbers, each 48 to 72 s after the one before, in the same place of time whichever of
/// them are in it.
fn beacon(calls: std::ops::Range<u16>) -> Vec<u8> {
    let (mut noise, mut now_us) = (7u32, 1_700_000_000_000_000_u64);
    let mut packets = Vec::new();
    for number in 0..calls.end {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        now_us += 48_000_000 + u64::from(noise >> 8) * 24_000_000 / (1 << 24);
        let times = (0..).map(|at| now_us + 10_000 * at);
        packets.extend(times.zip(call(20_000 + number)).filter(|_| calls.contains(&number)));
    }
    timed_pcap(packets.iter().map(|(time, frame)| (*time, &frame[..])))
}

fn replay(arguments: &[&str]) -> Ended {
    Ended::of(Command::new(binary()).args(["replay", "--eve", "-"]).args(arguments))
}

fn finds_beacon(ended: &Ended) -> bool {
    ended.events().iter().any(|event: &Event| event.is_alert() && event.detector() == "beacon")
}

#[test]
fn a_beacon_that_no_run_sees_enough_of_is_found_by_the_second_with_the_state_of_the_first() {
    let folder = Scratch::new();
    let (first, second) = (folder.write("1.pcap", beacon(0..30)), folder.write("2.pcap", beacon(30..60)));
    let state = folder.path("state.json");
    for capture in [&first, &second] {
        assert!(!finds_beacon(&replay(&[capture])));
    }
    let kept = ["--state", state.as_str()];
    assert!(!finds_beacon(&replay(&[&kept[..], &[&first]].concat())));
    let ended = replay(&[&kept[..], &[&second]].concat());
    assert!(finds_beacon(&ended) && ended.code == Some(0) && ended.stderr.is_empty(), "{ended:?}");
    // Or by one run over both.
    let other = folder.path("other.json");
    assert!(finds_beacon(&replay(&["--state", &other, &first, &second])));
}

#[test]
fn what_the_operator_expects_is_no_beacon() {
    let folder = Scratch::new();
    let whole = folder.write("whole.pcap", beacon(0..60));
    assert!(finds_beacon(&replay(&[&whole])));
    let with = |allowed: &str| {
        let config = folder.write("inspector.toml", format!("[beacon]\nallowed = [{allowed}]\n"));
        replay(&["--config", &config, &whole])
    };
    assert!(finds_beacon(&with(r#""192.0.2.0/29""#)));
    assert!(!finds_beacon(&with(r#""example.org", "192.0.2.64/28""#)));
    let refused = with(r#""192.0.2.0/64""#);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn a_state_that_cannot_be_understood_is_set_aside_with_a_word_and_the_run_goes_on() {
    let folder = Scratch::new();
    let whole = folder.write("whole.pcap", beacon(0..60));
    for bad in ["\u{1}\u{2}not json", r#"{"inspector_state":99,"detectors":{}}"#] {
        let state = folder.write("state.json", bad);
        let ended = replay(&["--state", &state, &whole]);
        assert!(finds_beacon(&ended) && ended.code == Some(0), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains("state.json.unusable"), "{ended:?}");
        assert_eq!(fs::read_to_string(folder.path("state.json.unusable")).unwrap(), bad);
        // And a sound one has taken its place.
        assert!(replay(&["--state", &state, &whole]).stderr.is_empty());
    }
}

#[test]
fn a_state_that_cannot_be_written_is_said_and_costs_no_finding() {
    let folder = Scratch::new();
    let whole = folder.write("whole.pcap", beacon(0..60));
    let ended = replay(&["--state", &folder.path("nowhere/state.json"), &whole]);
    assert!(finds_beacon(&ended) && ended.code == Some(0), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

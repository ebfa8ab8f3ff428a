//! Ports that were chosen, and ports as stacks give them out.

use super::*;
use crate::detect::shape::Numbers;
use crate::detect::wire::{ACK, SYN, Wire};

fn wire() -> Wire<SourcePort> {
    Wire::new(SourcePort::new(Thresholds::default()))
}

/// Whether refused connections from these ports are found.
fn is_found(ports: impl IntoIterator<Item = u16>) -> bool {
    let mut wire = wire();
    for (port, seq) in ports.into_iter().zip((0..).step_by(77_777)) {
        wire.wait(500);
        wire.tcp(true, [port, 80], SYN, seq, &[]);
        wire.tcp(false, [port, 80], flag::RST | ACK, 0, &[]);
    }
    !wire.findings.is_empty()
}

fn draw(seed: u64, count: usize, next: impl FnMut(&mut Numbers) -> u32) -> Vec<u16> {
    let mut random = Numbers(seed);
    let mut next = next;
    (0..count).map(|_| u16::try_from(next(&mut random)).unwrap()).collect()
}

#[test]
fn alphabets_of_ports_are_found() {
    for letters in [2, 4, 16] {
        assert!(is_found(draw(1, 120, |random| 40_000 + random.below(letters))), "{letters}");
    }
    let text = b"see you at the usual place at nine and bring the papers with you this time";
    assert!(is_found(text.iter().map(|letter| 20_000 + u16::from(*letter))));
}

#[test]
fn ports_of_stacks_are_silent() {
    assert!(!is_found((0..500).map(|n| 32_768 + 2 * n)), "Linux, one after the other");
    assert!(!is_found(draw(2, 500, |random| 49_152 + random.below(16_384))), "random, RFC 6335");
    assert!(!is_found(draw(3, 500, |random| 1_024 + random.below(64_512))), "random, from all there are");
    assert!(
        !is_found(draw(4, 500, |random| 10_000 + random.below(512))),
        "a block of a carrier's translator"
    );
    assert!(!is_found(draw(4, 500, |random| 10_000 + random.below(64))), "a small block of one");
    assert!(!is_found((0..500).map(|_| 40_000)), "bound to one port");
    assert!(!is_found((0..500).map(|n| 40_000 + n % 10)), "a pool used in turn");
}

#[test]
fn repeated_syns_are_no_new_connections() {
    let mut wire = wire();
    for round in 0..200u16 {
        // Six connections at once, each of which tries again and again.
        for port in 0..6 {
            wire.tcp(true, [50_000 + port, 80], SYN, u32::from(port), &[]);
        }
        wire.wait(u64::from(round));
    }
    assert!(wire.findings.is_empty());
}

#[test]
fn a_stream_from_changing_ports_is_found_and_parallel_streams_are_not() {
    let mut random = Numbers(5);
    let mut hopping = wire();
    let mut seq = 1000;
    for _ in 0..40 {
        let port = 40_000 + u16::try_from(random.below(2)).unwrap();
        hopping.tcp(true, [port, 80], ACK, seq, &[b'q'; 40]);
        seq += 40;
    }
    assert!(!hopping.findings.is_empty());

    let mut parallel = wire();
    let mut next = [1_000, 1_400, 9_000, 5_000_000];
    for round in 0..200 {
        let at = random.below(4) as usize;
        let port = 40_000 + u16::try_from(at).unwrap();
        parallel.tcp(true, [port, 80], ACK, next[at], &vec![b'q'; 30 + round % 7]);
        next[at] += 30 + u32::try_from(round % 7).unwrap();
    }
    assert!(parallel.findings.is_empty());
}

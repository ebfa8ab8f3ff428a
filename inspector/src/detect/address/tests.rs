//! Addresses that spell, and addresses of scanners and monitors.

use super::*;
use crate::detect::shape::Numbers;
use crate::detect::wire::{CLIENT, Wire, complete};

/// Whether echo requests to these addresses, one a second, are found.
fn is_found(addresses: impl IntoIterator<Item = [u8; 4]>, are_answered: bool) -> bool {
    let mut wire = Wire::new(DstAddress::new(Thresholds::default()));
    for (number, address) in (0..=u16::MAX).zip(addresses) {
        let [high, low] = number.to_be_bytes();
        wire.wait(1_000);
        wire.ip(CLIENT, address, 1, &[8, 0, 0, 0, high, low, 0, 1, 97, 98, 99, 100]);
        if are_answered {
            wire.ip(address, CLIENT, 1, &[0, 0, 0, 0, high, low, 0, 1, 97, 98, 99, 100]);
        }
    }
    !wire.findings.is_empty()
}

#[test]
fn a_message_with_the_place_of_each_letter_is_found() {
    let message = b"meet me at the old mill at nine, and burn this";
    let spelt = || (0u8..).zip(*message);
    assert!(is_found(spelt().map(|(place, letter)| [10, 9, place, letter]), false));
    assert!(is_found(spelt().map(|(place, letter)| [10, letter, 3, place]), false));
    assert!(!is_found(spelt().map(|(place, letter)| [10, 9, place, letter]), true), "somebody answers");
}

#[test]
fn sweeps_scans_and_monitors_are_silent() {
    let mut random = Numbers(1);
    let mut byte = || u8::try_from(random.below(256)).unwrap();
    assert!(!is_found((1..=254).map(|host| [10, 0, 0, host]), false), "a sweep");
    assert!(!is_found((0..=255).map(|net| [10, 0, net, 1]), false), "one gateway in each network");
    assert!(!is_found((0..=255).map(|net| [10, 0, net, 40 + net / 4]), false), "another sweep");
    let any: Vec<[u8; 4]> = (0..500).map(|_| [10, byte(), byte(), byte()]).collect();
    assert!(!is_found(any, false), "random hosts");
    let each: Vec<[u8; 4]> = (0..=255).map(|net| [10, 0, net, byte()]).collect();
    assert!(!is_found(each, false), "a random host in each network");
    let rounds: Vec<[u8; 4]> =
        (0..400).map(|n| [10, 0, [3, 9, 12, 40, 41][n % 5], [33, 90, 51, 77, 60][n % 5]]).collect();
    assert!(!is_found(rounds, false), "dead hosts, round after round");
    let shuffled: Vec<[u8; 4]> =
        (0..254u32).map(|n| [10, 0, 0, u8::try_from(n * 77 % 254 + 1).unwrap()]).collect();
    assert!(!is_found(shuffled, false), "a sweep in shuffled order");
}

/// Sends 40 bytes to a host.
fn send(wire: &mut Wire<DstAddress>, server: [u8; 4], seq: u32) {
    let mut segment = [40_000u16, 80].map(u16::to_be_bytes).concat();
    segment.extend(seq.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0x50, 16, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend([b'q'; 40]);
    complete(CLIENT, server, &mut segment);
    wire.ip(CLIENT, server, 6, &segment);
}

#[test]
fn a_stream_to_changing_hosts_is_found_and_one_that_is_copied_is_not() {
    let mut random = Numbers(5);
    let mut hopping = Wire::new(DstAddress::new(Thresholds::default()));
    for number in 0..40 {
        let host = u8::try_from(random.below(2)).unwrap();
        send(&mut hopping, [192, 0, 2, 80 + host], 40 * number);
    }
    assert!(!hopping.findings.is_empty());
    // On a load balancer each packet is seen to its own address, and to the server that it picked.
    let mut balanced = Wire::new(DstAddress::new(Thresholds::default()));
    for number in 0..200 {
        send(&mut balanced, [192, 0, 2, 80], 40 * number);
        send(&mut balanced, [10, 0, 0, 4], 40 * number);
    }
    assert!(balanced.findings.is_empty());
}

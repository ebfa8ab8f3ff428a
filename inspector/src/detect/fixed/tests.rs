use super::*;
use crate::detect::wire::{Wire, noise};

fn wire() -> Wire<FixedFormat> {
    Wire::new(FixedFormat::new(Thresholds::default()))
}

/// A message of 48 bytes at a time in seconds.
fn ntp(mode: u8, reference_id: u32, reference_time: u32, now: u32) -> Vec<u8> {
    let mut bytes = vec![0x20 | mode, 2, 6, 0xe9, 0, 0, 4, 0, 0, 0, 8, 0];
    bytes.extend(reference_id.to_be_bytes());
    for seconds in [reference_time, now, now, now] {
        bytes.extend(seconds.to_be_bytes());
        bytes.extend(noise(u64::from(now) + 1, 4));
    }
    bytes
}

const THEN: u32 = 3_900_000_000;
/// How many polls, and the seconds between two.
const POLLS: u32 = 60;
const POLL: u32 = 64;

fn poll(message: impl Fn(u32, u32) -> Vec<u8>) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 0..POLLS {
        wire.wait(u64::from(POLL) * 1000);
        wire.udp(true, 123, 123, &message(i, THEN + i * POLL));
    }
    wire
}

fn random(i: u32) -> u32 {
    u32::from_be_bytes(noise(u64::from(i) + 1, 4).try_into().unwrap())
}

#[test]
fn an_ordinary_clients_fields_are_silent() {
    // It changes its source twice, and its clock is set at every poll.
    let wire = poll(|i, now| ntp(3, 0xc000_0201 + i / 25, now - 40, now));
    assert!(wire.findings.is_empty());
    // A load balancer with three servers, set at different times.
    let wire = poll(|i, now| ntp(4, 0xc000_0201 + random(i) % 3, now - 900 * (random(i) % 3), now));
    assert!(wire.findings.is_empty());
    // Nothing but a random transmit time.
    let wire = poll(|i, _| [vec![0x23; 1], vec![0; 39], noise(u64::from(i) + 1, 8)].concat());
    assert!(wire.findings.is_empty());
}

#[test]
fn data_in_fields_and_extensions_alerts() {
    let wire = poll(|i, now| ntp(3, random(i), now - 40, now));
    assert_eq!(wire.severity(), Some(Severity::High));
    assert_eq!(wire.findings[0].evidence[0].name, "reference_id_changes");
    let wire = poll(|i, now| ntp(3, 0xc000_0201, random(i), now));
    assert_eq!(wire.severity(), Some(Severity::High));
    let extension = |i: u32| [vec![0x0a, 0x55, 0, 36], noise(u64::from(i) + 1, 32)].concat();
    let wire = poll(|i, now| [ntp(3, 1, now, now), extension(i)].concat());
    assert_eq!(wire.severity(), Some(Severity::High));
}

#[test]
fn nts_and_macs_are_random_by_design() {
    let fields = |i: u32| {
        let field =
            |kind: u8, len: u8, n| [vec![kind, 4, 0, len], noise(u64::from(i) * 3 + n, usize::from(len) - 4)];
        [field(1, 36, 1), field(2, 104, 2), field(4, 40, 3)].concat().concat()
    };
    assert!(poll(|i, now| [ntp(3, 1, now, now), fields(i)].concat()).findings.is_empty());
    let mac = |i: u32| [vec![0, 0, 0, 1], noise(u64::from(i) + 1, 16)].concat();
    assert!(poll(|i, now| [ntp(3, 1, now, now), mac(i)].concat()).findings.is_empty());
}

#[test]
fn ciphertext_on_a_protocols_port_alerts_and_a_few_probes_do_not() {
    for port in [123, 161, 1900, 5353] {
        let mut wire = wire();
        for i in 0..12_u16 {
            let exchange = u64::from(i) * 2 + 1;
            wire.udp(true, 40_000 + i, port, &noise(exchange, 150));
            wire.udp(false, 40_000 + i, port, &noise(exchange + 1, 200));
        }
        assert!(wire.severity().is_some_and(Severity::is_alert), "port {port}");
    }
    let mut wire = wire();
    for i in 0..3 {
        wire.udp(true, 40_000, 123, &noise(i + 1, 150));
    }
    wire.udp(false, 40_000, 123, &noise(9, 40));
    assert!(wire.findings.is_empty());
}

fn dhcp(hardware: &[u8], options: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[28..34].copy_from_slice(hardware);
    bytes.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1]);
    for (code, value) in options {
        bytes.extend([*code, u8::try_from(value.len()).unwrap()]);
        bytes.extend(value);
    }
    bytes.push(255);
    bytes
}

#[test]
fn options_that_say_something_new_each_time_alert() {
    let mut wire = wire();
    for i in 0..8 {
        wire.udp(true, 68, 67, &dhcp(&[2, 0, 0, 0, 0, 1], &[(43, noise(i + 1, 60))]));
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
    // The same with another hardware address each time.
    let mut wire = self::wire();
    for i in 0..8 {
        wire.udp(true, 68, 67, &dhcp(&noise(i + 100, 6), &[(43, noise(i + 1, 60))]));
    }
    assert_eq!(wire.severity(), Some(Severity::Medium));
}

#[test]
fn many_ordinary_clients_are_silent() {
    let mut wire = wire();
    for round in 0..3 {
        for i in 0..100_u8 {
            let id = [vec![255], noise(u64::from(i) + 1, 18)].concat();
            let requested = vec![10, 0, round, i];
            let name = format!("workstation-{i}").into_bytes();
            let options = [(12, name), (60, b"MSFT 5.0".to_vec()), (61, id), (50, requested)];
            wire.udp(true, 68, 67, &dhcp(&[2, 0, 0, 0, 0, i], &options));
        }
    }
    assert!(wire.findings.is_empty());
}

mod local;
mod media;
mod texts;

use super::*;
use crate::detect::wire::{Wire, hex, noise};

/// Makes a message by its number.
type Make<'a> = &'a dyn Fn(u64) -> Vec<u8>;

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

#[test]
fn times_and_paths_that_follow_no_clock_alert() {
    let set = |at: usize, value: [u8; 8]| {
        move |mut message: Vec<u8>| {
            message[at..at + 8].copy_from_slice(&value);
            message
        }
    };
    for (mode, at) in [(3, 24), (3, 32), (4, 32), (4, 40)] {
        let noise = |i: u32| noise(u64::from(i) + 77, 8).try_into().unwrap();
        let wire = poll(|i, now| set(at, noise(i))(ntp(mode, 1, now, now)));
        assert!(wire.severity().is_some_and(Severity::is_alert), "mode {mode} at {at}");
    }
    let wire = poll(|i, now| {
        let mut message = ntp(4, 1, now, now);
        message[6..8].copy_from_slice(&noise(u64::from(i) + 5, 2));
        message
    });
    assert!(wire.severity().is_some_and(Severity::is_alert));
    // What the identifier of NTS is without NTS.
    let field = |i: u32| [vec![1, 4, 0, 36], noise(u64::from(i) + 1, 32)].concat();
    let wire = poll(|i, now| [ntp(3, 1, now, now), field(i)].concat());
    assert!(wire.severity().is_some_and(Severity::is_alert));
}

#[test]
fn a_clock_that_is_first_set_is_silent() {
    let wire = poll(|i, now| {
        let mut message = ntp(3, 0xc000_0201, now - 40, now);
        // Dispersion falls from 8 seconds by half with each poll; the client asks at random times.
        message[8..12].copy_from_slice(&((8_u32 << 16) >> i.min(12)).to_be_bytes());
        message[40..].copy_from_slice(&noise(u64::from(i) + 3, 8));
        message
    });
    assert!(wire.findings.is_empty());
}

#[test]
fn noise_behind_a_protocols_first_bytes_alerts() {
    let starts: [(u16, &[u8]); 5] = [
        (123, &[0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40]),
        (161, &[0x30, 0x7f, 2, 1, 0]),
        (69, &[0, 3, 0, 1]),
        (5355, &[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        (137, &[0, 1, 1, 0x10, 0, 1, 0, 0, 0, 0, 0, 0]),
    ];
    for (port, start) in starts {
        let mut wire = wire();
        for i in 0..12 {
            wire.wait(500);
            wire.udp(true, 40_000, port, &[start, &noise(2 * i + 1, 100)].concat());
            wire.udp(false, 40_000, port, &[start, &noise(2 * i + 2, 100)].concat());
        }
        assert!(wire.severity().is_some_and(Severity::is_alert), "port {port}");
    }
}

#[test]
fn one_way_ciphertext_alerts_where_it_is_no_flood() {
    for (gap_ms, severity) in [(1000, Severity::Medium), (2, Severity::Low)] {
        let mut wire = wire();
        for i in 0..60 {
            wire.wait(gap_ms);
            wire.udp(true, 40_000, 123, &noise(i + 1, 100));
        }
        assert_eq!(wire.severity(), Some(severity));
    }
}

/// A request of SNMP with a community and a value.
fn snmp(community: &[u8], value: &[u8]) -> Vec<u8> {
    let element = |tag: u8, value: &[u8]| [&[tag, u8::try_from(value.len()).unwrap()], value].concat();
    let variable = [element(6, &[0x2b, 6, 1, 2, 1, 1, 5, 0]), value.to_vec()].concat();
    let counts = [2, 1, 7, 2, 1, 0, 2, 1, 0];
    let pdu = [&counts[..], &element(0x30, &element(0x30, &variable))].concat();
    element(0x30, &[&[2, 1, 1][..], &element(4, community), &element(0xa3, &pdu)].concat())
}

#[test]
fn codes_in_names_that_stay_the_same_alert() {
    let search =
        |target: &str| format!("M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: {target}\r\n\r\n");
    let message = |port: u16, code: &[u8]| match port {
        161 => snmp(hex(code).as_bytes(), &[5, 0]),
        162 => snmp(b"public", &[&[4, 24][..], code].concat()),
        1900 => search(&hex(code)).into_bytes(),
        _ => [&[0, 1][..], hex(code).as_bytes(), b"\0octet\0"].concat(),
    };
    for port in [161, 162, 1900, 69] {
        let mut wire = wire();
        for i in 0..12 {
            wire.wait(2000);
            wire.udp(true, 40_000, port, &message(port, &noise(i + 1, 24)));
        }
        assert!(wire.severity().is_some_and(Severity::is_alert), "port {port}");
    }
}

#[test]
fn managers_walks_and_searches_are_silent() {
    let mut wire = wire();
    let types = ["upnp:rootdevice", "ssdp:all", "urn:dial-multiscreen-org:service:dial:1"];
    for i in 0..60_u8 {
        wire.wait(1000);
        wire.udp(true, 40_000, 161, &snmp(b"monitoring-read-only", &[5, 0]));
        wire.udp(true, 40_000, 162, &snmp(b"public", &[4, 6, 2, 0, 0, 0, 0, i]));
        let guess = format!("password-{i}");
        wire.udp(true, 40_001, 161, &snmp(guess.as_bytes(), &[5, 0]));
        let notify = format!(
            "NOTIFY * HTTP/1.1\r\nNT: {}\r\nUSN: uuid:0190a5e6-7c1f-4d2e-9b3a-5f6e7d8c9b{i:02x}\r\n\r\n",
            types[usize::from(i % 3)]
        );
        wire.udp(true, 1900, 1900, notify.as_bytes());
        wire.udp(true, 40_000, 69, format!("\0\x01SEP0011223344{i:02X}.cnf.xml\0octet\0").as_bytes());
    }
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

#[test]
fn options_of_version_6_that_change_alert_and_requests_do_not() {
    let message = |i: u64, vendor: &[u8]| {
        let option =
            |code: u8, value: &[u8]| [&[0, code, 0, u8::try_from(value.len()).unwrap()], value].concat();
        let asked = [option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]), option(6, &[0, 23, 0, 24])].concat();
        [&[1][..], &noise(i + 1, 3), &asked, &option(8, &noise(i + 9, 2)), &option(17, vendor)].concat()
    };
    for (is_covert, expected) in [(true, true), (false, false)] {
        let mut wire = wire();
        for i in 0..12 {
            wire.wait(5000);
            let vendor = if is_covert { noise(i + 50, 40) } else { vec![0, 0, 0, 9, 1, 2, 3] };
            wire.udp(true, 546, 547, &message(i, &vendor));
        }
        assert_eq!(wire.severity().is_some_and(Severity::is_alert), expected);
    }
}

#[test]
fn datagrams_whose_contents_were_taken_out_are_silent() {
    for port in [67, 69, 123, 137, 161, 1900, 5353] {
        let mut wire = wire();
        for i in 0..200 {
            wire.wait(500);
            wire.udp(i % 2 == 0, 40_000, port, &vec![0; 50 + i % 90]);
        }
        assert_eq!(wire.alerts(), 0, "{port}");
    }
}

//! Beacons over each protocol, at intervals and jitters of all kinds, with calls that are lost, tasks in between and
//! padding; and programs that wait in ways of their own.

use super::*;

/// How a call travels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire {
    /// A connection each, to the port of TLS.
    Tls,
    /// Requests in one connection.
    Http,
    /// Questions for a new name each.
    Dns,
    Ping,
    /// Messages in one connection that is no HTTP.
    Stream,
    /// Datagrams of one source port.
    Udp,
}

impl Wire {
    pub(super) const ALL: [Self; 6] = [Self::Tls, Self::Http, Self::Dns, Self::Ping, Self::Stream, Self::Udp];

    /// What the detector says of these calls.
    pub(super) fn findings(self, calls: &[Call]) -> Vec<Finding> {
        let mut detector = Beacon::new(Thresholds::default());
        let mut findings = Vec::new();
        let mut totals = [0, 0];
        let mut before = 0.0;
        for (n, call) in calls.iter().enumerate() {
            // What is silent for minutes is forgotten, and begins anew.
            let base = if call.0 - before > 150.0 { [0, 0] } else { totals };
            (before, totals) = (call.0, [base[0] + call.1, base[1] + call.2]);
            let first = if base == [0, 0] { call.0 } else { 0.5 };
            let port = 10_000 + u16::try_from(n).unwrap();
            match self {
                Self::Tls => findings.extend(connect(&mut detector, 1, (port, 443), *call, DONE)),
                Self::Http => request(&mut detector, (first, call.0), totals, &mut findings),
                Self::Dns => question(&mut detector, call.0, &format!("a{n:x}"), &mut findings),
                Self::Ping => ping(&mut detector, call.0, &mut findings),
                Self::Stream => {
                    stream(&mut detector, 6, (5000, 4444), (first, call.0), totals, &mut findings);
                }
                Self::Udp => stream(&mut detector, 17, (5000, 4444), (first, call.0), totals, &mut findings),
            }
        }
        findings
    }
}

pub(super) fn request(
    detector: &mut Beacon,
    (first, now): (f64, f64),
    totals: [u64; 2],
    findings: &mut Vec<Finding>,
) {
    let request = b"GET /news HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut meta = meta(6, 1, (4000, 80), ns(now));
    (meta.reasons, meta.l4_header_len) = (reason::MESSAGE, 0);
    meta.ip_len = u32::try_from(request.len()).unwrap();
    let head = Head::new(&meta, request);
    detector.observe(&Observation { head, content: Content::Opaque }, findings);
    for (key, payload_bytes) in [(meta.key, totals[0]), (meta.key.reversed(), totals[1])] {
        let (first_ns, last_ns) = (ns(first), ns(now));
        let record = FlowRecord { payload_bytes, packets: 4, first_ns, last_ns, ..FlowRecord::zeroed() };
        detector.flow(&FlowUpdate { key: &key, record: &record, is_final: false }, findings);
    }
}

pub(super) fn question(detector: &mut Beacon, now: f64, label: &str, findings: &mut Vec<Finding>) {
    let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, u8::try_from(label.len()).unwrap()];
    bytes.extend(label.bytes());
    bytes.extend(b"\x07example\x03org\0\0\x10\0\x01");
    let mut meta = meta(17, 1, (40_000, 53), ns(now));
    (meta.class, meta.ip_len) = (Class::Dns as u8, u32::try_from(bytes.len()).unwrap());
    let head = Head::new(&meta, &bytes);
    let message = Message::parse(&bytes, meta.ip_len).unwrap();
    detector.observe(&Observation { head, content: Content::Dns(message) }, findings);
}

pub(super) fn ping(detector: &mut Beacon, now: f64, findings: &mut Vec<Finding>) {
    let mut meta = meta(1, 1, (7, 0), ns(now));
    let bytes = [8, 0, 0, 0, 0, 7, 0, 1, b'a', b'b'];
    (meta.class, meta.ip_len) = (Class::IcmpEcho as u8, 10);
    let head = Head::new(&meta, &bytes);
    let message = crate::dissect::icmp::Message::parse(&head).unwrap();
    detector.observe(&Observation { head, content: Content::Icmp(message) }, findings);
}

/// A message of a flow that has carried so much since it began, and its answer.
pub(super) fn stream(
    detector: &mut Beacon,
    protocol: u8,
    ports: (u16, u16),
    (first, now): (f64, f64),
    totals: [u64; 2],
    findings: &mut Vec<Finding>,
) {
    let meta = meta(protocol, 1, ports, ns(now));
    for (key, payload_bytes) in [(meta.key, totals[0]), (meta.key.reversed(), totals[1])] {
        let record = FlowRecord {
            payload_bytes,
            payload_packets: 1,
            packets: 1,
            first_ns: ns(first),
            last_ns: ns(now),
            tcp_flags: if protocol == 6 && first < 1.0 { flag::SYN | flag::ACK } else { 0 },
            ..FlowRecord::zeroed()
        };
        detector.flow(&FlowUpdate { key: &key, record: &record, is_final: false }, findings);
    }
}

/// What becomes of a beacon's calls.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// Share of calls that don't come, where the program waits on.
    lost: f64,
    /// Share of calls that a task follows: two to four calls more within seconds.
    tasks: f64,
    /// Most padding of a request and its answer, bytes.
    padding: f64,
}

/// Calls after waits spread evenly by ±`jitter` about `interval`, for an hour or `least` calls.
fn beacon(interval: f64, jitter: f64, fate: Fate, least: usize, noise: &mut Noise) -> Vec<Call> {
    let (mut now, mut calls) = (1.0, Vec::new());
    while (now < 3600.0 || calls.len() < least) && calls.len() < 700 {
        // Networks and schedulers add some.
        now += interval * (1.0 + jitter * (2.0 * noise.next() - 1.0)) + 0.01 * noise.wait();
        if noise.next() < fate.lost {
            continue;
        }
        let size = |noise: &mut Noise, bytes| bytes + noise.below(fate.padding.max(1.0));
        calls.push((now, size(noise, 300), size(noise, 500)));
        if noise.next() < fate.tasks {
            for _ in 0..2 + noise.below(3.0) {
                now += 1.1 + 0.02 * interval * noise.next();
                calls.push((now, size(noise, 900), size(noise, 200)));
            }
        }
    }
    calls
}

const SEEDS: usize = 5;

fn recall(wire: Wire, calls: impl Fn(&mut Noise) -> Vec<Call>) -> usize {
    let is_found =
        |seed: &u64| severity(&wire.findings(&calls(&mut Noise(seed * 7919)))) >= Some(Severity::Medium);
    (1..=SEEDS as u64).filter(is_found).count()
}

#[test]
fn beacons_with_jitter_are_found_over_any_protocol_with_losses_tasks_and_padding() {
    let fates = [
        ("whole", Fate::default()),
        ("5 % lost", Fate { lost: 0.05, ..Fate::default() }),
        ("tasks", Fate { tasks: 0.05, ..Fate::default() }),
        ("padded", Fate { padding: 400.0, ..Fate::default() }),
        ("all of it", Fate { lost: 0.03, tasks: 0.03, padding: 400.0 }),
    ];
    let mut missed = Vec::new();
    for wire in Wire::ALL {
        // They share what judges them.
        let fates = if wire == Wire::Tls { &fates[..] } else { &fates[4..] };
        for (name, fate) in fates {
            for interval in [6.0, 10.0, 60.0, 600.0] {
                let jitters = [0.02, 0.04, 0.1, 0.2, 0.3];
                let row = jitters.map(|jitter| recall(wire, |n| beacon(interval, jitter, *fate, 90, n)));
                println!("{wire:?}, {name}, {interval} s, ±2 4 10 20 30 %: {row:?} of {SEEDS}");
                // Less than a fifth of a second is what radio links add.
                let is_clear = |jitter: f64| jitter * interval >= 0.2;
                let is_few = |(jitter, found): &(&f64, usize)| is_clear(**jitter) && *found + 2 < SEEDS;
                let few = jitters.iter().zip(row).filter(is_few);
                missed.extend(few.map(|(jitter, found)| (wire, *name, interval, *jitter, found)));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_is_of_a_known_protocol_or_goes_to_a_known_service_is_an_observation_at_most() {
    let keep_alives = |protocol, port, is_stun: bool| {
        let mut detector = Beacon::new(Thresholds::default());
        let mut findings = Vec::new();
        if is_stun {
            let mut meta = meta(protocol, 1, (50_000, port), ns(1.0));
            let mut bytes = [0; 20];
            bytes[1] = 1;
            bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            (meta.class, meta.ip_len) = (Class::Udp as u8, 20);
            let head = Head::new(&meta, &bytes);
            let payload = crate::dissect::payload::Payload::dissect(&head).unwrap();
            detector.observe(&Observation { head, content: Content::Payload(payload) }, &mut findings);
        }
        let calls = beacon(25.0, 0.2, Fate::default(), 200, &mut Noise(7919));
        for (n, call) in calls.iter().enumerate() {
            let carried = n as u64 + 1;
            stream(
                &mut detector,
                protocol,
                (50_000, port),
                (0.5, call.0),
                [60 * carried, 40 * carried],
                &mut findings,
            );
        }
        severity(&findings)
    };
    assert_eq!(keep_alives(17, 41641, false), Some(Severity::Medium));
    assert_eq!(keep_alives(17, 41641, true), Some(Severity::Low), "of STUN between peers");
    assert_eq!(keep_alives(6, 4444, false), Some(Severity::Medium));
    assert_eq!(keep_alives(6, 443, false), Some(Severity::Low), "a messenger's, over TLS");
    // BGP (RFC 4271 §10), Teredo (RFC 4380 §5.2.5) and RIP (RFC 2453 §3.8) have jitter by specification.
    assert_eq!((keep_alives(6, 179, false), keep_alives(17, 3544, false)), (None, None));
    assert_eq!(keep_alives(17, 520, false), None);
}

/// How many of so many runs with these waits alert at some look.
fn alerted(runs: u64, calls: usize, wait: impl Fn(&mut Noise) -> f64) -> usize {
    let is_found = |seed: &u64| {
        let calls = sleeping(calls, &mut Noise(seed * 7919), &wait, SMALL);
        severity(&Wire::Tls.findings(&calls)) >= Some(Severity::Medium)
    };
    (1..=runs).filter(is_found).count()
}

type Wait = Box<dyn Fn(&mut Noise) -> f64>;

#[test]
fn waits_spread_evenly_are_told_from_others_within_an_hour_of_minutes() {
    for jitter in [0.1, 0.3] {
        let found = alerted(50, 60, |n| 60.0 * (1.0 + jitter * (2.0 * n.next() - 1.0)));
        println!("±{jitter}: {found} of 50");
        assert!(found >= 45, "{jitter}: {found}");
    }
    let others: [(&str, usize, Wait); 11] = [
        ("normal, 5 %", 3, Box::new(|n| 60.0 * (1.0 + 0.05 * n.normal()))),
        ("normal, 15 %", 3, Box::new(|n| 60.0 * (1.0 + 0.15 * n.normal()))),
        // A client's own random wait after a server's.
        ("the sum of two even ones", 6, Box::new(|n| 60.0 * (0.9 + 0.1 * n.next() + 0.1 * n.next()))),
        ("lognormal, 0.15", 3, Box::new(|n| 60.0 * (0.15 * n.normal()).exp())),
        ("lognormal, 0.3", 4, Box::new(|n| 60.0 * (0.3 * n.normal()).exp())),
        ("four steps of work", 3, Box::new(|n| 60.0 + 3.0 * (0..4).map(|_| n.wait()).sum::<f64>())),
        ("work", 1, Box::new(|n| 60.0 + 5.0 * n.wait())),
        ("exponential", 0, Box::new(|n| 60.0 * n.wait())),
        ("two values", 0, Box::new(|n| if n.next() < 0.5 { 60.0 } else { 65.0 })),
        ("three values", 1, Box::new(|n| 60.0 + 5.0 * f64::from(u32::try_from(n.below(3.0)).unwrap()))),
        ("two kinds", 0, Box::new(|n| if n.next() < 0.5 { 58.0 + n.next() } else { 64.0 + n.next() })),
    ];
    for (name, most, wait) in others {
        let found = alerted(50, 120, wait);
        println!("{name}: {found} of 50");
        assert!(found <= most, "{name}: {found}");
    }
}

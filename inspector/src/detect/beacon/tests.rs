//! Beacons that must be found, and polling, browsing and retries that must not.

mod lookalikes;
mod sweep;
mod variants;

use bytemuck::Zeroable as _;
use inspector_common::{Class, FlowRecord, HeadMeta};

use super::*;
use crate::findings::Severity;
use crate::observation::Head;

/// Deterministic noise.
struct Noise(u64);

impl Noise {
    /// In [0, 1).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / 2f64.powi(32)
    }

    /// About normal: standard deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }

    /// Exponential: mean 1.
    fn wait(&mut self) -> f64 {
        -(1.0 - self.next()).ln()
    }

    /// A whole number below.
    fn below(&mut self, limit: f64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let number = (self.next() * limit) as u64;
        number
    }
}

/// One call: seconds since the start, bytes sent and got.
type Call = (f64, u64, u64);

/// The sum of waits, each call with sizes.
fn sleeping(
    calls: usize,
    noise: &mut Noise,
    wait: impl Fn(&mut Noise) -> f64,
    bytes: impl Fn(&mut Noise) -> (u64, u64),
) -> Vec<Call> {
    let mut now = 1.0;
    (0..calls)
        .map(|_| {
            now += wait(noise);
            let (sent, got) = bytes(noise);
            (now, sent, got)
        })
        .collect()
}

/// Each `period`, late by a delay.
fn scheduled(
    calls: u32,
    noise: &mut Noise,
    period: f64,
    delay: impl Fn(&mut Noise) -> f64,
    bytes: impl Fn(&mut Noise) -> (u64, u64),
) -> Vec<Call> {
    (1..=calls)
        .map(|k| {
            let now = period * f64::from(k) + delay(noise);
            let (sent, got) = bytes(noise);
            (now, sent, got)
        })
        .collect()
}

/// Nanoseconds.
fn ns(seconds: f64) -> u64 {
    u64::try_from(std::time::Duration::from_secs_f64(seconds).as_nanos()).unwrap()
}

fn meta(protocol: u8, client: u8, ports: (u16, u16), now_ns: u64) -> HeadMeta {
    let mut meta = HeadMeta::zeroed();
    meta.key.protocol = protocol;
    (meta.key.src[15], meta.key.dst[15]) = (client, 200);
    (meta.key.src_port, meta.key.dst_port) = ports;
    (meta.class, meta.time_ns) = (Class::Tcp as u8, now_ns);
    meta
}

/// One connection of a client: SYN, and what both sides have carried in the end.
fn connect(detector: &mut Beacon, client: u8, ports: (u16, u16), call: Call, flags: [u8; 2]) -> Vec<Finding> {
    connect_by(detector, client, ports, call, flags, if flags[0] == flag::SYN { 1 } else { 4 })
}

/// As [`connect`], with so many packets of each side.
fn connect_by(
    detector: &mut Beacon,
    client: u8,
    ports: (u16, u16),
    call: Call,
    flags: [u8; 2],
    packets: u64,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut meta = meta(6, client, ports, ns(call.0));
    meta.tcp_flags = flag::SYN;
    let head = Head::new(&meta, &[]);
    detector.observe(&Observation { head, content: Content::Opaque }, &mut findings);
    for (key, payload_bytes, tcp_flags) in
        [(meta.key, call.1, flags[0]), (meta.key.reversed(), call.2, flags[1])]
    {
        let record = FlowRecord { payload_bytes, packets, tcp_flags, ..FlowRecord::zeroed() };
        detector.flow(&FlowUpdate { key: &key, record: &record, is_final: false }, &mut findings);
    }
    findings
}

const DONE: [u8; 2] = [flag::SYN | flag::ACK | flag::FIN; 2];

/// Findings for these connections to a port.
fn findings(port: u16, calls: &[Call], flags: [u8; 2]) -> Vec<Finding> {
    let mut detector = Beacon::new(Thresholds::default());
    let ports = (10_000u16..).map(|client| (client, port));
    calls.iter().zip(ports).flat_map(|(call, ports)| connect(&mut detector, 1, ports, *call, flags)).collect()
}

fn severity(found: &[Finding]) -> Option<Severity> {
    found.iter().map(|finding| finding.severity).max()
}

const SMALL: fn(&mut Noise) -> (u64, u64) = |_| (300, 500);

/// Of ten seeds, how many alert.
fn alerts(port: u16, calls: impl Fn(&mut Noise) -> Vec<Call>) -> usize {
    let is_alert = |seed: &u64| {
        severity(&findings(port, &calls(&mut Noise(seed * 7919)), DONE)) >= Some(Severity::Medium)
    };
    (1..=10).filter(is_alert).count()
}

#[test]
fn waits_with_jitter_of_their_own_are_found_on_any_port() {
    for interval in [5.5, 20.0, 60.0, 300.0] {
        let mut row = Vec::new();
        for jitter in [0.05, 0.1, 0.2, 0.3, 0.4] {
            let wait = |n: &mut Noise| interval * (1.0 + jitter * (2.0 * n.next() - 1.0));
            // 8 minutes have to pass, too.
            let counts = if interval < 10.0 { [30, 100, 180] } else { [40, 60, 90] };
            row.push(counts.map(|calls| alerts(443, |n| sleeping(calls, n, wait, SMALL))));
        }
        println!("{interval} s, ±5 10 20 30 40 %, after 40 (30), 60 (100), 90 (180) calls: {row:?}");
        // 40 connections have 39 intervals.
        assert!(row.iter().all(|found| found[0] == 0 && found[2] >= 9), "{interval}: {row:?}");
    }
    // Cobalt Strike shortens its sleep by up to the jitter.
    for jitter in [0.1, 0.3, 0.5] {
        let wait = |n: &mut Noise| 60.0 * (1.0 - jitter * n.next());
        assert!(alerts(443, |n| sleeping(90, n, wait, SMALL)) >= 9, "{jitter}");
    }
}

#[test]
fn a_bare_timer_is_an_observation_and_an_alert_where_no_service_listens() {
    let timer = |port| {
        let calls = sleeping(60, &mut Noise(1), |n| 60.0 + 0.05 * n.next(), SMALL);
        severity(&findings(port, &calls, DONE))
    };
    assert_eq!((timer(443), timer(4444)), (Some(Severity::Low), Some(Severity::Medium)));
    // A controller (Modbus) and an exporter of metrics.
    assert_eq!((timer(502), timer(9100)), (Some(Severity::Low), Some(Severity::Low)));
}

#[test]
fn a_timer_that_reports_and_is_steered_is_an_alert_and_its_parts_alone_are_not() {
    let reports =
        |n: &mut Noise| (520 + n.below(20.0), if n.next() < 0.1 { 3000 + n.below(900.0) } else { 2723 });
    let sleep = |n: &mut Noise| 60.0 + 0.05 * n.next();
    assert!(alerts(443, |n| sleeping(60, n, sleep, reports)) >= 8);
    // On a schedule; without orders; with constant questions: telemetry, and polls.
    assert_eq!(alerts(443, |n| scheduled(60, n, 60.0, |n| 0.05 * n.next(), reports)), 0);
    assert_eq!(alerts(443, |n| sleeping(60, n, sleep, |n| (520 + n.below(20.0), 2723))), 0);
    let news = |n: &mut Noise| (502, if n.next() < 0.1 { 3000 } else { 2723 });
    assert_eq!(alerts(443, |n| sleeping(60, n, sleep, news)), 0);
}

#[test]
fn ordinary_calls_are_silent() {
    type Source = Box<dyn Fn(&mut Noise) -> Vec<Call>>;
    let timer = |seconds: f64| move |n: &mut Noise| seconds + 0.02 * n.wait();
    let sources: Vec<(&str, u16, Source)> = vec![
        (
            "browsing",
            443,
            Box::new(|n| {
                sleeping(
                    100,
                    n,
                    |n| 0.5 + 50.0 * n.wait(),
                    |n| (500 + n.below(2500.0), 4000 + n.below(20000.0)),
                )
            }),
        ),
        (
            "mail each 60 s, IMAP NOOP",
            993,
            Box::new(move |n| {
                sleeping(90, n, timer(60.0), |n| (900, 5200 + 300 * u64::from(n.next() < 0.1)))
            }),
        ),
        (
            "RSS each 15 min with a splay on the schedule",
            443,
            Box::new(|n| scheduled(60, n, 900.0, |n| 90.0 * n.next(), |_| (700, 6000))),
        ),
        (
            "Prometheus each 15 s",
            9100,
            Box::new(|n| scheduled(120, n, 15.0, |n| 0.01 * n.next(), |n| (220, 7000 + n.below(200.0)))),
        ),
        ("health check each 10 s", 8080, Box::new(move |n| sleeping(120, n, timer(10.0), |_| (95, 160)))),
        (
            "Nagios each 5 min",
            5666,
            Box::new(|n| scheduled(60, n, 300.0, |n| 3.0 * n.next(), |_| (1200, 1100))),
        ),
        (
            "Windows telemetry",
            443,
            Box::new(|n| sleeping(70, n, |n| 120.0 * (0.6 + n.wait()), |n| (2000 + n.below(8000.0), 600))),
        ),
        (
            "metrics pushed each 60 s",
            443,
            Box::new(move |n| sleeping(90, n, timer(60.0), |n| (1500 + n.below(60.0), 420))),
        ),
        ("cron with a random delay", 443, Box::new(|n| scheduled(70, n, 300.0, |n| 60.0 * n.next(), SMALL))),
        (
            "collection jitter of an agent",
            443,
            Box::new(|n| scheduled(120, n, 30.0, |n| 5.0 * n.next(), SMALL)),
        ),
        ("a timer behind work", 443, Box::new(|n| sleeping(90, n, |n| 60.0 + 10.0 * n.wait(), SMALL))),
        (
            "reconnects with backoff",
            443,
            Box::new(|n| {
                (0..70i32)
                    .map(|k| ((1..=k).map(|i| 2f64.powi(i % 7)).sum::<f64>() + n.next(), 300, 500))
                    .collect()
            }),
        ),
        (
            "push notifications' heartbeats",
            5228,
            Box::new(|n| sleeping(70, n, |n| 240.0 + 0.5 * n.wait(), |_| (150, 120))),
        ),
        (
            "updates, large",
            443,
            Box::new(|n| sleeping(60, n, |n| 60.0 * (0.9 + 0.2 * n.next()), |_| (300, 200_000))),
        ),
        ("nobody answers", 443, Box::new(|n| sleeping(60, n, |n| 60.0 * (0.9 + 0.2 * n.next()), |_| (0, 0)))),
        ("ten calls", 443, Box::new(|n| sleeping(10, n, |n| 60.0 * (0.9 + 0.2 * n.next()), SMALL))),
    ];
    for (name, port, source) in sources {
        let found = alerts(port, source);
        println!("{name}: {found} of 10");
        // Once in some hours, work of exponential length looks spread evenly.
        let most = usize::from(name == "a timer behind work");
        assert!(found <= most, "{name}: {found}");
    }
    // Waits of normal length are no timer's, but now and then look evenly spread.
    let normal = alerts(443, |n| sleeping(70, n, |n| 60.0 * (1.0 + 0.05 * n.normal()), SMALL));
    println!("normal: {normal} of 10");
    assert!(normal <= 3);
}

#[test]
fn connections_that_a_timer_asks_for_and_nobody_takes_up_are_found_after_five() {
    let calls = |wait: fn(&mut Noise) -> f64| sleeping(6, &mut Noise(1), wait, |_| (0, 0));
    let (syn, taken) = (flag::SYN, flag::SYN | flag::ACK);
    let exact = |flags| severity(&findings(443, &calls(|_| 60.0), flags));
    assert_eq!(exact([syn, taken]), Some(Severity::Medium));
    // A health check that resets, a closed port, a lost answer, a connection that is used.
    for flags in [[syn | flag::RST, taken], [syn, flag::RST | flag::ACK], [syn, 0], [taken, taken]] {
        assert_eq!(exact(flags), None, "{flags:?}");
    }
    assert_eq!(severity(&findings(443, &calls(|n| 60.0 + 5.0 * n.next()), [syn, taken])), None);
}

#[test]
fn what_many_clients_call_is_an_observation_and_what_is_allowed_is_nothing() {
    let jittered = |n: &mut Noise| 60.0 * (0.9 + 0.2 * n.next());
    let of = |clients: u8, allowed: &[&str]| {
        let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let mut detector = Beacon::new(Thresholds { allowed, ..Thresholds::default() });
        let mut noise = Noise(3);
        let calls = sleeping(90, &mut noise, jittered, SMALL);
        let mut found = Vec::new();
        for (n, call) in calls.iter().enumerate() {
            for client in 1..=clients {
                let ports = (10_000 + u16::try_from(n).unwrap(), 443);
                found.extend(connect(&mut detector, client, ports, *call, DONE));
            }
        }
        severity(&found)
    };
    assert_eq!(
        (of(1, &[]), of(4, &[]), of(6, &[])),
        (Some(Severity::Medium), Some(Severity::Medium), Some(Severity::Low))
    );
    assert_eq!(of(1, &["::c8"]), None);
    assert_eq!(of(1, &["::c9", "example.org"]), Some(Severity::Medium));
}

#[test]
fn pings_by_a_timer_are_monitoring_and_pings_with_jitter_are_not() {
    let of = |jitter: f64| {
        let mut detector = Beacon::new(Thresholds::default());
        let mut found = Vec::new();
        for (now, ..) in
            sleeping(80, &mut Noise(5), |n| 30.0 * (1.0 + jitter * (2.0 * n.next() - 1.0)), SMALL)
        {
            let meta = meta(1, 1, (7, 0), ns(now));
            let bytes = [8, 0, 0, 0, 0, 7, 0, 1, b'a', b'b'];
            let mut meta = meta;
            (meta.class, meta.ip_len) = (Class::IcmpEcho as u8, 10);
            let head = Head::new(&meta, &bytes);
            let message = crate::dissect::icmp::Message::parse(&head).unwrap();
            detector.observe(&Observation { head, content: Content::Icmp(message) }, &mut found);
        }
        severity(&found)
    };
    assert_eq!((of(0.0), of(0.0005), of(0.2)), (None, None, Some(Severity::Medium)));
}

#[test]
fn requests_in_one_connection_are_calls_of_their_own_size() {
    let mut detector = Beacon::new(Thresholds::default());
    let mut found = Vec::new();
    let request = b"GET /news HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for (n, (now, ..)) in
        sleeping(80, &mut Noise(6), |n| 30.0 * (0.8 + 0.4 * n.next()), SMALL).iter().enumerate()
    {
        let mut meta = meta(6, 1, (4000, 80), ns(*now));
        (meta.reasons, meta.l4_header_len, meta.ip_len) =
            (reason::MESSAGE, 0, u32::try_from(request.len()).unwrap());
        let head = Head::new(&meta, request);
        detector.observe(&Observation { head, content: Content::Opaque }, &mut found);
        for (key, bytes) in [(meta.key, 300), (meta.key.reversed(), 500)] {
            let record =
                FlowRecord { payload_bytes: bytes * (n as u64 + 1), packets: 4, ..FlowRecord::zeroed() };
            detector.flow(&FlowUpdate { key: &key, record: &record, is_final: false }, &mut found);
        }
    }
    let finding = found.iter().find(|finding| finding.severity.is_alert()).unwrap();
    let sent = finding.evidence.iter().find(|evidence| evidence.name == "bytes_sent").unwrap();
    assert!((sent.value - 300.0).abs() < 1e-9);
}

#[test]
fn calls_survive_a_restart_and_what_lay_between_is_no_interval() {
    let calls = sleeping(70, &mut Noise(7), |n| 60.0 * (0.8 + 0.4 * n.next()), SMALL);
    let connect_all = |detector: &mut Beacon, calls: &[Call], late: f64| -> Vec<Finding> {
        let one = |(n, call): (usize, &Call)| {
            let ports = (10_000 + u16::try_from(n).unwrap(), 443);
            connect(detector, 1, ports, (call.0 + late, call.1, call.2), DONE)
        };
        calls.iter().enumerate().flat_map(one).collect()
    };
    let mut first = Beacon::new(Thresholds::default());
    assert_eq!(severity(&connect_all(&mut first, &calls[..28], 0.0)), None);
    // The host was rebooted: its clock began anew 1000 s before, and nobody watched for 400 s.
    let saved = first.save(1_700_000_000_000_000_000).unwrap();
    let mut second = Beacon::new(Thresholds::default());
    let since = calls[27].0 - 1000.0;
    second.restore(saved, 1_700_000_000_000_000_000 + i64::try_from(ns(since)).unwrap()).unwrap();
    assert_eq!(severity(&connect_all(&mut second, &calls[28..], 400.0 - since)), Some(Severity::Medium));
    // Alone, what is left of them takes as long again.
    let mut alone = Beacon::new(Thresholds::default());
    assert_eq!(severity(&connect_all(&mut alone, &calls[28..56], 0.0)), None);
    assert!(alone.restore(serde_json::json!([{"pair": 7}]), 0).is_err());
    assert!(alone.restore(serde_json::json!({}), 0).is_err());
}

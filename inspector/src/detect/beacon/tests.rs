//! Beacons that must be found, and polling, browsing and retries that must not.

use bytemuck::Zeroable as _;
use inspector_common::{Class, FlowRecord, HeadMeta};

use super::*;
use crate::findings::Severity;
use crate::observation::Head;

/// Numbers in [-1, 1) spread evenly.
fn even(n: u64) -> f64 {
    let x = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f64::from(u32::try_from((x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32).unwrap())
        / 2f64.powi(31)
        - 1.0
}

/// The highest severity for connections to a port with these intervals in seconds; each sends and gets so much.
fn connect(
    port: u16,
    calls: u64,
    interval: impl Fn(u64) -> f64,
    bytes: impl Fn(u64) -> (u64, u64),
) -> Option<Severity> {
    let mut detector = Beacon::new(Thresholds::default());
    let mut findings = Vec::new();
    let mut now_ns = 1_000_000_000;
    for n in 0..calls {
        let mut meta = HeadMeta::zeroed();
        meta.key.protocol = 6;
        (meta.key.src_port, meta.key.dst_port) = (40_000 + u16::try_from(n).unwrap(), port);
        (meta.class, meta.tcp_flags, meta.time_ns) = (Class::Tcp as u8, flag::SYN, now_ns);
        let head = Head { meta: &meta, bytes: &[] };
        detector.observe(&Observation { head, content: Content::Opaque }, &mut findings);
        let (sent, got) = bytes(n);
        for (key, payload_bytes) in [(meta.key, sent), (meta.key.reversed(), got)] {
            let record = FlowRecord { payload_bytes, packets: 4, ..FlowRecord::zeroed() };
            detector.flow(&FlowUpdate { key: &key, record: &record, is_final: false }, &mut findings);
        }
        now_ns += u64::try_from(std::time::Duration::from_secs_f64(interval(n)).as_nanos()).unwrap();
    }
    findings.iter().map(|finding| finding.severity).max()
}

const SMALL: fn(u64) -> (u64, u64) = |_| (300, 500);

#[test]
fn a_timer_with_jitter_of_its_own_is_an_alert_on_any_port() {
    for jitter in [0.1, 0.2, 0.3] {
        let found = connect(443, 60, |n| 60.0 * (1.0 + jitter * even(n)), SMALL);
        assert_eq!(found, Some(Severity::Medium), "{jitter}");
    }
}

#[test]
fn a_bare_timer_is_an_observation_and_an_alert_where_no_service_listens() {
    assert_eq!(connect(443, 60, |n| 60.0 + 0.1 * even(n), SMALL), Some(Severity::Low));
    assert_eq!(connect(4444, 60, |n| 45.0 + 0.1 * even(n), SMALL), Some(Severity::Medium));
}

#[test]
fn browsing_work_behind_a_timer_downloads_and_failed_connections_are_silent() {
    let exponential = |n| 0.5 - 30.0 * f64::midpoint(even(n), 1.0).max(1e-6).ln();
    assert_eq!(connect(443, 100, exponential, SMALL), None, "people");
    let behind_work = |n| 60.0 - 12.0 * f64::midpoint(even(n), 1.0).max(1e-3).ln();
    assert_ne!(connect(443, 100, behind_work, SMALL), Some(Severity::Medium), "a timer behind work");
    let jittered = |n| 60.0 * (1.0 + 0.1 * even(n));
    assert_eq!(connect(443, 60, jittered, |_| (300, 200_000)), None, "updates");
    assert_eq!(connect(443, 60, jittered, |_| (0, 0)), None, "nobody answers");
    assert_eq!(connect(443, 10, jittered, SMALL), None, "few");
}

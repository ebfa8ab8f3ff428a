//! Traffic that the detector must and must not raise. Benign traffic runs without the list of suffixes unless
//! a test says otherwise.

mod benign;
mod covert;
mod odd;
mod wide;

use super::fixture::{A, AAAA, Bench, TXT, txt, wire};
use super::*;
use crate::findings::Severity;

const ADDRESS: &[(u16, &[u8])] = &[(A, &[192, 0, 2, 7])];
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Words that hosts are named after.
const WORDS: [&str; 24] = [
    "www", "api", "static", "images", "login", "mail", "cdn", "assets", "media", "shop", "news", "video",
    "search", "events", "metrics", "account", "download", "update", "gateway", "content", "edge", "stream",
    "secure", "beta",
];

fn word(bench: &mut Bench) -> &'static str {
    WORDS[usize::try_from(bench.random(24)).unwrap()]
}

/// Asserts that nothing alerted.
fn silent(bench: &Bench) {
    assert!(bench.alerts().is_empty(), "{:?}", bench.summary());
}

/// Asserts an alert about the domain (`None`: without one), and returns its severity and estimate.
fn raised(bench: &Bench, domain: Option<&str>) -> (Severity, u64) {
    let alerts = bench.alerts();
    assert!(!alerts.is_empty(), "nothing raised: {:?}", bench.summary());
    for alert in &alerts {
        assert_eq!(alert.subject.domain.as_deref(), domain, "{:?}", bench.summary());
        assert!(alert.evidence[0].threshold.is_some_and(|threshold| alert.evidence[0].value >= threshold));
        assert!((0.5..=1.0).contains(&alert.score));
        assert_eq!(alert.subject.server_port, 53);
    }
    let last = alerts[alerts.len() - 1];
    (last.severity, last.estimated_bytes)
}

#[test]
fn memory_stays_bounded_and_the_channel_found_in_a_flood_of_names() {
    let mut bench = Bench::new();
    for i in 0..300_000_u64 {
        let name = format!("{}.{}.com", word(&mut bench), bench.base32(12));
        bench.ask(&name, A);
        if i % 1_000 == 0 {
            let name = format!("{}.{}.evil.net", bench.base32(63), bench.base32(60));
            bench.ask(&name, 10);
        }
        bench.wait(0.001);
    }
    let (used, capacity) = bench.detector.occupancy();
    assert!(used <= capacity && capacity <= 32_768);
    assert!(bench.alerts().iter().any(|alert| alert.subject.domain.as_deref() == Some("evil.net")));
}

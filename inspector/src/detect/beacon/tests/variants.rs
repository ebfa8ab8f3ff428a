//! Beacons of other periods, jitter and sizes than those of the captures, and what looks like them.

use super::*;

const PERIODS: [f64; 4] = [10.0, 60.0, 600.0, 3600.0];

/// Sizes of a report and its answer, now and then with an order: HTTP, and TLS with certificates of both kinds.
type Sizes = fn(&mut Noise) -> (u64, u64);
const STEERED: [(&str, Sizes); 3] = [
    ("HTTP", |n| (520 + n.below(20.0), if n.next() < 0.1 { 700 + n.below(900.0) } else { 240 })),
    ("TLS, RSA", |n| (820 + n.below(40.0), if n.next() < 0.1 { 4700 + n.below(900.0) } else { 3900 })),
    ("TLS, ECDSA", |n| {
        let signature = n.below(2.0) + n.below(2.0);
        (820 + n.below(40.0), if n.next() < 0.1 { 4700 + n.below(900.0) } else { 2900 + signature })
    }),
];

#[test]
fn steered_beacons_are_found_at_any_period_and_jitter() {
    for (name, sizes) in STEERED {
        for period in PERIODS {
            for jitter in [0.0, 0.001, 0.005, 0.03, 0.1, 0.2, 0.3] {
                // A few tenths of a second are what networks and schedulers add.
                if jitter * period < 1.0 && jitter > 0.01 && period < 60.0 {
                    continue;
                }
                let wait = |n: &mut Noise| period * (1.0 + jitter * (2.0 * n.next() - 1.0)) + 0.03 * n.next();
                let found = alerts(443, |n| sleeping(90, n, wait, sizes));
                assert!(found >= 9, "{name}, {period} s, ±{jitter}: {found}");
            }
        }
    }
}

#[test]
fn what_reports_or_asks_by_a_timer_and_is_told_nothing_is_silent_at_any_period() {
    let sources: [(&str, Sizes); 8] = [
        ("telemetry that is refused at times", |n| {
            (1500 + n.below(60.0), if n.next() < 0.05 { 900 } else { 180 })
        }),
        ("telemetry whose sessions are resumed, and renewed at times", |n| {
            (1500 + n.below(60.0), if n.next() < 0.1 { 3900 + n.below(3.0) } else { 700 + n.below(3.0) })
        }),
        ("telemetry over TLS, ECDSA", |n| (1500 + n.below(60.0), 2900 + n.below(2.0) + n.below(2.0))),
        ("telemetry over HTTP", |n| (1500 + n.below(60.0), 180)),
        ("status poll", |_| (300, 500)),
        ("status poll over TLS, ECDSA", |n| (700 + n.below(2.0) + n.below(2.0), 2900 + n.below(3.0))),
        ("poll of news", |n| (502, if n.next() < 0.1 { 3000 + n.below(400.0) } else { 2723 })),
        ("monitoring of pages", |n| (150, 4000 + n.below(1200.0))),
    ];
    for (name, sizes) in sources {
        for period in PERIODS {
            for late in [0.0, 0.02, 0.3] {
                let sleep = |n: &mut Noise| period + late * n.wait();
                let found = alerts(443, |n| sleeping(90, n, sleep, sizes));
                assert_eq!(found, 0, "{name}, slept {period} s, {late}");
                let found = alerts(443, |n| scheduled(90, n, period, |n| late * n.wait(), sizes));
                assert_eq!(found, 0, "{name}, each {period} s, {late}");
            }
        }
    }
}

/// Whether connections alert that are made after these waits, with such flags and so many packets of each side.
fn is_half_open(calls: usize, packets: u64, flags: [u8; 2], wait: impl Fn(&mut Noise) -> f64) -> bool {
    let mut detector = Beacon::new(Thresholds::default());
    let calls = sleeping(calls, &mut Noise(11), wait, |_| (0, 0));
    let ports = (10_000u16..).map(|client| (client, 443));
    let found: Vec<Finding> = calls
        .iter()
        .zip(ports)
        .flat_map(|(call, ports)| connect_by(&mut detector, 1, ports, *call, flags, packets))
        .collect();
    severity(&found) >= Some(Severity::Medium)
}

#[test]
fn connections_that_nobody_takes_up_are_found_at_any_period_and_jitter() {
    let half = [flag::SYN, flag::SYN | flag::ACK];
    for period in PERIODS {
        assert!(is_half_open(6, 1, half, |_| period), "{period}");
        for jitter in [0.05, 0.1, 0.2, 0.3] {
            let wait = |n: &mut Noise| period * (1.0 + jitter * (2.0 * n.next() - 1.0));
            assert!(is_half_open(14, 1, half, wait), "{period} ±{jitter}");
            assert!(!is_half_open(8, 1, half, wait), "{period} ±{jitter}");
            // The server's answer is lost on the way: the client repeats its SYN.
            assert!(!is_half_open(40, 3, half, wait), "{period} ±{jitter}");
        }
        assert!(!is_half_open(40, 3, half, |_| period), "{period}");
        // A scan that comes back at any time.
        assert!(!is_half_open(40, 1, half, |n| period * n.wait()), "{period}");
    }
}

//! Programs that call again and again for honest reasons, over each way that calls travel.

use super::sweep::Wire;
use super::*;

type Source = Box<dyn Fn(&mut Noise) -> Vec<Call>>;

/// Sizes that differ by up to so many bytes.
fn sized(sent: u64, got: u64, spread: f64) -> impl Fn(&mut Noise) -> (u64, u64) {
    move |n| (sent + n.below(spread.max(1.0)), got + n.below(spread.max(1.0)))
}

/// Calls with a share of them left out, as a host that is off, or a poll that failed.
fn some(share: f64, calls: impl Fn(&mut Noise) -> Vec<Call> + 'static) -> Source {
    Box::new(move |n| calls(n).into_iter().filter(|_| n.next() >= share).collect())
}

/// A poll by a loop: so long a sleep, then a round trip, and now and then work.
fn looped(sleep: f64, trip: f64, work: f64) -> impl Fn(&mut Noise) -> f64 {
    move |n| {
        let worked = if n.next() < 0.2 { work * n.wait() } else { 0.0 };
        sleep + trip * (1.0 + 0.3 * n.wait()) + worked
    }
}

/// Two programs of one host that call one service.
fn both(one: Vec<Call>, other: Vec<Call>) -> Vec<Call> {
    let mut all = [one, other].concat();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

fn sources() -> Vec<(String, Source)> {
    let mut sources: Vec<(String, Source)> = Vec::new();
    for period in [10.0, 15.0, 30.0, 60.0, 300.0] {
        let mut add = |name: &str, source: Source| sources.push((format!("{name}, {period} s"), source));
        add(
            "scrapes",
            Box::new(move |n| scheduled(150, n, period, |n| 0.02 * n.wait(), sized(220, 3000, 40.0))),
        );
        add(
            "scrapes, some fail",
            some(0.05, move |n| scheduled(150, n, period, |n| 0.02 * n.wait(), sized(220, 3000, 40.0))),
        );
        add(
            "an agent that spreads its collection",
            Box::new(move |n| scheduled(150, n, period, |n| 0.2 * period * n.next(), sized(900, 200, 300.0))),
        );
        add(
            "the same, some fail",
            some(0.08, move |n| {
                scheduled(150, n, period, |n| 0.2 * period * n.next(), sized(900, 200, 300.0))
            }),
        );
        add(
            "a mail program",
            Box::new(move |n| {
                sleeping(150, n, looped(period, 0.08, 0.6), |n| {
                    (300, if n.next() < 0.1 { 4000 } else { 500 })
                })
            }),
        );
        add(
            "a health check over radio",
            Box::new(move |n| sleeping(150, n, |n| period + 0.3 * n.next(), sized(95, 160, 1.0))),
        );
        add(
            "a keep-alive, sent where nothing else is",
            Box::new(move |n| {
                let wait =
                    |n: &mut Noise| if n.next() < 0.3 { period * n.next() } else { period + 0.01 * n.wait() };
                sleeping(150, n, wait, sized(60, 40, 1.0))
            }),
        );
        add(
            "a loop that counts seconds",
            Box::new(move |n| sleeping(150, n, |n| (period + 0.2 * n.wait()).ceil(), sized(300, 500, 10.0))),
        );
        add(
            "a device that sleeps deep",
            Box::new(move |n| sleeping(150, n, |n| period * (1.0 + 0.002 * n.normal()), sized(120, 60, 4.0))),
        );
        add(
            "two programs",
            Box::new(move |n| {
                let one = sleeping(120, n, |n| period + 0.05 * n.wait(), sized(300, 500, 10.0));
                both(one, sleeping(80, n, |n| 1.5 * period + 0.05 * n.wait(), sized(400, 700, 10.0)))
            }),
        );
        add(
            "a program, and its user",
            Box::new(move |n| {
                let one = sleeping(120, n, |n| period + 0.05 * n.wait(), sized(300, 500, 10.0));
                both(one, sleeping(60, n, |n| 2.0 * period * n.wait(), sized(800, 7000, 500.0)))
            }),
        );
        add(
            "people",
            Box::new(move |n| {
                sleeping(150, n, |n| period * (0.8 * n.normal()).exp(), sized(500, 4000, 900.0))
            }),
        );
        add(
            "a queue with back-off",
            Box::new(move |n| {
                (0..150i32)
                    .scan(0.0, |now, k| {
                        *now += period / 8.0 * 2f64.powi(k % 5) * (0.9 + 0.2 * n.next());
                        Some((*now, 300, 500))
                    })
                    .collect()
            }),
        );
    }
    sources
}

#[test]
fn honest_programs_are_silent_however_they_call() {
    let mut alerted = Vec::new();
    let mut runs = 0;
    for (name, source) in sources() {
        for wire in Wire::ALL {
            // Names that are new each time, by a timer, are no honest program's.
            if wire == Wire::Dns {
                continue;
            }
            for seed in 1..=2 {
                runs += 1;
                let found = wire.findings(&source(&mut Noise(seed * 7919)));
                if severity(&found) >= Some(Severity::Medium) {
                    alerted.push((name.clone(), wire, seed));
                }
            }
        }
    }
    println!("{} of {runs}: {alerted:?}", alerted.len());
    assert!(alerted.is_empty(), "{alerted:#?}");
}

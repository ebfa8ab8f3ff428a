//! Channels that must be found, and paced traffic that must not.

mod cycles;
mod held;
mod long;
mod media;

use bytemuck::Zeroable as _;

use super::*;
use crate::findings::Severity;

/// Deterministic noise.
struct Noise(u64);

impl Noise {
    /// In [0, 1).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / 2f64.powi(32)
    }

    fn chance(&mut self, of: f64) -> bool {
        self.next() < of
    }

    /// About normal: standard deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }

    /// Exponential: mean 1.
    fn wait(&mut self) -> f64 {
        -(1.0 - self.next()).ln()
    }

    /// How often an event of this mean length goes on.
    fn run(&mut self, mean: f64) -> usize {
        1 + std::iter::repeat_with(|| self.next()).take_while(|x| *x > 1.0 / mean).take(1000).count()
    }
}

/// Findings for packets with these gaps in milliseconds.
fn judge(protocol: u8, gaps_ms: impl IntoIterator<Item = f64>) -> Vec<Finding> {
    judge_of(FlowKey { protocol, ..FlowKey::zeroed() }, gaps_ms)
}

fn judge_of(key: FlowKey, gaps_ms: impl IntoIterator<Item = f64>) -> Vec<Finding> {
    let mut detector = Timing::new(Thresholds::default());
    let mut findings = Vec::new();
    for (n, gap) in gaps_ms.into_iter().enumerate() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "gaps are positive and short"
        )]
        let gap_us = (gap * 1e3) as u32;
        let entry = SeriesEntry { gap_us, payload_len: 100, ..SeriesEntry::zeroed() };
        let (is_start, last_ns) = (n == 0, n as u64);
        let series = Series { key: &key, entries: &[entry], missed: 0, is_start, last_ns };
        detector.series(&series, &mut findings);
    }
    findings
}

fn alerts(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.severity.is_alert()).count()
}

/// What becomes of the gaps on their way.
#[derive(Clone, Copy, Debug)]
enum Jitter {
    /// Each gap is changed by up to this part, evenly.
    Own(f64),
    /// Each packet is late by an exponential time of this mean, milliseconds.
    Network(f64),
}

fn jittered(gaps: &[f64], jitter: Jitter, noise: &mut Noise) -> Vec<f64> {
    match jitter {
        Jitter::Own(part) => gaps.iter().map(|gap| gap * (1.0 + part * (2.0 * noise.next() - 1.0))).collect(),
        Jitter::Network(mean) => {
            let mut now = 0.0;
            let mut times: Vec<f64> = gaps
                .iter()
                .map(|gap| {
                    now += gap;
                    now + mean * noise.wait()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times.windows(2).map(|pair| pair[1] - pair[0]).collect()
        }
    }
}

const PACKETS: usize = 650;
const SEEDS: u64 = 10;

const PROSE: &[u8] = b"It was a bright cold day in the harbour, and the clocks of both towers struck at once. Nobody \
    looked up: whoever had a boat was out in it, and whoever had none sat behind the fish market, mending nets, and \
    said what had been said the year before.";

/// A bit of a message: compressed, or prose in plain code.
fn bits(is_prose: bool, noise: &mut Noise) -> Vec<bool> {
    let prose = PROSE.iter().flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1));
    if is_prose {
        prose.cycle().take(8 * PACKETS).collect()
    } else {
        std::iter::repeat_with(|| noise.chance(0.5)).take(8 * PACKETS).collect()
    }
}

/// Two gaps for the two bits, milliseconds.
fn two(short: f64, long: f64) -> impl Fn(&[bool]) -> Vec<f64> {
    move |bits| bits.iter().map(|bit| if *bit { long } else { short }).take(PACKETS).collect()
}

/// A gap for each value of a few bits.
fn several(first: f64, step: f64, width: usize) -> impl Fn(&[bool]) -> Vec<f64> {
    move |bits| {
        let value = |bits: &[bool]| bits.iter().fold(0u32, |value, bit| 2 * value + u32::from(*bit));
        bits.chunks(width).map(|bits| first + step * f64::from(value(bits))).take(PACKETS).collect()
    }
}

/// A packet in each slot of a one (IPCTC; Cabuk et al., CCS 2004).
fn slots(slot: f64) -> impl Fn(&[bool]) -> Vec<f64> {
    move |bits| {
        let ones: Vec<usize> = bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(at, _)| at).collect();
        ones.windows(2).map(|pair| slot * (pair[1] - pair[0]) as f64).take(PACKETS).collect()
    }
}

/// From the bits of a message to gaps.
type Channel = Box<dyn Fn(&[bool]) -> Vec<f64>>;

/// Keystrokes of people.
fn typed(noise: &mut Noise) -> Vec<f64> {
    (0..PACKETS).map(|_| 60.0 + (4.8 + 0.5 * noise.normal()).exp()).collect()
}

/// How many of the seeds are found, as an alert or an observation, of ten.
fn recall(is_prose: bool, channel: &dyn Fn(&[bool]) -> Vec<f64>, jitter: Jitter) -> u64 {
    (0..SEEDS)
        .filter(|seed| {
            let mut noise = Noise(seed * 7919 + 1);
            let gaps = channel(&bits(is_prose, &mut noise));
            !judge(17, jittered(&gaps, jitter, &mut noise)).is_empty()
        })
        .count() as u64
}

#[test]
fn alphabets_and_slots_are_found_as_far_as_their_jitter_leaves_them_apart() {
    use Jitter::{Network, Own};
    let jitters =
        [Own(0.0), Own(0.05), Own(0.1), Own(0.2), Own(0.3), Network(0.3), Network(1.0), Network(3.0)];
    // What was reached for each of the jitters, compressed data and prose in one number each: of ten seeds.
    let channels: [(&str, Channel, [u64; 8], [u64; 8]); 9] = [
        (
            "20/50 ms",
            Box::new(two(20.0, 50.0)),
            [10, 10, 10, 10, 0, 10, 10, 3],
            [10, 10, 10, 10, 0, 10, 10, 5],
        ),
        (
            "60/120 ms",
            Box::new(two(60.0, 120.0)),
            [10, 10, 10, 10, 0, 10, 10, 10],
            [10, 10, 10, 10, 0, 10, 10, 10],
        ),
        (
            "40/100 ms",
            Box::new(two(40.0, 100.0)),
            [10, 10, 10, 10, 0, 10, 10, 10],
            [10, 10, 10, 10, 0, 10, 10, 10],
        ),
        (
            "30 60 90 120 ms",
            Box::new(several(30.0, 30.0, 2)),
            [10, 10, 2, 0, 0, 10, 10, 9],
            [10, 10, 0, 0, 0, 10, 10, 8],
        ),
        (
            "40 to 180 ms by 20",
            Box::new(several(40.0, 20.0, 3)),
            [10, 0, 0, 0, 0, 10, 6, 0],
            [10, 0, 0, 0, 0, 10, 5, 0],
        ),
        ("slots of 20 ms", Box::new(slots(20.0)), [10, 10, 9, 0, 0, 10, 10, 0], [10, 10, 6, 0, 0, 10, 10, 0]),
        (
            "slots of 40 ms",
            Box::new(slots(40.0)),
            [10, 10, 10, 0, 0, 10, 10, 10],
            [10, 10, 6, 0, 0, 10, 10, 10],
        ),
        (
            "slots of 60 ms",
            Box::new(slots(60.0)),
            [10, 10, 10, 0, 0, 10, 10, 10],
            [10, 10, 6, 0, 0, 10, 10, 10],
        ),
        (
            "slots of 100 ms",
            Box::new(slots(100.0)),
            [8, 10, 10, 0, 0, 10, 10, 10],
            [10, 10, 6, 0, 0, 10, 10, 10],
        ),
    ];
    for (name, channel, compressed, prose) in channels {
        let found = |is_prose| jitters.map(|jitter| recall(is_prose, &channel, jitter));
        let (random, text) = (found(false), found(true));
        println!("{name:20} {random:?} {text:?}");
        assert!(random.iter().zip(compressed).all(|(got, floor)| *got >= floor), "{name}: {random:?}");
        assert!(text.iter().zip(prose).all(|(got, floor)| *got >= floor), "{name}, prose: {text:?}");
    }
}

#[test]
fn keystrokes_on_a_grid_are_found_whatever_the_window_and_those_of_people_are_not() {
    for window in [10.0, 20.0, 25.0, 40.0, 50.0] {
        for network in [0.2, 1.0] {
            let mut noise = Noise(2);
            let plain = typed(&mut noise);
            // JitterBug (Shah et al., USENIX Security 2006): gaps are 0 or half a window, modulo the window.
            let delayed: Vec<f64> = plain
                .iter()
                .map(|gap| {
                    gap + (if noise.chance(0.5) { window / 2.0 } else { 0.0 } - gap).rem_euclid(window)
                })
                .collect();
            let found = judge(6, jittered(&delayed, Jitter::Network(network), &mut noise));
            // A millisecond of jitter hides grids of 5 ms, and may hide 10.
            let is_clear = network < 1.0 || window > 20.0;
            assert!(!is_clear || found.iter().any(|f| f.signature.id == 9_106_001), "{window} {network}");
            assert_eq!(alerts(&judge(6, plain)), 0);
        }
    }
}

#[test]
fn keystrokes_on_the_grid_of_an_ordinary_clock_are_an_observation() {
    for clock in [8.0, 15.625, 16.667] {
        let mut noise = Noise(3);
        let gridded: Vec<f64> =
            typed(&mut noise).iter().map(|gap| (gap / clock).ceil() * clock + 0.3 * noise.normal()).collect();
        let found = judge(6, gridded);
        assert!(!found.is_empty() && found.iter().all(|f| f.severity == Severity::Low), "{clock}");
    }
}

#[test]
fn a_channel_that_draws_or_replays_the_gaps_of_its_cover_is_not_told_from_it() {
    // MBCTC: the message picks quantiles of the cover's distribution. TRCTC: it picks recorded gaps.
    let mut noise = Noise(4);
    let drawn: Vec<f64> = (0..PACKETS).map(|_| 5.0 + 70.0 * noise.wait()).collect();
    assert_eq!(alerts(&judge(17, drawn)), 0);
    let recorded = typed(&mut noise);
    let (short, long): (Vec<f64>, Vec<f64>) = recorded.iter().partition(|gap| **gap < 180.0);
    let replayed: Vec<f64> = (0..PACKETS)
        .map(|n| if noise.chance(0.5) { short[n % short.len()] } else { long[n % long.len()] })
        .collect();
    assert_eq!(alerts(&judge(17, replayed)), 0);
}

/// Gaps of what is sent at each `tick` with a chance that changes now and then.
fn ticks(tick: f64, chances: &[f64], noise: &mut Noise) -> Vec<f64> {
    let (mut gaps, mut gap, mut chance) = (Vec::new(), 0.0, 0.5);
    for _ in 0..6000 {
        if noise.chance(1.0 / 200.0) {
            let place = noise.next() * chances.len() as f64;
            chance =
                chances.iter().zip(1u32..).find(|(_, end)| place < f64::from(*end)).map_or(0.5, |(c, _)| *c);
        }
        gap += tick;
        if noise.chance(chance) {
            gaps.push(gap + 0.3 * noise.normal());
            gap = 0.0;
        }
    }
    gaps
}

/// Constant gaps of which a share is lost.
fn lossy(gap: f64, loss: f64, noise: &mut Noise) -> Vec<f64> {
    let lost =
        |noise: &mut Noise| std::iter::repeat_with(|| noise.chance(loss)).take_while(|lost| *lost).count();
    (0..900).map(|_| gap * (1 + lost(noise)) as f64).collect()
}

/// Speech: packets each 20 ms, and in pauses one each 160 ms.
fn speech(spurt: f64, pause: f64, noise: &mut Noise) -> Vec<f64> {
    let mut gaps = Vec::new();
    while gaps.len() < 900 {
        gaps.extend(vec![20.0; noise.run(spurt)]);
        gaps.extend(vec![160.0; noise.run(pause)]);
    }
    gaps
}

/// Two timers in one flow.
fn together(first: f64, second: f64) -> Vec<f64> {
    let mut times: Vec<f64> = (0..600).map(|n| first * f64::from(n)).collect();
    times.extend((0..600).map(|n| 3.1 + second * f64::from(n)).take_while(|time| *time < 600.0 * first));
    times.sort_by(f64::total_cmp);
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn media_games_polling_pauses_losses_and_queues_are_silent() {
    type Source = Box<dyn Fn(&mut Noise) -> Vec<f64>>;
    let cycle = |steps: &'static [f64]| -> Source {
        Box::new(move |_| steps.iter().copied().cycle().take(900).collect())
    };
    let sources: Vec<(&str, Source)> = vec![
        ("constant rate", cycle(&[20.0])),
        ("constant rate, 5 % lost", Box::new(|n| lossy(20.0, 0.05, n))),
        ("constant rate, 10 % lost", Box::new(|n| lossy(20.0, 0.1, n))),
        ("constant rate, 25 % lost", Box::new(|n| lossy(20.0, 0.25, n))),
        ("constant rate, 20 % lost", Box::new(|n| lossy(40.0, 0.2, n))),
        ("constant rate, 30 % lost", Box::new(|n| lossy(40.0, 0.3, n))),
        ("speech with pauses", Box::new(|n| speech(50.0, 10.0, n))),
        ("short answers with pauses", Box::new(|n| speech(20.0, 6.0, n))),
        ("video of 30 frames", cycle(&[33.0, 33.0, 34.0, 0.5])),
        ("audio and video", Box::new(|_| together(20.0, 33.3))),
        ("two sensors", Box::new(|_| together(100.0, 250.0))),
        ("two sensors out of step", Box::new(|_| together(100.0, 173.0))),
        (
            "a game at 60 Hz",
            Box::new(|n| (0..900).map(|_| if n.chance(0.5) { 16.0 } else { 17.0 }).collect()),
        ),
        (
            "frames of 2 or 3 turns, by load",
            Box::new(|n| {
                (0..80).flat_map(|k| vec![if k % 2 == 0 { 33.3 } else { 50.0 }; n.run(20.0)]).collect()
            }),
        ),
        ("a busy game at 20 ticks", Box::new(|n| ticks(50.0, &[0.02, 0.9, 0.98], n))),
        ("a shared screen", Box::new(|n| ticks(33.3, &[0.02, 0.1, 0.5, 0.9], n))),
        ("request, answer, pause", cycle(&[36.0, 400.0])),
        (
            "the same, some left out",
            Box::new(|n| {
                (0..600).flat_map(|_| if n.chance(0.1) { vec![400.0] } else { vec![36.0, 400.0] }).collect()
            }),
        ),
        ("a cycle of four", cycle(&[100.0, 230.0, 310.0, 150.0])),
        ("once a second", cycle(&[1000.0])),
        ("keystrokes", Box::new(typed)),
        ("Poisson", Box::new(|n| (0..900).map(|_| 5.0 + 70.0 * n.wait()).collect())),
        (
            "delayed acknowledgements",
            Box::new(|n| {
                (0..900).map(|_| if n.chance(0.5) { 40.0 } else { 5.0 + 15.0 * n.wait() }).collect()
            }),
        ),
        (
            "round trips and thought",
            Box::new(|n| {
                (0..900).map(|k| if k % 2 == 0 { 30.0 } else { (5.0 + n.normal()).exp() }).collect()
            }),
        ),
        ("narrow telemetry", Box::new(|n| (0..900).map(|_| 100.0 + 4.0 * n.normal()).collect())),
    ];
    for (name, source) in sources {
        for jitter in [
            Jitter::Own(0.0),
            Jitter::Own(0.02),
            Jitter::Own(0.1),
            Jitter::Network(0.5),
            Jitter::Network(3.0),
        ] {
            for seed in 1..=2 {
                let mut noise = Noise(seed);
                let gaps = jittered(&source(&mut noise), jitter, &mut noise);
                let found = judge(6, gaps);
                let why = found.first().map(|finding| &finding.evidence);
                assert_eq!(alerts(&found), 0, "{name}, {jitter:?}, seed {seed}: {why:?}");
            }
        }
    }
}

#[test]
fn a_sender_that_skips_ticks_by_activity_is_not_always_told_from_a_channel() {
    // While its activity stays, each tick is the flip of a coin, as a channel's is: what tells them apart is that
    // activity changes, and some runs don't show it. This is a limit, not an aim: 5 of 40 are taken for one.
    let alerted = (0..40)
        .filter(|seed| {
            let mut noise = Noise(100 + seed);
            alerts(&judge(17, ticks(50.0, &[0.05, 0.3, 0.6, 0.95], &mut noise))) > 0
        })
        .count();
    println!("game: {alerted} of 40");
    assert!(alerted <= 5, "{alerted}");
}

#[test]
fn sharp_alphabets_are_alerts_and_what_round_trips_look_like_is_an_observation() {
    let severity = |channel: &dyn Fn(&[bool]) -> Vec<f64>, jitter| {
        let mut noise = Noise(9);
        let gaps = channel(&bits(false, &mut noise));
        judge(17, jittered(&gaps, jitter, &mut noise)).iter().map(|finding| finding.severity).max()
    };
    let (sharp, blurred) = (Jitter::Own(0.0), Jitter::Network(3.0));
    assert_eq!(severity(&two(60.0, 120.0), sharp), Some(Severity::Medium));
    assert_eq!(severity(&two(40.0, 100.0), blurred), Some(Severity::Medium));
    assert_eq!(severity(&slots(60.0), sharp), Some(Severity::Medium));
    assert_eq!(severity(&two(60.0, 120.0), blurred), Some(Severity::Low));
    assert_eq!(severity(&slots(60.0), blurred), Some(Severity::Low));
}

#[test]
fn later_fragments_of_what_two_hosts_exchange_are_not_judged() {
    let gaps = two(60.0, 180.0)(&bits(false, &mut Noise(1)));
    let of_flags = |flags| judge_of(FlowKey { protocol: 17, flags, ..FlowKey::zeroed() }, gaps.clone());
    assert!(alerts(&of_flags(0)) > 0);
    assert!(of_flags(FlowKey::FRAGMENT).is_empty());
}

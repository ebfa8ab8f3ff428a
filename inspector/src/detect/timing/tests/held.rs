//! Packets that are held back beyond a threshold, and bursts with pauses that look like it.

use super::*;

const DELAYS: u32 = 9_106_003;

/// Natural gaps of a stream, and a wait of `threshold` and what it leaves of the gap for a one: milliseconds.
fn held(bits: &[bool], threshold: f64, natural: impl Fn(&mut Noise) -> f64, noise: &mut Noise) -> Vec<f64> {
    bits.iter()
        .take(PACKETS)
        .map(|bit| natural(noise) + if *bit { threshold + threshold * noise.next() } else { 0.0 })
        .map(|gap| gap % (2.0 * threshold))
        .collect()
}

#[test]
fn delays_beyond_a_threshold_are_found_over_streams_that_are_fast() {
    for threshold in [100.0, 200.0, 400.0] {
        for (name, jitter) in [("none", 0.0), ("3 ms", 3.0)] {
            for is_prose in [false, true] {
                let mut noise = Noise(5);
                let bits = bits(is_prose, &mut noise);
                let gaps = held(&bits, threshold, |noise| 2.5 + 8.0 * noise.next(), &mut noise);
                let found = judge(17, jittered(&gaps, Jitter::Network(jitter), &mut noise));
                let is_found =
                    found.iter().any(|finding| finding.signature.id == DELAYS && finding.severity.is_alert());
                assert!(is_found, "{threshold} ms, jitter {name}, {is_prose}");
            }
        }
    }
}

/// Bursts of `size` packets `within` ms apart, with a pause between.
fn bursts(
    size: impl Fn(&mut Noise) -> usize,
    within: impl Fn(&mut Noise) -> f64,
    pause: impl Fn(&mut Noise) -> f64,
    noise: &mut Noise,
) -> Vec<f64> {
    let mut gaps = Vec::new();
    while gaps.len() < 900 {
        gaps.extend((1..size(noise)).map(|_| within(noise)).collect::<Vec<_>>());
        gaps.push(pause(noise));
    }
    gaps
}

type Draw<T> = fn(&mut Noise) -> T;
/// Name, packets of a burst, gaps within it, pause after it.
type Source = (&'static str, Draw<usize>, Draw<f64>, Draw<f64>);

#[test]
fn bursts_with_pauses_are_silent() {
    let few: Draw<usize> =
        |noise| 1 + [noise.chance(0.67), noise.chance(0.5)].iter().take_while(|more| **more).count();
    let any: Draw<usize> = |noise| noise.run(2.0);
    let answered: Draw<f64> = |noise| 8.0 + noise.normal().abs();
    let spread: Draw<f64> = |noise| 2.0 + 8.0 * noise.next();
    let timer: Draw<f64> = |noise| 300.0 * (0.9 + 0.2 * noise.next());
    let sources: [Source; 7] = [
        ("one to three requests, then a random pause", few, answered, |noise| 200.0 + 200.0 * noise.next()),
        ("any number of requests by a timer", any, answered, timer),
        ("any number of paced packets by a timer", any, spread, timer),
        ("requests and thought", any, answered, |noise| (5.7 + 0.6 * noise.normal()).exp()),
        ("events at random", any, spread, |noise| 300.0 * noise.wait()),
        ("events at random, rate limited", any, spread, |noise| 100.0 + 200.0 * noise.wait()),
        (
            "pages of several requests",
            |noise| noise.run(6.0),
            answered,
            |noise| 1000.0 + 1000.0 * noise.next(),
        ),
    ];
    for (name, size, within, pause) in sources {
        for jitter in [0.0, 1.0] {
            for seed in 1..=5 {
                let mut noise = Noise(seed);
                let gaps = bursts(size, within, pause, &mut noise);
                let found = judge(6, jittered(&gaps, Jitter::Network(jitter), &mut noise));
                let why = found.first().map(|finding| &finding.evidence);
                assert_eq!(alerts(&found), 0, "{name}, {jitter}, seed {seed}: {why:?}");
            }
        }
    }
}

#[test]
fn bursts_of_any_number_after_pauses_of_one_to_two_times_a_wait_are_taken_for_a_channel() {
    // A limit, not an aim: each packet is the last of its burst by the flip of a coin, and the pause is drawn as the
    // channel draws it.
    let mut noise = Noise(6);
    let gaps = bursts(|n| n.run(2.0), |n| 2.0 + 8.0 * n.next(), |n| 200.0 + 200.0 * n.next(), &mut noise);
    assert!(alerts(&judge(6, gaps)) > 0);
}

//! Rates that spell, and rates of ordinary programs.

use bytemuck::Zeroable as _;

use super::*;
use crate::detect::shape::Numbers;

/// Whether a flow with these gaps in milliseconds is found.
fn is_found(gaps_ms: impl IntoIterator<Item = f64>) -> bool {
    let mut detector = PacketRate::new(Thresholds::default());
    let mut findings = Vec::new();
    let key = FlowKey { protocol: 17, ..FlowKey::zeroed() };
    for (number, gap) in gaps_ms.into_iter().enumerate() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "gaps are positive and short"
        )]
        let gap_us = (gap * 1e3).max(0.0) as u32;
        let entry = SeriesEntry { gap_us, payload_len: 100, ..SeriesEntry::zeroed() };
        let (is_start, last_ns) = (number == 0, number as u64);
        let series = Series { key: &key, entries: &[entry], missed: 0, is_start, last_ns };
        detector.series(&series, &mut findings);
    }
    !findings.is_empty()
}

/// Some jitter, milliseconds.
fn jitter(random: &mut Numbers, spread: f64) -> f64 {
    (f64::from(random.below(1000)) / 500.0 - 1.0) * spread
}

/// Gaps of slots of this length, in each of which the gap is as `gap` says.
fn slotted(
    seed: u64,
    count: usize,
    slot_ms: f64,
    mut gap: impl FnMut(&mut Numbers, usize) -> f64,
) -> Vec<f64> {
    let mut random = Numbers(seed);
    let (mut gaps, mut behind) = (Vec::new(), 0.0);
    for at in 0..count {
        let pace = gap(&mut random, at);
        behind += slot_ms;
        while behind > pace / 2.0 {
            gaps.push(pace + jitter(&mut random, 0.3));
            behind -= pace;
        }
    }
    gaps
}

#[test]
fn rates_in_slots_are_found() {
    for seed in 0..10 {
        assert!(is_found(slotted(seed, 200, 1000.0, |random, _| if random.below(2) == 0 {
            50.0
        } else {
            100.0
        })));
        assert!(
            is_found(slotted(seed, 200, 500.0, |random, _| [20.0, 40.0, 80.0][random.below(3) as usize]))
        );
    }
}

#[test]
fn rates_that_change_at_any_time_are_silent() {
    for seed in 0..40 {
        let mut random = Numbers(seed);
        let mut gaps = Vec::new();
        for run in 0..120 {
            let pace = if run % 2 == 0 { 20.0 } else { 60.0 };
            let packets = 4 + random.below(60);
            gaps.extend((0..packets).map(|_| pace + jitter(&mut random, 0.3)));
        }
        assert!(!is_found(gaps), "{seed}");
    }
}

#[test]
fn media_games_and_cycles_are_silent() {
    let mut random = Numbers(1);
    assert!(!is_found((0..3000).map(|_| 20.0 + jitter(&mut random, 0.5))), "voice");
    // A report of five seconds each of two kinds, in turn.
    assert!(!is_found(slotted(1, 200, 5000.0, |_, at| if at % 2 == 0 { 50.0 } else { 100.0 })), "a cycle");
    assert!(
        !is_found(slotted(1, 300, 1000.0, |_, at| if at % 4 == 3 { 20.0 } else { 100.0 })),
        "a burst of four"
    );
    let mut random = Numbers(2);
    assert!(!is_found((0..3000).map(|_| f64::from(random.below(200)) + 1.0)), "no pace at all");
    // Comfort noise each 160 ms in pauses, speech each 20 ms.
    let mut random = Numbers(3);
    let mut speech = Vec::new();
    for run in 0..200 {
        let (pace, packets) =
            if run % 2 == 0 { (20.0, 10 + random.below(200)) } else { (160.0, 1 + random.below(12)) };
        speech.extend((0..packets).map(|_| pace + jitter(&mut random, 1.0)));
    }
    assert!(!is_found(speech), "speech with pauses");
}

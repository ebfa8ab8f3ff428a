//! Channels that must be found, and paced traffic that must not.

use bytemuck::Zeroable as _;

use super::*;

/// Deterministic noise in [0, 1).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / 2f64.powi(32)
    }

    fn bit(&mut self) -> bool {
        self.next() < 0.5
    }

    /// About normal: standard deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// Findings for packets with these gaps in milliseconds.
fn judge(protocol: u8, gaps_ms: impl IntoIterator<Item = f64>) -> Vec<Finding> {
    let mut detector = Timing::new(Thresholds::default());
    let mut findings = Vec::new();
    let mut key = FlowKey::zeroed();
    key.protocol = protocol;
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

#[test]
fn two_valued_gaps_and_slots_that_are_on_or_off_are_found() {
    let mut noise = Noise(1);
    let two: Vec<f64> =
        (0..400).map(|_| if noise.bit() { 60.0 } else { 120.0 } + 0.5 * noise.normal()).collect();
    assert!(!judge(17, two).is_empty());
    let slots: Vec<f64> = (0..400)
        .map(|_| {
            let empty = (0..8).take_while(|_| noise.bit()).count();
            40.0 * (empty + 1) as f64 + 0.4 * noise.normal()
        })
        .collect();
    assert!(!judge(6, slots).is_empty());
}

#[test]
fn keystrokes_on_a_grid_are_found_and_those_of_people_are_not() {
    let mut noise = Noise(2);
    let typed: Vec<f64> = (0..400).map(|_| 60.0 + (4.8 + 0.5 * noise.normal()).exp()).collect();
    assert_eq!(judge(6, typed.clone()), []);
    let gridded = typed.iter().map(|gap| (gap / 10.0).ceil() * 10.0 + 0.5 * noise.normal());
    let found = judge(6, gridded);
    assert_eq!(found.first().map(|finding| finding.signature.id), Some(9_106_001));
}

#[test]
fn media_games_polling_speech_pauses_and_queues_are_silent() {
    let mut noise = Noise(3);
    let constant = (0..600).map(|n| if n % 40 == 0 { 40.0 } else { 20.0 });
    assert_eq!(judge(17, constant), [], "constant rate with losses");
    for loss in [0.1, 0.25, 0.3] {
        let lossy: Vec<f64> = (0..700)
            .map(|_| {
                20.0 * (1 + (0..9).take_while(|_| noise.next() < loss).count()) as f64 + 0.2 * noise.normal()
            })
            .collect();
        assert_eq!(judge(17, lossy), [], "constant rate with random losses of {loss}");
    }
    let jitter: Vec<f64> = (0..600).map(|_| 20.0 + 3.0 * noise.normal()).collect();
    assert_eq!(judge(17, jitter), [], "speech over a network");
    let pauses = (0..600).map(|n| if n / 30 % 2 == 0 { 20.0 } else { 160.0 });
    assert_eq!(judge(17, pauses), [], "pauses of speech");
    let frames = (0..600).map(|n| if n % 3 == 2 { 33.0 } else { 0.5 });
    assert_eq!(judge(17, frames), [], "video");
    let ticks: Vec<f64> = (0..600).map(|_| if noise.bit() { 16.0 } else { 17.0 }).collect();
    assert_eq!(judge(17, ticks), [], "a game at 60 Hz");
    let polling = (0..600).map(|n| if n % 2 == 0 { 36.0 } else { 400.0 });
    assert_eq!(judge(6, polling), [], "request, answer, pause");
    let random: Vec<f64> = (0..600).map(|_| 5.0 - 70.0 * (1.0 - noise.next()).ln()).collect();
    assert_eq!(judge(17, random), [], "Poisson");
}

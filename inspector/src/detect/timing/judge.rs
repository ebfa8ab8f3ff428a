//! From a sample of gaps to a verdict.

use inspector_common::FlowKey;

use super::{NAME, Thresholds};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::stats::modes::{self, Mode};
use crate::stats::{entropy, resultant};

static ALPHABET: Signature = Signature {
    id: 9_106_000,
    rev: 1,
    detector: NAME,
    title: "Covert channel in the gaps between packets",
    pattern: "ET1 Event/Element Interval Modulation",
    attack: "T1001",
    hint: "The gaps take a few values in an order that is no cycle: ask what paces this flow",
};

static COMB: Signature = Signature {
    id: 9_106_001,
    rev: 1,
    detector: NAME,
    title: "Gaps of interactive traffic are multiples of a fixed time (JitterBug)",
    pattern: "ET1 Event/Element Interval Modulation",
    attack: "T1056",
    hint: "Keystrokes of people fall on no grid: look for a device or a filter between keyboard and network",
};

/// Shortest share of a mode that counts.
const LEAST_MODE: f64 = 0.02;
/// Share of each of the modes of a comb that repeats.
const COMB_SHARE: f64 = 0.1;
/// Longest patterns of the conditional entropy: of 1,024 symbols of two values most of five occur again.
const PATTERN: usize = 5;
/// Symbol of gaps in no mode.
const NO_MODE: u8 = u8::MAX;
/// Gaps that a comb is looked for in, microseconds: between keystrokes.
const KEYSTROKE_US: std::ops::Range<f64> = 40_000.0..2_000_000.0;
/// Largest share of one narrow window among them: SSH clients that hide keystrokes send each 20 ms for a while.
const ONE_MODE: f64 = 0.25;
/// Periods of combs, microseconds: half of `JitterBug`'s window, which people don't notice below 20 to 30 ms.
const PERIODS_US: (f64, f64) = (4_000.0, 16_000.0);
/// Gaps that a period has to fit at first.
const FEW: usize = 125;
/// Factor between neighbouring periods: fine enough for phases to agree over half a second.
const PERIOD_STEP: f64 = 1.003;

/// What a sample amounts to.
#[derive(Debug)]
pub(super) struct Verdict {
    signature: &'static Signature,
    score: f64,
    evidence: Vec<Evidence>,
    bits: f64,
}

impl Verdict {
    pub(super) fn finding(self, key: &FlowKey, traffic: Traffic) -> Finding {
        let packets = traffic.packets_to_server.min(1 << 40) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        let estimated_bytes = (self.bits * packets / 8.0) as u64;
        Finding {
            signature: self.signature,
            subject: Subject::of(key, true),
            severity: Severity::Medium,
            score: self.score,
            evidence: self.evidence,
            estimated_bytes,
            traffic,
            tool: None,
        }
    }
}

pub(super) fn judge(gaps_us: &[u32], protocol: u8, limits: &Thresholds) -> Option<Verdict> {
    let gaps: Vec<f64> = gaps_us.iter().copied().map(f64::from).collect();
    alphabet(&gaps, limits).or_else(|| if protocol == 6 { comb(&gaps, limits) } else { None })
}

fn measured(name: &'static str, value: f64, threshold: f64, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold: Some(threshold), unit }
}

/// A few narrow modes that take turns like the symbols of a message.
fn alphabet(gaps: &[f64], limits: &Thresholds) -> Option<Verdict> {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let modes = modes::narrow(&sorted, limits.mode_us, LEAST_MODE);
    let largest = *modes.first()?;
    let coverage: f64 = modes.iter().map(|mode| mode.share).sum();
    let others = coverage - largest.share;
    let fastest = modes.iter().map(|mode| mode.center).fold(f64::INFINITY, f64::min);
    let is_paced = fastest >= limits.quantum_us.0 && largest.center <= limits.quantum_us.1;
    if coverage < limits.coverage || others < limits.others || !is_paced || !are_apart(&modes, limits.apart) {
        return None;
    }
    let symbols: Vec<u8> = gaps.iter().map(|gap| symbol(*gap, &modes, limits.mode_us)).collect();
    let first = entropy::of_patterns(&symbols, 1);
    let conditional = entropy::corrected_conditional(&symbols, PATTERN);
    let ratio = conditional / first.max(f64::EPSILON);
    let equal = modes.iter().filter(|mode| mode.share >= COMB_SHARE).count();
    if ratio < limits.entropy_ratio && equal < limits.comb_modes {
        return None;
    }
    let context = |name, value, unit| Evidence { name, value, threshold: None, unit };
    Some(Verdict {
        signature: &ALPHABET,
        score: 0.6 + 0.35 * coverage.min(1.0) * ratio.clamp(0.5, 1.0),
        evidence: vec![
            measured("gaps_in_narrow_modes", coverage, limits.coverage, "ratio"),
            measured("gaps_in_other_modes", others, limits.others, "ratio"),
            measured("conditional_entropy_ratio", ratio, limits.entropy_ratio, "ratio"),
            context("modes", modes.len() as f64, "modes"),
            context("largest_mode", largest.center / 1e3, "milliseconds"),
            context("entropy", first, "bits"),
            measured("gaps", gaps.len() as f64, limits.gaps as f64, "packets"),
        ],
        bits: conditional.max(0.1),
    })
}

fn are_apart(modes: &[Mode], apart: f64) -> bool {
    let mut centers: Vec<f64> =
        modes.iter().filter(|mode| mode.share >= COMB_SHARE).map(|mode| mode.center).collect();
    centers.sort_by(f64::total_cmp);
    centers.len() >= 2 && centers.windows(2).take(1).all(|pair| matches!(pair, [a, b] if b / a >= apart))
}

fn symbol(gap: f64, modes: &[Mode], floor: f64) -> u8 {
    let is_in = |mode: &Mode| (gap - mode.center).abs() <= modes::half_width(mode.center, floor);
    modes.iter().position(is_in).and_then(|at| u8::try_from(at).ok()).unwrap_or(NO_MODE)
}

/// Gaps as broad as those of people that nevertheless are multiples of one time.
fn comb(gaps: &[f64], limits: &Thresholds) -> Option<Verdict> {
    let typed: Vec<f64> = gaps.iter().copied().filter(|gap| KEYSTROKE_US.contains(gap)).collect();
    if typed.len() < limits.gaps {
        return None;
    }
    let mut sorted = typed.clone();
    sorted.sort_by(f64::total_cmp);
    if modes::narrow(&sorted, limits.mode_us, ONE_MODE).iter().any(|mode| mode.share >= ONE_MODE) {
        return None;
    }
    let periods = std::iter::successors(Some(PERIODS_US.0), |period| Some(period * PERIOD_STEP));
    // Of all gaps and periods this would be most of what this program does: a few tell which periods can't fit.
    // Of 125 gaps of which all have 0.6, as few as half of that by chance once in 10^6.
    let few: Vec<f64> = typed.iter().copied().step_by(typed.len().div_ceil(FEW)).collect();
    let fits = periods
        .take_while(|&period| period <= PERIODS_US.1)
        .filter(|&period| resultant::rough_length(&few, period) >= limits.resultant / 2.0)
        .map(|period| (resultant::length(&typed, period), period));
    let (length, period) = fits.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (length >= limits.resultant).then(|| Verdict {
        signature: &COMB,
        score: 0.6 + 0.3 * length,
        evidence: vec![
            measured("resultant_length", length, limits.resultant, "ratio"),
            Evidence { name: "period", value: period / 1e3, threshold: None, unit: "milliseconds" },
            measured("gaps", typed.len() as f64, limits.gaps as f64, "packets"),
        ],
        bits: 1.0,
    })
}

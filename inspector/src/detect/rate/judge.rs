//! From a sample of gaps to a verdict.

use inspector_common::FlowKey;

use super::{NAME, Thresholds};
use crate::detect::header::{context, crossed};
use crate::detect::shape::{Channel, finding};
use crate::findings::{Evidence, Finding, Signature, Traffic};
use crate::stats::modes::{self, Mode};
use crate::stats::{entropy, resultant};

static SLOTS: Signature = Signature {
    id: 9_106_160,
    rev: 1,
    detector: NAME,
    title: "A flow changes between a few rates at multiples of a fixed time",
    pattern: "ET1.1 Rate Modulation",
    attack: "T1001",
    hint: "The rates take turns in slots and in no cycle: ask what paces this flow",
};

/// Shortest share of a mode that counts.
const LEAST_MODE: f64 = 0.03;
/// Most rates.
const RATES: usize = 4;
/// Least ratio of neighbouring rates.
const APART: f64 = 1.25;
/// A slot holds at least so many of the slowest gaps: any run is a multiple of shorter times.
const SLOT_GAPS: f64 = 3.0;
/// Factor between neighbouring slots that are tried.
const SLOT_STEP: f64 = 1.01;
/// Longest patterns of the conditional entropy.
const PATTERN: usize = 4;

/// What a sample amounts to.
pub(super) struct Verdict {
    score: f64,
    bits: f64,
    slots: u64,
    evidence: Vec<Evidence>,
}

impl Verdict {
    pub(super) fn finding(self, key: &FlowKey, traffic: Traffic) -> Finding {
        let Self { score, bits, slots, evidence } = self;
        let channel = Channel { score, symbols: slots, bits, directions: 1, traffic };
        finding(&SLOTS, key, &channel, evidence)
    }
}

/// One rate that a flow kept for some time.
#[derive(Clone, Copy, Debug)]
struct Run {
    rate: u8,
    gaps: u32,
    us: f64,
}

/// Consecutive gaps of one mode. A gap of none belongs to the run that it is in.
fn runs(gaps: &[f64], modes: &[Mode], floor: f64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for &gap in gaps {
        let is_in = |mode: &Mode| (gap - mode.center).abs() <= modes::half_width(mode.center, floor);
        let rate = modes.iter().position(is_in).and_then(|at| u8::try_from(at).ok());
        match (runs.last_mut(), rate) {
            (Some(run), rate) if rate.is_none_or(|rate| rate == run.rate) => {
                run.gaps += 1;
                run.us += gap;
            }
            (_, Some(rate)) => runs.push(Run { rate, gaps: 1, us: gap }),
            (_, None) => {}
        }
    }
    // The first and the last may have been cut.
    runs.pop();
    if !runs.is_empty() {
        runs.remove(0);
    }
    runs
}

pub(super) fn judge(gaps: &[u32], limits: &Thresholds) -> Option<Verdict> {
    let gaps: Vec<f64> = gaps.iter().map(|gap| f64::from(*gap)).collect();
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    let mut modes = modes::narrow(&sorted, limits.mode_us, LEAST_MODE);
    let coverage: f64 = modes.iter().map(|mode| mode.share).sum();
    let second = modes.get(1)?.share;
    modes.sort_by(|a, b| a.center.total_cmp(&b.center));
    let are_apart = modes.windows(2).all(|pair| pair[1].center >= APART * pair[0].center);
    if modes.len() > RATES || coverage < limits.coverage || second < limits.second || !are_apart {
        return None;
    }
    let runs = runs(&gaps, &modes, limits.mode_us);
    let run_gaps = f64::from(runs.iter().map(|run| run.gaps).sum::<u32>()) / runs.len().max(1) as f64;
    if runs.len() < limits.runs || run_gaps < limits.run_gaps {
        return None;
    }
    let slowest = modes.last()?.center;
    let durations: Vec<f64> = runs.iter().map(|run| run.us).collect();
    let (slot, fit) = best_slot(&durations, SLOT_GAPS * slowest)?;
    let symbols = slots(&runs, slot);
    let bits = entropy::of_patterns(&symbols, 1);
    let ratio = entropy::corrected_conditional(&symbols, PATTERN) / bits.max(f64::EPSILON);
    let is_signal = fit >= limits.resultant && symbols.len() >= limits.slots && ratio >= limits.entropy_ratio;
    is_signal.then(|| Verdict {
        score: 0.7,
        bits,
        slots: symbols.len() as u64,
        evidence: vec![
            crossed("resultant_length", fit, limits.resultant, "ratio"),
            context("slot", slot / 1e3, "milliseconds"),
            crossed("conditional_entropy_ratio", ratio, limits.entropy_ratio, "ratio"),
            crossed("runs_of_one_rate", runs.len() as f64, limits.runs as f64, "runs"),
            crossed("slots", symbols.len() as f64, limits.slots as f64, "slots"),
            context("rates", modes.len() as f64, "rates"),
        ],
    })
}

/// The slot of which the durations are multiples, at least `least`, and how well they are.
fn best_slot(durations: &[f64], least: f64) -> Option<(f64, f64)> {
    let shortest = durations.iter().copied().fold(f64::INFINITY, f64::min);
    // No slot is longer than the shortest run, give or take its last gap.
    let slots = std::iter::successors(Some(least), |slot| Some(slot * SLOT_STEP));
    let fits = slots
        .take_while(|slot| *slot <= shortest * 1.2)
        .map(|slot| (slot, resultant::length(durations, slot)));
    fits.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The rates slot by slot.
fn slots(runs: &[Run], slot: f64) -> Vec<u8> {
    let repeat = |run: &Run| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        let slots = (run.us / slot).round() as usize;
        std::iter::repeat_n(run.rate, slots.min(1024))
    };
    runs.iter().flat_map(repeat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::shape::Numbers;

    #[test]
    fn durations_at_random_fit_no_slot() {
        let mut random = Numbers(9);
        let mut greatest = 0.0f64;
        for _ in 0..1000 {
            let durations: Vec<f64> = (0..24).map(|_| f64::from(500 + random.below(3000))).collect();
            let (_, fit) = best_slot(&durations, 150.0).unwrap();
            greatest = greatest.max(fit);
        }
        assert!(greatest < 0.85, "{greatest}");
    }

    #[test]
    fn multiples_give_their_slot() {
        let durations = [1000.0, 3000.0, 2000.0, 1000.0, 4000.0];
        let (slot, fit) = best_slot(&durations, 150.0).unwrap();
        assert!(fit > 0.95 && ((1000.0 / slot).round() - 1000.0 / slot).abs() < 0.03, "{slot}: {fit}");
    }
}

//! Keystrokes that fall on a grid: JitterBug.

use super::judge::{Order, Sample, Verdict, context, measured};
use super::{NAME, Thresholds};
use crate::findings::{Severity, Signature};
use crate::stats::{modes, resultant};

static COMB: Signature = Signature {
    id: 9_106_001,
    rev: 2,
    detector: NAME,
    title: "Gaps of interactive traffic are multiples of a fixed time (JitterBug)",
    pattern: "ET1 Event/Element Interval Modulation",
    attack: "T1056",
    hint: "Keystrokes of people fall on no grid: look for a device or a filter between keyboard and network",
};

/// Gaps that a grid is looked for in, microseconds: between keystrokes.
const KEYSTROKE_US: std::ops::Range<f64> = 40_000.0..2_000_000.0;
/// Largest share of one narrow window among them: SSH clients that hide keystrokes send each 20 ms for a while.
const ONE_MODE: f64 = 0.25;
/// Periods of grids, microseconds: half of JitterBug's window, from 10 to 50 ms; people notice longer ones.
const PERIODS_US: (f64, f64) = (4_500.0, 26_000.0);
/// Gaps that a period has to fit at first.
const FEW: usize = 125;
/// Factor between neighbouring periods: fine enough for phases to agree over half a second.
const PERIOD_STEP: f64 = 1.003;
/// Periods that ordinary clocks put on what people do, microseconds: a keyboard polled over USB 125 times a second;
/// Windows' timer (15.6 ms) and a display's frames (16.7 ms), by which remote desktops send.
const CLOCKS_US: [std::ops::Range<f64>; 2] = [7_750.0..8_250.0, 15_100.0..17_200.0];

/// Periods in a gap that are told from each other: more than twice of any period's in the usual gaps.
const TEETH: u8 = 250;

/// Gaps as broad as those of people that nevertheless are multiples of one time.
pub(super) fn judge(sample: &Sample, limits: &Thresholds) -> Option<Verdict> {
    let typed = Sample::of(sample.gaps.iter().copied().filter(|gap| KEYSTROKE_US.contains(gap)));
    if typed.gaps.len() < limits.keystrokes {
        return None;
    }
    let modes = modes::narrow(&typed.sorted, limits.mode_us, ONE_MODE);
    if modes.iter().any(|mode| mode.share >= ONE_MODE) {
        return None;
    }
    let periods = std::iter::successors(Some(PERIODS_US.0), |period| Some(period * PERIOD_STEP));
    // Of all gaps and periods this would be most of what this program does: a few tell which periods can't fit.
    // Of 125 gaps of which all have 0.6, as few as half of that by chance once in 10^6.
    let few: Vec<f64> = typed.gaps.iter().copied().step_by(typed.gaps.len().div_ceil(FEW)).collect();
    let fits = periods
        .take_while(|&period| period <= PERIODS_US.1)
        .filter(|&period| resultant::rough_length(&few, period) >= limits.resultant / 2.0)
        .map(|period| (resultant::length(&typed.gaps, period), period));
    let (length, period) = fits.max_by(|a, b| a.0.total_cmp(&b.0))?;
    // What is as narrow as a few periods fits any of them.
    let spread = (typed.quantile(0.75) - typed.quantile(0.25)) / period;
    if length < limits.resultant || spread < limits.teeth {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let teeth: Vec<u8> =
        typed.gaps.iter().map(|gap| (gap / period).round().clamp(0.0, f64::from(TEETH)) as u8).collect();
    let order = Order::of(&typed, &teeth);
    if order.ratio < limits.typed_ratio {
        return None;
    }
    let is_clock = CLOCKS_US.iter().any(|clock| clock.contains(&period));
    Some(Verdict {
        signature: &COMB,
        severity: if is_clock { Severity::Low } else { Severity::Medium },
        score: if is_clock { 0.3 } else { 0.6 + 0.3 * length },
        evidence: vec![
            measured("resultant_length", length, limits.resultant, "ratio"),
            measured("spread", spread, limits.teeth, "periods"),
            measured("conditional_entropy_ratio", order.ratio, limits.typed_ratio, "ratio"),
            context("period", period / 1e3, "milliseconds"),
            measured("gaps", typed.gaps.len() as f64, limits.keystrokes as f64, "packets"),
        ],
        bits: 1.0,
    })
}

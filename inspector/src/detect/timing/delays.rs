//! Gaps far below a threshold or above it, in no order: packets that are let pass or held back (Gasior and Yang).

use super::judge::{NO_MODE, Order, SURELY, Sample, Verdict, context, measured, verdict};
use super::{NAME, Thresholds};
use crate::findings::Signature;
use crate::stats::spread::Spread;
use crate::stats::threshold;

static DELAYS: Signature = Signature {
    id: 9_106_003,
    rev: 1,
    detector: NAME,
    title: "Packets are held back beyond a threshold or let pass, in no pattern",
    pattern: "ET1 Event/Element Interval Modulation",
    attack: "T1001",
    hint: "Short gaps and long ones with nothing between may carry a bit each: ask what holds packets of this flow back",
};

/// Symbols of gaps on both sides.
const SHORT: u8 = 0;
const LONG: u8 = 1;

/// A message in the choice between gaps of a fast cover and the same with a wait.
///
/// What is held back is so for the threshold, and for what its natural gap leaves modulo the threshold: to twice of it.
/// A machine's timer that bursts follow has long gaps that are all alike, and bursts of so many packets.
pub(super) fn judge(sample: &Sample, limits: &Thresholds) -> Option<Verdict> {
    let found = threshold::split(
        &sample.sorted,
        &(limits.void_us.0..=limits.void_us.1),
        limits.void,
        limits.void_share,
    )?;
    let coverage = sample.surely(found.above + found.below);
    let (room, span) = limits.void;
    let (low, high) = (found.threshold / room, found.threshold * span);
    let long: Vec<f64> =
        sample.sorted.iter().copied().filter(|gap| (found.threshold..=high).contains(gap)).collect();
    let width = Spread::of(&long).map(|spread| spread.mad / spread.median)?;
    if coverage < limits.void_coverage || width < limits.void_width {
        return None;
    }
    // What is sent each so often has a pause of what is left of its time: bursts and pauses add up to the same.
    let mut turn = 0.0;
    let turns: Vec<f64> = sample
        .gaps
        .iter()
        .filter_map(|gap| {
            turn += gap;
            (*gap >= found.threshold).then(|| std::mem::take(&mut turn))
        })
        .collect();
    let turns = Spread::of(&turns).map(|spread| spread.mad / spread.median)?;
    if turns < limits.void_width {
        return None;
    }
    let symbol = |gap: f64| match gap {
        gap if gap <= low => SHORT,
        gap if (found.threshold..=high).contains(&gap) => LONG,
        _ => NO_MODE,
    };
    let symbols: Vec<u8> = sample.gaps.iter().map(|gap| symbol(*gap)).collect();
    let order = Order::of(sample, &symbols);
    if order.ratio < limits.hump_ratio || !order.is_steady(limits) {
        return None;
    }
    let mut evidence = vec![
        measured("gaps_beside_threshold", coverage, limits.void_coverage, SURELY),
        measured("spread_of_long_gaps", width, limits.void_width, "ratio"),
        measured("spread_of_turns", turns, limits.void_width, "ratio"),
        context("threshold", found.threshold / 1e3, "milliseconds"),
        context("long_gaps", found.above, "ratio"),
    ];
    evidence.extend(order.evidence(sample.gaps.len(), limits.hump_ratio, limits));
    Some(verdict(&DELAYS, coverage, &order, evidence))
}

//! The waits of a rhythm, with calls that got lost and work in between told apart from them.
//!
//! A program that sleeps between its calls leaves waits of one kind. Where a call is lost on the way, or made while the
//! network was down, the wait is that of two or three. Where it has something to do, calls follow each other fast, and it
//! sleeps after the last. And where the host slept, a wait is as long as it likes. None of these says anything against the
//! waits being a sleeper's, as long as they are few; anything else does.

use super::rhythm::{Call, gaps};
use crate::stats::schedule;
use crate::stats::spread::Spread;

/// Distance from the median that jitter has at most, as a part of it.
pub(super) const NEAR: f64 = 0.45;
/// Part of the median below which a gap is work, not a wait.
const WORK: f64 = 0.4;
/// Waits that one gap is at most; what is longer is a break.
const MISSED: f64 = 4.5;
/// Reach of jitter from the median, in distances of the quartiles: 1 where waits are spread evenly.
const REACH: f64 = 1.2;
/// The least reach, as a part of the median: a timer's.
const TIMER: f64 = 0.05;

/// Waits of one rhythm.
#[derive(Debug)]
pub(super) struct Cadence {
    /// Waits near the median, seconds, in order.
    pub(super) waits: Vec<f64>,
    pub(super) spread: Spread,
    /// Share of the gaps, breaks left out, that are waits.
    pub(super) bounded: f64,
    /// Share of the gaps that are waits, or are explained by a lost call, work or a break.
    pub(super) regular: f64,
    /// Share of the gaps, breaks left out, that are more than one wait.
    pub(super) missed: f64,
    /// Whether jitter is so narrow that one wait can't be taken for two.
    pub(super) is_apart: bool,
    /// Drift from a schedule ([`schedule`]).
    pub(super) drift: f64,
}

/// A call, and what followed it at once.
struct Visit {
    begin: f64,
    end: f64,
    is_after_break: bool,
}

impl Cadence {
    /// Of calls in order; `None` where they have no rhythm at all.
    pub(super) fn of(calls: &[Call]) -> Option<Self> {
        let rough = median(gaps(calls))?;
        let visits = visits(calls, WORK * rough);
        let gaps: Vec<f64> = pairs(&visits).map(|(a, b)| b.begin - a.end).collect();
        let middle = median(gaps.iter().copied())?;
        let is_near = |gap: &&f64| (**gap - middle).abs() <= NEAR * middle;
        let waits: Vec<f64> = gaps.iter().filter(is_near).copied().collect();
        let spread = Spread::of(&waits)?;
        let reach = (REACH * spread.between_quartiles).max(TIMER * spread.median) / spread.median;
        let count = |is: &dyn Fn(f64) -> bool| gaps.iter().filter(|gap| is(**gap / spread.median)).count();
        let is_missed = |gap: f64| {
            let waits = gap.round();
            gap > 1.0 + NEAR && gap <= MISSED && (gap - waits).abs() <= waits * reach
        };
        let (breaks, missed) = (count(&|gap| gap > MISSED), count(&is_missed));
        let all = gaps.len().max(1) as f64;
        Some(Self {
            regular: (waits.len() + missed + breaks) as f64 / all,
            bounded: waits.len() as f64 / (all - breaks as f64).max(1.0),
            missed: missed as f64 / (all - breaks as f64).max(1.0),
            is_apart: 1.0 + reach < 2.0 * (1.0 - reach),
            drift: drift(&visits, spread.median),
            waits,
            spread,
        })
    }
}

/// Puts together what is no further apart than this, seconds since the first call.
fn visits(calls: &[Call], work: f64) -> Vec<Visit> {
    let first_ns = calls.first().map_or(0, |call| call.begin_ns);
    let mut visits: Vec<Visit> = Vec::with_capacity(calls.len());
    for call in calls {
        let begin = call.begin_ns.saturating_sub(first_ns) as f64 / 1e9;
        match visits.last_mut() {
            Some(last) if !call.is_after_break && begin - last.end < work => last.end = begin,
            _ => visits.push(Visit { begin, end: begin, is_after_break: call.is_after_break }),
        }
    }
    visits
}

/// Visits with the one before.
fn pairs(visits: &[Visit]) -> impl Iterator<Item = (&Visit, &Visit)> {
    visits.windows(2).filter_map(|pair| match pair {
        [a, b] if !b.is_after_break => Some((a, b)),
        _ => None,
    })
}

/// The ratio of the longest stretch without a break. A schedule goes on from where a visit began, and counts the ones
/// that are missing.
fn drift(visits: &[Visit], wait: f64) -> f64 {
    let is_break = |a: &Visit, b: &Visit| b.is_after_break || b.begin - a.end > MISSED * wait;
    let stretches = visits.chunk_by(|a, b| !is_break(a, b));
    let longest = stretches.max_by_key(|stretch| stretch.len()).unwrap_or_default();
    let mut place = 0.0;
    let mut ticks = vec![(0.0, longest.first().map_or(0.0, |visit| visit.begin))];
    for (a, b) in pairs(longest) {
        place += ((b.begin - a.begin) / wait).round().max(1.0);
        ticks.push((place, b.begin));
    }
    schedule::ratio_at(&ticks).unwrap_or(0.0)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    Spread::of(&values.collect::<Vec<_>>()).map(|spread| spread.median)
}

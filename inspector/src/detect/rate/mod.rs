//! Covert channels in the rate of packets: detector `packet-rate`.
//!
//! A sender that signals by its rate keeps one of a few rates for a slot of time and then perhaps another. Gaps alone
//! look like those of a program with two paces: they come in long runs. But the runs last whole numbers of slots, one
//! or several as the message has it, while the paces of programs change when something happens, or in a cycle.

mod judge;

use inspector_common::{FlowKey, SeriesEntry};

use super::Detector;
use super::header::Gate;
use super::table::{Entry, Table};
use crate::findings::{Finding, Traffic};
use crate::observation::{FlowUpdate, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "packet-rate";

/// What it takes for a finding. Base rates: made-up traffic, and the development corpus' captures without a channel,
/// of which about 50 flows have 256 gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Gaps that are judged at the earliest.
    pub gaps: usize,
    /// Half of a mode's least width, microseconds: jitter of a host's timer and of one switch.
    pub mode_us: f64,
    /// Share of the gaps that lie in two to four narrow modes, ratio. Base rate: 0.83 for RTP with jitter, in one.
    pub coverage: f64,
    /// Least share of the second mode, ratio: slower packets are fewer.
    pub second: f64,
    /// Runs of one rate: with fewer, random durations fit some slot.
    pub runs: usize,
    /// Gaps in a run, mean: with fewer, gaps themselves are the symbols, which is the business of `timing`.
    pub run_gaps: f64,
    /// Resultant length of the runs' durations at the best slot. Base rate: at most 0.64 in 1,000 draws of 24 random
    /// durations.
    pub resultant: f64,
    /// Corrected conditional entropy of the slots' rates over their entropy. Base rate: cycles 0.1 to 0.4.
    pub entropy_ratio: f64,
    /// Slots.
    pub slots: usize,
    /// Flows kept. One takes at most 8.2 KiB.
    pub capacity: usize,
    /// A flow idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            gaps: 256,
            mode_us: 1_000.0,
            coverage: 0.85,
            second: 0.1,
            runs: 24,
            run_gaps: 3.0,
            resultant: 0.85,
            entropy_ratio: 0.7,
            slots: 48,
            capacity: 1024,
            idle_ns: 120_000_000_000,
        }
    }
}

/// Gaps that are kept of a flow.
const KEPT: usize = 2048;
/// A flow is judged each time it has so many more.
const EVERY: u32 = 256;

/// One direction of a flow.
#[derive(Debug, Default)]
struct Gaps {
    /// Gaps between its last packets with a payload, microseconds.
    recent: Vec<u32>,
    pending_us: Option<u64>,
    unjudged: u32,
    gate: Gate,
    traffic: Traffic,
}

impl Gaps {
    fn add(&mut self, entry: &SeriesEntry) {
        let gap_us =
            if entry.has_gap() { self.pending_us.map(|us| us + u64::from(entry.gap_us)) } else { None };
        if entry.payload_len == 0 {
            self.pending_us = gap_us;
            return;
        }
        self.pending_us = Some(0);
        let Some(gap_us) = gap_us.and_then(|us| u32::try_from(us).ok()) else { return };
        if self.recent.len() >= KEPT {
            self.recent.drain(..KEPT / 4);
        }
        self.recent.push(gap_us);
        self.unjudged += 1;
    }
}

impl Entry for Gaps {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.recent.len() as u64
    }
}

/// The detector.
#[derive(Debug)]
pub struct PacketRate {
    thresholds: Thresholds,
    flows: Table<FlowKey, Gaps>,
}

impl PacketRate {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let flows = Table::new(thresholds.capacity);
        Self { thresholds, flows }
    }
}

impl Detector for PacketRate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, _: &Observation<'_>, _: &mut Vec<Finding>) {}

    fn flow(&mut self, update: &FlowUpdate<'_>, _: &mut Vec<Finding>) {
        if let Some(gaps) = self.flows.get(update.key) {
            gaps.traffic = Traffic::of_sender(update.record);
        }
    }

    fn series(&mut self, series: &Series<'_>, findings: &mut Vec<Finding>) {
        if !matches!(series.key.protocol, 6 | 17) || series.is_of_fragments() {
            return;
        }
        let Some(gaps) = self.flows.entry(*series.key, Gaps::default) else { return };
        gaps.traffic.last_ns = series.last_ns;
        if series.missed > 0 || series.is_start {
            gaps.pending_us = None;
        }
        for entry in series.entries {
            if entry.flags & SeriesEntry::MERGED != 0 {
                gaps.pending_us = None;
            } else {
                gaps.add(entry);
            }
        }
        if gaps.recent.len() < self.thresholds.gaps || gaps.unjudged < EVERY {
            return;
        }
        gaps.unjudged = 0;
        let verdict = judge::judge(&gaps.recent, &self.thresholds);
        let count = u32::try_from(gaps.traffic.packets_to_server).unwrap_or(u32::MAX).max(1);
        let verdict = verdict.filter(|_| gaps.gate.opens(count));
        findings.extend(verdict.map(|verdict| verdict.finding(series.key, gaps.traffic)));
    }

    fn tick(&mut self, now_ns: u64) {
        self.flows.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        self.flows.occupancy()
    }
}

#[cfg(test)]
mod tests;

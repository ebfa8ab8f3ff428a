//! Covert channels in the gaps between packets: detector `timing`.
//!
//! A sender that encodes in gaps needs an alphabet that jitter leaves apart: a few narrow modes with nothing
//! between them, or positions on a comb. And its symbols follow each other as the message does, not as a
//! machine's cycle. Media, games and polling have one mode, or several that take turns in a pattern; people and
//! queues have no narrow modes ([`judge`]). A channel that replays recorded gaps (TRCTC) has the gaps of its
//! cover and is not found.

mod judge;

use inspector_common::{FlowKey, SeriesEntry};

use super::Detector;
use super::table::{Entry, Table};
use crate::findings::{Finding, Traffic};
use crate::observation::{FlowUpdate, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "timing";

/// What it takes for a finding. Base rates: flows with 100 gaps and more of the development corpus' benign
/// captures, about 100.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Gaps that are judged at the earliest. 250 is the least window of Cabuk et al. (CCS 2004).
    pub gaps: usize,
    /// Gaps below this belong to one burst and are left out, microseconds.
    pub burst_us: u32,
    /// Half of a mode's least width, microseconds: jitter of a host's timer and of one switch.
    pub mode_us: f64,
    /// Share of the gaps that the modes hold. Base rate: 0.83 for RTP with jitter.
    pub coverage: f64,
    /// Share of the gaps outside the largest mode but in another. Base rate: a lossy constant stream loses a few
    /// percent.
    pub others: f64,
    /// Ratio of neighbouring modes. Clocks of 60 Hz alternate between 16 and 17 ms.
    pub apart: f64,
    /// Corrected conditional entropy of the modes over their entropy. Text in plain code has 0.6, compressed data
    /// 0.9 and more. Base rate: periodic polling 0.1 to 0.4;
    /// speech pauses come in runs.
    pub entropy_ratio: f64,
    /// Equidistant modes, each with a tenth of the gaps, that need not be unpredictable: a text that repeats.
    /// Base rate: 0.
    pub comb_modes: usize,
    /// The largest mode lies within these bounds, microseconds. Timers of 10 to 17 ms, and of half a second and
    /// more, pace much ordinary software, and their multiples look like an alphabet.
    pub quantum_us: (f64, f64),
    /// Resultant length at the best period. Base rate: below 0.2 for keystrokes.
    pub resultant: f64,
    /// Flows kept. One takes at most 5 KiB.
    pub capacity: usize,
    /// A flow idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            gaps: 250,
            burst_us: 2_000,
            mode_us: 1_000.0,
            coverage: 0.88,
            others: 0.25,
            apart: 1.25,
            entropy_ratio: 0.58,
            comb_modes: 4,
            quantum_us: (18_000.0, 450_000.0),
            resultant: 0.6,
            capacity: 2048,
            idle_ns: 120_000_000_000,
        }
    }
}

/// Gaps that are kept of a flow: what a judgement rests on.
const KEPT: usize = 1024;
/// A flow is judged each time it has so many gaps more.
const EVERY: usize = 125;

/// One direction of a flow.
#[derive(Debug, Default)]
struct Gaps {
    /// The last gaps between packets with a payload, microseconds.
    recent: Vec<u32>,
    /// Time since the last packet with a payload; `None` where a gap was missed.
    pending_us: Option<u64>,
    /// Gaps since the last judgement.
    unjudged: usize,
    traffic: Traffic,
}

impl Gaps {
    fn add(&mut self, entry: &SeriesEntry, burst_us: u32) {
        let gap_us =
            if entry.has_gap() { self.pending_us.map(|us| us + u64::from(entry.gap_us)) } else { None };
        if entry.payload_len == 0 {
            self.pending_us = gap_us;
            return;
        }
        self.pending_us = Some(0);
        let Some(gap_us) = gap_us.and_then(|us| u32::try_from(us).ok()).filter(|us| *us >= burst_us) else {
            return;
        };
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
pub struct Timing {
    thresholds: Thresholds,
    flows: Table<FlowKey, Gaps>,
}

impl Timing {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let flows = Table::new(thresholds.capacity);
        Self { thresholds, flows }
    }
}

impl Detector for Timing {
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
        // Pings and other ICMP are paced by what asks; what they carry is judged elsewhere.
        if !matches!(series.key.protocol, 6 | 17) {
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
                gaps.add(entry, self.thresholds.burst_us);
            }
        }
        if gaps.recent.len() < self.thresholds.gaps || gaps.unjudged < EVERY {
            return;
        }
        gaps.unjudged = 0;
        let verdict = judge::judge(&gaps.recent, series.key.protocol, &self.thresholds);
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

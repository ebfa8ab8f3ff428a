//! Covert channels in the gaps between packets: detector `timing`.
//!
//! A sender that encodes in gaps needs an alphabet that jitter leaves apart: a few sharp modes, or broader humps with
//! nothing between them, or multiples of a slot. Its symbols follow each other as the message does, not as a
//! machine's cycle, and go on as they began, where activity comes and goes. Media, games and polling have one mode, or
//! several that take turns in a pattern, or change with what happens; people and queues have no modes ([`judge`]).
//! Packets that are held back or let pass leave a void between the gaps of both ([`delays`]). Keystrokes that a device
//! delays fall on a grid ([`keystrokes`]).
//!
//! A circle of a few steps says nothing: it is an observation, unless its slots spell a text ([`cycle`]).
//!
//! Blurred modes at multiples of the shortest are an observation only: round trips look the same.
//!
//! Not found: a channel that draws its gaps from the distribution of its cover (MBCTC) or replays recorded ones (TRCTC),
//! for it has the gaps of its cover; and jitter that lets the humps run into each other. Taken for a channel: a sender
//! that flips an even coin at each tick of 18 ms and more for a minute, which is what the channel does; a made-up game
//! at 20 ticks, with activity that changes each 10 s, was in 5 of 40 runs.

mod cycle;
mod delays;
mod judge;
mod keystrokes;

use inspector_common::{FlowKey, SeriesEntry};

use super::Detector;
use super::table::{Entry, Table};
use crate::findings::{Finding, Traffic};
use crate::observation::{FlowUpdate, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "timing";

/// What it takes for a finding.
///
/// Base rates: of the development corpus' benign and evasive captures, one-way flows with 100 gaps of 2 ms and more
/// (45, of which 19 have 250), and *made-up* traffic of the tests. So few flows bound nothing: the thresholds rest on
/// what the channel needs, and base rates only say that they are not absurd. Shares are lower bounds at 99.9 %
/// ([`crate::stats::share`]), so that small samples must be clearer.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Gaps that are judged at the earliest. 250 is the least window of Cabuk et al. (CCS 2004). With 111 to 177 gaps,
    /// calls and a game come close to several thresholds.
    pub gaps: usize,
    /// Gaps below this belong to one burst and are left out, microseconds.
    pub burst_us: u32,
    /// Half of a mode's least width, microseconds: jitter of a host's timer and of one switch.
    pub mode_us: f64,
    /// Share of the gaps that sharp modes hold, at least. Base rate: up to 1 for constant streams, of which the other
    /// conditions tell; of flows with modes of their own beside the largest, 0.79 (calls), 0.56 (a game).
    pub coverage: f64,
    /// Share of the gaps outside the largest mode but in another, at least. Base rate: median 0.04; 0.14 for a stream
    /// that lost 20 %. An alphabet of two in plain text has 0.34.
    pub others: f64,
    /// ε-similarity of 250 gaps at 0.005, at least. Base rate: median 0.63, to 1 for constant streams; 0.47 for a game.
    /// Channels in the corpus: from 0.94.
    pub similarity: f64,
    /// Ratio of the two shortest modes. Clocks of 60 Hz alternate between 16 and 17 ms.
    pub apart: f64,
    /// Corrected conditional entropy of the symbols over their entropy, at least. Plain text has 0.63 to 0.68,
    /// compressed data 0.9 and more. Base rate: 0.39 to 0.48 for the pauses of two calls; made-up cycles with 10 % of
    /// their steps left out 0.22. This is the middle.
    pub entropy_ratio: f64,
    /// Regularity (Cabuk) of the gaps in modes, windows of 50, at most. Channels in the corpus: to 0.2. Base rate:
    /// from 0.05, to 63 where activity changes; made-up senders that skip ticks, by activity: 12 and more.
    pub regularity: f64,
    /// Dispersion of the most frequent gap's share over windows of 25, where gaps may be skipped ticks, at most. 500 flips
    /// of one coin pass 2 in 6 of 1,000 runs (χ², 19 degrees of freedom). Channels in the corpus: to 1.2 from there on.
    pub dispersion: f64,
    /// Modes at multiples of one time, each with a tenth of the gaps, that are an alphabet even where they are more
    /// predictable than others; but where one is slower than `quantum_us`. Base rate: 0 of the corpus; machines that go
    /// through a cycle of steps ([`cycle`]).
    pub grid_modes: usize,
    /// As `entropy_ratio`, for these: bits that change the gap of the bit after (CCgen's ZAN2) have 0.44 and more. Base rate:
    /// made-up cycles of 4 to 32 steps up to 0.1, and with a tenth of the steps left out and some added 0.2 to 0.42, and
    /// more in 1 %.
    pub grid_ratio: f64,
    /// Entropy of five of their symbols in a row, bits, where they are more predictable than that. A text of 100 characters
    /// that repeats has 7; of 40, 6.4. Base rate: a cycle of n steps has log2 n, and with a tenth of 32 steps left out 6.0
    /// to 6.7.
    pub patterns: f64,
    /// The fastest mode is no faster than the first, the largest no slower than the second, microseconds; of `grid_modes`
    /// the fastest is no slower. Timers of 10
    /// to 17 ms, and of half a second and more, pace much ordinary software, and their multiples look like an alphabet:
    /// a wireless controller polls after 0.5, 1, 1.5 … s in no order.
    pub quantum_us: (f64, f64),
    /// Broad humps at most. A game has six.
    pub humps: usize,
    /// Share of a hump that counts.
    pub hump_share: f64,
    /// Share of the gaps that the humps hold, at least. Base rate: 0.94 for calls, with humps that are too fast.
    pub hump_coverage: f64,
    /// Median deviation in a hump over its median at most. Evenly spread by ±25 %: 0.125. Base rate: 0.33 for people.
    pub hump_width: f64,
    /// Ratio of neighbouring humps. Frames shown for two or three turns of a display lie 1.5 apart.
    pub hump_apart: f64,
    /// As `entropy_ratio`, for humps and where one of two modes is as slow as ordinary timers: spells of four fast and
    /// four slow polls have 0.81. Base rate: 0.52 among those with two humps, which are an industrial poll.
    pub hump_ratio: f64,
    /// Gaps that are judged at the earliest for slots: activity of a game at 20 ticks a second changes within 10 to 20 s.
    pub slot_gaps: usize,
    /// Lengths of slots, microseconds.
    pub slot_us: (f64, f64),
    /// Resultant length of the gaps at the best slot, at least. Jitter of 3 ms on each packet leaves 0.82 of slots of
    /// 40 ms, and 0.45 of 20 ms.
    pub slot_fit: f64,
    /// Share of the gaps that are not as many slots long as most are, at least. On and off with equal chance: 0.5. A
    /// constant stream that loses 30 %: 0.3.
    pub slot_others: f64,
    /// Thresholds around which gaps are looked for, microseconds: above what round trips and pacing make of bursts, and
    /// up to where ordinary timers begin.
    pub void_us: (f64, f64),
    /// How many times shorter than a threshold short gaps are, and how many times longer long ones may be: what is left
    /// of a natural gap modulo the threshold, and jitter.
    pub void: (f64, f64),
    /// Share of each kind of gaps. Base rate: exponential gaps have at most 0.27 of long ones.
    pub void_share: f64,
    /// Share of both, at least. Base rate: 0.57 for a call; the message's clock leaves out up to a tenth where the cover
    /// is as slow as the channel.
    pub void_coverage: f64,
    /// Median deviation of the long gaps over their median, at least, and of the times from one's end to the next's: a
    /// timer's are alike, to its jitter of ±10 %. Evenly
    /// spread from the threshold to twice of it: 0.17.
    pub void_width: f64,
    /// Keystrokes that are judged at the earliest. A resultant of 0.65 in 125 has a chance of e^-52 at one period, by
    /// Rayleigh, and e^-46 at the best of 600.
    pub keystrokes: usize,
    /// Resultant length at the best period. Base rate: 0.56 for a remote desktop by Windows' timer, to 0.3 for six
    /// others; constant streams have up to 1, and no spread.
    pub resultant: f64,
    /// Distance of the quartiles in periods, at least.
    pub teeth: f64,
    /// Conditional entropy of the gaps in periods over their entropy, at least. People repeat no times: from 0.9. A cycle
    /// has 0.
    pub typed_ratio: f64,
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
            coverage: 0.85,
            others: 0.2,
            similarity: 0.85,
            apart: 1.25,
            entropy_ratio: 0.56,
            regularity: 0.3,
            dispersion: 2.0,
            grid_modes: 4,
            grid_ratio: 0.42,
            patterns: 6.75,
            quantum_us: (18_000.0, 450_000.0),
            humps: 4,
            hump_share: 0.05,
            hump_coverage: 0.94,
            hump_width: 0.13,
            hump_apart: 1.6,
            hump_ratio: 0.85,
            slot_gaps: 500,
            slot_us: (18_000.0, 200_000.0),
            slot_fit: 0.7,
            slot_others: 0.37,
            void_us: (60_000.0, 500_000.0),
            void: (5.0, 2.1),
            void_share: 0.3,
            void_coverage: 0.8,
            void_width: 0.07,
            keystrokes: 125,
            resultant: 0.65,
            teeth: 2.5,
            typed_ratio: 0.6,
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
        if series.is_of_fragments() {
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
        if gaps.unjudged < EVERY {
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

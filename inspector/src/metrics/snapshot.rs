//! What a scrape finds.

use std::collections::BTreeMap;
use std::time::Duration;

use inspector_common::{Account, Direction};

use crate::findings::Severity;

/// Whoever keeps the numbers. Called from a thread that may block.
pub trait Stats: Send + Sync {
    /// The numbers as they are now.
    fn snapshot(&self) -> Result<Snapshot, StatsError>;

    /// Whether packets are being looked at: the programs are attached, and the drain goes round.
    fn is_ready(&self) -> bool;
}

/// The numbers could not be read. Its text is one sentence.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what} ({source})")]
pub struct StatsError {
    /// What was read, such as the name of a map.
    pub what: &'static str,
    /// What the system said.
    pub source: std::io::Error,
}

/// All numbers at one time. Every label value in it is from a bounded set, so no addresses and no names out
/// of packets.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What runs, and on which kernel.
    pub build: Build,
    /// Programs that are attached.
    pub attachments: Vec<Attachment>,
    /// Exact counters; at most one for each interface and direction.
    pub accounts: Vec<InterfaceAccount>,
    /// What userspace had to leave out, by reason; reasons of a [`inspector_common::Tally`] are taken from the
    /// accounts.
    pub lost: BTreeMap<&'static str, u64>,
    /// Flows in the flow map.
    pub flows: u64,
    /// The kernel's maps.
    pub maps: Vec<MapUse>,
    /// Userspace's tables: those of the detectors by their names, and others.
    pub tables: Vec<TableUse>,
    /// Share of flows that are looked at, 0 to 1.
    pub sampling_ratio: f64,
    /// How long drains took.
    pub drains: DrainTimes,
    /// When the last drain ended, since the Unix epoch; `None` before the first.
    pub last_drain: Option<Duration>,
    /// Findings reported, as [`crate::findings::Deduper::reported`] gives them.
    pub findings: BTreeMap<(&'static str, Severity), u64>,
    /// Findings held back or muted, by detector.
    pub muted: BTreeMap<&'static str, u64>,
}

/// What runs.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// inspector's version.
    pub version: String,
    /// Commit that it was built from; empty if unknown.
    pub revision: String,
    /// The kernel's release, as `uname -r` says it.
    pub kernel: String,
}

/// One attached program.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Name of the interface.
    pub interface: String,
    /// Which way packets cross it here.
    pub direction: Direction,
    /// How: `native`, `generic`, `tcx`, `tc`.
    pub mode: &'static str,
    /// The kernel's number for the program.
    pub program_id: u32,
}

/// The counters of one interface and direction.
#[derive(Clone, Debug)]
pub struct InterfaceAccount {
    /// Name of the interface.
    pub interface: String,
    /// Which way packets cross it.
    pub direction: Direction,
    /// The counters, summed over CPUs.
    pub account: Account,
}

/// How full a map of the kernel's is.
#[derive(Clone, Copy, Debug)]
pub struct MapUse {
    /// Its name.
    pub map: &'static str,
    /// Entries in use.
    pub entries: u64,
    /// Entries that fit.
    pub capacity: u64,
}

/// How full a table in userspace is.
#[derive(Clone, Copy, Debug)]
pub struct TableUse {
    /// Whose it is: a detector's name, `findings`, …
    pub table: &'static str,
    /// Entries in use.
    pub entries: usize,
    /// Entries that fit.
    pub capacity: usize,
}

/// A histogram of how long drains took.
#[derive(Clone, Copy, Debug, Default)]
pub struct DrainTimes {
    /// Drains for each of [`DrainTimes::BOUNDS`], and last those above; not cumulative.
    counts: [u64; Self::BOUNDS.len() + 1],
    sum: Duration,
}

impl DrainTimes {
    /// Upper bounds of the buckets, in seconds: from an idle host to a second's whole interval.
    pub const BOUNDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

    /// Adds one drain.
    pub fn record(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = Self::BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(Self::BOUNDS.len());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// How many drains there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them took.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// Upper bound in seconds (the last is infinite) and count of each bucket; not cumulative.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        Self::BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drains_fall_into_their_buckets() {
        let mut drains = DrainTimes::default();
        for millis in [1, 2, 3, 1_000, 5_000] {
            drains.record(Duration::from_millis(millis));
        }
        let buckets: Vec<_> = drains.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(buckets, [(0.001, 1), (0.0025, 1), (0.005, 1), (1.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((drains.count(), drains.sum()), (5, Duration::from_millis(6_006)));
    }
}

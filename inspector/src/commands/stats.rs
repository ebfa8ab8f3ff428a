//! What `inspector run` tells at a scrape.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::dataplane::{self, Accounts};
use crate::engine::Engine;
use crate::metrics::{Attachment, Build, MapUse, Snapshot, Stats, StatsError};

/// The numbers of a run: the counters are read from the kernel at each scrape, the rest is as of the
/// last drain.
pub(super) struct RunStats {
    build: Build,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: Option<Accounts>,
    attachments: Vec<Attachment>,
    last: Snapshot,
}

impl RunStats {
    pub(super) fn new(sampling_ratio: f64) -> Self {
        let build = Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: option_env!("INSPECTOR_REVISION").unwrap_or_default().to_owned(),
            kernel: dataplane::kernel_release(),
        };
        let last = Snapshot { sampling_ratio, ..Snapshot::default() };
        Self { build, state: Mutex::new(State { last, ..State::default() }) }
    }

    /// Another share of flows is looked at from now on.
    pub(super) fn sampled(&self, ratio: f64) {
        self.lock().last.sampling_ratio = ratio;
    }

    /// The programs are attached.
    pub(super) fn attached(&self, accounts: Accounts, attachments: Vec<Attachment>) {
        let mut state = self.lock();
        state.accounts = Some(accounts);
        state.attachments = attachments;
    }

    /// A drain that took `took` has found `flows` flows in a map of `capacity`.
    pub(super) fn drained(&self, took: Duration, flows: u64, capacity: u64) {
        let last = &mut self.lock().last;
        last.drains.record(took);
        last.last_drain = jiff::Timestamp::now().as_duration().try_into().ok();
        last.flows = flows;
        last.maps = vec![MapUse { map: dataplane::FLOWS_MAP, entries: flows, capacity }];
    }

    /// What the engine has in its tables and has found, and reports that no sink could write.
    pub(super) fn engine(&self, engine: &Engine, unwritten: u64) {
        let last = &mut self.lock().last;
        last.tables = engine.tables();
        last.findings.clone_from(engine.deduper().reported());
        last.muted.clone_from(engine.deduper().held_back());
        last.lost = BTreeMap::from([("finding_unwritten", unwritten)]);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if something did, the numbers are still numbers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stats for RunStats {
    fn snapshot(&self) -> Result<Snapshot, StatsError> {
        let state = self.lock();
        let accounts = state.accounts.as_ref().map_or(Ok(Vec::new()), Accounts::read)?;
        Ok(Snapshot {
            build: self.build.clone(),
            attachments: state.attachments.clone(),
            accounts,
            ..state.last.clone()
        })
    }

    fn is_ready(&self) -> bool {
        let state = self.lock();
        state.accounts.is_some() && state.last.last_drain.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_shows_in_the_snapshot() {
        let stats = RunStats::new(0.25);
        assert!(!stats.is_ready());
        stats.drained(Duration::from_millis(3), 7, 64);
        stats.engine(&Engine::new(), 2);
        let snapshot = stats.snapshot().unwrap();
        assert_eq!((snapshot.flows, snapshot.drains.count(), snapshot.lost["finding_unwritten"]), (7, 1, 2));
        assert!((snapshot.sampling_ratio - 0.25).abs() < 1e-9);
        assert!(snapshot.last_drain.is_some_and(|at| at.as_secs() > 1_600_000_000));
        assert!(!stats.is_ready(), "not attached yet");
    }
}

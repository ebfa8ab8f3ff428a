//! From heads to reports: dissects, lets every detector look, deduplicates.

use serde_json::{Map, Value};

use crate::copies::Copies;
use crate::detect::{self, Detector, Settings};
use crate::dissect;
use crate::findings::{Deduper, Finding, Mute, Report, excerpt};
use crate::metrics::TableUse;
use crate::observation::{Event, Head, Observation};

/// The detectors and their state. Knows neither the source of heads nor the wall clock: all times
/// are nanoseconds of the source's clock.
pub struct Engine {
    detectors: Vec<Box<dyn Detector>>,
    deduper: Deduper,
    copies: Copies,
    findings: Vec<Finding>,
    now_ns: u64,
    ticked_ns: u64,
    has_excerpts: bool,
}

/// How often the detectors are told of the time, at least.
const TICK_NS: u64 = 1_000_000_000;

impl Engine {
    /// An engine with every detector at its default thresholds and settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&Settings::default(), Vec::new())
    }

    /// An engine with an operator's settings, that does not report what is muted.
    #[must_use]
    pub fn with(settings: &Settings, mutes: Vec<Mute>) -> Self {
        let (detectors, deduper) = (detect::with(settings), Deduper::default().muting(mutes));
        let copies = Copies::default();
        Self { detectors, deduper, copies, findings: Vec::new(), now_ns: 0, ticked_ns: 0, has_excerpts: true }
    }

    /// The engine, whose reports have an excerpt of the packet that told, or have none.
    #[must_use]
    pub const fn with_excerpts(mut self, has_excerpts: bool) -> Self {
        self.has_excerpts = has_excerpts;
        self
    }

    /// Takes what a source gives, and gives what is to be reported to `report`.
    pub fn take(&mut self, event: Event<'_>, mut report: impl FnMut(Report)) {
        let ticked_ns = self.ticked_ns;
        match event {
            Event::Head(meta, bytes) => {
                self.advance(meta.time_ns);
                self.observe(Head::new(meta, bytes), &mut report);
            }
            Event::Flow(update) => self.each(|detector, findings| detector.flow(&update, findings)),
            Event::Series(series) => self.each(|detector, findings| detector.series(&series, findings)),
            Event::Time(now_ns) => self.advance(now_ns),
        }
        self.admit(&mut report, |_| None);
        if self.ticked_ns > ticked_ns {
            self.deduper.settle(self.now_ns).into_iter().for_each(report);
        }
    }

    /// Gives what is to be reported now that nothing more will come.
    pub fn finish(&mut self, report: impl FnMut(Report)) {
        self.deduper.finish(self.now_ns).into_iter().for_each(report);
    }

    fn observe(&mut self, head: Head<'_>, report: &mut impl FnMut(Report)) {
        let is_copy = self.copies.is_copy(&head);
        let observation = Observation { head, content: dissect::dissect(&head) };
        self.each(|detector, findings| {
            if !is_copy || detector.sees_copies() {
                detector.observe(&observation, findings);
            }
        });
        let has_excerpts = self.has_excerpts;
        self.admit(report, |finding| has_excerpts.then(|| excerpt::of(finding, &observation)).flatten());
    }

    /// Reports what is to be reported of what was found, each with an excerpt of the packet that told.
    fn admit(&mut self, report: &mut impl FnMut(Report), excerpt: impl Fn(&Finding) -> Option<String>) {
        // Nearly never is there any, and this is asked for every event.
        if self.findings.is_empty() {
            return;
        }
        for finding in self.findings.drain(..) {
            if let Some(mut admitted) = self.deduper.admit(finding, self.now_ns) {
                admitted.excerpt = excerpt(&admitted.finding);
                report(admitted);
            }
        }
    }

    fn each(&mut self, mut look: impl FnMut(&mut dyn Detector, &mut Vec<Finding>)) {
        for detector in &mut self.detectors {
            look(detector.as_mut(), &mut self.findings);
        }
    }

    /// Lets time pass. A time before the latest one, as in a capture out of order, changes nothing.
    fn advance(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        if self.now_ns.saturating_sub(self.ticked_ns) >= TICK_NS {
            self.ticked_ns = self.now_ns;
            for detector in &mut self.detectors {
                detector.tick(self.now_ns);
            }
        }
    }

    /// What the detectors keep over a restart, by their names, with times of the wall clock.
    #[must_use]
    pub fn save(&self, wall_offset_ns: i64) -> Map<String, Value> {
        let detectors = self.detectors.iter();
        detectors.filter_map(|of| Some((of.name().to_owned(), of.save(wall_offset_ns)?))).collect()
    }

    /// Gives the detectors back what they kept.
    ///
    /// # Errors
    /// One of them cannot read its part. Those before it have taken theirs.
    pub fn restore(
        &mut self,
        mut saved: Map<String, Value>,
        wall_offset_ns: i64,
    ) -> Result<(), serde_json::Error> {
        for detector in &mut self.detectors {
            if let Some(part) = saved.remove(detector.name()) {
                detector.restore(part, wall_offset_ns)?;
            }
        }
        Ok(())
    }

    /// What has been reported and held back.
    #[must_use]
    pub const fn deduper(&self) -> &Deduper {
        &self.deduper
    }

    /// How full the tables are.
    #[must_use]
    pub fn tables(&self) -> Vec<TableUse> {
        let table = |table, (entries, capacity)| TableUse { table, entries, capacity };
        let detectors = self.detectors.iter().map(|detector| table(detector.name(), detector.occupancy()));
        detectors.chain([table("findings", self.deduper.occupancy())]).collect()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("now_ns", &self.now_ns).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use bytemuck::Zeroable as _;
    use inspector_common::HeadMeta;

    use super::*;

    /// Counts what it is shown.
    struct Counter {
        sees_copies: bool,
        seen: Arc<AtomicU32>,
    }

    impl Detector for Counter {
        fn name(&self) -> &'static str {
            "counter"
        }

        fn sees_copies(&self) -> bool {
            self.sees_copies
        }

        fn observe(&mut self, _: &Observation<'_>, _: &mut Vec<Finding>) {
            self.seen.fetch_add(1, Ordering::Relaxed);
        }

        fn tick(&mut self, _: u64) {}

        fn occupancy(&self) -> (usize, usize) {
            (0, 0)
        }
    }

    #[test]
    fn second_copies_are_for_who_asks_for_them() {
        let seen = [false, true].map(|sees_copies| {
            let seen = Arc::new(AtomicU32::new(0));
            let counter = Counter { sees_copies, seen: Arc::clone(&seen) };
            let mut engine = Engine { detectors: vec![Box::new(counter)], ..Engine::new() };
            for packet in 0..10u8 {
                for copy in 0..2 {
                    let time_ns = 1_000_000 * u64::from(packet) + 1 + copy;
                    let meta = HeadMeta { time_ns, ip_id: packet.into(), ip_len: 60, ..HeadMeta::zeroed() };
                    engine.take(Event::Head(&meta, &[packet; 60]), |_| {});
                }
            }
            seen.load(Ordering::Relaxed)
        });
        assert_eq!(seen, [10, 20]);
    }
}

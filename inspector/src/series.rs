//! Reading the series of flows, whoever keeps their slots: the kernel or replay.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use inspector_common::{FlowKey, SeriesEntry, SeriesSlot};

use crate::observation::{Event, Series};

/// How far the slots of the series were read.
#[derive(Debug, Default)]
pub(crate) struct SeriesReader {
    seen: HashMap<u32, (FlowKey, u64), FixedState>,
    entries: Vec<SeriesEntry>,
}

impl SeriesReader {
    /// Gives what was added to the slot since it was last read.
    pub(crate) fn read(&mut self, index: u32, slot: &SeriesSlot, sink: &mut impl FnMut(Event<'_>)) {
        let (owner, seen) = self.seen.entry(index).or_insert((slot.owner, 0));
        if *owner != slot.owner || slot.written < *seen {
            (*owner, *seen) = (slot.owner, 0);
        }
        let (missed, first, second) = slot.since(*seen);
        let is_start = *seen == 0;
        *seen = slot.written;
        self.entries.clear();
        self.entries.extend(first.iter().chain(second));
        if !self.entries.is_empty() {
            let (key, last_ns) = (&slot.owner, slot.last_ns);
            sink(Event::Series(Series { key, entries: &self.entries, missed, is_start, last_ns }));
        }
    }
}

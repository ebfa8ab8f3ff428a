//! Replay: the kernel's accumulation over frames out of a capture, with the capture's clock.

use bytemuck::Zeroable as _;
use bytemuck::allocation::zeroed_slice_box;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use inspector_common::series::SERIES_SLOTS;
use inspector_common::{
    Account, Control, Features, FlowKey, FlowRecord, HeadMeta, Origin, Packet, SeriesSlot, SliceFrame, Start,
    Step, Tally, Wanted, classify, classify_inner,
};

use crate::aging::{AGING_NS, Patience};
use crate::hash::KeyHash;
use crate::observation::{Event, FlowUpdate};
use crate::series::SeriesReader;

/// Flows that are kept at most: 250 MiB. Later ones are counted as lost (`map_full`).
const MAX_FLOWS: usize = 1 << 20;

/// How often flows and series are drained, nanoseconds of the capture's clock: as often as of the
/// kernel's.
const DRAIN_NS: u64 = 1_000_000_000;

/// What replay has accumulated: the counterpart of the kernel's maps.
#[derive(Debug)]
pub struct Replay {
    control: Control,
    account: Account,
    flows: HashMap<FlowKey, Flow, KeyHash>,
    /// Flows with packets since the last drain.
    changed: Vec<FlowKey>,
    series: SeriesTable,
    last_ns: u64,
    drained_ns: u64,
    aged_ns: u64,
}

#[derive(Debug)]
struct Flow {
    record: FlowRecord,
    is_changed: bool,
}

impl Replay {
    /// Nothing yet.
    #[must_use]
    pub fn new(control: Control) -> Self {
        Self {
            control,
            account: Account::zeroed(),
            flows: HashMap::default(),
            changed: Vec::new(),
            series: SeriesTable::new(),
            last_ns: 0,
            drained_ns: 0,
            aged_ns: 0,
        }
    }

    /// Lets time pass, and drains when it is due. Comes before the packet that the time is of.
    pub fn advance(&mut self, now_ns: u64, sink: &mut impl FnMut(Event<'_>)) {
        self.last_ns = self.last_ns.max(now_ns);
        if self.last_ns.saturating_sub(self.drained_ns) >= DRAIN_NS {
            self.drain(sink);
        }
    }

    /// Accounts for one frame, as the BPF program does, and gives `sink` its heads. Every head is given:
    /// there is no hurry here, and so no budget.
    pub fn packet(
        &mut self,
        frame: &SliceFrame<'_>,
        start: Start,
        origin: Origin,
        time_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        self.account.seen += 1;
        let mut packet = classify(frame, start, origin);
        self.one_packet(frame, &packet, time_ns, sink);
        if self.control.features.has(Features::INNER) && packet.inner.offset != 0 {
            classify_inner(&mut packet, frame);
            self.one_packet(frame, &packet, time_ns, sink);
        }
    }

    fn one_packet(
        &mut self,
        frame: &SliceFrame<'_>,
        packet: &Packet,
        time_ns: u64,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        self.account.count(packet);
        let mut step = Step::NONE;
        if packet.class.has_flow() {
            let fate;
            (fate, step) = self.flow(packet, time_ns);
            self.account.tally(fate);
        }
        if self.control.features.has(Features::HEADS)
            && let Some(wanted) = Wanted::by_step(packet, step)
        {
            self.account.tally(Tally::HeadSubmitted);
            let captured = HeadMeta::captured(packet, wanted, frame.readable());
            let bytes = frame.tail(packet.l3_offset);
            let bytes = bytes.get(..usize::from(captured)).unwrap_or(bytes);
            sink(Event::Head(&HeadMeta::new(packet, wanted, step, time_ns, captured), bytes));
        }
    }

    fn flow(&mut self, packet: &Packet, time_ns: u64) -> (Tally, Step) {
        if !self.control.sampler.takes(packet) {
            return (Tally::SampledOut, Step::NONE);
        }
        let has_room = self.flows.len() < MAX_FLOWS;
        match self.flows.entry(packet.key) {
            Entry::Occupied(flow) => {
                let Flow { record, is_changed } = flow.into_mut();
                if !*is_changed {
                    *is_changed = true;
                    self.changed.push(packet.key);
                }
                let step = record.update(packet, time_ns);
                let Self { series, control, .. } = self;
                if control.features.has(Features::SERIES) {
                    record.series(packet, time_ns, control.series_min_gap_ns, |index| series.touch(index));
                }
                (Tally::FlowUpdated, step)
            }
            Entry::Vacant(flow) if has_room => {
                flow.insert(Flow { record: FlowRecord::first(packet, time_ns), is_changed: true });
                self.changed.push(packet.key);
                (Tally::FlowInserted, Step::first(packet))
            }
            Entry::Vacant(_) => (Tally::FlowMapFull, Step::NONE),
        }
    }

    /// Gives out flows and series that changed, and drops flows that are over.
    pub fn drain(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        self.drained_ns = self.last_ns;
        for key in self.changed.drain(..) {
            if let Some(Flow { record, is_changed }) = self.flows.get_mut(&key) {
                *is_changed = false;
                sink(Event::Flow(FlowUpdate { key: &key, record, is_final: false }));
            }
        }
        self.series.drain(sink);
        if self.last_ns.saturating_sub(self.aged_ns) >= AGING_NS {
            self.aged_ns = self.last_ns;
            let (now_ns, entries) = (self.last_ns, self.flows.len() as u64);
            let patience = Patience::with(entries, MAX_FLOWS as u64);
            // What they have carried was given out when it changed.
            self.flows.retain(|_, Flow { record, .. }| !patience.is_over(record, now_ns));
        }
        sink(Event::Time(self.last_ns));
    }

    /// The exact counters.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// How many flows there were.
    #[must_use]
    pub fn flow_count(&self) -> u64 {
        self.account.tallied(Tally::FlowInserted)
    }

    /// How many flows there are at this time.
    #[must_use]
    pub fn live_flows(&self) -> usize {
        self.flows.len()
    }

    /// The record of one flow.
    #[must_use]
    pub fn flow_record(&self, key: &FlowKey) -> Option<&FlowRecord> {
        self.flows.get(key).map(|flow| &flow.record)
    }

    /// One slot of the series.
    #[must_use]
    pub fn series_slot(&self, index: u32) -> Option<&SeriesSlot> {
        self.series.slots.get(usize::try_from(index).ok()?)
    }
}

/// The counterpart of the kernel's map of series, and how far each slot was read.
#[derive(Debug)]
struct SeriesTable {
    slots: Box<[SeriesSlot]>,
    reader: SeriesReader,
    touched: Vec<u32>,
    is_touched: Box<[bool]>,
}

impl SeriesTable {
    fn new() -> Self {
        let slots = SERIES_SLOTS as usize;
        Self {
            slots: zeroed_slice_box(slots),
            reader: SeriesReader::default(),
            touched: Vec::new(),
            is_touched: vec![false; slots].into(),
        }
    }

    fn touch(&mut self, index: u32) -> Option<&mut SeriesSlot> {
        let at = usize::try_from(index).ok()?;
        let is_touched = self.is_touched.get_mut(at)?;
        if !*is_touched {
            *is_touched = true;
            self.touched.push(index);
        }
        self.slots.get_mut(at)
    }

    fn drain(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        for index in self.touched.drain(..) {
            let at = index as usize;
            self.is_touched[at] = false;
            self.reader.read(index, &self.slots[at], sink);
        }
    }
}

//! Replay: the kernel's accumulation over frames out of a capture, with the capture's clock.

use bytemuck::Zeroable as _;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use inspector_common::{
    Account, Direction, FlowKey, FlowRecord, HeadGroup, HeadMeta, Sampler, SliceFrame, Start, Tally, classify,
};

/// Flows that are kept at most: 150 MiB. Later ones are counted as lost (`map_full`).
const MAX_FLOWS: usize = 1 << 20;

/// What replay has accumulated: the counterpart of the kernel's maps.
#[derive(Debug)]
pub struct Replay {
    sampler: Sampler,
    account: Account,
    flows: HashMap<FlowKey, FlowRecord, FixedState>,
    last_ns: u64,
}

impl Replay {
    /// Nothing yet; flows are sampled by `sampler`.
    #[must_use]
    pub fn new(sampler: Sampler) -> Self {
        Self { sampler, account: Account::zeroed(), flows: HashMap::default(), last_ns: 0 }
    }

    /// Accounts for one frame, as the BPF program does, and gives its head to `head` if it needs a dissector.
    /// Every head is given: there is no hurry here, and so no budget.
    pub fn packet(
        &mut self,
        frame: &SliceFrame<'_>,
        start: Start,
        interface: u32,
        time_ns: u64,
        head: &mut impl FnMut(&HeadMeta, &[u8]),
    ) {
        self.last_ns = self.last_ns.max(time_ns);
        self.account.seen += 1;
        let packet = classify(frame, start, interface, Direction::Ingress);
        self.account.count(&packet);
        if !packet.class.has_flow() {
            return;
        }
        let fate = if self.sampler.takes(&packet) {
            let has_room = self.flows.len() < MAX_FLOWS;
            match self.flows.entry(packet.key) {
                Entry::Occupied(mut flow) => {
                    flow.get_mut().update(&packet, time_ns);
                    Tally::FlowUpdated
                }
                Entry::Vacant(flow) if has_room => {
                    flow.insert(FlowRecord::first(&packet, time_ns));
                    Tally::FlowInserted
                }
                Entry::Vacant(_) => Tally::FlowMapFull,
            }
        } else {
            Tally::SampledOut
        };
        self.account.tally(fate);
        if HeadGroup::of(&packet).is_some() {
            self.account.tally(Tally::HeadSubmitted);
            let segment = frame.tail(packet.l4_offset);
            let captured = HeadMeta::captured(&packet, frame.readable());
            let bytes = segment.get(..usize::from(captured)).unwrap_or(segment);
            head(&HeadMeta::new(&packet, time_ns, captured), bytes);
        }
    }

    /// The exact counters.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// How many flows there are.
    #[must_use]
    pub fn flow_count(&self) -> usize {
        self.flows.len()
    }

    /// The record of one flow.
    #[must_use]
    pub fn flow(&self, key: &FlowKey) -> Option<&FlowRecord> {
        self.flows.get(key)
    }

    /// The latest time of any packet, nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn last_ns(&self) -> u64 {
        self.last_ns
    }
}

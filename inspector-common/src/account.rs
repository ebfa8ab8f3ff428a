//! Exact counters: every packet once by class, and every path that gives up by reason.

use bytemuck::{Pod, Zeroable};

use crate::anomaly::ANOMALY_SLOTS;
use crate::class::CLASS_SLOTS;
use crate::labelled::labelled;
use crate::{Anomaly, Class, Direction, Packet};

/// Room for tallies in the kernel's counters; a power of two.
pub const TALLY_SLOTS: usize = 16;

labelled! {
    /// What became of a packet after it was classified.
    ///
    /// Two identities hold at any time no packet is in flight:
    /// packets of classes with a flow, the ones inside encapsulations included,
    /// = `FlowInserted + FlowUpdated + SampledOut + FlowMapFull + FlowGated + SeenOnArrival`, and packets that want a head = `HeadSubmitted + HeadOverBudget + HeadRingFull`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Tally, "reason" {
        /// First packet of a flow, entered in the flow map.
        FlowInserted = "flow_inserted",
        /// Later packet, added to its flow's record.
        FlowUpdated = "flow_updated",
        /// The flow is not in the sample.
        SampledOut = "sampled_out",
        /// The flow map refused the entry.
        FlowMapFull = "map_full",
        /// Left out of the flow map: the budget of new flows for this window was spent.
        FlowGated = "flow_gated",
        /// Sent on after it arrived on an interface that is watched too: it is accounted to its flow there.
        SeenOnArrival = "seen_on_arrival",
        /// Head handed to userspace.
        HeadSubmitted = "head_submitted",
        /// Head left out: the group's budget for this window was spent.
        HeadOverBudget = "head_budget",
        /// Head left out: the ring buffer was full.
        HeadRingFull = "ring_full",
    }
}

impl Tally {
    /// The value of the `reason` label in `inspector_lost_total`; `None` where nothing was lost.
    #[must_use]
    pub const fn lost_reason(self) -> Option<&'static str> {
        match self {
            Self::FlowInserted | Self::FlowUpdated | Self::SeenOnArrival | Self::HeadSubmitted => None,
            Self::SampledOut
            | Self::FlowMapFull
            | Self::FlowGated
            | Self::HeadOverBudget
            | Self::HeadRingFull => Some(self.name()),
        }
    }
}

const _: () = assert!(Tally::ALL.len() <= TALLY_SLOTS);

/// Where the counters of an interface are: an entry of the map from interfaces to slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct InterfaceSlot {
    /// Index of the interface that the entry is for; 0 where there is none.
    pub ifindex: u32,
    /// Its slot, from 1 on.
    pub slot: u32,
}

impl InterfaceSlot {
    /// Entries of the map: an interface's is the one at its index modulo this.
    pub const ENTRIES: u32 = 1 << 16;
    /// Slots of interfaces. Slot 0 is for interfaces without an entry.
    pub const SLOTS: u32 = 64;
    /// Accounts: one for each slot and direction.
    pub const ACCOUNTS: u32 = 2 * Self::SLOTS;

    /// Where in the accounts a slot's counters of one direction are.
    #[inline(always)]
    #[must_use]
    pub const fn account(slot: u32, direction: Direction) -> u32 {
        2 * slot + matches!(direction, Direction::Egress) as u32
    }
}

/// The counters of one interface and direction; in the kernel, of one CPU as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Account {
    /// Every frame, counted before anything is read of it: equals the sum over `packets`.
    pub seen: u64,
    /// Packets by [`Class`].
    pub packets: [u64; CLASS_SLOTS],
    /// Bytes on the wire by [`Class`].
    pub bytes: [u64; CLASS_SLOTS],
    /// Packets inside encapsulations by [`Class`]; the one that carries each is in `packets`.
    pub inner: [u64; CLASS_SLOTS],
    /// Packets by [`Anomaly`], the ones inside encapsulations included.
    pub anomalies: [u64; ANOMALY_SLOTS],
    /// Packets by [`Tally`].
    pub tallies: [u64; TALLY_SLOTS],
}

const _: () = assert!(size_of::<Account>() == 8 * (1 + 3 * CLASS_SLOTS + ANOMALY_SLOTS + TALLY_SLOTS));

impl Account {
    /// Counts a classified packet under its class and its anomalies.
    #[inline(always)]
    pub fn count(&mut self, packet: &Packet) {
        self.count_as(packet.class as usize, packet);
    }

    /// The same with the number of the packet's class, which the kernel's verifier, unlike the compiler,
    /// doesn't know to be small.
    #[inline(always)]
    pub fn count_as(&mut self, class: usize, packet: &Packet) {
        let class = class & (CLASS_SLOTS - 1);
        if packet.is_inner() {
            self.inner[class] = self.inner[class].wrapping_add(1);
        } else {
            self.packets[class] = self.packets[class].wrapping_add(1);
            self.bytes[class] = self.bytes[class].wrapping_add(u64::from(packet.wire_len));
        }
        if packet.anomalies.0 != 0 {
            let mut bit = 0;
            while bit < Anomaly::ALL.len() {
                self.anomalies[bit] =
                    self.anomalies[bit].wrapping_add(u64::from(packet.anomalies.0 >> bit & 1));
                bit += 1;
            }
        }
    }

    /// Adds one to a tally.
    #[inline(always)]
    pub fn tally(&mut self, tally: Tally) {
        let i = tally as usize & (TALLY_SLOTS - 1);
        self.tallies[i] = self.tallies[i].wrapping_add(1);
    }

    /// Packets of one class.
    #[must_use]
    pub const fn packets_of(&self, class: Class) -> u64 {
        self.packets[class as usize]
    }

    /// The value of one tally.
    #[must_use]
    pub const fn tallied(&self, tally: Tally) -> u64 {
        self.tallies[tally as usize]
    }

    /// Adds another CPU's or interface's counters.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, u64::wrapping_add);
    }

    /// Takes away what the counters stood at earlier.
    pub fn subtract(&mut self, earlier: &Self) {
        self.combine(earlier, u64::wrapping_sub);
    }

    fn combine(&mut self, other: &Self, each: impl Fn(u64, u64) -> u64) {
        let mine: &mut [u64] = bytemuck::cast_slice_mut(core::slice::from_mut(self));
        let others = bytemuck::cast_slice::<Self, u64>(core::slice::from_ref(other));
        for (mine, other) in mine.iter_mut().zip(others) {
            *mine = each(*mine, *other);
        }
    }

    /// The identities that relate the counters, for tests and self-checks: whether
    /// `seen = Σ packets` and every packet with a flow is accounted for by exactly one tally.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let with_flow = Class::ALL.iter().filter(|class| class.has_flow());
        let with_flow: u64 = with_flow.map(|c| self.packets_of(*c) + self.inner[*c as usize]).sum();
        let fates = [
            Tally::FlowInserted,
            Tally::FlowUpdated,
            Tally::SampledOut,
            Tally::FlowMapFull,
            Tally::FlowGated,
            Tally::SeenOnArrival,
        ];
        let flow_fates: u64 = fates.map(|tally| self.tallied(tally)).iter().sum();
        self.seen == self.packets.iter().sum() && with_flow == flow_fates
    }
}

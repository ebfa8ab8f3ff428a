//! Every map, with what an entry costs, how many there are, and what happens when it is full.
//!
//! | map | entry | entries | memory on 2 CPUs | when full |
//! |---|---|---|---|---|
//! | `INTERFACES` | 8 B | 65,536 | 0.5 MiB | cannot fill: index is the interface's |
//! | `ACCOUNTS` | 1,032 B a CPU | 128 | 0.3 MiB | cannot fill: two an interface |
//! | `SAMPLER` | 8 B | 1 | 8 B | cannot fill |
//! | `SCRATCH` | 344 B a CPU | 1 | 0.7 KiB | cannot fill |
//! | `BUDGETS` | 40 B a CPU | 1 | 80 B | cannot fill |
//! | `FLOWS` | 48 + 160 B and 48 B of the kernel's | 65,536 | 17 MiB | new flows are left out and tallied; userspace removes idle ones |
//! | `KNOWN` | 4,096 B | 64 | 0.3 MiB | cannot fill: flows share marks |
//! | `SERIES` | 4,160 B | 2,048 | 8.2 MiB | cannot fill: flows take turns |
//! | `HEADS` | 232 to 1,640 B | 2 MiB | 2 MiB | heads are left out and tallied |

use aya_ebpf::Global;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, RingBuf};
use inspector_common::flow::{FLOW_ENTRIES, KNOWN_PAGES, KnownPage};
use inspector_common::series::{SERIES_MIN_GAP_NS, SERIES_SLOTS};
use inspector_common::{
    Account, Budget, Features, FlowKey, FlowRecord, InterfaceSlot, Limits, Origin, Packet, Sampler,
    SeriesSlot, Step, Wanted,
};

/// Whether the kernel has `bpf_ktime_get_coarse_ns` (Linux 5.11 on); set by the loader. A constant to
/// the verifier, which drops what is never run.
#[unsafe(no_mangle)]
pub(crate) static HAS_COARSE_CLOCK: Global<u32> = Global::new(0);

/// Most heads and new flows a window and CPU; set by the loader.
#[unsafe(no_mangle)]
pub(crate) static LIMITS: Global<Limits> = Global::new(Budget::DEFAULT_LIMITS);

/// What is done beside counting, classifying and flow records; set by the loader. Constant, too.
#[unsafe(no_mangle)]
pub(crate) static FEATURES: Global<Features> = Global::new(Features::ALL);

/// Least mean gap of flows with a series, nanoseconds; set by the loader.
#[unsafe(no_mangle)]
pub(crate) static SERIES_MIN_GAP: Global<u64> = Global::new(SERIES_MIN_GAP_NS);

/// Which flows are kept: the loader changes it while the programs run.
#[map]
pub(crate) static SAMPLER: Array<Sampler> = Array::with_max_entries(1, 0);

/// From an interface's index (modulo the map's size) to its slot in `ACCOUNTS`.
#[map]
pub(crate) static INTERFACES: Array<InterfaceSlot> = Array::with_max_entries(InterfaceSlot::ENTRIES, 0);

/// Exact counters. Slot 0 takes packets of interfaces that nobody entered.
#[map]
pub(crate) static ACCOUNTS: PerCpuArray<Account> = PerCpuArray::with_max_entries(InterfaceSlot::ACCOUNTS, 0);

/// What is worked on: the stack is too small for it. What is read back from here is new to the
/// verifier, which lets paths that came by different values meet.
#[repr(C)]
pub(crate) struct Scratch {
    /// Where the frame was seen.
    pub(crate) origin: Origin,
    /// Number of its counters in `ACCOUNTS`.
    pub(crate) account: u32,
    /// Bytes of the frame.
    pub(crate) wire_len: u32,
    /// Whether it was merged from several, or will be cut into several.
    pub(crate) is_merged: bool,
    /// Whether it was inspected when it arrived.
    pub(crate) is_known: bool,
    /// The packet at hand.
    pub(crate) packet: Packet,
    /// What it did in its flow's record.
    pub(crate) step: Step,
    /// Not the packet's: it is kept from one to the next.
    pub(crate) clock: Clock,
    /// Its head.
    pub(crate) wanted: Wanted,
    /// The record of a flow that begins.
    pub(crate) record: FlowRecord,
}

/// A clock that is read once a tick.
#[repr(C)]
pub(crate) struct Clock {
    /// The kernel's count of ticks.
    pub(crate) tick: u64,
    /// What the clock said then, nanoseconds.
    pub(crate) ns: u64,
}

/// This CPU's scratch.
#[inline(always)]
pub(crate) fn scratch() -> Option<&'static mut Scratch> {
    // SAFETY: the pointer is this CPU's value, and a program is not interrupted by itself.
    SCRATCH.get_ptr_mut(0).map(|scratch| unsafe { &mut *scratch })
}

#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Budgets of heads and new flows.
#[map]
pub(crate) static BUDGETS: PerCpuArray<Budget> = PerCpuArray::with_max_entries(1, 0);

/// Flow records, one for each direction of a flow and interface, so that one CPU (the queue's)
/// writes each and plain adds suffice. Not an LRU map: there a flood of new flows would push out the
/// established ones, and nothing would tell.
#[map]
pub(crate) static FLOWS: HashMap<FlowKey, FlowRecord> = HashMap::with_max_entries(FLOW_ENTRIES, 0);

/// Which flows may be in `FLOWS`.
#[map]
pub(crate) static KNOWN: Array<KnownPage> = Array::with_max_entries(KNOWN_PAGES, 0);

/// Series of candidate flows.
#[map]
pub(crate) static SERIES: Array<SeriesSlot> = Array::with_max_entries(SERIES_SLOTS, 0);

/// Heads on their way to userspace.
#[map]
pub(crate) static HEADS: RingBuf = RingBuf::with_byte_size(2 << 20, 0);

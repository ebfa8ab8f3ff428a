//! Every map, with what an entry costs, how many there are, and what happens when it is full.
//!
//! | map | entry | entries | memory on 2 CPUs | when full |
//! |---|---|---|---|---|
//! | `INTERFACES` | 8 B | 65,536 | 0.5 MiB | cannot fill: index is the interface's |
//! | `ACCOUNTS` | 776 B a CPU | 64 | 0.1 MiB | cannot fill: one slot an attachment |
//! | `PACKET` | 84 B a CPU | 1 | 0.2 KiB | cannot fill |
//! | `BUDGETS` | 24 B a CPU | 1 | 48 B | cannot fill |
//! | `FLOWS` | 48 + 56 B and about 64 B of the kernel's | 65,536 | 11 MiB | the least recently used go |
//! | `HEADS` | 176 to 592 B | 2 MiB | 2 MiB | heads are left out and tallied |

use aya_ebpf::Global;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray, RingBuf};
use inspector_common::flow::FLOW_ENTRIES;
use inspector_common::head::HeadLimits;
use inspector_common::{Account, FlowKey, FlowRecord, HeadBudget, InterfaceSlot, Packet, Sampler};

/// Which flows are kept; set by the loader.
#[unsafe(no_mangle)]
pub(crate) static SAMPLER: Global<Sampler> = Global::new(Sampler::new(1, 0));

/// Most heads a window and CPU; set by the loader.
#[unsafe(no_mangle)]
pub(crate) static HEAD_LIMITS: Global<HeadLimits> = Global::new(HeadBudget::DEFAULT_LIMITS);

/// From an interface's index (modulo the map's size) to its slot in `ACCOUNTS`.
#[map]
pub(crate) static INTERFACES: Array<InterfaceSlot> = Array::with_max_entries(InterfaceSlot::ENTRIES, 0);

/// Exact counters. Slot 0 takes packets of interfaces that nobody entered.
#[map]
pub(crate) static ACCOUNTS: PerCpuArray<Account> = PerCpuArray::with_max_entries(InterfaceSlot::ACCOUNTS, 0);

/// The packet at hand: the stack is too small for it.
#[map]
pub(crate) static PACKET: PerCpuArray<Packet> = PerCpuArray::with_max_entries(1, 0);

/// Head budgets.
#[map]
pub(crate) static BUDGETS: PerCpuArray<HeadBudget> = PerCpuArray::with_max_entries(1, 0);

/// Flow records, one for each direction of a flow and interface, so that one CPU (the queue's)
/// writes each and plain adds suffice.
#[map]
pub(crate) static FLOWS: LruHashMap<FlowKey, FlowRecord> = LruHashMap::with_max_entries(FLOW_ENTRIES, 0);

/// Heads on their way to userspace.
#[map]
pub(crate) static HEADS: RingBuf = RingBuf::with_byte_size(2 << 20, 0);

//! What is done with a packet: count, classify, sample, account to its flow, hand on its head.

use core::ffi::c_void;
use core::sync::atomic::{Ordering, compiler_fence};

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::{bpf_jiffies64, bpf_ktime_get_coarse_ns};
use aya_log_ebpf::warn;
use inspector_common::class::CLASS_SLOTS;
use inspector_common::{
    Account, Features, FlowKey, InterfaceSlot, Origin, SeriesSlot, Start, Step, Tally, Wanted,
    classify_inner, classify_into,
};

use crate::frame::{Buffer, masked};
use crate::head;
use crate::maps::{self, Clock, Scratch};

/// Inspects one frame: the packet that it is, and the one that it carries if it is an encapsulation.
///
/// Its parts are functions of their own, since the verifier forgets on a return what it knew inside, and
/// goes on once from there instead of once for each path through the part.
#[inline(always)]
pub(crate) fn frame<B: Buffer>(ctx: *mut B::Context, scratch: &mut Scratch) {
    let Some(account) = account(scratch) else {
        return;
    };
    account.seen += 1;
    classify_frame::<B>(ctx, scratch);
    one_packet::<B>(ctx, scratch, account);
    read_back();
    if maps::FEATURES.load().has(Features::INNER) && scratch.packet.inner.offset != 0 {
        classify_carried::<B>(ctx, scratch);
        one_packet::<B>(ctx, scratch, account);
    }
}

/// From here on nothing is known of the scratch: see [`maps::Scratch`].
#[inline(always)]
fn read_back() {
    compiler_fence(Ordering::SeqCst);
}

#[inline(always)]
fn classify_frame<B: Buffer>(ctx: *mut B::Context, scratch: &mut Scratch) {
    let Scratch { origin, wire_len, packet, .. } = scratch;
    classify_into(packet, &B::of(ctx, *wire_len), Start::Ethernet, *origin);
}

#[inline(never)]
fn classify_carried<B: Buffer>(ctx: *mut B::Context, scratch: &mut Scratch) {
    let Scratch { wire_len, packet, .. } = scratch;
    classify_inner(packet, &B::of(ctx, *wire_len));
}

#[inline(never)]
fn one_packet<B: Buffer>(ctx: *mut B::Context, scratch: &mut Scratch, account: &mut Account) {
    scratch.packet.is_merged = scratch.is_merged;
    let class = masked::<{ CLASS_SLOTS as u32 - 1 }>(scratch.packet.class as usize);
    account.count_as(class, &scratch.packet);
    read_back();
    if scratch.is_known {
        if scratch.packet.class.has_flow() {
            account.tally(Tally::SeenOnArrival);
        }
        return;
    }
    scratch.step = Step::NONE;
    if scratch.packet.class.has_flow() {
        accounted::<B>(ctx, scratch, account);
    }
    read_back();
    if maps::FEATURES.load().has(Features::HEADS)
        && let Some(wanted) = Wanted::by_step(&scratch.packet, scratch.step)
    {
        scratch.wanted = wanted;
        if head::is_within_budget(scratch) {
            head::hand_on::<B>(ctx, scratch, account);
        } else {
            account.tally(Tally::HeadOverBudget);
        }
    }
}

/// Adds the packet to its flow if that is kept.
#[inline(always)]
fn accounted<B: Buffer>(ctx: *mut B::Context, scratch: &mut Scratch, account: &mut Account) {
    let Some(sampler) = maps::SAMPLER.get(0) else {
        return;
    };
    if !sampler.takes(&scratch.packet) {
        account.tally(Tally::SampledOut);
        return;
    }
    let fate = flow(scratch);
    if matches!(fate, Tally::FlowMapFull) && account.tallied(fate) == 0 {
        // Once a CPU and interface: the counter tells the rest.
        warn!(&Context(ctx.cast()), "flow map full, first on interface {}", scratch.packet.key.ifindex);
    }
    account.tally(fate);
}

/// A hook's context, for the log.
struct Context(*mut c_void);

impl EbpfContext for Context {
    fn as_ptr(&self) -> *mut c_void {
        self.0
    }
}

/// Adds the packet to its flow's record and series.
#[inline(always)]
#[expect(
    clippy::needless_borrows_for_generic_args,
    reason = "passed by value they would be copied to the stack"
)]
fn flow(scratch: &mut Scratch) -> Tally {
    let Scratch { packet, step, record: first, clock, .. } = scratch;
    let now_ns = about_now_ns(clock);
    let Some(budget) = maps::BUDGETS.get_ptr_mut(0) else {
        return Tally::FlowGated;
    };
    // SAFETY: it is this CPU's value, and a program is not interrupted by itself.
    let budget = unsafe { &mut *budget };
    if budget.has_no_flows_left(now_ns, &maps::LIMITS.load()) && !is_known(&packet.key) {
        return Tally::FlowGated;
    }
    if let Some(record) = maps::FLOWS.get_ptr_mut(&packet.key) {
        // SAFETY: the entry outlives the program's run; a second writer could at most lose a count.
        let record = unsafe { &mut *record };
        let now_ns = if record.series == 0 { now_ns } else { exactly_now_ns() };
        *step = record.update(packet, now_ns);
        if maps::FEATURES.load().has(Features::SERIES) {
            read_back();
            record.series(packet, now_ns, maps::SERIES_MIN_GAP.load(), series);
        }
        return Tally::FlowUpdated;
    }
    if !budget.admit_flow(now_ns, &maps::LIMITS.load()) {
        return Tally::FlowGated;
    }
    first.begin(packet, now_ns);
    match maps::FLOWS.insert(&packet.key, &*first, 0) {
        Ok(()) => {
            *step = Step::first(packet);
            note_known(&packet.key);
            Tally::FlowInserted
        }
        Err(_) => Tally::FlowMapFull,
    }
}

/// Whether the flow may be in the map; `false` says that it is not.
#[inline(always)]
fn is_known(key: &FlowKey) -> bool {
    let mark = key.mark();
    // SAFETY: the entry is never freed, and any value of a mark is one.
    maps::KNOWN.get_ptr(mark.page).is_none_or(|page| unsafe { &*page }.has(mark))
}

/// Notes that the flow is in the map.
#[inline(always)]
fn note_known(key: &FlowKey) {
    let mark = key.mark();
    if let Some(page) = maps::KNOWN.get_ptr_mut(mark.page) {
        // SAFETY: the entry is never freed; writers of the same mark write the same.
        unsafe { &mut *page }.set(mark);
    }
}

#[inline(always)]
fn series(index: u32) -> Option<&'static mut SeriesSlot> {
    // SAFETY: the entry is never freed; a second writer could at most garble an entry.
    maps::SERIES.get_ptr_mut(index).map(|slot| unsafe { &mut *slot })
}

/// The counters of the frame's interface and direction.
#[inline(always)]
fn account(scratch: &mut Scratch) -> Option<&'static mut Account> {
    let Origin { ifindex, direction, .. } = scratch.origin;
    scratch.account = InterfaceSlot::account(slot(ifindex), direction);
    // Volatile, so that it is read back: a number that is known on one of the ways here has the verifier of
    // Linux 7 go on from each. SAFETY: it is a field of the scratch.
    let number = unsafe { (&raw const scratch.account).read_volatile() };
    let account = maps::ACCOUNTS.get_ptr_mut(number)?;
    // SAFETY: the pointer is this CPU's value, and a program is not interrupted by itself.
    Some(unsafe { &mut *account })
}

/// Whether packets that arrive on this interface are inspected.
#[inline(always)]
pub(crate) fn is_watched(ifindex: u32) -> bool {
    ifindex != 0 && slot(ifindex) != 0
}

#[inline(always)]
fn slot(ifindex: u32) -> u32 {
    match maps::INTERFACES.get(ifindex % InterfaceSlot::ENTRIES) {
        Some(entry) if entry.ifindex == ifindex => entry.slot,
        _ => 0,
    }
}

/// The time to within a tick (4 ms at most on common kernels). The kernel's clock is asked once a tick: the
/// number of the tick costs a load, any clock a call.
#[inline(always)]
pub(crate) fn about_now_ns(clock: &mut Clock) -> u64 {
    // SAFETY: the helper takes nothing and touches no memory.
    let tick = unsafe { bpf_jiffies64() };
    if tick != clock.tick {
        *clock = Clock { tick, ns: tick_ns() };
    }
    clock.ns
}

/// When the tick began, if the kernel says that, or the time now.
#[inline(always)]
fn tick_ns() -> u64 {
    if maps::HAS_COARSE_CLOCK.load() == 0 {
        return exactly_now_ns();
    }
    // SAFETY: the helper takes nothing and touches no memory.
    unsafe { bpf_ktime_get_coarse_ns() }
}

#[inline(always)]
pub(crate) fn exactly_now_ns() -> u64 {
    // SAFETY: the helper takes nothing and touches no memory.
    unsafe { bpf_ktime_get_ns() }
}

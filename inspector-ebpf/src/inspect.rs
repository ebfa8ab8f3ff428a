//! What is done with a packet: count, classify, sample, account to its flow, hand on its head.

use core::sync::atomic::{Ordering, compiler_fence};

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::warn;
use inspector_common::Frame as _;
use inspector_common::{
    Account, Direction, FlowRecord, HeadGroup, InterfaceSlot, Packet, Start, Tally, classify_into,
};

use crate::frame::XdpFrame;
use crate::{head, maps};

/// Inspects one received packet.
#[inline(always)]
pub(crate) fn packet<const MULTI_BUFFER: bool>(ctx: &XdpContext) {
    let frame = &XdpFrame::<MULTI_BUFFER>::new(ctx);
    let ifindex = ctx.ingress_ifindex() as u32;
    let Some(account) = account(ifindex) else {
        return;
    };
    account.seen += 1;
    let Some(packet) = maps::PACKET.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the pointer is this CPU's value, and a program is not interrupted by itself.
    let packet = unsafe { &mut *packet };
    classify_into(packet, frame, Start::Ethernet, ifindex, Direction::Ingress);
    account.count(packet);
    // See `Frame::fresh`: the result is read back from the map.
    compiler_fence(Ordering::SeqCst);
    if !packet.class.has_flow() {
        return;
    }
    // SAFETY: the helper takes nothing and touches no memory.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    if maps::SAMPLER.load().takes(packet) {
        let fate = flow(packet, now_ns);
        if matches!(fate, Tally::FlowMapFull) && account.tallied(fate) == 0 {
            // Once a CPU and interface: the counter tells the rest.
            warn!(ctx, "flow map full, first on interface {}", ifindex);
        }
        account.tally(fate);
    } else {
        account.tally(Tally::SampledOut);
    }
    if let Some(group) = HeadGroup::of(packet) {
        account.tally(head::hand_on(&frame.fresh(), packet, group, now_ns));
    }
}

/// The counters of an interface.
#[inline(always)]
fn account(ifindex: u32) -> Option<&'static mut Account> {
    let slot = match maps::INTERFACES.get(ifindex % InterfaceSlot::ENTRIES) {
        Some(entry) if entry.ifindex == ifindex => entry.slot,
        _ => 0,
    };
    let account = maps::ACCOUNTS.get_ptr_mut(slot)?;
    // SAFETY: the pointer is this CPU's value, and a program is not interrupted by itself.
    Some(unsafe { &mut *account })
}

/// Adds the packet to its flow's record.
#[inline(always)]
#[expect(
    clippy::needless_borrows_for_generic_args,
    reason = "passed by value they would be copied to the stack"
)]
fn flow(packet: &Packet, now_ns: u64) -> Tally {
    if let Some(record) = maps::FLOWS.get_ptr_mut(&packet.key) {
        // SAFETY: the entry outlives the program's run; a second writer could at most lose a count.
        unsafe { &mut *record }.update(packet, now_ns);
        return Tally::FlowUpdated;
    }
    match maps::FLOWS.insert(&packet.key, &FlowRecord::first(packet, now_ns), 0) {
        Ok(()) => Tally::FlowInserted,
        Err(_) => Tally::FlowMapFull,
    }
}

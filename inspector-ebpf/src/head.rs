//! Heads: copied into the ring buffer, in the smallest of three record sizes that holds them.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use inspector_common::head::{HEAD_MAX, HEAD_SIZES, HeadRecord};
use inspector_common::{Frame as _, HeadGroup, HeadMeta, Packet, Tally};

use crate::frame::XdpFrame;
use crate::maps;

/// The reader polls; it is woken only when this much has piled up, since a wake-up costs
/// microseconds.
const WAKE_AT: u64 = 256 << 10;

/// Hands on the packet's head if its group's budget allows.
#[inline(always)]
pub(crate) fn hand_on<const MULTI_BUFFER: bool>(
    frame: &XdpFrame<MULTI_BUFFER>,
    packet: &Packet,
    group: HeadGroup,
    now_ns: u64,
) -> Tally {
    let Some(budget) = maps::BUDGETS.get_ptr_mut(0) else {
        return Tally::HeadOverBudget;
    };
    // SAFETY: the pointer is this CPU's value, and a program is not interrupted by itself.
    if !unsafe { &mut *budget }.spend(group, now_ns, &maps::HEAD_LIMITS.load()) {
        return Tally::HeadOverBudget;
    }
    let captured = HeadMeta::captured(packet, frame.wire_len());
    let submitted = if captured <= HEAD_SIZES[0] as u16 {
        submit::<MULTI_BUFFER, { HEAD_SIZES[0] }>(frame, packet, captured, now_ns)
    } else if captured <= HEAD_SIZES[1] as u16 {
        submit::<MULTI_BUFFER, { HEAD_SIZES[1] }>(frame, packet, captured, now_ns)
    } else {
        submit::<MULTI_BUFFER, HEAD_MAX>(frame, packet, captured, now_ns)
    };
    if submitted { Tally::HeadSubmitted } else { Tally::HeadRingFull }
}

#[inline(always)]
fn submit<const MULTI_BUFFER: bool, const N: usize>(
    frame: &XdpFrame<MULTI_BUFFER>,
    packet: &Packet,
    captured: u16,
    now_ns: u64,
) -> bool {
    let Some(mut entry) = maps::HEADS.reserve::<HeadRecord<N>>(0) else {
        return false;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the record is ours until it is submitted. Every segment that gets here has at least
    // the eight bytes of a UDP or ICMP header. What lies past `captured` stays unset and is never
    // read: userspace goes by `captured`.
    unsafe {
        let is_copied =
            frame.copy::<N>(packet.l4_offset, u32::from(captured), (&raw mut (*record).data).cast());
        let captured = if is_copied { captured } else { 0 };
        (&raw mut (*record).meta).write(HeadMeta::new(packet, now_ns, captured));
    }
    let piled_up = maps::HEADS.query(u64::from(BPF_RB_AVAIL_DATA)) >= WAKE_AT;
    entry.submit(u64::from(if piled_up { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }));
    true
}

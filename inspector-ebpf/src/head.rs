//! Heads: copied into the ring buffer, in the smallest of the record sizes that holds them.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use inspector_common::head::{HEAD_MAX, HEAD_SIZES, HeadRecord};
use inspector_common::{Account, HeadGroup, HeadMeta, Packet, Tally};

use crate::frame::{Buffer, masked};
use crate::inspect::{about_now_ns, exactly_now_ns};
use crate::maps::{self, Scratch};

/// The reader polls; it is woken only each time that this much more has piled up, since a wake-up costs
/// microseconds.
const WAKE_AT: u64 = 256 << 10;

/// Whether a multiple of [`WAKE_AT`] was just passed. Where CPUs pass it together none may see it; then the
/// next poll serves.
#[inline(always)]
const fn is_worth_a_wake_up(piled_up: u64) -> bool {
    piled_up >= WAKE_AT && piled_up & (WAKE_AT - 1) < HEAD_MAX as u64
}

/// Spends budget for the packet's head; `false` where none is left.
#[inline(always)]
pub(crate) fn is_within_budget(scratch: &mut Scratch) -> bool {
    let about_ns = about_now_ns(&mut scratch.clock);
    let Some(budget) = maps::BUDGETS.get_ptr_mut(0) else {
        return false;
    };
    let group = masked::<{ HeadGroup::SLOTS as u32 - 1 }>(scratch.wanted.group as usize);
    // SAFETY: the pointer is this CPU's value, and a program is not interrupted by itself.
    unsafe { &mut *budget }.spend_at(group, about_ns, &maps::LIMITS.load())
}

/// Hands on the packet's head.
#[inline(never)]
pub(crate) fn hand_on<B: Buffer>(ctx: *mut B::Context, scratch: &Scratch, account: &mut Account) {
    account.tally(handed_on(&B::of(ctx, scratch.wire_len), scratch));
}

#[inline(always)]
fn handed_on<B: Buffer>(frame: &B, scratch: &Scratch) -> Tally {
    let Scratch { packet, step, wanted, .. } = scratch;
    let now_ns = exactly_now_ns();
    let captured = HeadMeta::captured(packet, *wanted, frame.wire_len());
    let meta = HeadMeta::new(packet, *wanted, *step, now_ns, captured);
    let submitted = if captured <= HEAD_SIZES[0] as u16 {
        submit::<B, { HEAD_SIZES[0] }>(frame, packet, meta)
    } else if captured <= HEAD_SIZES[1] as u16 {
        submit::<B, { HEAD_SIZES[1] }>(frame, packet, meta)
    } else if captured <= HEAD_SIZES[2] as u16 {
        submit::<B, { HEAD_SIZES[2] }>(frame, packet, meta)
    } else {
        submit::<B, HEAD_MAX>(frame, packet, meta)
    };
    if submitted { Tally::HeadSubmitted } else { Tally::HeadRingFull }
}

#[inline(always)]
fn submit<B: Buffer, const N: usize>(frame: &B, packet: &Packet, meta: HeadMeta) -> bool {
    let Some(mut entry) = maps::HEADS.reserve::<HeadRecord<N>>(0) else {
        return false;
    };
    let record = entry.as_mut_ptr();
    let len = u32::from(meta.captured);
    // SAFETY: the record is ours until it is submitted. What lies past `captured` stays unset and is
    // never read: userspace goes by `captured`. `copy` refuses lengths that don't fit.
    unsafe {
        (&raw mut (*record).meta).write(meta);
        if !frame.copy::<N>(packet.l3_offset, len, (&raw mut (*record).data).cast()) {
            (&raw mut (*record).meta.captured).write(0);
        }
    }
    let piled_up = is_worth_a_wake_up(maps::HEADS.query(u64::from(BPF_RB_AVAIL_DATA)));
    entry.submit(u64::from(if piled_up { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }));
    true
}

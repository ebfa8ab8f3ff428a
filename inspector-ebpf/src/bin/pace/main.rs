//! Programs of `cargo xtask bench`, which put one packet after the other of an array into the frame at hand.
//!
//! `BPF_PROG_TEST_RUN` with `repeat` runs a program again and again on the same frame. A pacing program makes that
//! a mix of packets: it takes the next one, sets the frame's length, copies the bytes in, reads the headers (a load
//! right after the copy stalls, and that is not for the program under test to pay), and tail-calls whatever is in
//! [`NEXT`]. With an empty program there the same work is the control. One of each exists for every kind of program,
//! since a tail call needs its like. `emit` sends each packet out of an interface instead.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(unsafe_code, reason = "packet memory, map values and helpers are raw pointers here")]
#![expect(clippy::inline_always, reason = "the verifier follows one function better than a call graph")]
#![expect(clippy::cast_possible_truncation, reason = "frames are shorter than 2^31 bytes")]

mod hook;
mod layout;
mod yardstick;

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_PASS};
use aya_ebpf::bindings::{TC_ACT_OK, TC_ACT_SHOT};
use aya_ebpf::helpers::bpf_get_prandom_u32;
use aya_ebpf::helpers::generated::bpf_redirect;
use aya_ebpf::macros::{classifier, map, xdp};
use aya_ebpf::maps::{Array, ProgramArray};
use aya_ebpf::programs::{TcContext, XdpContext};

use hook::{Egress, Hook, Ingress};
use layout::{LONGEST, PACKETS as COUNT, SHORTEST, SLOT, STATE, state};

#[repr(C, align(8))]
struct Slot {
    bytes: [u8; SLOT - 4],
    len: u32,
}

/// The packets: 41 MB.
#[map]
static PACKETS: Array<Slot> = Array::with_max_entries(COUNT, 0);

/// Where the run is; see [`state`].
#[map(name = "STATE")]
static RUN: Array<[u32; STATE]> = Array::with_max_entries(1, 0);

/// The program under test.
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// Place in the state that is written to if the headers add up to something that they never do, so that the compiler
/// keeps the reads.
const SINK: usize = STATE - 1;

/// Offset of the source address in an IPv4 frame, and what lies there from it to the ports.
const SOURCE: u32 = 26;
type Tuple = [u32; 3];

/// Puts the next packet into the frame.
#[inline(always)]
fn place<H: Hook>(hook: &H) -> Option<&'static mut [u32; STATE]> {
    // SAFETY: one CPU at a time runs these programs, and a program is not interrupted by itself.
    let run = unsafe { &mut *RUN.get_ptr_mut(0)? };
    let number = run[state::NEXT];
    run[state::NEXT] = if number + 1 < run[state::COUNT] { number + 1 } else { 0 };
    run[state::RUNS] = run[state::RUNS].wrapping_add(1);
    // Taken back by whoever gets where it wants to go.
    run[state::MISSED] += 1;
    let slot = PACKETS.get(number)?;
    let len = slot.len & (SLOT as u32 - 1);
    if (len as usize) < SHORTEST || len as usize > LONGEST {
        return None;
    }
    if hook.len() != len && !hook.resize(len) {
        return None;
    }
    // SAFETY: the mask keeps `len` within the slot.
    if !unsafe { hook.write(0, (&raw const *slot).cast(), len) } {
        return None;
    }
    if run[state::RANDOM] != 0 {
        let tuple = random_tuple(slot);
        // SAFETY: it is the tuple's own length.
        if !unsafe { hook.write(SOURCE, tuple.as_ptr().cast(), size_of::<Tuple>() as u32) } {
            return None;
        }
    }
    if hook.headers()? == 0x9d2c_5681 {
        run[SINK] += 1;
    }
    Some(run)
}

/// Another source address and port, and other last two octets of the destination.
#[inline(always)]
fn random_tuple(slot: &Slot) -> Tuple {
    // SAFETY: the helper takes nothing and touches no memory; the words lie within the slot.
    unsafe {
        let (a, b) = (bpf_get_prandom_u32(), bpf_get_prandom_u32());
        let word = |at: u32| slot.bytes.as_ptr().add(at as usize).cast::<u32>().read_unaligned();
        let (destination, ports) = (word(SOURCE + 4), word(SOURCE + 8));
        [a, destination ^ (b & u32::from_be(0xffff)), ports ^ (b & u32::from_be(0xffff_0000))]
    }
}

/// Places the next packet and goes on to the program under test. Returns only if that did not work.
#[inline(always)]
fn pace<H: Hook>(hook: &H) {
    if let Some(run) = place(hook) {
        run[state::MISSED] -= 1;
        // SAFETY: nothing is left to be done here.
        unsafe { NEXT.tail_call(hook.context(), 0) };
        run[state::MISSED] += 1;
    }
}

#[xdp(frags)]
fn pace_frags(ctx: XdpContext) -> u32 {
    pace(&Ingress(ctx));
    XDP_ABORTED
}

#[xdp]
fn pace_plain(ctx: XdpContext) -> u32 {
    pace(&Ingress(ctx));
    XDP_ABORTED
}

#[classifier]
fn pace_egress(ctx: TcContext) -> i32 {
    pace(&Egress(ctx));
    TC_ACT_SHOT
}

#[xdp(frags)]
fn empty_frags(_: XdpContext) -> u32 {
    XDP_PASS
}

#[xdp]
fn empty_plain(_: XdpContext) -> u32 {
    XDP_PASS
}

#[classifier]
fn empty_egress(_: TcContext) -> i32 {
    TC_ACT_OK
}

#[xdp(frags)]
fn emit(ctx: XdpContext) -> u32 {
    let Some(run) = place(&Ingress(ctx)) else {
        return XDP_ABORTED;
    };
    run[state::MISSED] -= 1;
    // SAFETY: it takes two numbers. It gives an action of XDP.
    unsafe { bpf_redirect(run[state::OUT], 0).cast_unsigned() as u32 }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Never reached: the verifier refuses a program that could.
    loop {}
}

/// The kernel lets only programs under a GPL-compatible licence call the helpers used here.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

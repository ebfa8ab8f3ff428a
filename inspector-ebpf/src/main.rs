//! The BPF programs: XDP on ingress, TC on egress.
//!
//! Thin by rule: bounds-checked access to the frame ([`frame`]), the maps ([`maps`]), and what is
//! done with a packet ([`inspect`], [`head`]). Parsing, classification and accumulation live in
//! `inspector-common`, where the host builds and tests them too.
//!
//! Every path ends in `XDP_PASS` or `TC_ACT_UNSPEC`: inspector never drops, delays or changes a packet.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(unsafe_code, reason = "packet memory, map values and helpers are raw pointers here")]
#![expect(clippy::needless_pass_by_value, reason = "it is how aya's macro calls a program")]
#![expect(clippy::inline_always, reason = "the verifier follows one function better than a call graph")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "checks that cannot fail cost instructions in every packet's path"
)]

mod frame;
mod head;
mod inspect;
mod maps;

use aya_ebpf::bindings::TC_ACT_UNSPEC;
use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::{classifier, xdp};
use aya_ebpf::programs::{TcContext, XdpContext};
use inspector_common::{Direction, Origin};

use crate::frame::skb::{self, SkbFrame};
use crate::frame::xdp::{self, XdpFrame};

/// For drivers and MTUs that may hand over a packet in several buffers (Linux 5.18 on).
#[xdp(frags)]
pub(crate) fn inspector_frags(ctx: XdpContext) -> u32 {
    received::<true>(&ctx);
    XDP_PASS
}

/// For kernels and drivers without multi-buffer support.
#[xdp]
pub(crate) fn inspector_plain(ctx: XdpContext) -> u32 {
    received::<false>(&ctx);
    XDP_PASS
}

/// For what leaves. The packet goes on to the next program or filter.
#[classifier]
pub(crate) fn inspector_egress(ctx: TcContext) -> i32 {
    skb::gather_headers(&ctx);
    // SAFETY: the context is the one that the kernel passed in.
    let (ifindex, arrived_on, segments) = unsafe {
        let skb = &*ctx.skb.skb;
        (skb.ifindex, skb.ingress_ifindex, skb.gso_segs)
    };
    if let Some(scratch) = maps::scratch() {
        scratch.origin = Origin { ifindex, direction: Direction::Egress, tag: skb::tag(&ctx) };
        scratch.wire_len = ctx.len();
        scratch.is_merged = segments > 1;
        scratch.is_known = inspect::is_watched(arrived_on);
        inspect::frame::<SkbFrame>(ctx.skb.skb, scratch);
    }
    TC_ACT_UNSPEC
}

#[inline(always)]
fn received<const MULTI_BUFFER: bool>(ctx: &XdpContext) {
    if let Some(scratch) = maps::scratch() {
        scratch.origin = Origin::new(ctx.ingress_ifindex() as u32, Direction::Ingress);
        scratch.wire_len = xdp::wire_len::<MULTI_BUFFER>(ctx);
        scratch.is_merged = false;
        scratch.is_known = false;
        inspect::frame::<XdpFrame<MULTI_BUFFER>>(ctx.ctx, scratch);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Never reached: the verifier refuses a program that could. Nothing on the path panics.
    loop {}
}

/// The kernel lets only programs under a GPL-compatible licence call the helpers used here.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

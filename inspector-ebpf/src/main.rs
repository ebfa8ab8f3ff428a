//! The BPF programs: XDP on ingress.
//!
//! Thin by rule: bounds-checked access to the frame ([`frame`]), the maps ([`maps`]), and what is
//! done with a packet ([`inspect`], [`head`]). Parsing, classification and accumulation live in
//! `inspector-common`, where the host builds and tests them too.
//!
//! Every path ends in `XDP_PASS`: inspector never drops, delays or changes a packet.
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

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

/// For drivers and MTUs that may hand over a packet in several buffers (Linux 5.18 on).
#[xdp(frags)]
pub(crate) fn inspector_frags(ctx: XdpContext) -> u32 {
    inspect::packet::<true>(&ctx);
    XDP_PASS
}

/// For kernels and drivers without multi-buffer support.
#[xdp]
pub(crate) fn inspector_plain(ctx: XdpContext) -> u32 {
    inspect::packet::<false>(&ctx);
    XDP_PASS
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

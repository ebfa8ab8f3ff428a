//! The two hooks whose frames are written to.

use core::arch::asm;

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{
    bpf_skb_change_tail, bpf_skb_store_bytes, bpf_xdp_adjust_tail, bpf_xdp_store_bytes,
};
use aya_ebpf::programs::{TcContext, XdpContext};

use crate::layout::SHORTEST;

/// A frame that can be changed.
pub(crate) trait Hook {
    type Context: EbpfContext;

    fn context(&self) -> &Self::Context;

    /// Where the frame's bytes begin and end.
    fn bounds(&self) -> (usize, usize);

    fn len(&self) -> u32;

    /// Sets the length; `false` if that was not possible.
    fn resize(&self, len: u32) -> bool;

    /// Copies bytes into the frame; `false` if that was not possible.
    ///
    /// # Safety
    /// `from` has `len` bytes, and `len` is not 0.
    unsafe fn write(&self, at: u32, from: *const u8, len: u32) -> bool;

    /// Reads every word of the headers, and gives something that depends on all of them.
    #[inline(always)]
    fn headers(&self) -> Option<u32> {
        let (start, end) = self.bounds();
        if start + SHORTEST > end {
            return None;
        }
        let mut sum = 0;
        let mut at = 0;
        while at < SHORTEST {
            // SAFETY: the word ends before `start + SHORTEST`. Volatile, so that it is read here and now.
            sum ^= unsafe { ((start + at) as *const u32).read_volatile() };
            at += 4;
        }
        Some(sum)
    }
}

/// A frame that came in: XDP.
pub(crate) struct Ingress(pub(crate) XdpContext);

/// A frame on its way out: TC.
pub(crate) struct Egress(pub(crate) TcContext);

impl Hook for Ingress {
    type Context = XdpContext;

    #[inline(always)]
    fn context(&self) -> &XdpContext {
        &self.0
    }

    #[inline(always)]
    fn bounds(&self) -> (usize, usize) {
        (self.0.data(), self.0.data_end())
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        let mut len = self.0.data_end() - self.0.data();
        // Without this the compiler would mix the subtraction with the one in `resize`, and the verifier lets nobody
        // calculate with the end. SAFETY: it masks a register.
        unsafe {
            asm!("{0} &= 0xffff", inout(reg) len, options(pure, nomem, nostack, preserves_flags));
        }
        len as u32
    }

    #[inline(always)]
    fn resize(&self, len: u32) -> bool {
        let change = len.cast_signed() - self.len().cast_signed();
        // SAFETY: the context is the one that the kernel passed in.
        unsafe { bpf_xdp_adjust_tail(self.0.ctx, change) == 0 }
    }

    #[inline(always)]
    unsafe fn write(&self, at: u32, from: *const u8, len: u32) -> bool {
        // SAFETY: passed on; the helper does not write to what it copies from.
        unsafe { bpf_xdp_store_bytes(self.0.ctx, at, from.cast_mut().cast(), len) == 0 }
    }
}

impl Hook for Egress {
    type Context = TcContext;

    #[inline(always)]
    fn context(&self) -> &TcContext {
        &self.0
    }

    #[inline(always)]
    fn bounds(&self) -> (usize, usize) {
        (self.0.data(), self.0.data_end())
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        self.0.len()
    }

    #[inline(always)]
    fn resize(&self, len: u32) -> bool {
        // SAFETY: the context is the one that the kernel passed in.
        unsafe { bpf_skb_change_tail(self.0.as_ptr().cast(), len, 0) == 0 }
    }

    #[inline(always)]
    unsafe fn write(&self, at: u32, from: *const u8, len: u32) -> bool {
        // SAFETY: passed on.
        unsafe { bpf_skb_store_bytes(self.0.as_ptr().cast(), at, from.cast(), len, 0) == 0 }
    }
}

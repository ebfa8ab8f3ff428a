//! [`Frame`] over the bytes of an XDP context.

use core::arch::asm;
use core::ffi::c_void;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::generated::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::programs::XdpContext;
use inspector_common::Frame;
use inspector_common::frame::MAX_OFFSET;

/// A received frame, which may lie in several buffers if `MULTI_BUFFER` (Linux 5.18 on). Headers
/// are read straight from the first one.
pub(crate) struct XdpFrame<const MULTI_BUFFER: bool> {
    ctx: *mut xdp_md,
    data: usize,
    end: usize,
    wire_len: u32,
}

impl<const MULTI_BUFFER: bool> XdpFrame<MULTI_BUFFER> {
    #[inline(always)]
    pub(crate) fn new(ctx: &XdpContext) -> Self {
        let (data, end) = (ctx.data(), ctx.data_end());
        let wire_len = if MULTI_BUFFER {
            // SAFETY: the context is the one that the kernel passed in.
            unsafe { bpf_xdp_get_buff_len(ctx.ctx) as u32 }
        } else {
            (end - data) as u32
        };
        Self { ctx: ctx.ctx, data, end, wire_len }
    }

    /// Copies `len` bytes from `from` on, all within the frame; `false` if that was not possible.
    ///
    /// # Safety
    /// `to` has room for `N` bytes and is aligned to eight. `len` is at least 8 and at most `N`.
    #[inline(always)]
    pub(crate) unsafe fn copy<const N: usize>(&self, from: u32, len: u32, to: *mut u8) -> bool {
        // Without this the compiler would use what it knows of `len` to drop the comparisons below,
        // which are the ones that the verifier goes by.
        let len = bounded(len);
        if len < 8 || len > N {
            return false;
        }
        if MULTI_BUFFER {
            // SAFETY: `to` has room for N bytes.
            unsafe { bpf_xdp_load_bytes(self.ctx, from, to.cast::<c_void>(), len as u32) == 0 }
        } else {
            // SAFETY: passed on.
            unsafe { self.copy_words::<N>(from, len, to) }
        }
    }

    /// Eight bytes at a time, the last eight once more where `len` is no multiple of eight.
    ///
    /// # Safety
    /// As for [`Self::copy`].
    #[inline(always)]
    unsafe fn copy_words<const N: usize>(&self, from: u32, len: usize, to: *mut u8) -> bool {
        let start = self.data + bounded(from);
        // Once more: the caller's check told the compiler that `len` is at most N, and verifiers before
        // Linux 6.12 follow the loop past N unless it is compared with N itself.
        let len = bounded(len as u32);
        let mut done = 0;
        while done + 8 <= N && done + 8 <= len {
            let word = start + done;
            if word + 8 > self.end {
                return false;
            }
            // SAFETY: the word lies in the frame, and done + 8 <= N.
            unsafe { to.add(done).cast::<u64>().write_unaligned((word as *const u64).read_unaligned()) };
            done += 8;
        }
        let last = bounded(len as u32 - 8);
        let word = start + last;
        if last > N - 8 || word + 8 > self.end {
            return false;
        }
        // SAFETY: the word lies in the frame, and last + 8 = len <= N.
        unsafe { to.add(last).cast::<u64>().write_unaligned((word as *const u64).read_unaligned()) };
        true
    }
}

impl<const MULTI_BUFFER: bool> Frame for XdpFrame<MULTI_BUFFER> {
    #[inline(always)]
    fn wire_len(&self) -> u32 {
        self.wire_len
    }

    #[inline(always)]
    fn fresh(&self) -> Self {
        let ctx = XdpContext::new(self.ctx);
        Self { ctx: self.ctx, data: ctx.data(), end: ctx.data_end(), wire_len: self.wire_len }
    }

    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        if offset > MAX_OFFSET {
            return None;
        }
        let start = self.data + bounded(offset);
        if start + N > self.end {
            return None;
        }
        // SAFETY: data <= start and start + N <= end, and the verifier proves it again.
        Some(unsafe { (start as *const [u8; N]).read() })
    }
}

/// The value, masked to [`MAX_OFFSET`] where the compiler cannot see it: it would drop a mask that
/// an earlier check makes needless, and the verifier, which tracks registers and not meanings,
/// would then see an unbounded offset.
#[inline(always)]
fn bounded(value: u32) -> usize {
    const { assert!((MAX_OFFSET + 1).is_power_of_two()) };
    let mut value = value as usize;
    // SAFETY: it masks a register.
    unsafe {
        asm!("{0} &= {1}", inout(reg) value, const MAX_OFFSET, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

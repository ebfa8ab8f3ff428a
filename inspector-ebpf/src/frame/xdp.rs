//! [`Frame`] over the bytes of an XDP context.

use core::ffi::c_void;
use core::mem::offset_of;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::generated::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::programs::XdpContext;
use inspector_common::Frame;

use super::{Buffer, address, bounded, read};

/// A received frame, which may lie in several buffers if `MULTI_BUFFER` (Linux 5.18 on). Headers
/// are read straight from the first one.
pub(crate) struct XdpFrame<const MULTI_BUFFER: bool> {
    ctx: *mut xdp_md,
    data: usize,
    end: usize,
    wire_len: u32,
}

/// Bytes of the context's frame.
#[inline(always)]
pub(crate) fn wire_len<const MULTI_BUFFER: bool>(ctx: &XdpContext) -> u32 {
    if MULTI_BUFFER {
        // SAFETY: the context is the one that the kernel passed in.
        unsafe { bpf_xdp_get_buff_len(ctx.ctx) as u32 }
    } else {
        let XdpFrame { data, end, .. } = XdpFrame::<false>::of(ctx.ctx, 0);
        (end - data) as u32
    }
}

impl<const MULTI_BUFFER: bool> XdpFrame<MULTI_BUFFER> {
    /// In blocks of 32 bytes, or of 8 where there are fewer.
    ///
    /// # Safety
    /// As for [`Buffer::copy`].
    #[inline(always)]
    unsafe fn copy_words<const N: usize>(&self, from: u32, len: usize, to: *mut u8) -> bool {
        if len >= 32 {
            // SAFETY: passed on.
            unsafe { self.copy_blocks::<N, 32>(from, len, to) }
        } else {
            // SAFETY: passed on.
            unsafe { self.copy_blocks::<32, 8>(from, len, to) }
        }
    }

    /// In blocks, the last one once more where `len` is no multiple of their size: what comes after the
    /// loop doesn't depend on where the loop ended, so that the verifier goes through it once.
    ///
    /// # Safety
    /// As for [`Buffer::copy`], and `len` is at least `BLOCK`.
    #[inline(always)]
    unsafe fn copy_blocks<const N: usize, const BLOCK: usize>(
        &self,
        from: u32,
        len: usize,
        to: *mut u8,
    ) -> bool {
        let start = self.data + bounded(from);
        // Once more: the caller's check told the compiler that `len` is at most N, and verifiers before
        // Linux 6.12 follow the loop past N unless it is compared with N itself.
        let len = bounded(len as u32);
        let mut done = 0;
        while done + BLOCK <= N && done + BLOCK <= len {
            // SAFETY: done + BLOCK <= N.
            if !unsafe { self.copy_block::<BLOCK>(start + done, to.add(done)) } {
                return false;
            }
            done += BLOCK;
        }
        let last = bounded((len - BLOCK) as u32);
        // SAFETY: last + BLOCK = len <= N.
        last <= N - BLOCK && unsafe { self.copy_block::<BLOCK>(start + last, to.add(last)) }
    }

    /// Copies `N` bytes from the address `block` if they lie in the frame.
    ///
    /// # Safety
    /// `to` has room for them.
    #[inline(always)]
    unsafe fn copy_block<const N: usize>(&self, block: usize, to: *mut u8) -> bool {
        if block + N > self.end {
            return false;
        }
        let mut done = 0;
        while done < N {
            // SAFETY: the word lies in the frame, and `to` has room for it.
            unsafe {
                let word = ((block + done) as *const u64).read_unaligned();
                to.add(done).cast::<u64>().write_unaligned(word);
            }
            done += 8;
        }
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
        Self::of(self.ctx, self.wire_len)
    }

    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        // SAFETY: both are the context's.
        unsafe { read(self.data, self.end, offset) }
    }
}

impl<const MULTI_BUFFER: bool> Buffer for XdpFrame<MULTI_BUFFER> {
    type Context = xdp_md;

    #[inline(always)]
    fn of(ctx: *mut xdp_md, wire_len: u32) -> Self {
        // SAFETY: both fields are addresses.
        let (data, end) = unsafe {
            (
                address::<{ offset_of!(xdp_md, data) }, _>(ctx),
                address::<{ offset_of!(xdp_md, data_end) }, _>(ctx),
            )
        };
        Self { ctx, data, end, wire_len }
    }

    #[inline(always)]
    unsafe fn copy<const N: usize>(&self, from: u32, len: u32, to: *mut u8) -> bool {
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
}

//! [`Frame`] over the bytes of an XDP context.

use core::ffi::c_void;
use core::mem::offset_of;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
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
        } else if from + len as u32 > self.wire_len {
            false
        } else {
            // Verifiers before Linux 6.12 lose track in a loop over the packet, so it is a helper that copies.
            let start = (self.data + bounded(from)) as *const c_void;
            // SAFETY: the bytes lie in the frame, and `to` has room for N bytes.
            unsafe { bpf_probe_read_kernel(to.cast::<c_void>(), len as u32, start) == 0 }
        }
    }
}

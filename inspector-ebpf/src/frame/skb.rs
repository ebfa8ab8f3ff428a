//! [`Frame`] over a socket buffer on its way out.

use core::ffi::c_void;
use core::mem::offset_of;

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::{bpf_skb_load_bytes, bpf_skb_pull_data};
use aya_ebpf::programs::TcContext;
use inspector_common::Frame;

use super::{Buffer, address, bounded, read};

/// Ethernet, IPv4 and TCP without options: where even these are not in one piece, they are made so.
/// What comes later of the headers the stack keeps together as well; payload it does not.
const HEADERS: u32 = 54;

/// A sent frame. The kernel keeps the headers in one piece and the payload in fragments.
pub(crate) struct SkbFrame {
    skb: *mut __sk_buff,
    data: usize,
    end: usize,
    wire_len: u32,
}

/// Has the kernel put the headers in one piece.
#[inline(always)]
pub(crate) fn gather_headers(ctx: &TcContext) {
    let headers = ctx.len().min(HEADERS);
    let SkbFrame { data, end, .. } = SkbFrame::of(ctx.skb.skb, 0);
    if data + headers as usize > end {
        // SAFETY: the context is the one that the kernel passed in. A refusal leaves short headers,
        // which are counted as such.
        unsafe { bpf_skb_pull_data(ctx.skb.skb, headers) };
    }
}

/// The tag that the stack keeps beside the frame, for the card to put in.
#[inline(always)]
pub(crate) fn tag(ctx: &TcContext) -> Option<u16> {
    // SAFETY: the context is the one that the kernel passed in.
    let skb = unsafe { &*ctx.skb.skb };
    (skb.vlan_present != 0).then_some(skb.vlan_tci as u16)
}

impl Frame for SkbFrame {
    #[inline(always)]
    fn wire_len(&self) -> u32 {
        self.wire_len
    }

    #[inline(always)]
    fn fresh(&self) -> Self {
        Self::of(self.skb, self.wire_len)
    }

    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        // SAFETY: both are the context's.
        unsafe { read(self.data, self.end, offset) }
    }

    #[inline(always)]
    fn read_payload<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let (to, len) = (bytes.as_mut_ptr().cast::<c_void>(), N as u32);
        // SAFETY: the buffer has room for N bytes.
        let result = unsafe { bpf_skb_load_bytes(self.skb.cast::<c_void>(), offset, to, len) };
        (result == 0).then_some(bytes)
    }
}

impl Buffer for SkbFrame {
    type Context = __sk_buff;

    #[inline(always)]
    fn of(skb: *mut __sk_buff, wire_len: u32) -> Self {
        // SAFETY: both fields are addresses.
        let (data, end) = unsafe {
            (
                address::<{ offset_of!(__sk_buff, data) }, _>(skb),
                address::<{ offset_of!(__sk_buff, data_end) }, _>(skb),
            )
        };
        Self { skb, data, end, wire_len }
    }

    #[inline(always)]
    unsafe fn copy<const N: usize>(&self, from: u32, len: u32, to: *mut u8) -> bool {
        // As for XDP: these comparisons are the ones that the verifier goes by.
        let len = bounded(len);
        if len < 8 || len > N {
            return false;
        }
        let to = to.cast::<c_void>();
        // SAFETY: `to` has room for N bytes.
        unsafe { bpf_skb_load_bytes(self.skb.cast::<c_void>(), from, to, len as u32) == 0 }
    }
}

//! Frames as the kernel's hooks hand them over.

pub(crate) mod skb;
pub(crate) mod xdp;

use core::arch::asm;

use inspector_common::Frame;
use inspector_common::frame::MAX_OFFSET;

/// A frame of which parts can be copied, wherever they lie.
pub(crate) trait Buffer: Frame + Sized {
    /// What the hook is called with.
    type Context;

    /// The context's frame, `wire_len` bytes long.
    fn of(ctx: *mut Self::Context, wire_len: u32) -> Self;

    /// Copies `len` bytes from `from` on; `false` if that was not possible.
    ///
    /// # Safety
    /// `to` has room for `N` bytes and is aligned to eight. `len` is at least 8 and at most `N`.
    unsafe fn copy<const N: usize>(&self, from: u32, len: u32, to: *mut u8) -> bool;
}

/// The value, masked to [`MAX_OFFSET`]; see [`masked`].
#[inline(always)]
pub(crate) fn bounded(value: u32) -> usize {
    const { assert!((MAX_OFFSET + 1).is_power_of_two()) };
    masked::<MAX_OFFSET>(value as usize)
}

/// The value, masked where the compiler cannot see it: it would drop a mask that an earlier check makes
/// needless, and the verifier, which tracks registers and not meanings, would then see an unbounded
/// offset.
#[inline(always)]
pub(crate) fn masked<const MASK: u32>(mut value: usize) -> usize {
    // SAFETY: it masks a register.
    unsafe {
        asm!("{0} &= {1}", inout(reg) value, const MASK, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

/// `N` bytes at `offset` of what lies between `data` and `end`, or `None` where they are not all there.
///
/// # Safety
/// `data` and `end` are a context's.
#[inline(always)]
pub(crate) unsafe fn read<const N: usize>(data: usize, end: usize, offset: u32) -> Option<[u8; N]> {
    if offset > MAX_OFFSET {
        return None;
    }
    let start = data + bounded(offset);
    if start + N > end {
        return None;
    }
    // SAFETY: data <= start and start + N <= end, and the verifier proves it again.
    Some(unsafe { (start as *const [u8; N]).read() })
}

/// The field at `OFFSET` of a hook's context, which holds an address of the packet's.
///
/// The kernel declares these fields as 32 bits wide, and what is loaded as such the compiler may extend
/// to 64 bits by shifts, which the verifier refuses for addresses. Each call is a load of its own.
///
/// # Safety
/// `ctx` is a context of which the field is an address.
#[inline(always)]
pub(crate) unsafe fn address<const OFFSET: usize, C>(ctx: *mut C) -> usize {
    let address: usize;
    // SAFETY: it loads a field of the context, as which the kernel gives the whole address.
    unsafe {
        asm!("{0} = *(u32 *)({1} + {2})", out(reg) address, in(reg) ctx, const OFFSET, options(nostack, preserves_flags, readonly));
    }
    address
}

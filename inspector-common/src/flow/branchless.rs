//! Arithmetic without branches, of which the kernel's verifier would follow each way.

/// 1 if `x` is not zero, else 0.
#[inline(always)]
pub(super) fn nonzero(x: u32) -> u32 {
    high32(u64::from(x) + 0xffff_ffff)
}

/// 1 if `a` is below `b`, else 0.
#[inline(always)]
pub(super) fn below(a: u32, b: u32) -> u32 {
    high32(u64::from(a).wrapping_sub(u64::from(b))) & 1
}

#[inline(always)]
pub(super) fn min(a: u32, b: u32) -> u32 {
    b ^ (a ^ b) & below(a, b).wrapping_neg()
}

#[inline(always)]
pub(super) fn max(a: u32, b: u32) -> u32 {
    a ^ (a ^ b) & below(a, b).wrapping_neg()
}

#[inline(always)]
fn high32(x: u64) -> u32 {
    (x >> 32) as u32
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it is what the function is for")]
pub(super) fn low16(x: u32) -> u16 {
    x as u16
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it is what the function is for")]
pub(super) fn low8(x: u32) -> u8 {
    x as u8
}

//! Do bytes look like uniformly random ones, as ciphertext without any header does?
//!
//! Three statistics that suit few bytes, each held against what it is for `n` uniform bytes:
//! - set bits: mean `4n`, variance `2n`;
//! - pairs of equal bytes: mean and nearly variance `n(n-1)/512`;
//! - the commonest byte, which framing, padding and text repeat.
//!
//! The first is the test that the Great Firewall applies (Wu et al., USENIX Security 2023) with a bound that
//! follows from the length; its other tests, runs of printable bytes, are kept as they are.

/// Fewer bytes can't be judged.
pub(super) const LEAST: usize = 24;

/// Standard deviations that set bits may be off: random bytes are further off once in 1,400.
const BITS_SIGMA: f64 = 3.4;
/// Standard deviations of pairs of equal bytes, with 2 more for few bytes, whose distribution is skewed.
const PAIRS_SIGMA: f64 = 4.0;
/// A run of printable bytes as long as this is text: of random bytes once in 2^28.
const PRINTABLE_RUN: usize = 20;

/// Whether `bytes`, of at least [`LEAST`], may be uniformly random.
pub(crate) fn is_random(bytes: &[u8]) -> bool {
    let n = bytes.len() as f64;
    let mut counts = [0_u16; 256];
    let (mut bits, mut run, mut longest, mut printable) = (0, 0, 0, 0_usize);
    for byte in bytes {
        bits += byte.count_ones();
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
        let is_printable = matches!(byte, 0x20..=0x7e);
        printable += usize::from(is_printable);
        run = if is_printable { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let off = (f64::from(bits) - 4.0 * n).abs() / (2.0 * n).sqrt();
    let pairs: f64 = counts.iter().map(|&c| f64::from(c) * (f64::from(c) - 1.0) / 2.0).sum();
    let expected = n * (n - 1.0) / 512.0;
    let commonest = counts.iter().copied().max().unwrap_or(0);
    let mean = n / 256.0;
    bytes.len() >= LEAST
        && off <= BITS_SIGMA
        && pairs <= expected + PAIRS_SIGMA * expected.sqrt() + 2.0
        && pairs >= expected - PAIRS_SIGMA * expected.sqrt() - 2.0
        && f64::from(commonest) <= mean + 5.0 * mean.sqrt() + 2.0
        && longest < PRINTABLE_RUN
        && printable * 2 < bytes.len() + 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::noise;

    #[test]
    fn nearly_all_noise_is_random_at_any_length() {
        for len in [24, 48, 64, 128, 400, 536] {
            let passed = (0..1000).filter(|seed| is_random(&noise(seed + 1, len))).count();
            assert!(passed >= 970, "{passed} of 1000 with {len} bytes");
        }
    }

    #[test]
    fn text_counters_and_padding_are_not() {
        assert!(!is_random(b"The quick brown fox jumps over the lazy dog"));
        assert!(!is_random(&(0..=255).collect::<Vec<u8>>()));
        assert!(!is_random(&[0x5a; 64]));
        let mut padded = noise(7, 200);
        padded.extend([0; 24]);
        assert!(!is_random(&padded));
        let base64: Vec<u8> =
            noise(9, 200).iter().map(|b| b"ABCDEFGHIJKLMNOPabcdefghijklmnop"[usize::from(b % 32)]).collect();
        assert!(!is_random(&base64));
    }
}

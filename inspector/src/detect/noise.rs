//! Whether bytes look like ciphertext: uniform, independent, without structure.
//!
//! Every statistic is compared with what uniform bytes have, 4 standard deviations wide, so ciphertext passes
//! all three about 999 times in 1000. Compressed and most binary data fails one of them as soon as there are a
//! few dozen bytes with a header in them; text always does.

/// Fewest bytes that can be judged: below, the intervals are too wide to exclude anything.
pub(super) const LEAST: usize = 48;

/// Most bytes that are looked at.
const MOST: usize = 512;

const SIGMAS: f64 = 4.0;

/// Whether `bytes` can't be told from uniform ones by the number of set bits (binomial: mean 4 a byte,
/// variance 2), the bytes that are printable (95 of 256) and repeated values (n(n−1)/2 pairs, each equal once
/// in 256). `None` where there are too few.
pub(super) fn is_uniform(bytes: &[u8]) -> Option<bool> {
    let bytes = bytes.get(..bytes.len().min(MOST))?;
    if bytes.len() < LEAST {
        return None;
    }
    let n = bytes.len() as f64;
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    let printable = bytes.iter().filter(|byte| matches!(byte, 0x20..=0x7e)).count() as f64;
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let equal: f64 = counts.iter().map(|count| f64::from(*count) * (f64::from(*count) - 1.0) / 2.0).sum();
    let pairs = n * (n - 1.0) / 2.0 / 256.0;
    let p = 95.0 / 256.0;
    let near = |value: f64, mean: f64, variance: f64| (value - mean).abs() <= SIGMAS * variance.sqrt();
    // Pairs of few bytes are skewed: one more than the deviations is allowed.
    let repeats = equal <= pairs + SIGMAS * pairs.sqrt() + 1.0;
    Some(near(f64::from(ones), 4.0 * n, 2.0 * n) && near(printable, p * n, p * (1.0 - p) * n) && repeats)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes like ciphertext, for tests.
    pub(in crate::detect) fn ciphertext(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0]
        };
        (0..len).map(|_| next()).collect()
    }

    /// Bytes in hexadecimal.
    pub(in crate::detect) fn hex(bytes: &[u8]) -> String {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap();
        bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    #[test]
    fn ciphertext_is_uniform_and_text_and_headers_are_not() {
        let lens = [48, 64, 100, 300, 1400];
        let uniform =
            |len| (0..2000).filter(|seed| is_uniform(&ciphertext(len, *seed)) == Some(true)).count();
        for len in lens {
            assert!(uniform(len) >= 1990, "{len}");
        }
        let text = b"The quick brown fox jumps over the lazy dog, and then sleeps until it is noon again.";
        assert_eq!(is_uniform(text), Some(false));
        assert_eq!(is_uniform(&[0; 64]), Some(false));
        let counter: Vec<u8> = (0..40_u8).flat_map(|i| [0, i]).collect();
        assert_eq!(is_uniform(&counter), Some(false));
        let base64 = b"JTH6Zv0RGDzEsKqGYY0aZ3wWutNn4Vlh1HK0rlwQMcJuIl7vGstD3Af4aDmTO1rhybXko";
        assert_eq!(is_uniform(base64), Some(false));
        assert_eq!(is_uniform(&ciphertext(47, 1)), None);
    }
}

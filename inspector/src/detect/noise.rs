//! Whether bytes look like ciphertext: uniform and independent, without structure.
//!
//! Five statistics that suit few bytes, each held against what `n` uniform bytes have. Every bound is 3.5 standard
//! deviations off, which uniform bytes exceed once in 2,000 times; one of them they exceed once in 340 to 780 times,
//! by length (simulated, 100,000 times each). That is what a detector has to allow for; text, counters, padding, and
//! anything with a header of more than a few bytes fail.
//!
//! - Set bits, binomial: mean `4n`, variance `2n`. It is the first test that the Great Firewall applies (Wu et al.,
//!   USENIX Security 2023), with a bound that follows from the length.
//! - Printable bytes, binomial: 95 of 256.
//! - Pairs of equal bytes, nearly Poisson: mean and variance `n(n−1)/512`. Too few of them are a counter or a
//!   permutation, too many are padding.
//! - The commonest byte: the greatest of 256 counts that are Poisson with mean `n/256`.
//! - The longest run of printable bytes: 20 are text, of uniform bytes once in 2^28 at each place.

/// Fewest bytes that can be judged: below, the intervals are too wide to exclude anything.
pub(super) const LEAST: usize = 24;

/// Most bytes that are looked at; as many as a head has, but for those of HTTP and TLS.
const MOST: usize = 512;

const SIGMAS: f64 = 3.5;
/// Counts of few bytes are skewed to the greater side, so a bound above them is this much further off.
const SKEW: f64 = 2.0;
/// The greatest of 256 counts is as rarely this many deviations off as a single one is 3.5.
const SIGMAS_OF_GREATEST: f64 = 5.0;
const PRINTABLE: f64 = 95.0 / 256.0;
const PRINTABLE_RUN: usize = 20;

/// Whether `bytes`, of at least [`LEAST`], can't be told from uniform ones.
pub(super) fn is_uniform(bytes: &[u8]) -> bool {
    let bytes = bytes.get(..MOST).unwrap_or(bytes);
    if bytes.len() < LEAST {
        return false;
    }
    let n = bytes.len() as f64;
    let near =
        |value: u32, mean: f64, variance: f64| (f64::from(value) - mean).abs() <= SIGMAS * variance.sqrt();
    let printable = bytes.iter().map(|byte| u32::from(is_printable(*byte))).sum();
    if !near(printable, n * PRINTABLE, n * PRINTABLE * (1.0 - PRINTABLE)) || has_printable_run(bytes) {
        return false;
    }
    let ones = bytes.iter().map(|byte| byte.count_ones()).sum();
    if !near(ones, 4.0 * n, 2.0 * n) {
        return false;
    }
    let (pairs, commonest) = repeats(bytes);
    let expected = n * (n - 1.0) / 512.0;
    let margin = SIGMAS * expected.sqrt() + SKEW;
    let mean = n / 256.0;
    (f64::from(pairs) - expected).abs() <= margin
        && f64::from(commonest) <= mean + SIGMAS_OF_GREATEST * mean.sqrt() + SKEW
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// Whether [`PRINTABLE_RUN`] printable bytes follow each other. One of them is the last of a chunk of as many, so only
/// from those it is looked either way.
fn has_printable_run(bytes: &[u8]) -> bool {
    (PRINTABLE_RUN - 1..bytes.len()).step_by(PRINTABLE_RUN).any(|at| {
        let (before, behind) = bytes.split_at(at);
        let all = before.iter().rev().take_while(|byte| is_printable(**byte)).count();
        let and = behind.iter().take_while(|byte| is_printable(**byte)).count();
        and > 0 && all + and >= PRINTABLE_RUN
    })
}

/// Pairs of equal bytes, and how often the commonest byte is there.
fn repeats(bytes: &[u8]) -> (u32, u16) {
    let mut counts = [0_u16; 256];
    let mut pairs = 0;
    for byte in bytes {
        let count = &mut counts[usize::from(*byte)];
        pairs += u32::from(*count);
        *count += 1;
    }
    (pairs, counts.into_iter().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::noise;

    #[test]
    fn uniform_bytes_of_any_length_pass() {
        for len in [24, 32, 48, 64, 100, 200, 300, 536, 1400] {
            let passed = (0..5000).filter(|seed| is_uniform(&noise(*seed, len))).count();
            assert!(passed >= 4970, "{passed} of 5000 with {len} bytes");
        }
        assert!(!is_uniform(&noise(1, 23)));
    }

    #[test]
    fn text_counters_headers_and_padding_do_not() {
        assert!(!is_uniform(
            b"The quick brown fox jumps over the lazy dog, and then sleeps until it is noon."
        ));
        assert!(!is_uniform(b"JTH6Zv0RGDzEsKqGYY0aZ3wWutNn4Vlh1HK0rlwQMcJuIl7vGstD3Af4aDmTO1rhybXko"));
        assert!(!is_uniform(&(0..=255).collect::<Vec<u8>>()));
        assert!(!is_uniform(&(0..40_u8).flat_map(|i| [0, i]).collect::<Vec<u8>>()));
        assert!(!is_uniform(&[0x5a; 64]));
        assert!(!is_uniform(&[noise(7, 200), vec![0; 24]].concat()));
        assert!(!is_uniform(&[b"Content-Type: application/octet-stream\r\n", &noise(7, 400)[..]].concat()));
    }

    #[test]
    fn a_run_of_printable_bytes_is_found_wherever_it_lies() {
        for len in [19, 20, 21, 40, 100] {
            for from in 0..len {
                for to in from..=len {
                    let byte = |at| if (from..to).contains(&at) { b'a' } else { 0 };
                    let bytes: Vec<u8> = (0..len).map(byte).collect();
                    assert_eq!(
                        has_printable_run(&bytes),
                        to - from >= PRINTABLE_RUN,
                        "{from}..{to} of {len}"
                    );
                }
            }
        }
    }
}

//! First-order and conditional entropy of a sequence of symbols.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Shannon entropy of the patterns of `len` consecutive symbols, bits: −Σ p log2 p. 0 where there is none.
#[must_use]
pub fn of_patterns(symbols: &[u8], len: usize) -> f64 {
    let mut counts: HashMap<&[u8], u32, FixedState> = HashMap::default();
    for pattern in symbols.windows(len.max(1)) {
        *counts.entry(pattern).or_default() += 1;
    }
    let all = f64::from(counts.values().sum::<u32>().max(1));
    counts.values().map(|&count| f64::from(count) / all).map(|share| -share * share.log2()).sum()
}

/// Corrected conditional entropy, bits a symbol: the least over m ≤ `longest` of
/// H(m) − H(m−1) + perc(m) · H(1), where perc(m) is the share of patterns of m symbols that occur once.
///
/// Porta et al., Biological Cybernetics 78 (1998); for covert timing: Gianvecchio and Wang, CCS 2007. Near 0
/// for periodic sequences, near H(1) for random ones; the correction keeps short samples from looking regular.
#[must_use]
pub fn corrected_conditional(symbols: &[u8], longest: usize) -> f64 {
    let first = of_patterns(symbols, 1);
    let at =
        |m: usize| of_patterns(symbols, m) - of_patterns(symbols, m - 1) + unique_share(symbols, m) * first;
    (2..=longest).map(at).fold(first, f64::min)
}

fn unique_share(symbols: &[u8], len: usize) -> f64 {
    let mut counts: HashMap<&[u8], u32, FixedState> = HashMap::default();
    for pattern in symbols.windows(len) {
        *counts.entry(pattern).or_default() += 1;
    }
    let all = counts.values().sum::<u32>().max(1);
    let once = counts.values().filter(|&&count| count == 1).count();
    once as f64 / f64::from(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_values_computed_by_hand() {
        // 0, 0, 1, 2: ½·1 + 2·¼·2 = 1.5 bits.
        assert!((of_patterns(&[0, 0, 1, 2], 1) - 1.5).abs() < 1e-12);
        // Pairs of 0101: 01 twice, 10 once: −⅔ log2 ⅔ − ⅓ log2 ⅓ = 0.9183; CE = 0.9183 − 1, unique share ⅓.
        assert!((of_patterns(&[0, 1, 0, 1], 2) - 0.918_296).abs() < 1e-6);
        assert!((corrected_conditional(&[0, 1, 0, 1], 2) - (0.918_296 - 1.0 + 1.0 / 3.0)).abs() < 1e-6);
    }

    #[test]
    fn is_low_for_what_repeats_high_for_what_is_random_and_never_above_the_first_order() {
        let periodic: Vec<u8> = (0..400u16).map(|n| u8::try_from(n % 4).unwrap()).collect();
        assert!(corrected_conditional(&periodic, 5) < 0.05);
        let mut state = 1u32;
        let random: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(state >> 30).unwrap()
        })
        .take(400)
        .collect();
        let entropy = corrected_conditional(&random, 5);
        assert!(entropy > 1.5 && entropy <= of_patterns(&random, 1));
        assert!(corrected_conditional(&[], 5).abs() < 1e-12);
    }
}

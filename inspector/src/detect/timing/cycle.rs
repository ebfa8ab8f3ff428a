//! Gaps that go round in a short circle: a machine's steps, or a text of a few bytes that is sent again and again.

/// Symbols of the longest circle that is looked for, and share of them that must be the same one turn later: each gap that is
/// lost on the way spoils as many as a turn has. Independent symbols of four have 0.25.
const LONGEST: usize = 64;
const SAME: f64 = 0.5;
/// A turn is the shortest that is nearly as good as the best, which may be several of them.
const NEARLY: f64 = 0.1;
/// Slots of a byte, and bytes of the shortest text: of one, nearly any circle spells some.
const BYTE: usize = 8;
const LEAST_BYTES: usize = 2;
/// Slots of the longest text.
const SLOTS: usize = 64 * BYTE;

/// The fewest symbols after which they repeat.
pub(super) fn period(symbols: &[u8]) -> Option<usize> {
    let same = |turn: usize| {
        let pairs = symbols.iter().zip(symbols.get(turn..).unwrap_or_default());
        let all = symbols.len().saturating_sub(turn).max(1);
        pairs.filter(|(a, b)| a == b).count() as f64 / all as f64
    };
    let turns = 1..=LONGEST.min(symbols.len() / 3);
    let best = turns.clone().map(same).fold(0.0, f64::max);
    turns.into_iter().find(|&turn| same(turn) >= SAME.max(best - NEARLY))
}

/// Whether a circle of gaps, in slots, spells a text of whole bytes, with a packet in each slot of a one and none in those of
/// a zero (IPCTC; Cabuk et al., CCS 2004). Of circles of 16 slots two in three do, of 32 one in seven, and seven in eight have
/// no whole number of bytes.
pub(super) fn spells_text(gaps: &[usize]) -> bool {
    let all: usize = gaps.iter().sum();
    if !all.is_multiple_of(BYTE) || !(LEAST_BYTES * BYTE..=SLOTS).contains(&all) || gaps.contains(&0) {
        return false;
    }
    let mut bits = vec![false; all];
    let mut at = 0;
    for gap in gaps {
        at += gap;
        if let Some(bit) = bits.get_mut(at - 1) {
            *bit = true;
        }
    }
    (0..BYTE).any(|phase| {
        bits.rotate_left(usize::from(phase > 0));
        bits.chunks(BYTE).all(|bits| is_text(bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))))
    })
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_whole_bytes_is_spelled_from_any_bit_on() {
        // 01000001 01000010: ones at 1, 7, 9 and 14.
        let gaps = [6, 2, 5, 3];
        for turn in 0..4 {
            let mut gaps = gaps;
            gaps.rotate_left(turn);
            assert!(spells_text(&gaps), "{gaps:?}");
        }
        // Fifteen slots; bytes with all bits in a row; nothing; one byte.
        for gaps in [&[6, 2, 4, 3][..], &[1; 16], &[], &[6, 2], &[0, 16]] {
            assert!(!spells_text(gaps), "{gaps:?}");
        }
    }

    #[test]
    fn the_shortest_circle_is_found_and_where_there_is_none_none_is() {
        let turns = |cycle: &[u8]| cycle.repeat(20);
        assert_eq!(period(&turns(&[1, 2, 3, 0])), Some(4));
        assert_eq!(period(&turns(&[1, 1, 2])), Some(3));
        let mut noisy = turns(&[1, 2, 3, 0, 3]);
        noisy.remove(33);
        noisy.insert(70, 9);
        assert_eq!(period(&noisy), Some(5));
        let mut state = 1u32;
        let random: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24).to_le_bytes()[0] % 4
        })
        .take(300)
        .collect();
        assert_eq!(period(&random), None);
        assert_eq!(period(&[]), None);
    }
}

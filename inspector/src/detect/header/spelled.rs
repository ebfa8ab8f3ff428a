//! Numbers of 16 bits that spell text: identifications of packets of which every one is looked at, and of DNS queries.
//!
//! Two letters, or one in the low byte, in packet after packet are told soon: of random numbers one in seven is two printable
//! characters, and one in 700 is one with a high byte of zero.

use super::Alphabet;

/// Numbers that are looked at together.
const WINDOW: usize = 12;

/// Of how many kinds they have to be: a few that repeat are a sender's habit.
const DISTINCT: u32 = 6;

/// The last numbers of a pair.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::detect) struct Spelled {
    ids: [u16; WINDOW],
    written: usize,
    /// Windows of which all are letters, counted anew for each packet.
    pub(in crate::detect) found: u32,
}

/// Whether a number is two printable characters, or one.
pub(in crate::detect) const fn is_letters(id: u16) -> bool {
    let [high, low] = id.to_be_bytes();
    (high == 0 || is_printable(high)) && is_printable(low)
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

impl Spelled {
    /// Adds one that is not the one before: copies of a packet, and packets without one, say nothing.
    pub(in crate::detect) fn add(&mut self, id: u16) {
        if self.written > 0 && self.ids[(self.written - 1) % WINDOW] == id {
            return;
        }
        self.ids[self.written % WINDOW] = id;
        self.written += 1;
        self.found += u32::from(self.written >= WINDOW && self.is_text());
    }

    /// Whether all of the last ones are letters, of either kind, and go back as often as letters do.
    fn is_text(&self) -> bool {
        let mut values = Alphabet::default();
        self.ids.iter().for_each(|id| values.add((*id).into()));
        let are_short = self.ids.iter().all(|id| id >> 8 == 0);
        let are_long = self.ids.iter().all(|id| id >> 8 != 0);
        let steps = (self.written..self.written + WINDOW - 1)
            .map(|at| self.ids[(at + 1) % WINDOW].wrapping_sub(self.ids[at % WINDOW]));
        // A counter's steps are short and go forward.
        let backwards = steps.filter(|step| *step >= 0x8000).count();
        (are_short || are_long)
            && self.ids.iter().all(|id| is_letters(*id))
            && values.distinct() >= DISTINCT
            && backwards * 4 >= WINDOW - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ids: impl IntoIterator<Item = u16>) -> u32 {
        let mut spelled = Spelled::default();
        ids.into_iter().for_each(|id| spelled.add(id));
        spelled.found
    }

    #[test]
    fn letters_are_found_by_the_twelfth_and_counters_and_noise_are_not() {
        let text = b"the key is under the third stone";
        assert!(found(text.iter().map(|byte| u16::from(*byte))) > 0);
        assert!(found(text.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))) > 0);
        assert_eq!(found(0x2020..0x2f00), 0, "a counter");
        assert_eq!(found(32..127), 0, "a counter that began at zero");
        assert_eq!(found((0..200).map(|i| 0x3040 + i % 3)), 0, "few values");
        let noise = |i: u16| u16::from_be_bytes(crate::detect::wire::noise(i.into(), 2).try_into().unwrap());
        assert_eq!(found((0..4000).map(noise)), 0);
    }
}

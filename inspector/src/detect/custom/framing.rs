//! What the messages of one direction have in common: fields that a protocol's header keeps.

/// Bytes of a message that are compared with those of the others.
const PREFIX: usize = 16;
/// Fewer messages can't be compared: random ones share a nibble at some place once in 6,500 times.
pub(in crate::detect) const LEAST: u32 = 5;

/// What was common to all messages so far.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::detect) struct Framing {
    messages: u32,
    first: [u8; PREFIX],
    /// Bits that were the same in all messages.
    same: u128,
    /// Differences between the message's length and each reading of a length field, and whether still so.
    lengths: [(u32, bool); Self::FIELDS],
    /// Bit `n`: a length of `n` modulo 16.
    residues: u16,
    /// Shortest prefix compared.
    compared: usize,
}

impl Framing {
    const FIELDS: usize = 6;

    /// Adds a message of `len` bytes.
    pub(in crate::detect) fn add(&mut self, bytes: &[u8], len: u32) {
        let mut prefix = [0; PREFIX];
        for (to, from) in prefix.iter_mut().zip(bytes) {
            *to = *from;
        }
        let lengths = Self::readings(bytes).map(|value| len.wrapping_sub(value));
        if self.messages == 0 {
            (self.first, self.same, self.compared) = (prefix, u128::MAX, bytes.len().min(PREFIX));
            self.lengths = lengths.map(|difference| (difference, true));
        } else {
            self.same &= !(u128::from_be_bytes(self.first) ^ u128::from_be_bytes(prefix));
            self.compared = self.compared.min(bytes.len());
            for ((common, holds), difference) in self.lengths.iter_mut().zip(lengths) {
                *holds &= *common == difference;
            }
        }
        self.residues |= 1 << (len & 15);
        self.messages += 1;
    }

    /// The length fields that a message may begin with: 16 bits of either order at offsets 0 to 2.
    fn readings(bytes: &[u8]) -> [u32; Self::FIELDS] {
        let read = |at: usize| {
            let pair =
                bytes.get(at..at + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok()).unwrap_or_default();
            [u32::from(u16::from_be_bytes(pair)), u32::from(u16::from_le_bytes(pair))]
        };
        let mut readings = [0; Self::FIELDS];
        for (to, from) in readings.iter_mut().zip((0..3).flat_map(read)) {
            *to = from;
        }
        readings
    }

    /// Whether the messages have a header: a nibble or the first two bits that never change, or their length.
    pub(in crate::detect) fn is_framed(&self) -> bool {
        if self.messages < LEAST {
            return false;
        }
        let nibbles = (0..2 * self.compared).any(|i| {
            let mask = 0xf_u128 << (124 - 4 * i);
            self.same & mask == mask
        });
        let is_quic_or_rtp = self.same >> 126 == 3;
        nibbles || is_quic_or_rtp || self.lengths.iter().any(|(_, holds)| *holds)
    }

    /// Whether every length is the same modulo 16, though not the same: whole cipher blocks behind a header
    /// of fixed size.
    pub(in crate::detect) const fn is_blocks(&self) -> bool {
        self.messages >= LEAST && self.residues.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::noise;

    fn framing(header: impl Fn(u64) -> Vec<u8>) -> Framing {
        let mut framing = Framing::default();
        for i in 0..8 {
            let mut bytes = header(i);
            bytes.extend(noise(i + 1, 40 + usize::try_from(i).unwrap() * 7));
            framing.add(&bytes, u32::try_from(bytes.len()).unwrap());
        }
        framing
    }

    #[test]
    fn headers_are_found() {
        assert!(framing(|_| vec![0x17]).is_framed());
        assert!(framing(|i| vec![0, u8::try_from(40 + i * 7).unwrap()]).is_framed());
        assert!(framing(|i| (i * 3).to_be_bytes().to_vec()).is_framed());
        // A length field behind a random byte.
        assert!(
            framing(|i| [noise(99 + i, 1), vec![0, u8::try_from(41 + i * 7).unwrap()]].concat()).is_framed()
        );
    }

    #[test]
    fn noise_has_none() {
        assert!(!framing(|_| Vec::new()).is_framed());
        assert!(!framing(|_| Vec::new()).is_blocks());
    }
}

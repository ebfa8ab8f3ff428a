//! What is sent covertly.

use super::Numbers;

const TEXT: &[u8] = b"Meet me at the old bridge on Thursday at nine. Bring the list of names and the keys to the second \
    house; nobody else should know about it. If the lamp in the window is out, walk on and do not turn around. ";

/// The bits of a message without end.
#[derive(Debug)]
pub(super) struct Message {
    /// What looks like ciphertext comes from here, text doesn't.
    numbers: Option<Numbers>,
    bits: usize,
}

impl Message {
    pub(super) fn new(seed: u64) -> Self {
        let numbers = (seed % 2 == 1).then(|| Numbers::new(seed ^ 0x7e57));
        Self { numbers, bits: 0 }
    }

    fn bit(&mut self) -> u32 {
        if let Some(numbers) = &mut self.numbers {
            return numbers.below(2);
        }
        let byte = TEXT[self.bits / 8 % TEXT.len()];
        let bit = byte >> (7 - self.bits % 8) & 1;
        self.bits += 1;
        bit.into()
    }

    /// The next `width` bits, the first of them the most significant.
    pub(super) fn take(&mut self, width: u32) -> u32 {
        (0..width).fold(0, |value, _| value << 1 | self.bit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_from_its_first_bit_on_and_noise_is_not_text() {
        let mut text = Message::new(0);
        assert_eq!([8, 4, 4].map(|width| text.take(width)), [u32::from(b'M'), 6, 5]);
        let mut noise = Message::new(1);
        let ones = (0..10_000).map(|_| noise.take(1)).sum::<u32>();
        assert!((4_800..5_200).contains(&ones), "{ones}");
    }
}

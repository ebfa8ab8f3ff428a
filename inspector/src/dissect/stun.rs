//! STUN messages (RFC 8489 §5, §14) in datagrams.

/// A message, as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Class and method.
    pub kind: u16,
    /// Bytes of attributes, by the header's account.
    pub len: u32,
    attributes: &'a [u8],
}

/// An attribute: its type, its value as far as captured, and what pads it to a multiple of four bytes.
pub type Attribute<'a> = (u16, &'a [u8], &'a [u8]);

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

impl<'a> Message<'a> {
    /// Reads a message with the magic cookie.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let [k0, k1, l0, l1, cookie @ ..] = *bytes.first_chunk::<8>()?;
        let len = u16::from_be_bytes([l0, l1]);
        let is_message = k0 < 0x40 && cookie == COOKIE && len.is_multiple_of(4);
        let attributes = bytes.get(HEADER..)?;
        let attributes = attributes.get(..usize::from(len)).unwrap_or(attributes);
        is_message.then(|| Self { kind: u16::from_be_bytes([k0, k1]), len: len.into(), attributes })
    }

    /// Its attributes, but for one that is cut.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let [k0, k1, l0, l1] = *rest.first_chunk()?;
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            let padded = len.next_multiple_of(4);
            let (value, padding) = rest.get(4..4 + padded)?.split_at(len);
            rest = rest.get(4 + padded..)?;
            Some((u16::from_be_bytes([k0, k1]), value, padding))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::noise;

    #[test]
    fn attributes_are_read_as_far_as_they_are_there() {
        let mut bytes = vec![0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend(noise(1, 12));
        bytes.extend(*b"\x80\x22\0\x05hello\x01\x02\x03\0\x24\0\0");
        let message = Message::parse(&bytes).unwrap();
        let all: Vec<_> = message.attributes().collect();
        assert_eq!(all, [(0x8022, &b"hello"[..], &[1, 2, 3][..]), (0x24, &[][..], &[][..])]);
        assert_eq!(Message::parse(&bytes[..30]).unwrap().attributes().count(), 0);
        for seed in 0..2000 {
            let bytes = [&bytes[..20], &noise(seed, 60)].concat();
            let _ = Message::parse(&bytes).map(|message| message.attributes().count());
        }
    }
}

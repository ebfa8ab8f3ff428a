//! WebSocket frames (RFC 6455 §5.2).

/// Most bytes of a frame's data that are unmasked: enough for the greetings of other protocols, and for the first
/// lines of a request.
pub const DATA_MAX: usize = 256;

/// A frame's header, and how its data begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// Key that the data is masked with, `None` where it is not: clients must mask, servers must not.
    pub mask: Option<[u8; 4]>,
    /// Whether the first reserved bit is set: the message is compressed (RFC 7692).
    pub is_compressed: bool,
    /// Bytes of the header.
    pub header_len: u64,
    /// Bytes of data by the header's account.
    pub len: u64,
    data: [u8; DATA_MAX],
    captured: usize,
}

impl Frame {
    /// Reads the frame that a payload begins with; `None` where it is none or its header is cut.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [first, second, ..] = *payload else { return None };
        let opcode = first & 0x0f;
        if first & 0x30 != 0 || !matches!(opcode, 0..=2 | 8..=10) {
            return None;
        }
        let (len, rest) = match second & 0x7f {
            126 => {
                let (len, rest) = payload.get(2..)?.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = payload.get(2..)?.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), payload.get(2..)?),
        };
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let (mask, rest) = rest.split_first_chunk()?;
            (Some(*mask), rest)
        };
        let header_len = (payload.len() - rest.len()) as u64;
        let mut data = [0; DATA_MAX];
        let captured = rest.len().min(DATA_MAX).min(usize::try_from(len).unwrap_or(DATA_MAX));
        let key = mask.unwrap_or_default();
        for ((to, from), key) in data.iter_mut().zip(rest.iter().take(captured)).zip(key.iter().cycle()) {
            *to = from ^ key;
        }
        Some(Self { opcode, mask, is_compressed: first & 0x40 != 0, header_len, len, data, captured })
    }

    /// How the data begins, unmasked.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.data.get(..self.captured).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_and_unmasked() {
        // RFC 6455 §5.7.
        let hello = Frame::parse(&[0x81, 5, b'H', b'e', b'l', b'l', b'o']).unwrap();
        assert_eq!((hello.opcode, hello.mask, hello.data()), (1, None, &b"Hello"[..]));
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(Frame::parse(&masked).unwrap().data(), b"Hello");
        let long = [&[0x82, 0x7e, 1, 4][..], &[7; 260]].concat();
        let long = Frame::parse(&long).unwrap();
        assert_eq!((long.len, long.data().len()), (260, DATA_MAX));
        for cut in [&[][..], &[0x82], &[0x82, 0x7e, 1], &[0x82, 0xff, 0, 0, 0], &[0x82, 0x81, 1, 2, 3]] {
            assert_eq!(Frame::parse(cut), None);
        }
        assert_eq!(Frame::parse(b"SSH-2.0-x"), None);
    }
}

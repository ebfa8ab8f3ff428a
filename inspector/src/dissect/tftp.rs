//! TFTP (RFC 1350, with the options of RFC 2347 to 2349 and 7440).

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A request to read or write: everything behind its code, which is texts that end with a zero.
    Request(&'a [u8]),
    /// A block of data: its number, and its bytes as far as captured.
    Data(u16, &'a [u8]),
    /// An acknowledgement: the block, and what must not follow it.
    Acknowledgement(u16, &'a [u8]),
    /// An error: its code, and its text.
    Error(u16, &'a [u8]),
    /// Options that are agreed to, texts like a request's.
    Options(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Reads a datagram.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let ([0, kind], rest) = bytes.split_first_chunk()? else { return None };
        let number = || rest.split_first_chunk().map(|(number, rest)| (u16::from_be_bytes(*number), rest));
        Some(match kind {
            1 | 2 => Self::Request(rest),
            3 => number().map(|(block, data)| Self::Data(block, data))?,
            4 => number().map(|(block, excess)| Self::Acknowledgement(block, excess))?,
            5 => number().map(|(code, text)| Self::Error(code, text))?,
            6 => Self::Options(rest),
            _ => return None,
        })
    }
}

/// The texts of a request or of options, without their zeros, but for one that is cut.
pub fn texts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = bytes.iter().rposition(|byte| *byte == 0).unwrap_or(0);
    bytes.get(..end).unwrap_or_default().split(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let Some(Message::Request(rest)) = Message::parse(b"\0\x01boot\0octet\0blksize\x001468\0") else {
            panic!("a request")
        };
        assert_eq!(texts(rest).collect::<Vec<_>>(), [&b"boot"[..], b"octet", b"blksize", b"1468"]);
        assert_eq!(Message::parse(b"\0\x03\x01\x02x"), Some(Message::Data(0x102, b"x")));
        assert_eq!(Message::parse(b"\0\x04\0\x02"), Some(Message::Acknowledgement(2, b"")));
        assert_eq!(Message::parse(b"\0\x05\0\x01no\0"), Some(Message::Error(1, b"no\0")));
        for cut in [&b""[..], b"\0", b"\0\x03\x01", b"\0\x07\0\0", b"\x01\x03\0\0"] {
            assert_eq!(Message::parse(cut), None);
        }
        assert_eq!(texts(b"cut").filter(|text| !text.is_empty()).count(), 0);
    }
}

//! RTP's header (RFC 3550 §5.1, RFC 8285) and RTCP's compound packets in clear (§6).

/// A packet's header, as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Payload type, 0 to 127 without those that RTCP takes (RFC 5761 §4).
    pub kind: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub source: u32,
    /// The contributing sources, four bytes each.
    pub contributors: &'a [u8],
    /// Profile of the header extension, and its words.
    pub extension: Option<(u16, &'a [u8])>,
    /// Bytes of payload with padding, captured or not.
    pub payload_len: u32,
}

const FIXED: usize = 12;

impl<'a> Header<'a> {
    /// Reads a datagram of `len` bytes; `None` where it can't be RTP, or its header is cut.
    #[must_use]
    pub fn parse(bytes: &'a [u8], len: u32) -> Option<Self> {
        let [first, kind, s0, s1, t0, t1, t2, t3, x0, x1, x2, x3] = *bytes.first_chunk::<FIXED>()?;
        let kind = kind & 0x7f;
        if first >> 6 != 2 || (64..96).contains(&kind) {
            return None;
        }
        let end = FIXED + 4 * usize::from(first & 0x0f);
        let contributors = bytes.get(FIXED..end)?;
        let (extension, end) = if first & 0x10 == 0 {
            (None, end)
        } else {
            let [p0, p1, w0, w1] = *bytes.get(end..)?.first_chunk()?;
            let (start, words) = (end + 4, usize::from(u16::from_be_bytes([w0, w1])));
            let extension = bytes.get(start..start + 4 * words)?;
            (Some((u16::from_be_bytes([p0, p1]), extension)), start + 4 * words)
        };
        Some(Self {
            kind,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            source: u32::from_be_bytes([x0, x1, x2, x3]),
            contributors,
            extension,
            payload_len: len.checked_sub(u32::try_from(end).ok()?)?,
        })
    }
}

/// A report or description in a compound packet: its type, its count field, and its body.
pub type Report<'a> = (u8, u8, &'a [u8]);

/// The packets of a compound one that is in clear: they follow each other to the datagram's very end, which
/// SRTCP's index and code leave none to do. `None` where it is no such thing.
#[must_use]
pub fn compound(bytes: &[u8], len: u32) -> Option<Vec<Report<'_>>> {
    if !matches!(bytes, [0x80..=0xbf, 200 | 201, ..]) || u32::try_from(bytes.len()) != Ok(len) {
        return None;
    }
    let (mut rest, mut reports) = (bytes, Vec::new());
    while !rest.is_empty() {
        let [first, kind @ 192..=223, w0, w1] = *rest.first_chunk()? else { return None };
        let words = usize::from(u16::from_be_bytes([w0, w1]));
        let body = rest.get(4..4 + 4 * words).filter(|_| first >> 6 == 2)?;
        reports.push((kind, first & 0x1f, body));
        rest = rest.get(4 + 4 * words..)?;
    }
    Some(reports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::noise;

    #[test]
    fn headers_are_read_and_what_can_be_none_is_not() {
        let mut bytes =
            vec![0x91, 0xe0, 0, 7, 0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0];
        bytes.extend([0; 20]);
        let header = Header::parse(&bytes, 44).unwrap();
        assert_eq!((header.kind, header.sequence, header.timestamp, header.payload_len), (0x60, 7, 256, 20));
        assert_eq!(header.contributors, [1, 2, 3, 4]);
        assert_eq!(header.extension, Some((0xbede, &[0x10, 5, 0, 0][..])));
        for end in 0..24 {
            assert_eq!(Header::parse(&bytes[..end], 44), None, "{end}");
        }
        assert_eq!(Header::parse(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 12), None, "RTCP");
        for seed in 0..2000 {
            let bytes = noise(seed, 40);
            let _ = (Header::parse(&bytes, 40), compound(&bytes, 40));
        }
    }

    #[test]
    fn compounds_end_where_the_datagram_does() {
        let bytes = [0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 202, 0, 2, 1, 2, 3, 4, 1, 1, b'x', 0];
        let reports = compound(&bytes, 20).unwrap();
        assert_eq!(reports.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [201, 202]);
        assert_eq!(compound(&[&bytes[..], &[0; 14]].concat(), 34), None, "an index and a code");
        assert_eq!(compound(&bytes[..16], 20), None, "cut");
    }
}

//! NTP (RFC 5905): the header, extension fields, and what stands for a message authentication code.

/// Bytes of the header.
pub const HEADER: usize = 48;

/// A message of modes 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// 3 asks, 4 answers, 1 and 2 are peers, 5 broadcasts.
    pub mode: u8,
    /// Distance from a reference clock; 0 for unknown, 16 for none.
    pub stratum: u8,
    /// Root delay, units of 2^-16 seconds.
    pub root_delay: u32,
    /// Root dispersion, units of 2^-16 seconds.
    pub root_dispersion: u32,
    /// Whom or what the sender follows.
    pub reference_id: u32,
    /// When the sender's clock was last set: seconds since 1900 and 2^-32 of them.
    pub reference_time: u64,
    /// When the request left, by the clock of who sent it.
    pub origin_time: u64,
    /// When it arrived.
    pub receive_time: u64,
    /// When this message left.
    pub transmit_time: u64,
    /// What was captured of the bytes after the header.
    pub rest: &'a [u8],
}

/// Whether a datagram of `len` bytes may be NTP: version 1 to 4, and for its mode a sane header and length.
#[must_use]
pub fn is_ntp(payload: &[u8], len: u32) -> bool {
    let Some(first) = payload.first() else {
        return false;
    };
    let (version, mode) = (first >> 3 & 7, first & 7);
    if !(1..=4).contains(&version) {
        return false;
    }
    match mode {
        // Control messages (RFC 9327): a count that fits. Private ones of ntpdc: items of a known size.
        6 => payload.get(10..12).is_some_and(|count| u32::from(count[0]) << 8 | u32::from(count[1]) <= len),
        7 => len >= 4 && payload.get(2).is_some_and(|implementation| matches!(implementation, 0 | 2 | 3)),
        // Mode 0 is what clients of version 1 sent. Sizes of 48 and more, in words.
        _ => {
            let is_sane = payload.get(1).is_some_and(|stratum| *stratum <= 16 || mode == 3)
                && payload.get(2).is_some_and(|poll| matches!(*poll, 0..=24 | 0xf0..=0xff));
            len >= 48 && len.is_multiple_of(4) && is_sane
        }
    }
}

impl<'a> Message<'a> {
    /// Reads a message of modes 1 to 5.
    #[must_use]
    pub fn parse(payload: &'a [u8], len: u32) -> Option<Self> {
        let (header, rest) = payload.split_first_chunk::<HEADER>()?;
        let mode = header[0] & 7;
        if !is_ntp(payload, len) || !matches!(mode, 1..=5) {
            return None;
        }
        let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let time = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        Some(Self {
            mode,
            stratum: header[1],
            root_delay: word(4)?,
            root_dispersion: word(8)?,
            reference_id: word(12)?,
            reference_time: time(16)?,
            origin_time: time(24)?,
            receive_time: time(32)?,
            transmit_time: time(40)?,
            rest,
        })
    }

    /// The key's number of a message authentication code (RFC 5905 §7.3) behind a header without fields.
    #[must_use]
    pub fn key_id(&self) -> Option<[u8; 4]> {
        if matches!(self.rest.len(), 20 | 24 | 36) && !is_field(self.rest) {
            self.rest.first_chunk().copied()
        } else {
            None
        }
    }

    /// Its extension fields, as type and value. A trailing MAC, of 4, 20, 24, 28, 36, 52 or 68 bytes, ends them; bytes that are
    /// neither come as type `None`.
    pub fn extensions(&self) -> impl Iterator<Item = (Option<u16>, &'a [u8])> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            if matches!(rest.len(), 0 | 4 | 20 | 24 | 36 | 52 | 68 | 72) && !is_field(rest) {
                return None;
            }
            let field = field(rest);
            rest = field.map_or(&[], |(_, _, after)| after);
            Some(field.map_or((None, self.rest), |(kind, value, _)| (Some(kind), value)))
        })
    }
}

/// A first field, and what follows it.
fn field(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let [k0, k1, l0, l1, ..] = *bytes else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    if len < 16 || len % 4 != 0 {
        return None;
    }
    let (field, after) = bytes.split_at_checked(len)?;
    Some((u16::from_be_bytes([k0, k1]), field.get(4..)?, after))
}

/// Whether bytes that may be a MAC are one field instead, to their very end.
fn is_field(bytes: &[u8]) -> bool {
    field(bytes).is_some_and(|(_, _, after)| after.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..4].copy_from_slice(&[0x23, 2, 6, 0xe9]);
        bytes
    }

    #[test]
    fn reads_fields_and_tells_a_mac_from_them() {
        let mut bytes = request();
        bytes.extend([0x0a, 0x55, 0, 20]);
        bytes.extend([7; 16]);
        bytes.extend([0, 0, 0, 1]);
        bytes.extend([9; 16]);
        let message = Message::parse(&bytes, 88).unwrap();
        let fields: Vec<_> = message.extensions().collect();
        assert_eq!(fields, [(Some(0x0a55), &[7_u8; 16][..])]);
    }

    #[test]
    fn copes_with_anything() {
        for first in 0..=255 {
            for len in 0..120_usize {
                let bytes: Vec<u8> = std::iter::once(first)
                    .chain((1..len).map(|i| u8::try_from(i * 37 % 256).unwrap()))
                    .take(len)
                    .collect();
                if let Some(message) = Message::parse(&bytes, u32::try_from(len).unwrap()) {
                    assert!(message.extensions().count() < 8);
                }
            }
        }
    }
}

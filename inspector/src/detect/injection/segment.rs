//! Recent payload ranges of one direction of a TCP connection, and whether two of them contradict each other.

use crate::observation::Head;

/// Ranges that are kept of one direction. The two that a race is between are neighbours in time; four leave
/// room for what a real server sends in between.
const RANGES: usize = 4;

/// Bytes kept of one range. A forged answer differs from the real one in its status line or first headers,
/// a forged record of TLS in its length.
const KEPT: usize = 320;

/// The header fields and first bytes of one TCP segment with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) time_ns: u64,
    pub(super) seq: u32,
    /// Bytes of payload on the wire.
    pub(super) len: u32,
    /// The first bytes of the payload, at most [`KEPT`].
    pub(super) bytes: Box<[u8]>,
    pub(super) ttl: u8,
    pub(super) ip_id: u16,
    /// Whether the segment has the timestamp option.
    pub(super) has_timestamp: bool,
    /// Whether the checksum is right; `None` where not all of the segment was captured.
    pub(super) is_sound: Option<bool>,
}

impl Segment {
    /// The segment in a head; `None` where there is no TCP payload.
    pub(super) fn of(head: &Head<'_>) -> Option<Self> {
        let (segment, payload) = (head.segment(), head.payload());
        let &[s0, s1, s2, s3] = segment.get(4..8)?.first_chunk()?;
        let options = segment.get(20..usize::from(head.meta.l4_header_len))?;
        let kept = payload.get(..payload.len().min(KEPT)).unwrap_or_default();
        (!kept.is_empty()).then(|| Self {
            time_ns: head.meta.time_ns,
            seq: u32::from_be_bytes([s0, s1, s2, s3]),
            len: head.payload_len(),
            bytes: kept.into(),
            ttl: head.meta.ttl,
            ip_id: head.meta.ip_id,
            has_timestamp: has_timestamp(options),
            is_sound: is_sound(head, segment),
        })
    }

    /// The bytes in which the two disagree about the same places of the stream, and how many places they share.
    pub(super) fn contradiction(&self, other: &Self) -> (u32, u32) {
        let ahead = other.seq.wrapping_sub(self.seq).cast_signed();
        let (first, second) = if ahead >= 0 { (self, other) } else { (other, self) };
        let skip = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
        let shared = first.bytes.get(skip..).unwrap_or_default().iter().zip(&second.bytes);
        shared.fold((0, 0), |(differing, all), (a, b)| (differing + u32::from(a != b), all + 1))
    }
}

/// Whether options hold a timestamp (kind 8, RFC 7323). Reading stops where they make no sense.
fn has_timestamp(options: &[u8]) -> bool {
    let mut rest = options;
    loop {
        match rest {
            [8, 10, ..] => return true,
            [1, tail @ ..] => rest = tail,
            [0, ..] | [] | [_] => return false,
            [_, len, ..] => match rest.get(usize::from(*len).max(2)..) {
                Some(tail) => rest = tail,
                None => return false,
            },
        }
    }
}

/// Whether the TCP checksum holds (RFC 9293, 3.1); `None` where the segment was cut.
fn is_sound(head: &Head<'_>, segment: &[u8]) -> Option<bool> {
    let len = u32::try_from(segment.len()).ok()?;
    if len != head.meta.l4_len() {
        return None;
    }
    let key = &head.meta.key;
    let [l0, l1, l2, l3] = len.to_be_bytes();
    let pseudo = [l0, l1, l2, l3, 0, 0, 0, key.protocol];
    let (src, dst) =
        if key.is_ipv6() { (&key.src[..], &key.dst[..]) } else { (&key.src[12..], &key.dst[12..]) };
    let sum = [src, dst, &pseudo, segment].into_iter().map(words).sum::<u64>();
    Some(fold(sum) == 0xffff)
}

/// Sum of the big-endian 16-bit words; an odd byte at the end is the high one.
fn words(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let sum: u64 = pairs.iter().map(|&pair| u64::from(u16::from_be_bytes(pair))).sum();
    sum + rest.first().map_or(0, |&byte| u64::from(byte) << 8)
}

/// The ones'-complement sum of 16 bits.
fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// The last few ranges of one direction of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    recent: Vec<Segment>,
    next: usize,
}

impl Ranges {
    /// The ranges, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.recent.iter()
    }

    /// Keeps a range in place of the oldest.
    pub(super) fn keep(&mut self, segment: Segment) {
        match self.recent.get_mut(self.next) {
            Some(oldest) => *oldest = segment,
            None => self.recent.push(segment),
        }
        self.next = (self.next + 1) % RANGES;
    }

    /// Forgets everything: another connection begins.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

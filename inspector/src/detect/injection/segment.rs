//! Recent payload ranges of one direction of a TCP connection, and whether two of them contradict each other.

use crate::detect::header::{has_right_segment, is_sound};
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
    /// Whether nothing speaks against the segment's having been sent as it is: neither lengths nor checksums.
    pub(super) is_sound: bool,
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
            is_sound: is_sound(head) && has_right_segment(head) != Some(false),
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

//! TCP streams whose segments come from, or go to, changing endpoints.
//!
//! A connection is one pair of addresses and ports from its first segment to its last. A segment that begins exactly
//! where one of another connection ended is of the same stream: sequence numbers begin at random (RFC 9293, 3.4.1), so
//! chance does that once in 2^32.

use inspector_common::parse::flag;
use smallvec::SmallVec;

use super::header::has_right_segment;
use crate::observation::Head;

/// Endpoints that are kept of a stream.
const KEPT: usize = 8;

/// A segment, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) seq: u32,
    /// The sequence number after it.
    end: u32,
    pub(super) is_syn: bool,
    /// Whether the checksum is known to be right; not where the segment was cut, or that is left to the card.
    is_verified: bool,
}

impl Segment {
    /// The segment in a head; `None` where it moves no sequence number, resets, or is damaged.
    pub(super) fn of(head: &Head<'_>) -> Option<Self> {
        let &[_, _, _, _, s0, s1, s2, s3] = head.segment().first_chunk()?;
        let flags = head.meta.tcp_flags;
        let seq = u32::from_be_bytes([s0, s1, s2, s3]);
        let is_syn = flags & flag::SYN != 0;
        let len = head.payload_len() + u32::from(is_syn);
        let is_sound = has_right_segment(head);
        let moves = len > 0 && flags & flag::RST == 0 && is_sound != Some(false);
        moves.then(|| Self { seq, end: seq.wrapping_add(len), is_syn, is_verified: is_sound.is_some() })
    }
}

/// Where the streams between some hosts stand, by endpoint.
#[derive(Debug, Default)]
pub(super) struct Hops<E> {
    /// The one heard of last is at the end. Most streams have one.
    ends: SmallVec<[(E, u32); 2]>,
    /// Segments that went on where another endpoint's ended.
    pub(super) count: u32,
}

impl<E: PartialEq + Copy> Hops<E> {
    /// Takes in a segment; whether it continues another endpoint's stream. A damaged one may name any endpoint, so one that could be is not
    /// believed to name a new one.
    pub(super) fn add(&mut self, endpoint: E, segment: Segment) -> bool {
        let is_known = self.ends.is_empty() || self.ends.iter().any(|(other, _)| *other == endpoint);
        if !segment.is_verified && !is_known {
            return false;
        }
        let is_own = self.ends.iter().any(|(other, end)| *other == endpoint && *end == segment.seq);
        let is_hop = !is_own && !segment.is_syn && self.ends.iter().any(|(_, end)| *end == segment.seq);
        self.ends.retain(|&mut (other, _)| other != endpoint);
        if self.ends.len() >= KEPT {
            self.ends.remove(0);
        }
        self.ends.push((endpoint, segment.end));
        self.count = self.count.saturating_add(u32::from(is_hop));
        is_hop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn segment(seq: u32, is_verified: bool) -> Segment {
        Segment { seq, end: seq + 10, is_syn: false, is_verified }
    }

    #[test]
    fn a_segment_that_begins_where_another_s_ended_is_a_hop() {
        let mut hops = Hops::default();
        assert!(!hops.add(1, segment(100, true)), "the first");
        assert!(!hops.add(1, segment(110, true)), "its own");
        assert!(hops.add(2, segment(120, true)));
        assert!(!hops.add(3, segment(131, true)), "a byte further");
        assert!(!hops.add(3, segment(110, true)), "before");
        assert!(hops.add(1, segment(130, false)), "back, which may be cut");
        assert_eq!(hops.count, 2);
    }

    #[test]
    fn damage_names_no_endpoints() {
        let mut hops = Hops::default();
        for number in 0..100u32 {
            let endpoint = if number % 5 == 4 { number } else { 0 };
            assert!(!hops.add(endpoint, segment(100 + 10 * number, false)));
        }
    }
}

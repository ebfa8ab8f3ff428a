//! Packets that are of another protocol than their header names.

use crate::detect::header::{Alphabet, has_right_header, is_fragment, is_segment};
use crate::observation::Head;

/// Packets of a pair of hosts, whatever their protocol.
#[derive(Debug, Default)]
pub(super) struct Protocols {
    /// Protocols named by packets that are of another.
    pub(super) misnamed: Alphabet,
}

impl Protocols {
    pub(super) fn add(&mut self, head: &Head<'_>) {
        self.misnamed.add(head.meta.key.protocol.into());
    }
}

/// Whether a packet can't be of its protocol, and has the checksum of another.
pub(super) fn is_misnamed(head: &Head<'_>) -> bool {
    let key = &head.meta.key;
    let segment = head.segment();
    let len = head.meta.l4_len();
    let is_whole = u32::try_from(segment.len()) == Ok(len) && segment.len() >= 8;
    if is_fragment(head.meta.ip_fragment) || key.tunnel != 0 || !is_whole {
        return false;
    }
    let is_wrong = match key.protocol {
        1 => !is_segment(key, 1, len, segment),
        4 => segment.first().is_some_and(|first| first >> 4 != 4),
        6 => head.meta.l4_header_len < 20,
        17 => segment.get(4..6).is_some_and(|stated| u32::from(stated[0]) << 8 | u32::from(stated[1]) != len),
        _ => true,
    };
    // The checksum of ICMP is also that of IGMP, OSPF, EIGRP and PIM.
    let others: &[u8] = if matches!(key.protocol, 4 | 6 | 17) { &[1, 6, 17] } else { &[6, 17] };
    let is_other = |other: &u8| *other != key.protocol && is_segment(key, *other, len, segment);
    is_wrong && others.iter().any(is_other) && has_right_header(head)
}

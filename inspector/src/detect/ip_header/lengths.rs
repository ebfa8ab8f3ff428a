//! Datagram lengths that the frame contradicts.

use inspector_common::Anomaly;

use crate::detect::header::{Alphabet, has_right_header, is_fragment, is_segment};
use crate::observation::Head;

/// Frames that are padded to the least length, bytes with link-layer header and two tags (IEEE 802.3): how long what
/// they carry is, only its header says.
const PADDED: u32 = 68;

/// How the lengths of a pair's datagrams differ from those of their frames.
///
/// Captures that were cut, taps that add a trailer, and damage give such differences, too. But where the header has a
/// right checksum and the frame as a whole holds a sound segment, the length in the header was made up.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    pub(super) differences: Alphabet,
}

impl Lengths {
    pub(super) fn add(&mut self, head: &Head<'_>) {
        if is_made_up(head) {
            self.differences.add(u64::from(head.meta.wire_len.wrapping_sub(head.meta.ip_len)));
        }
    }
}

fn is_made_up(head: &Head<'_>) -> bool {
    let meta = head.meta;
    let is_odd = meta.anomalies & (1 << Anomaly::IpLength as u32 | 1 << Anomaly::Trailer as u32) != 0;
    let is_outer = meta.key.tunnel == 0 && meta.wire_len > PADDED && !is_fragment(meta.ip_fragment);
    if !is_odd || !is_outer || meta.ip_len == 0 || !has_right_header(head) {
        return false;
    }
    let Some(rest) = head.bytes.get(usize::from(meta.l4_offset)..) else { return false };
    let key = &meta.key;
    // Whoever writes the length may have had the checksum computed with it.
    let stated = meta.l4_len();
    let is_sound = |len| is_segment(key, key.protocol, len, rest);
    let is_whole = u32::try_from(rest.len()).is_ok_and(|len| len != stated && is_sound(len));
    let own = head.segment();
    is_whole || (is_sound(stated) && own.len() < rest.len() && !is_segment(key, key.protocol, stated, own))
}

//! Later fragments that belong to no datagram.

use std::collections::BTreeMap;

use crate::detect::header::Alphabet;

/// Identifications remembered.
const KEPT: usize = 128;

/// The later fragments of a pair, by the identification of their datagram.
///
/// A datagram's later fragments share an identification and come the same way, and where there is only one, it begins
/// where the path's MTU ends, in every datagram alike. Offsets that differ from one lone fragment to the next are
/// no offsets.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    offsets: BTreeMap<u16, Option<u16>>,
    torn: Alphabet,
    with_df: u32,
    sound: u32,
    damaged: u32,
}

impl Fragments {
    /// Adds a fragment by its identification, its flags and offset as on the wire, and the bytes behind its header.
    pub(super) fn add(&mut self, id: u16, flags_and_offset: u16, len: u32) {
        let offset = flags_and_offset & 0x1fff;
        if offset != 0 && flags_and_offset & 0x2000 != 0 && !len.is_multiple_of(8) {
            self.torn.add(offset.into());
        }
        if offset == 0 || (self.offsets.len() >= KEPT && !self.offsets.contains_key(&id)) {
            return;
        }
        self.with_df = self.with_df.saturating_add(u32::from(flags_and_offset & 0x4000 != 0));
        let known = self.offsets.entry(id).or_insert(Some(offset));
        if *known != Some(offset) {
            *known = None;
        }
    }

    /// Notes whether the header of a fragment could be believed: series don't tell.
    pub(super) fn note(&mut self, is_sound: bool) {
        let count = if is_sound { &mut self.sound } else { &mut self.damaged };
        *count = count.saturating_add(1);
    }

    /// Whether most fragments' headers could be believed.
    pub(super) const fn are_sound(&self) -> bool {
        self.sound >= 4 && self.sound > self.damaged
    }

    /// The offsets of fragments after which more is to come, but not where the next could begin: offsets count in
    /// eight bytes (RFC 791 §3.1).
    pub(super) const fn torn(&self) -> &Alphabet {
        &self.torn
    }

    /// Lone fragments, and the alphabet of their offsets.
    pub(super) fn lone(&self) -> (u32, Alphabet) {
        let mut alphabet = Alphabet::default();
        self.offsets.values().flatten().for_each(|offset| alphabet.add((*offset).into()));
        (alphabet.total(), alphabet)
    }

    /// Whether "don't fragment" is set in them, which no fragment may have.
    pub(super) const fn have_df(&self) -> bool {
        self.with_df > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_of_ordinary_datagrams_are_not_lone_or_all_alike() {
        let mut fragments = Fragments::default();
        for id in 0..20 {
            for offset in [185, 370, 555] {
                fragments.add(id, offset | if offset < 555 { 0x2000 } else { 0 }, 1480);
            }
        }
        assert_eq!(fragments.lone().0, 0);
        for id in 30..60 {
            fragments.add(id, 185, 999);
        }
        assert_eq!(fragments.torn().total(), 0);
        let (lone, offsets) = fragments.lone();
        assert_eq!((lone, offsets.distinct()), (30, 1));
    }

    #[test]
    fn data_in_the_offset_shows_as_many_offsets() {
        let mut fragments = Fragments::default();
        (1..50).for_each(|id| fragments.add(id, (id * 977) & 0x1fff | (id & 1) << 13, 160));
        assert_eq!(fragments.lone().1.distinct(), 49);
        (1..50).for_each(|n| fragments.add(0, (n * 977) & 0x1fff | 0x2000, 61));
        assert_eq!(fragments.torn().distinct(), 49, "where a system doesn't number its datagrams");
    }
}

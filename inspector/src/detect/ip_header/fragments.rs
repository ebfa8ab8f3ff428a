//! Later fragments that belong to no datagram.

use std::collections::BTreeMap;

use crate::detect::header::Alphabet;

/// Identifications remembered.
const KEPT: usize = 128;

/// The later fragments of a pair, by the identification of their datagram.
///
/// A datagram's later fragments share an identification, and where there is only one, it begins where the path's
/// MTU ends, in every datagram alike. Offsets that differ from one lone fragment to the next are no offsets.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    offsets: BTreeMap<u16, Option<u16>>,
    with_df: u32,
    sound: u32,
    damaged: u32,
}

impl Fragments {
    /// Adds a fragment by its identification, and its flags and offset as on the wire.
    pub(super) fn add(&mut self, id: u16, flags_and_offset: u16) {
        let offset = flags_and_offset & 0x1fff;
        if offset == 0 || (self.offsets.len() >= KEPT && !self.offsets.contains_key(&id)) {
            return;
        }
        self.with_df = self.with_df.saturating_add(u32::from(flags_and_offset & 0x4000 != 0));
        let is_last = flags_and_offset & 0x2000 == 0;
        let known = self.offsets.entry(id).or_insert(is_last.then_some(offset));
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
                fragments.add(id, offset | if offset < 555 { 0x2000 } else { 0 });
            }
        }
        assert_eq!(fragments.lone().0, 0);
        for id in 30..60 {
            fragments.add(id, 185);
        }
        let (lone, offsets) = fragments.lone();
        assert_eq!((lone, offsets.distinct()), (30, 1));
    }

    #[test]
    fn data_in_the_offset_shows_as_many_offsets() {
        let mut fragments = Fragments::default();
        (1..50).for_each(|id| fragments.add(id, (id * 977) & 0x1fff));
        assert_eq!(fragments.lone().1.distinct(), 49);
    }
}

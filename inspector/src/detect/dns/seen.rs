//! What was seen before: hashes in constant memory.

use std::fmt;

/// Mixes `bytes` into `seed`: a 64-bit hash for tables and filters, the same in every run.
#[must_use]
pub(super) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut h = seed ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for chunk in chunks {
        h = mix(h, u64::from_le_bytes(*chunk));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mix(h, u64::from_le_bytes(last))
}

/// Mixes a number into a hash.
#[must_use]
pub(super) const fn mix(h: u64, value: u64) -> u64 {
    let x = (h ^ value).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ (x >> 29)
}

/// Bits of one generation: 512 KiB.
const BITS: u64 = 1 << 22;
/// Bits that one item sets.
const PROBES: u32 = 3;
/// Items of one generation; so filled, one in 150 new items passes for an old one.
const GENERATION: u32 = 300_000;
/// A generation ends after this time, ns: items are remembered for 30 to 60 minutes.
const GENERATION_NS: u64 = 1_800_000_000_000;

/// Two generations of a Bloom filter. An item that was seen in either is not new; the older one is dropped
/// when the younger one is full or old, so a flood shortens the memory and never stops it.
pub(super) struct Seen {
    young: Box<[u64]>,
    old: Box<[u64]>,
    items: u32,
    since_ns: u64,
}

impl Seen {
    pub(super) fn new() -> Self {
        let words = usize::try_from(BITS / 64).unwrap_or_default();
        Self { young: vec![0; words].into(), old: vec![0; words].into(), items: 0, since_ns: 0 }
    }

    /// Whether an item was seen.
    pub(super) fn contains(&self, item: u64) -> bool {
        let is_in = |generation: &[u64]| {
            (0..PROBES).all(|i| {
                let (word, mask) = place(item, i);
                generation.get(word).is_some_and(|word| word & mask != 0)
            })
        };
        is_in(&self.young) || is_in(&self.old)
    }

    /// Remembers an item; true where it is new.
    pub(super) fn insert(&mut self, item: u64) -> bool {
        let (mut in_young, mut in_old) = (true, true);
        for i in 0..PROBES {
            let (word, mask) = place(item, i);
            in_old &= self.old.get(word).is_some_and(|word| word & mask != 0);
            if let Some(word) = self.young.get_mut(word) {
                in_young &= *word & mask != 0;
                *word |= mask;
            }
        }
        self.items += u32::from(!in_young);
        if self.items >= GENERATION {
            self.rotate();
        }
        !(in_young || in_old)
    }

    /// Ends a generation that has lived its time.
    pub(super) fn tick(&mut self, now_ns: u64) {
        if self.since_ns == 0 {
            self.since_ns = now_ns;
        } else if now_ns.saturating_sub(self.since_ns) >= GENERATION_NS {
            self.since_ns = now_ns;
            self.rotate();
        }
    }

    fn rotate(&mut self) {
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.fill(0);
        self.items = 0;
    }
}

/// Word and bit of an item's `i`-th probe. All probes are in one cache line: 512 bits of the filter.
fn place(item: u64, i: u32) -> (usize, u64) {
    let bit = (item & (BITS - 1) & !511) | (item >> (32 + 9 * i) & 511);
    (usize::try_from(bit >> 6).unwrap_or_default(), 1 << (bit & 63))
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("items", &self.items).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_new_once_and_forgotten_after_two_generations() {
        let mut seen = Seen::new();
        seen.tick(1);
        assert!(seen.insert(hash(1, b"label")));
        assert!(!seen.insert(hash(1, b"label")));
        assert!(seen.insert(hash(2, b"label")));
        seen.tick(1 + GENERATION_NS);
        assert!(!seen.insert(hash(2, b"label")), "remembered by the old generation");
        seen.tick(1 + 2 * GENERATION_NS);
        seen.tick(1 + 3 * GENERATION_NS);
        assert!(seen.insert(hash(1, b"label")));
    }

    #[test]
    fn few_new_items_pass_for_old_ones_when_full() {
        let mut seen = Seen::new();
        for i in 0..u64::from(GENERATION) - 1 {
            seen.insert(hash(7, &i.to_be_bytes()));
        }
        let old = (0..10_000_u64).filter(|i| !seen.insert(hash(8, &i.to_be_bytes()))).count();
        assert!(old < 100, "{old} of 10,000");
    }
}

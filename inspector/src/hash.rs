//! Hashes for tables, the same in every run of one release; those that leave the process are
//! [`crate::findings`]'s.

use std::hash::{BuildHasher, DefaultHasher, Hasher};

/// SipHash of parts, each led by its length: for values that a host chooses. Two that collide are not found by trying,
/// so none passes for one that was seen before.
pub(crate) fn of_bytes(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

/// Odd numbers without a pattern: the fractional parts of the square roots of 2, 3 and 5.
const MIX: [u64; 3] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// Builds [`KeyHasher`]s for keys of tables, which are short, of fixed length, and hashed several times a packet. They give the same in every run: so does the choice of which entry makes room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHash;

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(MIX[0])
    }
}

/// Multiplies sixteen bytes at a time to 128 bits and folds them, as wyhash and its kin do: an address is one
/// multiplication and a flow's key three. No defence against keys that are chosen to collide: tables are
/// bounded, and so are the sets that a key may be in.
#[derive(Clone, Debug)]
pub(crate) struct KeyHasher(u64);

/// The two halves of a product in one.
#[expect(clippy::cast_possible_truncation, reason = "halves are meant")]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let [low, high] = bytemuck::cast::<[u8; 16], [u64; 2]>(*pair);
            self.0 = fold(low ^ self.0, high ^ MIX[1]);
        }
        for part in rest.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = fold(self.0 ^ number, MIX[2]);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        fold(self.0, MIX[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_differ_a_little_spread_over_sets_and_tags() {
        let hashes: Vec<u64> =
            (0..4096u32).map(|host| KeyHash.hash_one(([host.to_be_bytes(), [0; 4]], 443u16, 6u8))).collect();
        let mut sets = [0; 512];
        let mut tags = std::collections::HashSet::new();
        for hash in hashes {
            sets[usize::try_from(hash % 512).unwrap()] += 1;
            tags.insert(hash >> 52);
        }
        // 8 on average; Poisson gives one in 10^5 more than 23.
        assert!(sets.iter().all(|count| *count <= 23), "{sets:?}");
        // Of 4,096 cells as many balls leave a share of 1/e free.
        assert!((2500..2680).contains(&tags.len()), "{} tags", tags.len());
    }

    #[test]
    fn bytes_do_not_pass_from_one_part_to_the_next() {
        assert_eq!(of_bytes(&[b"ab", b"c"]), of_bytes(&[b"ab", b"c"]));
        assert_ne!(of_bytes(&[b"ab", b"c"]), of_bytes(&[b"a", b"bc"]));
        assert_ne!(of_bytes(&[b"ab", b""]), of_bytes(&[b"ab"]));
    }

    #[test]
    fn no_byte_is_left_out() {
        for len in 0..40 {
            let bytes = vec![7; len];
            let of = |bytes: &[u8]| {
                let mut hasher = KeyHash.build_hasher();
                hasher.write(bytes);
                hasher.finish()
            };
            for at in 0..len {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_ne!(of(&bytes), of(&other), "byte {at} of {len}");
            }
        }
    }
}

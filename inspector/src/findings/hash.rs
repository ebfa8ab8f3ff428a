//! Hashes that are the same on every host and in every release.

use sha1::{Digest, Sha1};

/// The first 64 bits of SHA-1 over the parts, each led by its length so that no two lists collide by shifting
/// bytes from one part to the next.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut sha1 = Sha1::new();
    for part in parts {
        sha1.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha1.update(part);
    }
    let digest = sha1.finalize();
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_everywhere() {
        // printf '\0\0\0\0\0\0\0\003abc' | sha1sum
        assert_eq!(stable_hash(&[b"abc"]), 0x764a_8ffe_71f5_e444);
        assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
    }
}

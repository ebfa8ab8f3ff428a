//! Integers in the byte order of whoever wrote the capture.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) const fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }

    /// The first `N` 16-bit integers of `bytes`.
    #[inline]
    pub(super) fn halves<const N: usize>(self, bytes: &[u8]) -> Option<[u16; N]> {
        Some(bytes.as_chunks().0.first_chunk()?.map(|half| self.u16(half)))
    }

    /// The first `N` 32-bit integers of `bytes`.
    #[inline]
    pub(super) fn words<const N: usize>(self, bytes: &[u8]) -> Option<[u32; N]> {
        Some(bytes.as_chunks().0.first_chunk()?.map(|word| self.u32(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::ByteOrder::{Big, Little};

    #[test]
    fn reads_in_either_order() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(Big.words::<2>(&bytes), Some([0x0102_0304, 0x0506_0708]));
        assert_eq!(Little.words::<1>(&bytes), Some([0x0403_0201]));
        assert_eq!(Little.halves::<2>(&bytes), Some([0x0201, 0x0403]));
        assert_eq!(Big.words::<3>(&bytes), None);
        assert_eq!(Big.i64([0xff; 8]), -1);
    }
}

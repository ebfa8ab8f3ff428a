//! Bounds-checked access to the bytes of one frame.

/// Offsets from here on are never read: it keeps every packet offset within what the BPF verifier
/// can track (65,535) and is far beyond any header chain that [`crate::classify`] follows.
pub const MAX_OFFSET: u32 = 0x3fff;

/// A frame whose bytes can be asked for by offset.
///
/// Implemented over `data..data_end` in the kernel and over a slice on the host.
pub trait Frame {
    /// Bytes of the frame on the wire, which may be more than can be read (snap length,
    /// multi-buffer XDP).
    fn wire_len(&self) -> u32;

    /// `N` bytes at `offset`, or `None` where they are not all readable.
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]>;

    /// The same for bytes that may lie behind what the kernel keeps together in one piece: payload.
    #[inline(always)]
    fn read_payload<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.read(offset)
    }

    /// The same frame, with nothing remembered of what was read so far.
    ///
    /// The BPF verifier follows every path through the classifier. Paths that have checked different
    /// bounds meet again at a fresh view, instead of being followed one by one to the end.
    #[must_use]
    fn fresh(&self) -> Self;

    /// The big-endian 16-bit integer at `offset`.
    #[inline(always)]
    fn be16(&self, offset: u32) -> Option<u16> {
        self.read(offset).map(u16::from_be_bytes)
    }
}

/// A frame in memory: the host's [`Frame`].
#[derive(Clone, Copy, Debug)]
pub struct SliceFrame<'a> {
    bytes: &'a [u8],
    wire_len: u32,
}

impl<'a> SliceFrame<'a> {
    /// A frame of which `bytes` were captured and `wire_len` bytes were on the wire; a `wire_len`
    /// below the captured length is raised to it.
    #[must_use]
    pub fn new(bytes: &'a [u8], wire_len: u32) -> Self {
        let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self { bytes, wire_len: wire_len.max(captured) }
    }

    /// How many bytes can be read.
    #[must_use]
    pub fn readable(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// The readable bytes from `offset` on; empty past the end.
    #[must_use]
    pub fn tail(&self, offset: u32) -> &'a [u8] {
        self.bytes.get(offset as usize..).unwrap_or_default()
    }
}

impl Frame for SliceFrame<'_> {
    fn wire_len(&self) -> u32 {
        self.wire_len
    }

    fn fresh(&self) -> Self {
        *self
    }

    #[inline]
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        if offset > MAX_OFFSET {
            return None;
        }
        self.bytes.get(offset as usize..)?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stop_at_the_last_byte_and_at_the_largest_offset() {
        static BYTES: [u8; MAX_OFFSET as usize + 8] = [7; MAX_OFFSET as usize + 8];
        let frame = SliceFrame::new(&BYTES[..6], 0);
        assert_eq!(frame.wire_len(), 6);
        assert_eq!(frame.read::<4>(2), Some([7; 4]));
        assert_eq!(frame.read::<4>(3), None);
        assert_eq!(frame.read::<1>(u32::MAX), None);
        let long = SliceFrame::new(&BYTES, 0);
        assert_eq!(long.read(MAX_OFFSET), Some([7]));
        assert_eq!(long.read::<1>(MAX_OFFSET + 1), None);
    }
}

//! The byte stream under a capture: one reused buffer, gzip undone, no seeking.

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::ops::Range;

use flate2::read::MultiGzDecoder;

use super::error::{Fault, Part};

/// Large enough that a system call costs each packet little, small enough to leave the L2 cache to the detectors.
const BUFFER: usize = 32 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) struct Input {
    source: Box<dyn Read + Send>,
    gzip: bool,
    ended: bool,
    buffer: Vec<u8>,
    /// Where the bytes that are read but not consumed lie in `buffer`.
    unread: Range<usize>,
    consumed: u64,
    /// How many bytes were consumed before the present record.
    record_at: u64,
}

impl Input {
    /// Looks at the first bytes of `source` for gzip's mark.
    pub(super) fn new(source: impl Read + Send + 'static) -> io::Result<Self> {
        Self::with_buffer(source, BUFFER)
    }

    pub(super) fn with_buffer(source: impl Read + Send + 'static, size: usize) -> io::Result<Self> {
        let mut raw = Self {
            source: Box::new(source),
            gzip: false,
            ended: false,
            buffer: vec![0; size],
            unread: 0..0,
            consumed: 0,
            record_at: 0,
        };
        raw.fill(GZIP_MAGIC.len())?;
        if !raw.unread().starts_with(&GZIP_MAGIC) {
            return Ok(raw);
        }
        let start = Cursor::new(raw.unread().to_vec());
        let compressed = BufReader::with_capacity(size, start.chain(raw.source));
        Ok(Self {
            source: Box::new(MultiGzDecoder::new(compressed)),
            gzip: true,
            ended: false,
            unread: 0..0,
            ..raw
        })
    }

    /// Where the present record begins, in (uncompressed) bytes from the start.
    pub(super) const fn record_at(&self) -> u64 {
        self.record_at
    }

    /// The bytes that are here and not consumed.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.slice(self.unread.clone())
    }

    /// Bytes that [`Self::consume`] gave the place of. Filling the buffer again moves them.
    #[inline]
    pub(super) fn slice(&self, place: Range<usize>) -> &[u8] {
        self.buffer.get(place).unwrap_or_default()
    }

    /// Waits until at least `count` bytes are unread, and no longer: a pipe delivers what is in it. False when
    /// the stream ends before. The buffer doubles while that many bytes arrive and it is full: `count` is for
    /// the caller to limit, but a false one costs nothing.
    #[inline]
    pub(super) fn fill(&mut self, count: usize) -> io::Result<bool> {
        if self.unread.len() >= count { Ok(true) } else { self.refill(count) }
    }

    #[cold]
    fn refill(&mut self, count: usize) -> io::Result<bool> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        while self.unread.len() < count && !self.ended {
            if self.unread.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let free = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
            match self.source.read(free) {
                Ok(0) => self.ended = true,
                Ok(read) => self.unread.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.unread.len() >= count)
    }

    /// Begins a record, of which `count` bytes are needed at least. False when the stream ends right here.
    #[inline]
    pub(super) fn begin(&mut self, count: usize, part: Part) -> Result<bool, Fault> {
        self.record_at = self.consumed;
        match self.fill(count) {
            Ok(true) => Ok(true),
            Ok(false) if self.unread.is_empty() => Ok(false),
            Ok(false) => Err(Fault::CutShort(part)),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// [`Self::fill`] inside a record, where an end of the stream is a fault.
    #[inline]
    pub(super) fn require(&mut self, count: usize, part: Part) -> Result<(), Fault> {
        match self.fill(count) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Fault::CutShort(part)),
            Err(error) => Err(self.fault(error)),
        }
    }

    #[cold]
    fn fault(&self, error: io::Error) -> Fault {
        if self.gzip { Fault::Gzip(error) } else { Fault::Read(error) }
    }

    /// Consumes `count` of the unread bytes (all of them if there are fewer) and gives their place.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> Range<usize> {
        let start = self.unread.start;
        let count = count.min(self.unread.len());
        self.unread.start += count;
        self.consumed += count as u64;
        start..self.unread.start
    }

    /// Consumes `count` bytes of a record, however many, without keeping them.
    pub(super) fn skip(&mut self, mut count: usize, part: Part) -> Result<(), Fault> {
        while count > 0 {
            self.require(1, part)?;
            count -= self.consume(count).len();
        }
        Ok(())
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("gzip", &self.gzip)
            .field("ended", &self.ended)
            .field("buffer", &self.buffer.len())
            .field("unread", &self.unread)
            .field("consumed", &self.consumed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn grows_skips_and_counts() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut input = Input::with_buffer(Cursor::new(bytes.clone()), 16).unwrap();
        assert!(input.fill(100).unwrap());
        let place = input.consume(100);
        assert_eq!(input.slice(place), &bytes[..100]);
        input.skip(5_000, Part::Block).unwrap();
        assert!(input.begin(1, Part::Block).unwrap());
        assert_eq!(input.record_at(), 5_100);
        assert!(input.fill(4_900).unwrap());
        assert_eq!(input.unread(), &bytes[5_100..]);
        assert!(!input.fill(4_901).unwrap());
        assert!(matches!(input.begin(4_901, Part::Record), Err(Fault::CutShort(Part::Record))));
        assert!(matches!(input.skip(4_901, Part::Block), Err(Fault::CutShort(Part::Block))));
        assert!(!input.begin(1, Part::Record).unwrap());
        assert_eq!(input.record_at(), 10_000);
    }

    #[test]
    fn undoes_gzip_of_several_members() {
        let stream = [gzip(b"one"), gzip(b""), gzip(b"two")].concat();
        let mut input = Input::new(Cursor::new(stream.clone())).unwrap();
        assert!(input.gzip);
        assert!(!input.fill(7).unwrap());
        assert_eq!(input.unread(), b"onetwo");

        let cut = stream[..stream.len() - 9].to_vec();
        let mut input = Input::new(Cursor::new(cut)).unwrap();
        assert!(matches!(input.begin(7, Part::Record), Err(Fault::Gzip(_))));
        assert!(input.unread().starts_with(b"one"));
    }

    #[test]
    fn short_streams_are_not_gzip() {
        for bytes in [&b""[..], b"\x1f", b"ab"] {
            let input = Input::new(bytes).unwrap();
            assert!(!input.gzip);
            assert_eq!(input.unread(), bytes);
        }
    }
}

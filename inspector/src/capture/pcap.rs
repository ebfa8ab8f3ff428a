//! Classic pcap: a file header, then records of a header and the captured bytes.
//!
//! Format: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html>.

use super::MAX_CAPTURED;
use super::bytes::ByteOrder;
use super::error::{Fault, Part};
use super::input::Input;
use super::link::LinkType;
use super::reader::Record;

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Kuznetzov's variant: microseconds, and eight bytes more in each record's header.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;

const NS_PER_S: u64 = 1_000_000_000;
const FILE_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
const MODIFIED_RECORD_HEADER_LEN: usize = 24;

/// What the magic number says of all records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    order: ByteOrder,
    /// The unit of a timestamp's second word, in nanoseconds.
    fraction_ns: u64,
    record_header_len: usize,
}

impl Dialect {
    /// Reads a file's first four bytes; `None` if it is not a pcap file.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let (fraction_ns, record_header_len) = match order.u32(magic) {
                MAGIC_MICROSECONDS => (1_000, RECORD_HEADER_LEN),
                MAGIC_NANOSECONDS => (1, RECORD_HEADER_LEN),
                MAGIC_MODIFIED => (1_000, MODIFIED_RECORD_HEADER_LEN),
                _ => return None,
            };
            Some(Self { order, fraction_ns, record_header_len })
        })
    }
}

#[derive(Debug)]
pub(super) struct Pcap {
    dialect: Dialect,
    link: LinkType,
}

impl Pcap {
    /// Consumes the file header.
    pub(super) fn open(dialect: Dialect, input: &mut Input) -> Result<Self, Fault> {
        input.require(FILE_HEADER_LEN, Part::FileHeader)?;
        let Some([_magic, _version, _zone, _accuracy, _snap_length, network]) =
            dialect.order.words(input.unread())
        else {
            return Err(Fault::CutShort(Part::FileHeader));
        };
        input.consume(FILE_HEADER_LEN);
        // The upper half says whether frames end with a check sequence.
        let link = u16::try_from(network & 0xffff).unwrap_or(u16::MAX);
        Ok(Self { dialect, link: link.into() })
    }

    /// Consumes the next record; `None` at the end of the file.
    #[inline]
    pub(super) fn next(&self, input: &mut Input) -> Result<Option<Record>, Fault> {
        let Dialect { order, fraction_ns, record_header_len } = self.dialect;
        if !input.begin(record_header_len, Part::Record)? {
            return Ok(None);
        }
        let Some([seconds, fraction, captured, original]) = order.words(input.unread()) else {
            return Err(Fault::CutShort(Part::Record));
        };
        let length = captured_len(captured)?;
        input.require(record_header_len + length, Part::Record)?;
        input.consume(record_header_len);
        // A fraction of more than a second is garbage, which must not move the capture's clock far.
        let fraction_ns = (u64::from(fraction) * fraction_ns).min(NS_PER_S - 1);
        Ok(Some(Record {
            time_ns: u64::from(seconds) * NS_PER_S + fraction_ns,
            link: self.link,
            wire_len: original.max(captured),
            interface: 0,
            data: input.consume(length),
        }))
    }
}

/// A number of captured bytes that is within the limit.
#[inline]
pub(super) fn captured_len(captured: u32) -> Result<usize, Fault> {
    match usize::try_from(captured) {
        Ok(length) if captured <= MAX_CAPTURED => Ok(length),
        _ => Err(Fault::PacketLength(captured)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::fixture::{self, PcapFile, outcome};

    #[test]
    fn reads_every_dialect() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for (magic, unit_ns) in
                [(MAGIC_MICROSECONDS, 1_000), (MAGIC_NANOSECONDS, 1), (MAGIC_MODIFIED, 1_000)]
            {
                let bytes = PcapFile::new(order, magic, 101)
                    .record(7, 999_999, b"hello", 1_400)
                    .record(8, 0, b"", 0)
                    .record(u32::MAX, u32::MAX, b"!", 0)
                    .bytes;
                let (packets, problem) = outcome(&bytes);
                assert!(problem.is_none(), "{order:?} {magic:x}: {problem:?}");
                let [first, second, third] = &packets[..] else { panic!("{packets:?}") };
                assert_eq!(first.time_ns, 7_000_000_000 + 999_999 * unit_ns);
                assert_eq!((first.link, first.interface), (LinkType::RawIp, 0));
                assert_eq!((&first.data[..], first.wire_len), (&b"hello"[..], 1_400));
                assert_eq!((second.time_ns, second.data.len(), second.wire_len), (8_000_000_000, 0, 0));
                assert_eq!(third.time_ns, u64::from(u32::MAX) * NS_PER_S + 999_999_999);
                assert_eq!((&third.data[..], third.wire_len), (&b"!"[..], 1));
            }
        }
    }

    #[test]
    fn header_alone_is_an_empty_capture() {
        let (packets, problem) = outcome(&PcapFile::new(ByteOrder::Big, MAGIC_NANOSECONDS, 1).bytes);
        assert!(packets.is_empty() && problem.is_none());
    }

    #[test]
    fn link_type_shares_its_word_with_frame_check_length() {
        let bytes =
            PcapFile::new(ByteOrder::Little, MAGIC_MICROSECONDS, 0x1400_0001).record(1, 1, b"x", 1).bytes;
        assert_eq!(outcome(&bytes).0[0].link, LinkType::Ethernet);
    }

    #[test]
    fn cut_anywhere_delivers_what_is_whole() {
        let file = PcapFile::new(ByteOrder::Little, MAGIC_MICROSECONDS, 1)
            .record(1, 1, b"first", 5)
            .record(2, 2, b"second", 6)
            .record(3, 3, b"third", 5);
        fixture::cut_anywhere(&file.bytes, &file.ends);
    }

    #[test]
    fn garbage_length_ends_the_capture() {
        let good = PcapFile::new(ByteOrder::Little, MAGIC_MICROSECONDS, 1).record(1, 1, b"first", 5).bytes;
        for captured in [MAX_CAPTURED + 1, u32::MAX] {
            let mut bytes = good.clone();
            for word in [2, 2, captured, captured] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend(vec![0; 5_000]);
            let (packets, problem) = outcome(&bytes);
            assert_eq!(packets.len(), 1);
            let problem = problem.unwrap().to_string();
            let expected =
                format!("a packet claims {captured} captured bytes (the limit is 1048576) at byte 45");
            assert!(problem.contains(&expected), "{problem}");
        }
    }

    #[test]
    fn largest_packet_is_read() {
        let data = vec![7; MAX_CAPTURED as usize];
        let bytes = PcapFile::new(ByteOrder::Little, MAGIC_MICROSECONDS, 1).record(1, 1, &data, 0).bytes;
        let (packets, problem) = outcome(&bytes);
        assert!(problem.is_none());
        assert_eq!(packets[0].data, data);
    }
}

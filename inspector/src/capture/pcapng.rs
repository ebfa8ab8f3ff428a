//! pcapng: sections of blocks, among them interfaces and packets.
//!
//! Format: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>.

use super::MAX_CAPTURED;
use super::bytes::ByteOrder;
use super::clock::Clock;
use super::error::{Fault, Part};
use super::input::Input;
use super::link::LinkType;
use super::pcap::captured_len;
use super::reader::Record;

/// Also how a pcapng file begins; reads the same in either byte order.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2; // obsolete
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MARK: u32 = 0x1a2b_3c4d;
const VERSION: u16 = 1;
/// Type and length in front of a block's body, and the length again behind it.
const FRONT_LEN: usize = 8;
const BACK_LEN: usize = 4;
/// What stands before the bytes of an (enhanced) packet, from the block's start.
const PACKET_FRONT_LEN: usize = FRONT_LEN + 20;
const SIMPLE_PACKET_FRONT_LEN: usize = FRONT_LEN + 4;

/// Most bytes of a block that is held in memory: the largest packet, and as much again for its options.
const MAX_HELD_BLOCK: u32 = 2 * MAX_CAPTURED;
/// Most interfaces of a section that are kept, at 32 bytes each.
const MAX_INTERFACES: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Most bytes captured of a packet; 0 for no limit.
    snap_length: u32,
    clock: Clock,
}

#[derive(Debug)]
pub(super) struct PcapNg {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// When the last packet was captured, for simple packets, which don't say.
    time_ns: u64,
}

/// The front of a block.
#[derive(Clone, Copy)]
struct Block {
    kind: u32,
    length: u32,
    /// `length`, to count bytes with.
    len: usize,
}

impl PcapNg {
    /// Begins before the first section header.
    pub(super) const fn new() -> Self {
        Self { order: ByteOrder::Little, interfaces: Vec::new(), time_ns: 0 }
    }

    /// Consumes blocks up to and with the next packet; `None` at the end of the file.
    #[inline]
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Record>, Fault> {
        while input.begin(FRONT_LEN, Part::Block)? {
            if input.unread().starts_with(&SECTION_HEADER) {
                self.section(input)?;
                continue;
            }
            let block = self.block(input)?;
            let record = match block.kind {
                ENHANCED_PACKET | PACKET => self.packet(input, block)?,
                SIMPLE_PACKET => self.simple_packet(input, block)?,
                INTERFACE_DESCRIPTION => {
                    self.interface(input, block)?;
                    continue;
                }
                _ => {
                    self.pass(input, block)?;
                    continue;
                }
            };
            self.time_ns = record.time_ns;
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// Reads the front of a block.
    #[inline]
    fn block(&self, input: &Input) -> Result<Block, Fault> {
        let [kind, length] = self.order.words(input.unread()).ok_or(Fault::CutShort(Part::Block))?;
        match usize::try_from(length) {
            Ok(len) if len >= FRONT_LEN + BACK_LEN && len % 4 == 0 => Ok(Block { kind, length, len }),
            _ => Err(Fault::BlockLength { kind, length }),
        }
    }

    /// Waits for the whole block, whose fixed fields and end take `min_len` bytes.
    #[inline]
    fn hold(&self, input: &mut Input, block: Block, min_len: usize) -> Result<(), Fault> {
        let Block { kind, length, len } = block;
        if length > MAX_HELD_BLOCK || len < min_len {
            return Err(Fault::BlockLength { kind, length });
        }
        input.require(len, Part::Block)?;
        self.check_end(length, input.unread().get(len - BACK_LEN..))
    }

    #[inline]
    fn check_end(&self, front: u32, end: Option<&[u8]>) -> Result<(), Fault> {
        let [back] = end.and_then(|end| self.order.words(end)).ok_or(Fault::CutShort(Part::Block))?;
        if back == front { Ok(()) } else { Err(Fault::BlockEnd { front, back }) }
    }

    /// Consumes a block without looking into it.
    fn pass(&self, input: &mut Input, block: Block) -> Result<(), Fault> {
        input.skip(block.len - BACK_LEN, Part::Block)?;
        input.require(BACK_LEN, Part::Block)?;
        self.check_end(block.length, Some(input.unread()))?;
        input.consume(BACK_LEN);
        Ok(())
    }

    /// Consumes a section header: from here on another byte order and other interfaces.
    fn section(&mut self, input: &mut Input) -> Result<(), Fault> {
        const MIN_LEN: usize = 28;
        input.require(16, Part::Block)?;
        let fields = input.unread().get(FRONT_LEN..).unwrap_or_default();
        let [mark] = ByteOrder::Little.words(fields).ok_or(Fault::CutShort(Part::Block))?;
        self.order = match mark {
            BYTE_ORDER_MARK => ByteOrder::Little,
            _ if mark.swap_bytes() == BYTE_ORDER_MARK => ByteOrder::Big,
            _ => return Err(Fault::ByteOrderMark(mark)),
        };
        let [_, _, version] = self.order.halves(fields).ok_or(Fault::CutShort(Part::Block))?;
        if version != VERSION {
            return Err(Fault::Version(version));
        }
        let block = self.block(input)?;
        if block.len < MIN_LEN {
            return Err(Fault::BlockLength { kind: block.kind, length: block.length });
        }
        self.interfaces.clear();
        self.pass(input, block)
    }

    /// Consumes an interface description. Options that make no sense leave the defaults.
    fn interface(&mut self, input: &mut Input, block: Block) -> Result<(), Fault> {
        const FIELDS_LEN: usize = 8;
        self.hold(input, block, FRONT_LEN + FIELDS_LEN + BACK_LEN)?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Fault::TooManyInterfaces(MAX_INTERFACES));
        }
        let body = input.unread().get(FRONT_LEN..block.len - BACK_LEN).unwrap_or_default();
        let (fields, options) = body.split_at_checked(FIELDS_LEN).unwrap_or_default();
        let ([link, _], [_, snap_length]) =
            self.order.halves(fields).zip(self.order.words(fields)).ok_or(Fault::CutShort(Part::Block))?;
        let clock = Clock::described(self.order, options);
        self.interfaces.push(Interface { link: link.into(), snap_length, clock });
        input.consume(block.len);
        Ok(())
    }

    fn interface_of(&self, number: u32) -> Result<Interface, Fault> {
        let interface = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        interface.copied().ok_or(Fault::UnknownInterface(number))
    }

    /// Consumes an enhanced packet, or the obsolete packet, which has 16 bits each for interface and drops.
    #[inline]
    fn packet(&self, input: &mut Input, block: Block) -> Result<Record, Fault> {
        self.hold(input, block, PACKET_FRONT_LEN + BACK_LEN)?;
        let fields = input.unread().get(FRONT_LEN..).unwrap_or_default();
        let ([word, high, low, captured, original], [half]) =
            self.order.words(fields).zip(self.order.halves(fields)).ok_or(Fault::CutShort(Part::Block))?;
        let number = if block.kind == PACKET { half.into() } else { word };
        let interface = self.interface_of(number)?;
        let length = captured_len(captured)?;
        if length > block.len - PACKET_FRONT_LEN - BACK_LEN {
            return Err(Fault::PacketBeyondBlock { captured });
        }
        let start = input.consume(block.len).start + PACKET_FRONT_LEN;
        Ok(Record {
            time_ns: interface.clock.nanoseconds((u64::from(high) << 32) | u64::from(low)),
            link: interface.link,
            wire_len: original.max(captured),
            interface: number,
            data: start..start + length,
        })
    }

    /// Consumes a simple packet: of the section's first interface, and without a time.
    fn simple_packet(&self, input: &mut Input, block: Block) -> Result<Record, Fault> {
        self.hold(input, block, SIMPLE_PACKET_FRONT_LEN + BACK_LEN)?;
        let fields = input.unread().get(FRONT_LEN..).unwrap_or_default();
        let [original] = self.order.words(fields).ok_or(Fault::CutShort(Part::Block))?;
        let interface = self.interface_of(0)?;
        let snap_length = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let held = block.len - SIMPLE_PACKET_FRONT_LEN - BACK_LEN;
        let length = usize::try_from(original.min(snap_length)).map_or(held, |length| length.min(held));
        let start = input.consume(block.len).start + SIMPLE_PACKET_FRONT_LEN;
        Ok(Record {
            time_ns: self.time_ns,
            link: interface.link,
            wire_len: original,
            interface: 0,
            data: start..start + length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Problem;
    use crate::capture::fixture::{NgFile, Owned, cut_anywhere, outcome, put32};

    const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

    fn fault(file: &NgFile) -> (Vec<Owned>, Fault) {
        match outcome(&file.bytes) {
            (packets, Some(Problem::Damage { fault, .. })) => (packets, fault),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_every_packet_block_of_several_interfaces() {
        for order in ORDERS {
            let file = NgFile::new(order)
                .interface(1, 0, &[(2, b"eth0")])
                .interface(101, 0, &[(2, b"tun0"), (9, &[9]), (14, &[0; 8]), (0, b"")])
                .block(5, &[0; 40])
                .enhanced(1, 5_000_000_123, b"\x45raw", 1_500)
                .obsolete(0, 7_000_001, b"ether", 5)
                .simple(b"simple", 6)
                .block(0x8000_0bad, b"private");
            let (packets, problem) = outcome(&file.bytes);
            assert!(problem.is_none(), "{problem:?}");
            let expected = [
                (5_000_000_123, LinkType::RawIp, &b"\x45raw"[..], 1_500, 1),
                (7_000_001_000, LinkType::Ethernet, b"ether", 5, 0),
                (7_000_001_000, LinkType::Ethernet, b"simple", 6, 0),
            ];
            for (packet, (time_ns, link, data, wire_len, interface)) in packets.iter().zip(expected) {
                assert_eq!(*packet, Owned { time_ns, link, data: data.to_vec(), wire_len, interface });
            }
            assert_eq!(packets.len(), expected.len());
        }
    }

    #[test]
    fn sections_have_their_own_order_and_interfaces() {
        let file = NgFile::new(ByteOrder::Little)
            .interface(1, 0, &[])
            .enhanced(0, 1, b"one", 3)
            .section(ByteOrder::Big)
            .interface(101, 0, &[(9, &[0])])
            .enhanced(0, 2, b"two", 3);
        let (packets, problem) = outcome(&file.bytes);
        assert!(problem.is_none());
        assert_eq!((packets[0].time_ns, packets[0].link), (1_000, LinkType::Ethernet));
        assert_eq!((packets[1].time_ns, packets[1].link), (2_000_000_000, LinkType::RawIp));

        let (packets, fault) = fault(&file.section(ByteOrder::Little).enhanced(0, 3, b"three", 5));
        assert_eq!(packets.len(), 2);
        assert!(matches!(fault, Fault::UnknownInterface(0)));
    }

    #[test]
    fn time_offset_is_in_the_writers_order() {
        for order in ORDERS {
            let mut hour = 3_600_i64.to_le_bytes();
            if order == ByteOrder::Big {
                hour.reverse();
            }
            let file = NgFile::new(order).interface(1, 0, &[(14, &hour)]).enhanced(0, 5, b"x", 1);
            assert_eq!(outcome(&file.bytes).0[0].time_ns, 3_600_000_005_000);
        }
    }

    #[test]
    fn damaged_options_leave_defaults() {
        for options in [&[(9, &[9, 9][..])][..], &[(14, b"short")], &[(0, b""), (9, &[9])]] {
            let file = NgFile::new(ByteOrder::Little).interface(1, 0, options).enhanced(0, 5, b"x", 1);
            assert_eq!(outcome(&file.bytes).0[0].time_ns, 5_000, "{options:?}");
        }
        // An option that claims more than its block holds.
        let body = [1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 200, 0, 9, 0, 0, 0];
        let file = NgFile::new(ByteOrder::Little).block(1, &body).enhanced(0, 5, b"x", 1);
        assert_eq!(outcome(&file.bytes).0[0].time_ns, 5_000);
    }

    #[test]
    fn simple_packets_end_at_the_snap_length() {
        let file = NgFile::new(ByteOrder::Big).interface(1, 3, &[]).simple(b"abc", 1_000).simple(b"ab", 2);
        let (packets, problem) = outcome(&file.bytes);
        assert!(problem.is_none());
        assert_eq!((&packets[0].data[..], packets[0].wire_len), (&b"abc"[..], 1_000));
        assert_eq!((&packets[1].data[..], packets[1].wire_len), (&b"ab"[..], 2));
    }

    #[test]
    fn large_unknown_blocks_are_passed_over() {
        let file = NgFile::new(ByteOrder::Little)
            .interface(1, 0, &[])
            .block(10, &vec![1; 3 * MAX_CAPTURED as usize])
            .enhanced(0, 1, b"one", 3);
        let (packets, problem) = outcome(&file.bytes);
        assert!(problem.is_none() && packets.len() == 1);
    }

    #[test]
    fn cut_anywhere_delivers_what_is_whole() {
        for order in ORDERS {
            let file = NgFile::new(order)
                .interface(1, 0, &[(9, &[9])])
                .enhanced(0, 1, b"one", 3)
                .block(5, &[0; 16])
                .simple(b"simple", 6)
                .section(order)
                .interface(1, 0, &[])
                .obsolete(0, 2, b"three", 5);
            cut_anywhere(&file.bytes, &file.ends);
        }
    }

    #[test]
    fn impossible_block_lengths_end_the_capture() {
        for length in [0, 4, 8, 11, 13, 0xffff_ffff] {
            for kind in [1, 2, 3, 5, 6] {
                let file = NgFile::new(ByteOrder::Little)
                    .interface(1, 0, &[])
                    .enhanced(0, 1, b"one", 3)
                    .block_of_lengths(kind, &[0; 64], length, length);
                let (packets, fault) = fault(&file);
                assert_eq!(packets.len(), 1);
                assert!(matches!(fault, Fault::BlockLength { .. }), "{length} {kind}: {fault}");
            }
        }
        let file = NgFile::new(ByteOrder::Little).block_of_lengths(5, &[0; 64], 0xffff_fffc, 76);
        assert!(matches!(fault(&file).1, Fault::CutShort(Part::Block)));
    }

    #[test]
    fn lengths_of_a_block_must_agree() {
        for kind in [3, 5] {
            let file =
                NgFile::new(ByteOrder::Little).interface(1, 0, &[]).block_of_lengths(kind, &[0; 16], 28, 24);
            assert!(matches!(fault(&file).1, Fault::BlockEnd { front: 28, back: 24 }));
        }
    }

    #[test]
    fn packets_stay_inside_their_blocks() {
        let body = |captured| [0, 0, 0, captured, captured].map(|word| put32(ByteOrder::Big, word)).concat();
        let file = || NgFile::new(ByteOrder::Big).interface(1, 0, &[]);
        assert!(matches!(fault(&file().block(6, &body(4))).1, Fault::PacketBeyondBlock { captured: 4 }));
        assert!(matches!(fault(&file().block(6, &body(u32::MAX))).1, Fault::PacketLength(u32::MAX)));
        assert!(outcome(&file().block(6, &body(0)).bytes).1.is_none());
    }

    #[test]
    fn sections_must_be_understood() {
        let mut file = NgFile::new(ByteOrder::Little);
        file.bytes[8] = 0;
        assert!(matches!(fault(&file).1, Fault::ByteOrderMark(0x1a2b_3c00)));
        let mut file = NgFile::new(ByteOrder::Big);
        file.bytes[13] = 2;
        assert!(matches!(fault(&file).1, Fault::Version(2)));
    }

    #[test]
    fn interfaces_are_limited() {
        let mut file = NgFile::new(ByteOrder::Little);
        for _ in 0..=MAX_INTERFACES {
            file = file.interface(1, 0, &[]);
        }
        assert!(matches!(fault(&file).1, Fault::TooManyInterfaces(MAX_INTERFACES)));
    }
}

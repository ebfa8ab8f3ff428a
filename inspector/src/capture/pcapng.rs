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
/// Most interfaces of a section that are kept: 24 bytes each.
const MAX_INTERFACES: usize = 1 << 16;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

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
            let record = if input.unread().starts_with(&SECTION_HEADER) {
                self.section(input)?;
                None
            } else {
                let block = self.block(input)?;
                match block.kind {
                    ENHANCED_PACKET | PACKET => Some(self.packet(input, block)?),
                    SIMPLE_PACKET => Some(self.simple_packet(input, block)?),
                    INTERFACE_DESCRIPTION => {
                        self.interface(input, block)?;
                        None
                    }
                    _ => {
                        self.pass(input, block)?;
                        None
                    }
                }
            };
            if let Some(record) = record {
                self.time_ns = record.time_ns;
                return Ok(Some(record));
            }
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
        let clock = self.clock(options);
        self.interfaces.push(Interface { link: link.into(), snap_length, clock });
        input.consume(block.len);
        Ok(())
    }

    /// Finds an interface's clock in its options, of which damage ends the list.
    fn clock(&self, mut options: &[u8]) -> Clock {
        let (mut resolution, mut offset_s) = (6, 0);
        while let Some([code, length]) = self.order.halves(options) {
            let length = usize::from(length);
            let Some(value) = options.get(4..4 + length) else { break };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_TSRESOL, &[exponent]) => resolution = exponent,
                (OPTION_TSOFFSET, _) => offset_s = value.first_chunk().map_or(0, |bytes| self.order.i64(*bytes)),
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Clock::new(resolution, offset_s)
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

//! Captures built byte by byte for the tests, and what the reader makes of them.

use std::io::Cursor;

use super::bytes::ByteOrder;
use super::input::Input;
use super::{CaptureError, CaptureReader, Fault, LinkType, Packet, Problem, Start};

/// A [`Packet`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) time_ns: u64,
    pub(super) link: LinkType,
    pub(super) data: Vec<u8>,
    pub(super) wire_len: u32,
    pub(super) interface: u32,
}

impl From<Packet<'_>> for Owned {
    fn from(packet: Packet<'_>) -> Self {
        let Packet { time_ns, link, data, wire_len, interface } = packet;
        assert!(wire_len as usize >= data.len());
        if let Start::Network { offset, .. } = packet.start() {
            assert!(offset <= data.len());
        }
        Self { time_ns, link, data: data.to_vec(), wire_len, interface }
    }
}

/// Reads all packets with an input buffer that starts with `size` bytes.
pub(super) fn read_with_buffer(bytes: &[u8], size: usize) -> (Vec<Owned>, Option<Problem>) {
    let input = Input::with_buffer(Cursor::new(bytes.to_vec()), size).unwrap();
    match CaptureReader::of_input("test", input) {
        Ok(reader) => drain(reader),
        Err(problem) => (vec![], Some(problem)),
    }
}

pub(super) fn drain(mut reader: CaptureReader) -> (Vec<Owned>, Option<Problem>) {
    let mut packets = vec![];
    let problem = loop {
        match reader.next_packet() {
            Ok(Some(packet)) => packets.push(packet.into()),
            Ok(None) => break None,
            Err(CaptureError { problem, .. }) => break Some(problem),
        }
    };
    assert!(matches!(reader.next_packet(), Ok(None)), "ended for good");
    let skipped: u64 = reader.skipped().map(|skipped| skipped.packets).sum();
    assert_eq!(reader.packets(), packets.len() as u64 + skipped);
    (packets, problem)
}

/// Reads all packets twice: with a buffer that must grow and move all the time, and with an ample one.
pub(super) fn outcome(bytes: &[u8]) -> (Vec<Owned>, Option<Problem>) {
    let (packets, problem) = read_with_buffer(bytes, 4);
    let (same_packets, same_problem) = read_with_buffer(bytes, 64 << 10);
    assert_eq!(packets, same_packets);
    assert_eq!(problem.as_ref().map(ToString::to_string), same_problem.map(|problem| problem.to_string()));
    (packets, problem)
}

/// Cuts a sound capture after every byte. `ends` is where it may end: after the header, and after each packet.
pub(super) fn cut_anywhere(bytes: &[u8], ends: &[(usize, usize)]) {
    let (all, problem) = outcome(bytes);
    assert!(problem.is_none());
    for cut in 0..=bytes.len() {
        let (packets, problem) = outcome(&bytes[..cut]);
        let whole =
            ends.iter().filter(|(end, _)| *end <= cut).map(|(_, packets)| *packets).max().unwrap_or(0);
        assert_eq!(packets, all[..whole], "cut at {cut}");
        match problem {
            None => assert!(ends.iter().any(|(end, _)| *end == cut), "cut at {cut} unnoticed"),
            Some(Problem::Empty) => assert_eq!(cut, 0),
            Some(Problem::NotACapture(start)) => assert!(cut < 4 && *start == bytes[..cut]),
            Some(Problem::Damage { fault: Fault::CutShort(_), offset, packets }) => {
                let last_end = ends.iter().map(|(end, _)| *end).filter(|end| *end < cut).max().unwrap_or(0);
                assert_eq!((offset, packets), (last_end as u64, whole as u64), "cut at {cut}");
            }
            Some(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

fn put16(order: ByteOrder, value: u16) -> [u8; 2] {
    if order == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(super) fn put32(order: ByteOrder, value: u32) -> [u8; 4] {
    if order == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
}

/// Writes a pcap file.
pub(super) struct PcapFile {
    order: ByteOrder,
    modified: bool,
    pub(super) bytes: Vec<u8>,
    /// Where a file may end, and how many packets are whole there.
    pub(super) ends: Vec<(usize, usize)>,
}

impl PcapFile {
    pub(super) fn new(order: ByteOrder, magic: u32, network: u32) -> Self {
        let version = if order == ByteOrder::Big { 0x0002_0004 } else { 0x0004_0002 };
        let header = [magic, version, 0, 0, 262_144, network];
        let bytes: Vec<u8> = header.into_iter().flat_map(|word| put32(order, word)).collect();
        Self { order, modified: magic == 0xa1b2_cd34, ends: vec![(bytes.len(), 0)], bytes }
    }

    pub(super) fn record(mut self, seconds: u32, fraction: u32, data: &[u8], original: u32) -> Self {
        for word in [seconds, fraction, data.len().try_into().unwrap(), original] {
            self.bytes.extend(put32(self.order, word));
        }
        if self.modified {
            self.bytes.extend([0xee; 8]);
        }
        self.bytes.extend(data);
        self.ends.push((self.bytes.len(), self.ends.len()));
        self
    }
}

/// Writes a pcapng file.
pub(super) struct NgFile {
    order: ByteOrder,
    packets: usize,
    pub(super) bytes: Vec<u8>,
    /// Where a file may end, and how many packets are whole there.
    pub(super) ends: Vec<(usize, usize)>,
}

impl NgFile {
    pub(super) fn new(order: ByteOrder) -> Self {
        Self { order, packets: 0, bytes: vec![], ends: vec![] }.section(order)
    }

    pub(super) fn section(mut self, order: ByteOrder) -> Self {
        self.order = order;
        let mut body = put32(order, 0x1a2b_3c4d).to_vec();
        body.extend([put16(order, 1), put16(order, 0)].concat());
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub(super) fn block(self, kind: u32, body: &[u8]) -> Self {
        let length = u32::try_from(12 + body.len().next_multiple_of(4)).unwrap();
        self.block_of_lengths(kind, body, length, length)
    }

    pub(super) fn block_of_lengths(mut self, kind: u32, body: &[u8], front: u32, back: u32) -> Self {
        self.bytes.extend([put32(self.order, kind), put32(self.order, front)].concat());
        self.bytes.extend(body);
        self.bytes.extend(vec![0; body.len().next_multiple_of(4) - body.len()]);
        self.bytes.extend(put32(self.order, back));
        if matches!(kind, 2 | 3 | 6) {
            self.packets += 1;
        }
        self.ends.push((self.bytes.len(), self.packets));
        self
    }

    pub(super) fn interface(self, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Self {
        let order = self.order;
        let mut body = [put16(order, link), [0; 2]].concat();
        body.extend(put32(order, snap_length));
        body.extend(encode(order, options));
        self.block(1, &body)
    }

    pub(super) fn enhanced(self, interface: u32, time: u64, data: &[u8], original: u32) -> Self {
        let body = packet_body(self.order, put32(self.order, interface), time, data, original);
        let comment = encode(self.order, &[(1, b"a comment"), (2, &[0, 0, 0, 1])]);
        self.block(6, &[body, comment].concat())
    }

    pub(super) fn obsolete(self, interface: u16, time: u64, data: &[u8], original: u32) -> Self {
        let order = self.order;
        let [a, b] = put16(order, interface);
        let [c, d] = put16(order, 77);
        self.block(2, &packet_body(order, [a, b, c, d], time, data, original))
    }

    pub(super) fn simple(self, data: &[u8], original: u32) -> Self {
        let body = [&put32(self.order, original)[..], data].concat();
        self.block(3, &body)
    }
}

fn packet_body(order: ByteOrder, interface: [u8; 4], time: u64, data: &[u8], original: u32) -> Vec<u8> {
    let mut body = interface.to_vec();
    let high = u32::try_from(time >> 32).unwrap();
    let low = u32::try_from(time & 0xffff_ffff).unwrap();
    for word in [high, low, data.len().try_into().unwrap(), original] {
        body.extend(put32(order, word));
    }
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    body
}

fn encode(order: ByteOrder, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    for (code, value) in options {
        bytes.extend(put16(order, *code));
        bytes.extend(put16(order, value.len().try_into().unwrap()));
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// Xorshift: the same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

//! What holds for every format.

use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::bytes::ByteOrder;
use super::fixture::{NgFile, Owned, PcapFile, Random, drain, outcome, read_with_buffer};
use super::{CaptureError, CaptureReader, Fault, LinkType, Problem, Skipped};

const MICROSECONDS: u32 = 0xa1b2_c3d4;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Small captures that hold every kind of record.
fn captures() -> Vec<Vec<u8>> {
    let mut captures = vec![];
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for magic in [MICROSECONDS, 0xa1b2_3c4d, 0xa1b2_cd34] {
            let file = PcapFile::new(order, magic, 113)
                .record(1, 2, b"0123456789abcd\x08\x00E", 17)
                .record(3, 4, b"", 60)
                .record(5, 6, &[0x81; 90], 1_500);
            captures.push(file.bytes);
        }
        let file = NgFile::new(order)
            .interface(1, 64, &[(9, &[0x94]), (14, &[0, 0, 0, 0, 0, 0, 0, 1])])
            .interface(276, 0, &[])
            .enhanced(0, 123_456, &[1; 61], 61)
            .block(5, b"statistics")
            .obsolete(1, 234_567, &[0x81, 0, 0, 0], 4)
            .simple(&[2; 64], 100)
            .section(order)
            .interface(0, 0, &[])
            .enhanced(0, 345_678, &[2, 0, 0, 0, 0x45], 61);
        captures.push(file.bytes);
    }
    captures
}

#[test]
fn mutated_captures_never_panic() {
    let mut random = Random(0x5eed_cafe);
    let captures = captures();
    for round in 0..100_000 {
        let mut bytes = captures[round % captures.len()].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        read_with_buffer(&bytes, 32);
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(5) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        2 => bytes.truncate(at + 1),
        3 => bytes.insert(at, random.next().to_le_bytes()[0]),
        _ => {
            let word = [0, 4, 8, 12, 13, 1 << 20, 1 << 21, u32::MAX - 3, u32::MAX][random.below(9)];
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
        }
    }
}

#[test]
fn mutated_gzip_never_panics() {
    let mut random = Random(0x5eed_0002);
    let captures: Vec<_> = captures().iter().map(|bytes| gzip(bytes)).collect();
    for round in 0..5_000 {
        let mut bytes = captures[round % captures.len()].clone();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        read_with_buffer(&bytes, 32);
    }
}

#[test]
fn what_was_written_is_read() {
    let mut random = Random(0x5eed_0001);
    for round in 0..300_u32 {
        let order = if round % 2 == 0 { ByteOrder::Little } else { ByteOrder::Big };
        let mut pcap = PcapFile::new(order, 0xa1b2_3c4d, 1);
        let mut pcapng = NgFile::new(order).interface(1, 0, &[(9, &[9])]);
        let mut expected = vec![];
        for second in 0..u32::try_from(random.below(20)).unwrap() {
            let data: Vec<u8> = (0..random.below(3_000)).map(|_| random.next().to_le_bytes()[0]).collect();
            let wire_len = u32::try_from(data.len() + random.below(2) * 100).unwrap();
            let time_ns = u64::from(second) * 1_000_000_000 + u64::from(round);
            pcap = pcap.record(second, round, &data, wire_len);
            pcapng = pcapng.enhanced(0, time_ns, &data, wire_len);
            expected.push(Owned { time_ns, link: LinkType::Ethernet, data, wire_len, interface: 0 });
        }
        for bytes in [&pcap.bytes, &pcapng.bytes, &gzip(&pcap.bytes), &gzip(&pcapng.bytes)] {
            let (packets, problem) = outcome(bytes);
            assert!(problem.is_none());
            assert_eq!(packets, expected);
        }
    }
}

#[test]
fn cut_gzip_delivers_what_can_be_decompressed() {
    let data: Vec<Vec<u8>> = {
        let mut random = Random(0x5eed_0003);
        (0..40).map(|_| (0..100).map(|_| random.next().to_le_bytes()[0]).collect()).collect()
    };
    let file = data
        .iter()
        .fold(PcapFile::new(ByteOrder::Little, MICROSECONDS, 1), |file, data| file.record(1, 1, data, 100));
    let stream = gzip(&file.bytes);
    let mut most = 0;
    for cut in 3..stream.len() {
        let (packets, problem) = outcome(&stream[..cut]);
        assert!(packets.iter().zip(&data).all(|(packet, data)| packet.data == *data));
        assert!(packets.len() >= most, "cut at {cut}");
        assert!(matches!(problem, Some(Problem::Damage { fault: Fault::Gzip(_), .. })), "cut at {cut}");
        most = packets.len();
    }
    assert_eq!(most, data.len());
}

#[test]
fn unsupported_link_types_are_counted_and_skipped() {
    let file = NgFile::new(ByteOrder::Little)
        .interface(9, 0, &[])
        .interface(1, 0, &[])
        .interface(999, 0, &[])
        .enhanced(0, 1, b"ppp", 3)
        .enhanced(1, 2, b"ether", 5)
        .enhanced(0, 3, b"ppp", 3)
        .enhanced(2, 4, b"?", 1);
    let mut reader = CaptureReader::new("x", Cursor::new(file.bytes)).unwrap();
    assert_eq!(reader.next_packet().unwrap().unwrap().data, b"ether");
    assert_eq!(reader.packets(), 2);
    assert_eq!(reader.next_packet().unwrap(), None);
    assert_eq!(reader.packets(), 4);
    let skipped: Vec<_> = reader.skipped().collect();
    assert_eq!(skipped, [Skipped { link: 9, packets: 2 }, Skipped { link: 999, packets: 1 }]);
    assert_eq!(
        skipped[0].to_string(),
        "packets skipped because their link type 9 (PPP) is not supported: 2; \
         inspector reads Ethernet, raw IP, loopback and Linux cooked captures"
    );
}

/// A pipe whose writer has paused: reading on would wait for ever.
struct Pipe(Vec<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "would block");
        let mut chunk = self.0.remove(0);
        if chunk.is_empty() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if chunk.len() > buffer.len() {
            self.0.insert(0, chunk.split_off(buffer.len()));
        }
        buffer[..chunk.len()].copy_from_slice(&chunk);
        Ok(chunk.len())
    }
}

#[test]
fn pipes_deliver_whole_packets_at_once() {
    let pcap = PcapFile::new(ByteOrder::Little, MICROSECONDS, 1).record(1, 1, b"first", 5).bytes;
    let pcapng = NgFile::new(ByteOrder::Big).interface(1, 0, &[]).enhanced(0, 1, b"first", 5).bytes;
    for bytes in [pcap, pcapng] {
        let whole = vec![bytes.clone()];
        let crumbs = bytes.iter().flat_map(|byte| [vec![*byte], vec![]]).collect();
        for chunks in [whole, crumbs] {
            let mut reader = CaptureReader::new("pipe", Pipe(chunks)).unwrap();
            assert_eq!(reader.next_packet().unwrap().unwrap().data, b"first");
        }
    }
}

/// A disk that fails after the bytes it gave.
struct FailingDisk(Cursor<Vec<u8>>);

impl Read for FailingDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("bad sector")),
            read => Ok(read),
        }
    }
}

#[test]
fn read_errors_are_damage_once_the_capture_is_open() {
    let bytes = PcapFile::new(ByteOrder::Little, MICROSECONDS, 1).record(1, 1, b"first", 5).bytes;
    let mut reader = CaptureReader::new("x", FailingDisk(Cursor::new(bytes))).unwrap();
    assert!(reader.next_packet().unwrap().is_some());
    let error = reader.next_packet().unwrap_err();
    assert!(error.is_damage());
    assert_eq!(
        error.to_string(),
        "x: cannot be read (bad sector) at byte 45, after packet 1; record or copy it again for the rest"
    );
    let error = CaptureReader::new("x", FailingDisk(Cursor::default())).unwrap_err();
    assert!(!error.is_damage());
}

fn refusal(bytes: &'static [u8]) -> CaptureError {
    CaptureReader::new("x", bytes).unwrap_err()
}

#[test]
fn other_inputs_are_refused() {
    assert!(matches!(refusal(b"").problem, Problem::Empty));
    for bytes in [&b"\xd4"[..], b"\xd4\xc3\xb2", b"text", b"PK\x03\x04rest of it", b"\n\r\r"] {
        let error = refusal(bytes);
        assert!(!error.is_damage());
        assert!(matches!(error.problem, Problem::NotACapture(start) if bytes.starts_with(&start)));
    }
    assert!(refusal(b"\xd4\xc3\xb2\xa1").is_damage());
    assert!(refusal(b"\x1f\x8b\x08").is_damage());
    let empty = CaptureReader::new("x", Cursor::new(gzip(b""))).unwrap_err();
    assert!(matches!(empty.problem, Problem::Empty));
}

#[test]
fn files_are_opened_by_path() {
    let text = |path: &str| CaptureReader::open(Path::new(path)).unwrap_err().to_string();
    assert_eq!(text("no/such.pcap"), "no/such.pcap: no such file; check the path");
    assert_eq!(text("/"), "/: is a directory; name the capture files in it");

    let path = std::env::temp_dir().join(format!("inspector-capture-{}.pcap", std::process::id()));
    std::fs::write(&path, PcapFile::new(ByteOrder::Little, MICROSECONDS, 1).record(1, 1, b"first", 5).bytes)
        .unwrap();
    let reader = CaptureReader::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(drain(reader).0.len(), 1);
}

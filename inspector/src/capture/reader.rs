//! The reader: one packet after the other out of any input, with counts and errors.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::ops::Range;
use std::path::Path;

use super::error::{CaptureError, Fault, Part, Problem};
use super::input::Input;
use super::link::{self, LinkType, Start};
use super::pcap::{Dialect, Pcap};
use super::pcapng::{self, PcapNg};

/// A captured packet; its bytes are lent until the next one is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When it was captured, in nanoseconds since the Unix epoch. A simple packet of pcapng has no time: it
    /// gets that of the packet before it (0 if there is none).
    pub time_ns: u64,
    /// The link layer it begins with; never [`LinkType::Unsupported`].
    pub link: LinkType,
    /// Its captured bytes.
    pub data: &'a [u8],
    /// Its length on the wire, in bytes; at least that of `data`.
    pub wire_len: u32,
    /// Which interface of the capture it came by; 0 in pcap, the interface's number in its section in pcapng.
    pub interface: u32,
}

impl Packet<'_> {
    /// Where the classifier begins in this packet.
    #[inline]
    #[must_use]
    pub fn start(&self) -> Start {
        link::start(self.link, self.data)
    }
}

/// A [`Packet`] whose bytes are still in the input's buffer.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) time_ns: u64,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    pub(super) interface: u32,
    /// The place of its bytes in the buffer, until that is filled again.
    pub(super) data: Range<usize>,
}

/// Packets that were skipped because of their link type. Its text is one sentence for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The link type's number (<https://www.tcpdump.org/linktypes.html>).
    pub link: u16,
    /// How many packets had it.
    pub packets: u64,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, packets } = self;
        let name = link::name(*link).map(|name| format!(" ({name})")).unwrap_or_default();
        write!(
            f,
            "packets skipped because their link type {link}{name} is not supported: {packets}; \
             inspector reads Ethernet, raw IP, loopback and Linux cooked captures"
        )
    }
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// Reads the packets of one capture.
#[derive(Debug)]
pub struct CaptureReader {
    name: Box<str>,
    input: Input,
    format: Format,
    packets: u64,
    skipped: BTreeMap<u16, u64>,
    ended: bool,
}

impl CaptureReader {
    /// Opens a capture file, or standard input if `path` is `-`. Waits for its header.
    ///
    /// # Errors
    /// When it cannot be opened or is no capture, and when it ends inside its header.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        if path == Path::new("-") {
            let name = "standard input";
            if io::stdin().is_terminal() {
                return Err(CaptureError { input: name.into(), problem: Problem::Terminal });
            }
            return Self::new(name, io::stdin());
        }
        let name = path.display().to_string();
        match open_file(path) {
            Ok(file) => Self::new(&name, file),
            Err(problem) => Err(CaptureError { input: name.into(), problem }),
        }
    }

    /// Reads a capture from any stream; `name` is what errors call it.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn new(name: &str, source: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        Input::new(source)
            .map_err(Problem::Open)
            .and_then(|input| Self::of_input(name, input))
            .map_err(|problem| CaptureError { input: name.into(), problem })
    }

    pub(super) fn of_input(name: &str, mut input: Input) -> Result<Self, Problem> {
        let format = Format::detect(&mut input)?;
        Ok(Self { name: name.into(), input, format, packets: 0, skipped: BTreeMap::new(), ended: false })
    }

    /// Reads the next packet of a supported link type. `None` at the end, and after an error. Returns as soon
    /// as the packet is complete, though the stream may go on.
    ///
    /// # Errors
    /// When the capture is damaged: there are no packets after that.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        while !self.ended {
            let record = match &mut self.format {
                Format::Pcap(pcap) => pcap.next(&mut self.input),
                Format::PcapNg(pcapng) => pcapng.next(&mut self.input),
            };
            let Record { time_ns, link, wire_len, interface, data } = match record {
                Ok(Some(record)) => record,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(fault) => return Err(self.damage(fault)),
            };
            self.packets += 1;
            if let LinkType::Unsupported(number) = link {
                *self.skipped.entry(number).or_default() += 1;
                continue;
            }
            let data = self.input.slice(data);
            return Ok(Some(Packet { time_ns, link, data, wire_len, interface }));
        }
        Ok(None)
    }

    #[cold]
    fn damage(&mut self, fault: Fault) -> CaptureError {
        self.ended = true;
        let problem = Problem::Damage { fault, offset: self.input.record_at(), packets: self.packets };
        CaptureError { input: self.name.clone(), problem }
    }

    /// What errors call this capture.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many packets were read so far, those that were skipped among them: the number of the last packet,
    /// as Wireshark counts.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Which packets were skipped so far, by link type.
    pub fn skipped(&self) -> impl Iterator<Item = Skipped> {
        self.skipped.iter().map(|(&link, &packets)| Skipped { link, packets })
    }
}

impl Format {
    /// Reads the first bytes, and pcap's file header.
    fn detect(input: &mut Input) -> Result<Self, Problem> {
        const START_LEN: usize = 8;
        const MAGIC_LEN: usize = 4;
        match input.require(MAGIC_LEN, Part::FileHeader) {
            Err(Fault::Read(error)) => return Err(Problem::Open(error)),
            Err(Fault::CutShort(_)) if input.unread().is_empty() => return Err(Problem::Empty),
            Err(fault @ Fault::Gzip(_)) => return Err(damaged_header(fault)),
            // Too short for any magic number goes on, to show what is there.
            Ok(()) | Err(_) => {}
        }
        let magic = input.unread().first_chunk().copied();
        if let Some(dialect) = magic.and_then(Dialect::of) {
            return Pcap::open(dialect, input).map(Self::Pcap).map_err(damaged_header);
        }
        if magic == Some(pcapng::SECTION_HEADER) {
            return Ok(Self::PcapNg(PcapNg::new()));
        }
        let start = input.unread();
        Err(Problem::NotACapture(start.get(..START_LEN).unwrap_or(start).into()))
    }
}

fn damaged_header(fault: Fault) -> Problem {
    Problem::Damage { fault, offset: 0, packets: 0 }
}

fn open_file(path: &Path) -> Result<File, Problem> {
    let file = File::open(path).map_err(Problem::Open)?;
    let metadata = file.metadata().map_err(Problem::Open)?;
    if metadata.is_dir() { Err(Problem::Open(io::ErrorKind::IsADirectory.into())) } else { Ok(file) }
}

//! What can be wrong with a capture: one sentence each for the user.

use std::fmt;
use std::io;

use super::MAX_CAPTURED;

/// Why a capture could not be read, or not to its end. Its text is one sentence: what, where, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{input}: {problem}")]
pub struct CaptureError {
    /// The file's name, or "standard input".
    pub input: Box<str>,
    /// What is wrong with it.
    pub problem: Problem,
}

impl CaptureError {
    /// Whether this is a capture that could be read up to some point (exit status 1), as opposed to one that
    /// could not be read at all (exit status 2).
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self.problem, Problem::Damage { .. })
    }
}

/// What is wrong with an input.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be opened, or its first bytes cannot be read.
    #[error("{}", Opening(.0))]
    Open(io::Error),
    /// Standard input is a terminal, where no capture can come from.
    #[error("is a terminal; name a capture file, or pipe one in: tcpdump -U -w - | inspector replay -")]
    Terminal,
    /// There is nothing in it, not even a file header.
    #[error("empty, so not a capture file; check that it was recorded and copied completely")]
    Empty,
    /// It begins with something else than a capture does. Holds its first bytes, eight at most.
    #[error("not a capture file (starts with \"{}\"); {}", .0.escape_ascii(), remedy(.0))]
    NotACapture(Box<[u8]>),
    /// It is a capture, and damaged.
    #[error("{fault} at byte {offset}, {}; record or copy it again for the rest", After(*packets))]
    Damage {
        /// What is damaged.
        fault: Fault,
        /// Where the damaged record begins, in bytes from the start of the uncompressed capture.
        offset: u64,
        /// How many packets were read before.
        packets: u64,
    },
}

/// How a capture is damaged.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file ends inside its header, a record or a block.
    #[error("cut short inside the {0}")]
    CutShort(Part),
    /// The rest of the file cannot be read.
    #[error("cannot be read ({0})")]
    Read(io::Error),
    /// The compressed stream ends early, or fails its checks.
    #[error("the gzip stream is damaged or cut short ({0})")]
    Gzip(io::Error),
    /// A packet claims more captured bytes than there can be.
    #[error("a packet claims {0} captured bytes (the limit is {MAX_CAPTURED})")]
    PacketLength(u32),
    /// A pcapng block has a length that no such block can have, in bytes.
    #[error("a pcapng block of type {kind:#x} claims a length of {length} bytes")]
    BlockLength {
        /// The block's type.
        kind: u32,
        /// The length it claims, in bytes.
        length: u32,
    },
    /// The length that ends a pcapng block differs from the one that begins it, both in bytes.
    #[error("a pcapng block begins with a length of {front} bytes and ends with one of {back}")]
    BlockEnd {
        /// The length in front.
        front: u32,
        /// The length at the end.
        back: u32,
    },
    /// A pcapng packet claims more captured bytes than its block holds.
    #[error("a packet of {captured} bytes does not fit into its pcapng block")]
    PacketBeyondBlock {
        /// The length it claims, in bytes.
        captured: u32,
    },
    /// A pcapng packet names an interface that its section does not describe.
    #[error("a packet came by interface {0}, which the capture does not describe")]
    UnknownInterface(u32),
    /// A pcapng section describes more interfaces than the reader keeps.
    #[error("more than {0} interfaces are described")]
    TooManyInterfaces(usize),
    /// A pcapng section that begins with neither byte-order mark.
    #[error("a pcapng section has the byte-order mark {0:#010x}")]
    ByteOrderMark(u32),
    /// A pcapng section in a version of the format that is not known.
    #[error("a pcapng section is in version {0} of the format, where 1 is known")]
    Version(u16),
}

/// The part of a capture in which it ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The header of a pcap file.
    FileHeader,
    /// A packet's record in a pcap file.
    Record,
    /// A block of a pcapng file.
    Block,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileHeader => "file header",
            Self::Record => "packet record",
            Self::Block => "pcapng block",
        })
    }
}

/// Says how far reading came.
struct After(u64);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("before the first packet"),
            packets => write!(f, "after packet {packets}"),
        }
    }
}

/// Says why an input cannot be opened, and what helps.
struct Opening<'a>(&'a io::Error);

impl fmt::Display for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("no such file; check the path"),
            io::ErrorKind::IsADirectory => f.write_str("is a directory; name the capture files in it"),
            io::ErrorKind::PermissionDenied => {
                f.write_str("not readable for this user; change its permissions or run as its owner")
            }
            _ => write!(f, "cannot be opened ({}); check the file and its disk", self.0),
        }
    }
}

/// What to do with a file that is no capture, by the bytes it starts with.
fn remedy(start: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"\x28\xb5\x2f\xfd", "it is compressed: zstd -dc FILE | inspector replay -"),
        (b"\xfd7zXZ\0", "it is compressed: xz -dc FILE | inspector replay -"),
        (b"BZh", "it is compressed: bzip2 -dc FILE | inspector replay -"),
        (b"\x04\x22\x4d\x18", "it is compressed: lz4 -dc FILE | inspector replay -"),
        (b"PK\x03\x04", "it is a zip archive: unzip -p FILE | inspector replay -"),
        (b"snoop\0", "it is a snoop file: convert it with editcap -F pcapng"),
        (b"GMBU", "it is a Network Monitor file: convert it with editcap -F pcapng"),
        (b"RTSS", "it is a Network Monitor file: convert it with editcap -F pcapng"),
    ];
    KNOWN
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
        .map_or("inspector reads pcap, pcapng and their .gz", |(_, remedy)| remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(problem: Problem) -> String {
        CaptureError { input: "x.pcap".into(), problem }.to_string()
    }

    #[test]
    fn says_what_where_and_what_to_do() {
        assert_eq!(
            text(Problem::Open(io::ErrorKind::NotFound.into())),
            "x.pcap: no such file; check the path"
        );
        assert_eq!(
            text(Problem::NotACapture((*b"\x7fELF").into())),
            "x.pcap: not a capture file (starts with \"\\x7fELF\"); inspector reads pcap, pcapng and their .gz"
        );
        assert_eq!(
            text(Problem::NotACapture((*b"PK\x03\x04").into())),
            "x.pcap: not a capture file (starts with \"PK\\x03\\x04\"); \
             it is a zip archive: unzip -p FILE | inspector replay -"
        );
        let fault = Fault::CutShort(Part::Record);
        assert_eq!(
            text(Problem::Damage { fault, offset: 1234, packets: 57 }),
            "x.pcap: cut short inside the packet record at byte 1234, after packet 57; \
             record or copy it again for the rest"
        );
    }

    #[test]
    fn only_damage_leaves_something_read() {
        let fault = Fault::PacketLength(u32::MAX);
        for (problem, damage) in [
            (Problem::Damage { fault, offset: 24, packets: 0 }, true),
            (Problem::Empty, false),
            (Problem::Open(io::ErrorKind::IsADirectory.into()), false),
            (Problem::Open(io::ErrorKind::PermissionDenied.into()), false),
        ] {
            assert_eq!(CaptureError { input: "x".into(), problem }.is_damage(), damage);
        }
    }
}

//! Packets out of capture files: pcap, pcapng, either of them gzipped, from a file or a pipe.
//!
//! [`CaptureReader`] hands out one borrowed [`Packet`] after the other. Memory is constant: one buffer that
//! grows to the largest block the format may hold, and a small entry per described interface. Nothing here
//! seeks, so a pipe that is still being written to serves as well as a file.
//!
//! Damage does not void a capture: every packet before it is delivered, then one [`CaptureError`] says what is
//! wrong and where, and the reader has ended.
//!
//! Written here and not taken from pcap-parser 0.17, because that collects the options of every pcapng packet
//! in a `Vec`, reports damage without saying where, and leaves gzip, clocks, buffer growth and limits to us.

mod bytes;
mod clock;
mod error;
mod input;
mod link;
mod pcap;
mod pcapng;
mod reader;

pub use error::{CaptureError, Fault, Problem};
pub use link::{LinkType, Start};
pub use reader::{CaptureReader, Packet, Skipped};

/// Most bytes of one packet that a capture may hold. libpcap stops at 262,144 and Linux builds packets of up
/// to 524,288 (BIG TCP); a length beyond this limit is a sign of damage.
pub const MAX_CAPTURED: u32 = 1 << 20;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

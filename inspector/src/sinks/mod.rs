//! Sinks: where reports are written, and what they need to know of the world around a report.
//!
//! A sink that cannot write says so once for each run of failures and counts what is lost meanwhile, since a
//! full disk must not flood the log, let alone end the inspection. Only a reader that went away
//! ([`SinkError::Closed`]) is a reason to stop.

pub mod eve;
mod event;
mod output;
pub mod terminal;
pub(crate) mod text;

use std::collections::HashMap;
use std::io;

use jiff::Timestamp;

use crate::findings::Report;
use crate::findings::{Finding, Subject};

pub use eve::Eve;
pub use output::Output;
pub use terminal::Terminal;

/// Somewhere to write reports.
pub trait Sink: Send {
    /// Writes one report. An error is to be shown to the user: while a failure lasts, further calls count
    /// what is lost and return `Ok`.
    fn write(&mut self, report: &Report, context: &Context) -> Result<(), SinkError>;

    /// Opens the file anew by its name, after logrotate has moved it away. Does nothing for other outputs.
    fn reopen(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Reports that could not be written so far.
    fn lost(&self) -> u64;
}

/// Why reports cannot be written. Its text is one sentence: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file cannot be opened.
    #[error("cannot open {name} for findings ({source}); check the path and its permissions")]
    Open {
        /// The file's name.
        name: Box<str>,
        /// What the system said.
        source: io::Error,
    },
    /// The disk or the quota is exhausted.
    #[error("{name}: {source}; findings are lost, and counted, until there is room again")]
    Full {
        /// The file's name.
        name: Box<str>,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever read the output has gone away: the end, and no fault.
    #[error("{name}: closed by its reader")]
    Closed {
        /// The output's name.
        name: Box<str>,
    },
    /// Any other failure.
    #[error("cannot write findings to {name} ({source}); they are lost, and counted, while this lasts")]
    Write {
        /// The file's name.
        name: Box<str>,
        /// What the system said.
        source: io::Error,
    },
}

impl SinkError {
    /// Whether the reader went away, so that a command that writes to a pipe ends quietly.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    fn of(name: &str, source: io::Error) -> Self {
        let name = name.into();
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed { name },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { name, source }
            }
            _ => Self::Write { name, source },
        }
    }
}

/// What a sink has to know beside the report.
#[derive(Clone, Debug)]
pub struct Context {
    /// Nanoseconds from the source's clock to the Unix epoch: 0 for a capture, and for the kernel's
    /// monotonic clock the difference taken at the last drain.
    pub wall_offset_ns: i64,
    /// Names of the interfaces by index.
    pub interfaces: HashMap<u32, String>,
    /// Share of flows that are looked at, 0 to 1.
    pub sampling_ratio: f64,
}

/// IP protocols of the classes that sampling may leave out, but for DNS.
const SAMPLED: [u8; 7] = [4, 6, 17, 41, 47, 50, 115];

impl Context {
    /// The bytes that a finding's channel has probably carried, in the flows that were left out too. Where
    /// the finding is of a class that is never left out, that is what was seen.
    pub(crate) fn estimate(&self, finding: &Finding) -> u64 {
        let Subject { protocol, client_port, server_port, .. } = &finding.subject;
        let is_dns = [*client_port, *server_port].contains(&53);
        if !SAMPLED.contains(protocol) || is_dns || self.sampling_ratio <= 0.0 {
            return finding.estimated_bytes;
        }
        let scaled = finding.estimated_bytes as f64 / self.sampling_ratio;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates, and is never negative"
        )]
        let scaled = scaled.round() as u64;
        scaled
    }
}

impl Default for Context {
    fn default() -> Self {
        Self { wall_offset_ns: 0, interfaces: HashMap::new(), sampling_ratio: 1.0 }
    }
}

impl Context {
    /// Wall time of a time of the source's clock.
    #[must_use]
    pub fn wall(&self, time_ns: u64) -> Timestamp {
        let time_ns = i128::from(time_ns) + i128::from(self.wall_offset_ns);
        // Up to the year 9999; a time beyond has no wall time, and the epoch says so plainly enough.
        Timestamp::from_nanosecond(time_ns).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Name of an interface.
    #[must_use]
    pub fn interface(&self, ifindex: u32) -> Option<&str> {
        self.interfaces.get(&ifindex).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use inspector_common::{Direction, Origin, SliceFrame, Start, classify};

    use super::*;
    use crate::findings::sample;

    #[test]
    fn what_sampling_may_leave_out_is_what_the_classifier_says() {
        for protocol in 0..=u8::MAX {
            // Ports 4,000 and 4,001; a TCP header of 20 bytes, a UDP length of 20.
            let mut packet = [0; 40];
            packet[..10].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol]);
            packet[20..26].copy_from_slice(&[0x0f, 0xa0, 0x0f, 0xa1, 0, 20]);
            packet[32] = 0x50;
            let start = Start::Network { ethertype: 0x0800, offset: 0 };
            let origin = Origin::new(1, Direction::Ingress);
            let class = classify(&SliceFrame::new(&packet, 0), start, origin).class;
            assert_eq!(
                SAMPLED.contains(&protocol),
                !class.is_exempt_from_sampling(),
                "{protocol}: {class:?}"
            );
        }
    }

    #[test]
    fn estimates_are_scaled_where_flows_were_left_out() {
        let context = |sampling_ratio| Context { sampling_ratio, ..Context::default() };
        let estimate = |ratio, protocol, ports: [u16; 2]| {
            let mut finding = sample::finding();
            (finding.subject.protocol, finding.estimated_bytes) = (protocol, 1_000);
            [finding.subject.client_port, finding.subject.server_port] = ports;
            context(ratio).estimate(&finding)
        };
        assert_eq!(estimate(0.25, 6, [40_000, 443]), 4_000);
        assert_eq!(estimate(0.25, 47, [0, 0]), 4_000);
        assert_eq!(estimate(1.0, 6, [40_000, 443]), 1_000);
        for never_left_out in
            [estimate(0.25, 17, [40_000, 53]), estimate(0.25, 6, [53, 53]), estimate(0.25, 1, [7, 0])]
        {
            assert_eq!(never_left_out, 1_000);
        }
        assert_eq!(estimate(0.0, 6, [40_000, 443]), 1_000, "no ratio is no reason to divide by it");
    }

    #[test]
    fn wall_time_is_the_source_time_and_its_offset() {
        let context = Context { wall_offset_ns: 1_700_000_000_000_000_000, ..Context::default() };
        assert_eq!(context.wall(5_000_000_000).as_second(), 1_700_000_005);
        let context = Context { wall_offset_ns: -1_000_000_000, ..Context::default() };
        assert_eq!(context.wall(0).as_second(), -1);
        assert_eq!(context.wall(u64::MAX).as_second(), 18_446_744_072);
    }

    #[test]
    fn errors_are_one_sentence_and_typed() {
        let full = SinkError::of("/var/log/eve.json", io::ErrorKind::StorageFull.into());
        assert_eq!(
            full.to_string(),
            "/var/log/eve.json: no storage space; findings are lost, and counted, until there is room again"
        );
        assert!(!full.is_closed());
        assert!(SinkError::of("standard output", io::ErrorKind::BrokenPipe.into()).is_closed());
    }
}

//! Carriers in protocols whose messages have a fixed format: detector `fixed-format`.
//!
//! Three questions. Is what goes to a protocol's port that protocol at all ([`alien`])? Do fields that count or follow a
//! clock do so, as those of NTP ([`ntp`]), RTP and RTCP ([`media`]) and blocks of TFTP ([`transfer`])? Do options, texts
//! and names that their sender repeats, as those of DHCP ([`dhcp`], [`dhcpv6`]), SNMP and SSDP ([`names`]), STUN
//! ([`stun`]), syslog ([`log`]), mDNS, LLMNR and NetBIOS ([`local`]), say something new each time?

mod alien;
mod dhcp;
mod dhcpv6;
mod field;
mod local;
mod log;
mod media;
mod names;
mod ntp;
mod stun;
mod transfer;

#[cfg(test)]
mod tests;

use self::alien::Alien;
use self::field::Field;
use self::media::Stream;
use self::ntp::Clock;
use self::transfer::{Session, Transfer};
use inspector_common::FlowKey;

use super::Detector;
use super::pairing::Link;
use super::table::Table;
use crate::dissect::fixed;
use crate::dissect::ntp::Message;
use crate::dissect::payload::{Body, Payload};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::{Head, Observation};

/// Name of the detector.
pub const NAME: &str = "fixed-format";

static ALIEN: Signature = Signature {
    id: 9_104_200,
    rev: 1,
    detector: NAME,
    title: "Traffic on a protocol's port that is not that protocol",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1095",
    hint: "Allow the port only to your own servers; find the process that talks to this one",
};

static CLOCK: Signature = Signature {
    id: 9_104_201,
    rev: 1,
    detector: NAME,
    title: "NTP fields that don't follow from a clock",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1001.003",
    hint: "Compare with what the host's own NTP client sends; allow NTP only to your servers",
};

static OPTIONS: Signature = Signature {
    id: 9_104_202,
    rev: 1,
    detector: NAME,
    title: "DHCP options whose content changes with every message",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1001.003",
    hint: "Find the switch port that sends these; enable DHCP snooping",
};

static TEXTS: Signature = Signature {
    id: 9_104_203,
    rev: 1,
    detector: NAME,
    title: "Encoded data in names that SNMP or SSDP should repeat",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1001.003",
    hint: "Find the process that sends these; managers and devices don't change their names",
};

static MEDIA: Signature = Signature {
    id: 9_104_204,
    rev: 1,
    detector: NAME,
    title: "RTP or RTCP fields that don't follow from a stream",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1001.003",
    hint: "Record the stream and see whether it plays; find the program that sends it",
};

static STUN: Signature = Signature {
    id: 9_104_205,
    rev: 1,
    detector: NAME,
    title: "STUN attributes whose content changes with every message",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1001.003",
    hint: "Find the program that sends these, and ask who runs the server",
};

static TRANSFER: Signature = Signature {
    id: 9_104_206,
    rev: 1,
    detector: NAME,
    title: "TFTP blocks, options or texts that belong to no transfer of files",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1001.003",
    hint: "Allow TFTP only to your own servers; find the program that asks",
};

static LOG: Signature = Signature {
    id: 9_104_207,
    rev: 1,
    detector: NAME,
    title: "Encoded data instead of syslog's lines, names or dates",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1048.003",
    hint: "Read what this host logs, and to whom; allow syslog only to your own collectors",
};

static LOCAL: Signature = Signature {
    id: 9_104_208,
    rev: 1,
    detector: NAME,
    title: "Encoded data in names of the local network",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1001.003",
    hint: "Find the program that asks for or announces these names, and who else on the segment listens",
};

/// Port of syslog over UDP.
const SYSLOG: u16 = 514;

/// What it takes for a finding, and what the detector may use.
///
/// "Base rate" is what was measured on the captures without a channel of the development corpus: benign, evasive and
/// declared tunnels.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Datagrams that are not of the port's protocol, in each direction, packets.
    pub alien_packets: u32,
    /// The same where one direction only carries them. Scanners send a few probes a host.
    pub alien_packets_one_way: u32,
    /// Bytes of these, both directions.
    pub alien_bytes: u64,
    /// NTP fields with a value that can't follow from the one before, of one field and sender, packets. A client that changes its source
    /// does so once; a server behind a load balancer alternates between a few.
    pub clock_novelties: u32,
    /// Their share of the sender's packets.
    pub clock_share: f64,
    /// Different values of one DHCP option of one client or server, messages. Base rate: names of boot files and vendor
    /// data change once or twice, as a host boots.
    pub option_values: u32,
    /// The same among clients whose hardware address changes with every message, which may be different hosts:
    /// only values count that look random and have no structure.
    pub option_values_opaque: u32,
    /// Bytes of these values.
    pub option_bytes: u64,
    /// Different encoded texts of one field of one sender, messages. Base rate: identifiers of sessions and objects, once
    /// or twice.
    pub texts: u32,
    /// Packets of an RTP stream, or reports, in which a field does not follow, or names of a source, of the ten that are
    /// seen of the first 256. Base rate: 0, but for a stream that begins anew or was lost for long, once each.
    pub media_faults: u32,
    /// Packets with long elements in an extension that are uniform bytes together. Base rate: 0.
    pub media_extensions: u32,
    /// Different contents of an attribute that stays, of one sender or flow, messages. Base rate: 0 to 2.
    pub stun_values: u32,
    /// Blocks that don't follow, or have another size than the one before, of one transfer, packets. Base rate: 1, the
    /// last block's size.
    pub transfer_faults: u32,
    /// State idle for this long is forgotten, nanoseconds. NTP's clients ask once in 17 minutes at the least.
    pub idle_ns: u64,
    /// Most entries kept in each table.
    pub capacity: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            alien_packets: 4,
            alien_packets_one_way: 12,
            alien_bytes: 256,
            clock_novelties: 6,
            clock_share: 0.5,
            option_values: 5,
            option_values_opaque: 5,
            option_bytes: 64,
            texts: 8,
            media_faults: 5,
            media_extensions: 8,
            stun_values: 6,
            transfer_faults: 4,
            idle_ns: 3 * 3600 * SECOND,
            capacity: 2048,
        }
    }
}

/// The detector.
#[derive(Debug)]
pub struct FixedFormat {
    thresholds: Thresholds,
    aliens: Table<(Link, u16), Alien>,
    clocks: Table<(Link, [u8; 16]), Clock>,
    fields: Table<(u64, u16), Field>,
    streams: Table<FlowKey, Stream>,
    transfers: Table<Session, Transfer>,
    /// Whether any transfer was asked for: on most networks none ever is.
    has_transfers: bool,
}

impl FixedFormat {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            aliens: Table::new(thresholds.capacity),
            clocks: Table::new(thresholds.capacity),
            fields: Table::new(thresholds.capacity),
            streams: Table::new(thresholds.capacity),
            transfers: Table::new(thresholds.capacity / 8),
            has_transfers: false,
            thresholds,
        }
    }

    fn alien(&mut self, head: &Head<'_>, payload: &Payload<'_>, port: u16, findings: &mut Vec<Finding>) {
        let Some(fits) = fixed::fits(port, payload.message.bytes, payload.message.len) else {
            return;
        };
        let fits = fits && !alien::is_disguised(port, head.payload());
        let Some(alien) = self.aliens.entry((Link::hosts(&head.meta.key), port), || Alien::new(head, port))
        else {
            return;
        };
        alien.add(head, payload, fits);
        if !fits {
            findings.extend(alien.judge(&self.thresholds));
        }
    }

    fn clock(&mut self, head: &Head<'_>, message: &Message<'_>, findings: &mut Vec<Finding>) {
        let key = &head.meta.key;
        if let Some(clock) = self.clocks.entry((Link::of(key), key.src), || Clock::new(head, message)) {
            clock.add(head, message);
            findings.extend(clock.judge(key, &self.thresholds));
        }
    }
}

impl FixedFormat {
    /// Looks at a datagram of the protocol that has `port`.
    fn on_port(&mut self, head: &Head<'_>, payload: &Payload<'_>, port: u16, findings: &mut Vec<Finding>) {
        let Self { fields, transfers, thresholds: t, .. } = self;
        match (&payload.body, port) {
            (Body::Ntp(message), _) => self.clock(head, message, findings),
            (Body::Dhcp(message), _) => dhcp::observe(fields, head, message, t, findings),
            (_, 69) => {
                self.has_transfers = true;
                transfer::observe(transfers, fields, head, t, findings);
            }
            (_, 161 | 162 | 1900) => names::observe(fields, head, port, t, findings),
            (_, 546 | 547) => dhcpv6::observe(fields, head, t, findings),
            (_, 137 | 5353 | 5355) => local::observe(fields, head, port, t, findings),
            _ => {}
        }
    }
}

impl Detector for FixedFormat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let Some(payload) = observation.payload().filter(|payload| !payload.message.is_tcp) else {
            return;
        };
        if let Some(port) = fixed::port(payload.message.ports) {
            self.alien(head, payload, port, findings);
            self.on_port(head, payload, port, findings);
            return;
        }
        let Self { fields, streams, transfers, thresholds: t, .. } = self;
        if head.meta.key.dst_port == SYSLOG {
            log::observe(fields, head, t, findings);
            return;
        }
        if self.has_transfers {
            transfer::follow(transfers, fields, head, t, findings);
        }
        stun::observe(fields, head, t, findings);
        media::observe(streams, fields, head, t, findings);
    }

    fn tick(&mut self, now_ns: u64) {
        let before = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.aliens.expire(before);
        self.clocks.expire(before);
        self.fields.expire(before);
        self.streams.expire(before);
        self.transfers.expire(before);
    }

    fn occupancy(&self) -> (usize, usize) {
        let tables = [
            self.aliens.occupancy(),
            self.clocks.occupancy(),
            self.fields.occupancy(),
            self.streams.occupancy(),
            self.transfers.occupancy(),
        ];
        tables.iter().fold((0, 0), |(used, room), (u, r)| (used + u, room + r))
    }
}

/// A finding of this detector.
fn finding(
    signature: &'static Signature,
    subject: Subject,
    severity: Severity,
    evidence: Vec<Evidence>,
    estimated_bytes: u64,
    traffic: Traffic,
) -> Finding {
    let score = match severity {
        Severity::High => 0.9,
        Severity::Medium => 0.7,
        Severity::Low => 0.3,
        Severity::Info => 0.1,
    };
    Finding { signature, subject, severity, score, evidence, estimated_bytes, traffic, tool: None }
}

fn evidence(name: &'static str, value: f64, threshold: Option<f64>, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold, unit }
}

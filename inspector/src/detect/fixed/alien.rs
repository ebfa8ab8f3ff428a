//! Datagrams on a protocol's port that are not of that protocol.

use inspector_common::FlowKey;

use super::{ALIEN, Thresholds, evidence, finding};
use crate::detect::noise;
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::dissect::dns;
use crate::dissect::payload::{self, Payload};
use crate::dissect::protocol::{self, Message};
use crate::findings::{Evidence, Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// Where nobody answers, this many seconds must pass …
const ONE_WAY_SECONDS: u64 = 10;
/// … with at most this many datagrams in each: more is a flood, with the port as its target.
const FLOOD: u64 = 20;

/// What goes to a protocol's port of one host from another, whatever the other's port.
#[derive(Clone, Debug)]
pub(super) struct Alien {
    key: FlowKey,
    traffic: Traffic,
    recent: Recent,
    /// Datagrams of the protocol.
    fitting: u32,
    /// Others with new content, from and to the client, and their bytes.
    novel: [u32; 2],
    bytes: u64,
    /// The protocol that they are instead.
    is_known: bool,
}

impl Alien {
    pub(super) fn new(head: &Head<'_>, port: u16) -> Self {
        let key = if head.meta.key.dst_port == port { head.meta.key } else { head.meta.key.reversed() };
        Self {
            key,
            traffic: Traffic::default(),
            recent: Recent::default(),
            fitting: 0,
            novel: [0; 2],
            bytes: 0,
            is_known: false,
        }
    }

    pub(super) fn add(&mut self, head: &Head<'_>, payload: &Payload<'_>, fits: bool) {
        let key = &head.meta.key;
        let to_server = key.src == self.key.src;
        self.traffic.add(to_server, head.meta.wire_len, head.meta.time_ns);
        if fits || payload::is_blank(payload.message.bytes) {
            self.fitting = self.fitting.saturating_add(1);
            return;
        }
        // By its bytes alone; lines of text say nothing on a port of a binary protocol.
        let message = Message { ports: [0; 2], ..payload.message };
        self.is_known |= self.novel == [0; 2]
            && !is_disguised(self.key.dst_port, payload.message.bytes)
            && protocol::recognise(&message).is_some_and(|protocol| protocol.name != "text");
        if self.recent.is_new(payload.message.bytes) {
            let novel = &mut self.novel[usize::from(!to_server)];
            *novel = novel.saturating_add(1);
            self.bytes += u64::from(payload.message.len);
        }
    }

    pub(super) fn judge(&self, t: &Thresholds) -> Option<Finding> {
        let [up, down] = self.novel;
        let is_two_way = up >= t.alien_packets && down >= t.alien_packets;
        let is_one_way = up.max(down) >= t.alien_packets_one_way;
        // Damaged or odd ones among many that are as they should be.
        let is_exception = self.fitting / 2 >= up.saturating_add(down);
        if !(is_two_way || is_one_way) || self.bytes < t.alien_bytes || is_exception {
            return None;
        }
        let seconds = self.traffic.last_ns.saturating_sub(self.traffic.first_ns) / 1_000_000_000;
        let is_steady = u64::from(up.max(down)) >= 2 * u64::from(t.alien_packets_one_way)
            && seconds >= ONE_WAY_SECONDS
            && self.traffic.packets_to_server.max(self.traffic.packets_to_client) <= seconds * FLOOD;
        let severity = if self.is_known || !(is_two_way || is_steady) {
            // It says what it is, or nobody answers a flood.
            Severity::Low
        } else if up.min(down) >= 4 * t.alien_packets {
            Severity::High
        } else {
            Severity::Medium
        };
        let least = f64::from(t.alien_packets);
        let measured = vec![
            Evidence::from("alien_datagrams_to_server", f64::from(up), least, "packets"),
            Evidence::from("alien_datagrams_to_client", f64::from(down), least, "packets"),
            evidence("alien_bytes", self.bytes as f64, Some(t.alien_bytes as f64), "bytes"),
            evidence("fitting_datagrams", f64::from(self.fitting), None, "packets"),
        ];
        Some(finding(&ALIEN, Subject::of(&self.key, true), severity, measured, self.bytes, self.traffic))
    }
}

impl Entry for Alien {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.novel != [0; 2])
    }
}

/// Whether a datagram begins like the port's protocol and goes on with random bytes where that has none.
pub(super) fn is_disguised(port: u16, payload: &[u8]) -> bool {
    let from = |at: usize| payload.get(at..).unwrap_or_default();
    let rest = match (port, payload) {
        // Names of server and boot file.
        (67 | 68, _) => payload.get(44..236).unwrap_or_default(),
        // Data and acknowledgements go between other ports.
        (69, [0, 3..=6, ..]) => from(4),
        (69, _) => from(2),
        // Control messages, whose data is text, and ntpdc's, whose data is numbers and addresses.
        (123, [first, ..]) if first & 7 == 6 => from(12),
        (123, [first, ..]) if first & 7 == 7 => from(8),
        (137 | 5353 | 5355, _)
            if dns::Message::parse(payload, u32::try_from(payload.len()).unwrap_or(0)).is_err() =>
        {
            from(12)
        }
        // What follows the version is a community, or the third version's header.
        (161 | 162, [0x30, 0x82, ..]) => payload.get(7..40).unwrap_or_default(),
        (161 | 162, [0x30, 0x81, ..]) => payload.get(6..40).unwrap_or_default(),
        (161 | 162, _) => payload.get(5..40).unwrap_or_default(),
        _ => return false,
    };
    noise::is_uniform(rest)
}

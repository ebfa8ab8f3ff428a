//! Covert channels in the source ports of TCP: detector `source-port`.
//!
//! A host's stack gives each connection another port, one after the other or at random, and a connection keeps it.
//! So a port that comes back for new connections, in turn with others and in no cycle, was chosen for what it says;
//! and so were ports that change within a stream ([`super::hops`]). Ports drawn at random from all there are, are
//! what stacks and translators give out as well (RFC 6056) and are not judged.

use inspector_common::parse::flag;
use smallvec::SmallVec;

use super::Detector;
use super::header::{Gate, context, crossed, is_sound};
use super::hops::{Hops, Segment};
use super::shape::{Channel, finding};
use super::table::{Entry, Table};
use crate::findings::{Finding, Signature, Traffic};
use crate::observation::{Head, Observation};
use crate::stats::entropy;

/// Name of the detector.
pub const NAME: &str = "source-port";

static ALPHABET: Signature = Signature {
    id: 9_106_150,
    rev: 1,
    detector: NAME,
    title: "New connections take turns with a few source ports, in no cycle",
    pattern: "EN4 State/Value Modulation (source port)",
    attack: "T1001",
    hint: "Ask what binds these ports on the client, and read their order as symbols",
};

static HOPPING: Signature = Signature {
    id: 9_106_151,
    rev: 1,
    detector: NAME,
    title: "One TCP stream comes from changing source ports",
    pattern: "EN4 State/Value Modulation (source port)",
    attack: "T1001",
    hint: "No stack does this: something rewrites the client's packets on their way",
};

/// What it takes for a finding. Base rates: the clients in the development corpus' captures without a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Connections of a client to one port of a server that are judged together.
    pub connections: usize,
    /// Share of these whose port was used before, but not by the last, ratio. Base rate: 0; stacks take a port again
    /// after thousands of others.
    pub returns: f64,
    /// Time in which it was, nanoseconds: a port rests for two segment lifetimes (RFC 9293, 3.6.1), with Linux a minute.
    pub rest_ns: u64,
    /// Ports that these have, at most: carriers give out blocks of 64 and more.
    pub ports: usize,
    /// Corrected conditional entropy of the ports over their entropy: a pool that is used in turn has 0.1 and less.
    pub entropy_ratio: f64,
    /// Segments that go on where another port's ended, segments. Base rate: 0; a translator that lost its state
    /// makes one.
    pub hops: u32,
    /// Pairs kept. One takes at most 900 bytes.
    pub capacity: usize,
    /// A pair idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            connections: 48,
            returns: 0.4,
            rest_ns: 60_000_000_000,
            ports: 32,
            entropy_ratio: 0.7,
            hops: 4,
            capacity: 4096,
            idle_ns: 3_600_000_000_000,
        }
    }
}

/// Connections that are kept of a pair.
const KEPT: usize = 96;
/// Longest patterns of the conditional entropy.
const PATTERN: usize = 4;

/// A client, a server and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Service {
    client: [u8; 16],
    server: [u8; 16],
    port: u16,
}

/// How a connection began.
#[derive(Clone, Copy, Debug)]
struct Opening {
    port: u16,
    seq: u32,
    time_ns: u64,
}

/// What the client's packets to the service show.
#[derive(Debug, Default)]
struct Ports {
    /// The last connections.
    opened: SmallVec<[Opening; 1]>,
    hops: Hops<u16>,
    gates: [Gate; 2],
    connections: u32,
    traffic: Traffic,
}

impl Entry for Ports {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.hops.count) * 16 + self.opened.len() as u64
    }
}

/// The detector.
#[derive(Debug)]
pub struct SourcePort {
    thresholds: Thresholds,
    services: Table<Service, Ports>,
}

/// How the ports of connections come back.
struct Turns {
    connections: usize,
    ports: usize,
    returns: f64,
    bits: f64,
    ratio: f64,
}

impl Ports {
    /// Whether a SYN is one of a connection that is known.
    fn is_repeated(&self, port: u16, seq: u32) -> bool {
        self.opened.iter().any(|opening| (opening.port, opening.seq) == (port, seq))
    }

    fn turns(&self, rest_ns: u64) -> Turns {
        let opened: Vec<Opening> = self.opened.iter().copied().collect();
        let ports: Vec<u16> = opened.iter().map(|opening| opening.port).collect();
        let is_return = |(at, opening): (usize, &Opening)| {
            let before = opened.get(..at).unwrap_or_default();
            let mut places = before.iter().enumerate().rev();
            places.find(|(_, other)| other.port == opening.port).is_some_and(|(last, other)| {
                last + 1 < at && opening.time_ns.saturating_sub(other.time_ns) < rest_ns
            })
        };
        let returns = opened.iter().enumerate().filter(|item| is_return(*item)).count();
        let returns = returns as f64 / ports.len().max(1) as f64;
        let mut distinct = ports.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let symbol = |port: &u16| u8::try_from(distinct.binary_search(port).unwrap_or(0)).unwrap_or(u8::MAX);
        let symbols: Vec<u8> = ports.iter().map(symbol).collect();
        let bits = entropy::of_patterns(&symbols, 1);
        let ratio = entropy::corrected_conditional(&symbols, PATTERN) / bits.max(f64::EPSILON);
        Turns { connections: ports.len(), ports: distinct.len(), returns, bits, ratio }
    }
}

impl SourcePort {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let services = Table::new(thresholds.capacity);
        Self { thresholds, services }
    }

    fn look(&mut self, head: &Head<'_>) -> Option<Finding> {
        let (key, limits) = (&head.meta.key, &self.thresholds);
        let segment = Segment::of(head)?;
        let service = Service { client: key.src, server: key.dst, port: key.dst_port };
        let ports = self.services.entry(service, Ports::default)?;
        ports.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        if ports.hops.add(key.src_port, segment) && ports.hops.count >= limits.hops {
            let hops = ports.hops.count;
            let evidence =
                vec![crossed("segments_after_another_port_s", hops.into(), limits.hops.into(), "segments")];
            let (symbols, traffic) = (hops.into(), ports.traffic);
            let channel = Channel { score: 0.95, symbols, bits: 1.0, directions: 1, traffic };
            return ports.gates[0].opens(hops).then(|| finding(&HOPPING, key, &channel, evidence));
        }
        let is_opening = segment.is_syn && head.meta.tcp_flags & flag::ACK == 0;
        if !is_opening || ports.is_repeated(key.src_port, segment.seq) {
            return None;
        }
        if ports.opened.len() >= KEPT {
            ports.opened.remove(0);
        }
        ports.opened.push(Opening { port: key.src_port, seq: segment.seq, time_ns: head.meta.time_ns });
        ports.connections = ports.connections.saturating_add(1);
        if ports.opened.len() < limits.connections {
            return None;
        }
        let turns = ports.turns(limits.rest_ns);
        let is_chosen = turns.returns >= limits.returns
            && turns.ratio >= limits.entropy_ratio
            && turns.ports <= limits.ports;
        if !is_chosen || !ports.gates[1].opens(ports.connections) {
            return None;
        }
        let evidence = vec![
            crossed("ports_that_come_back", turns.returns, limits.returns, "ratio"),
            crossed("conditional_entropy_ratio", turns.ratio, limits.entropy_ratio, "ratio"),
            crossed("connections", turns.connections as f64, limits.connections as f64, "connections"),
            context("ports", turns.ports as f64, "ports"),
        ];
        let (symbols, traffic) = (ports.connections.into(), ports.traffic);
        let channel = Channel { score: 0.8, symbols, bits: turns.bits, directions: 1, traffic };
        Some(finding(&ALPHABET, key, &channel, evidence))
    }
}

impl Detector for SourcePort {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        if head.meta.key.protocol == 6 && is_sound(head) {
            findings.extend(self.look(head));
        }
    }

    fn tick(&mut self, now_ns: u64) {
        self.services.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        self.services.occupancy()
    }
}

#[cfg(test)]
mod tests;

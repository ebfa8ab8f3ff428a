//! Signals by which closed ports a host tries: detector `port-knock`.
//!
//! Who knocks tries a few closed ports of one host, is silent for long, and tries again. A signal that says
//! something new has new ports each time, and always as many. A program that asks for a service which is down asks for
//! the same ports again, and a scanner goes on, through many ports or many hosts. The other side has to be seen
//! to refuse (RST).

use inspector_common::parse::flag;
use smallvec::SmallVec;

use super::Detector;
use super::header::{Gate, Pair, context, crossed, has_right_segment, is_sound};
use super::shape::{Channel, finding};
use super::table::{Entry, Table};
use crate::findings::{Finding, Signature, Traffic};
use crate::observation::{Head, Observation};

/// Name of the detector.
pub const NAME: &str = "port-knock";

static KNOCK: Signature = Signature {
    id: 9_106_130,
    rev: 1,
    detector: NAME,
    title: "Bursts of refused connections to new ports, all of one length",
    pattern: "EN3 Element Enumeration (reconnections)",
    attack: "T1205.001",
    hint: "Look on the server for what reads refused ports (a packet socket, a firewall's log) and opens something",
};

/// What it takes for a finding. Base rates: the pairs of hosts in the development corpus' captures without a channel in
/// which a client tries four ports or more: 6, none of them with four bursts of refused ports.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Bursts. Base rate: 2.
    pub bursts: usize,
    /// Ports in each, from and to. One or two are what any client tries; long sequences are scans.
    pub length: (usize, usize),
    /// Share of the bursts that have the most frequent length, ratio. What a scanner sends one host in a while
    /// varies.
    pub same_length: f64,
    /// Share of ports that were not tried before, ratio. Base rate of programs that try again: 0.
    pub new_ports: f64,
    /// Silence that ends a burst, nanoseconds.
    pub silence_ns: u64,
    /// Hosts that refuse the client's bursts, at most: a scanner has many.
    pub targets: u32,
    /// Pairs kept. One takes at most 1.5 KiB.
    pub capacity: usize,
    /// A pair idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            bursts: 4,
            length: (3, 12),
            same_length: 0.8,
            new_ports: 0.9,
            silence_ns: 10 * SECOND,
            targets: 2,
            capacity: 2048,
            idle_ns: 2 * 3600 * SECOND,
        }
    }
}

/// Attempts that are kept of a pair.
const KEPT: usize = 96;
/// Ports no further apart follow each other: a scan in order.
const NEXT_PORT: u16 = 16;

/// An attempt to connect.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    time_ns: u64,
    from: u16,
    port: u16,
    is_refused: bool,
}

/// What one host tried of another.
#[derive(Debug, Default)]
struct Attempts {
    recent: SmallVec<[Attempt; 1]>,
    refused: u32,
    is_counted: bool,
    gate: Gate,
    traffic: Traffic,
}

impl Entry for Attempts {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.refused.into()
    }
}

/// How many hosts refuse a client.
#[derive(Debug, Default)]
struct Client {
    targets: u32,
    last_ns: u64,
}

impl Entry for Client {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        self.targets.into()
    }
}

/// The detector.
#[derive(Debug)]
pub struct PortKnock {
    thresholds: Thresholds,
    pairs: Table<Pair, Attempts>,
    clients: Table<[u8; 16], Client>,
}

/// The bursts of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bursts {
    count: usize,
    ports: usize,
    length: usize,
    same_length: f64,
    new_ports: f64,
}

impl Attempts {
    fn add(&mut self, attempt: Attempt) {
        // Another try of the same connection.
        if self.recent.iter().any(|known| (known.from, known.port) == (attempt.from, attempt.port)) {
            return;
        }
        if self.recent.len() >= KEPT {
            self.recent.remove(0);
        }
        self.recent.push(attempt);
    }

    /// Notes that a port refused; whether that is news.
    fn refuse(&mut self, from: u16, port: u16) -> bool {
        let mut tried = self.recent.iter_mut().rev();
        let attempt =
            tried.find(|attempt| (attempt.from, attempt.port) == (from, port) && !attempt.is_refused);
        if let Some(attempt) = attempt {
            attempt.is_refused = true;
            self.refused += 1;
            return true;
        }
        false
    }

    /// The bursts so far, if every attempt in them was refused and none follows the port before.
    fn bursts(&self, silence_ns: u64) -> Option<Bursts> {
        let attempts: Vec<Attempt> = self.recent.iter().copied().collect();
        let is_gap = |a: &Attempt, b: &Attempt| b.time_ns.saturating_sub(a.time_ns) < silence_ns;
        let bursts: Vec<&[Attempt]> = attempts.chunk_by(is_gap).collect();
        let lengths: Vec<usize> = bursts.iter().map(|burst| burst.len()).collect();
        let count = |length: usize| lengths.iter().filter(|other| **other == length).count();
        let length = lengths.iter().copied().max_by_key(|length| count(*length))?;
        let is_new = |at: usize, attempt: &Attempt| !attempts.iter().take(at).any(|a| a.port == attempt.port);
        let new = attempts.iter().enumerate().filter(|(at, attempt)| is_new(*at, attempt)).count();
        let following = |pair: &&[Attempt]| pair[0].port.abs_diff(pair[1].port) <= NEXT_PORT;
        let is_scan = attempts.windows(2).filter(following).count() * 4 > attempts.len();
        let is_refused = attempts.iter().all(|attempt| attempt.is_refused);
        (is_refused && !is_scan).then(|| Bursts {
            count: bursts.len(),
            ports: attempts.len(),
            length,
            same_length: count(length) as f64 / bursts.len() as f64,
            new_ports: new as f64 / attempts.len() as f64,
        })
    }
}

impl PortKnock {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let (pairs, clients) = (Table::new(thresholds.capacity), Table::new(thresholds.capacity));
        Self { thresholds, pairs, clients }
    }

    fn syn(&mut self, head: &Head<'_>) {
        let (key, time_ns) = (&head.meta.key, head.meta.time_ns);
        if let Some(pair) = self.pairs.entry(Pair::of(key), Attempts::default) {
            pair.traffic.add(true, head.meta.wire_len, time_ns);
            pair.add(Attempt { time_ns, from: key.src_port, port: key.dst_port, is_refused: false });
        }
    }

    fn reset(&mut self, head: &Head<'_>) -> Option<Finding> {
        let (key, limits) = (head.meta.key.reversed(), &self.thresholds);
        let pair = self.pairs.get(&Pair::of(&key))?;
        pair.traffic.add(false, head.meta.wire_len, head.meta.time_ns);
        if !pair.refuse(key.src_port, key.dst_port) {
            return None;
        }
        let client = self.clients.entry(key.src, Client::default)?;
        client.last_ns = head.meta.time_ns;
        if !pair.is_counted && pair.recent.len() >= limits.length.0 {
            pair.is_counted = true;
            client.targets += 1;
        }
        let found = pair.bursts(limits.silence_ns)?;
        let is_signal = found.count >= limits.bursts
            && (limits.length.0..=limits.length.1).contains(&found.length)
            && found.same_length >= limits.same_length
            && found.new_ports >= limits.new_ports
            && client.targets <= limits.targets;
        let bursts = u32::try_from(found.count).unwrap_or(u32::MAX);
        if !is_signal || !pair.gate.opens(bursts) {
            return None;
        }
        let evidence = vec![
            crossed("bursts", found.count as f64, limits.bursts as f64, "bursts"),
            crossed("new_ports_share", found.new_ports, limits.new_ports, "ratio"),
            crossed("bursts_of_one_length", found.same_length, limits.same_length, "ratio"),
            context("ports_in_a_burst", found.length as f64, "ports"),
            context("hosts_tried", client.targets.into(), "hosts"),
        ];
        let (symbols, traffic) = (found.ports as u64, pair.traffic);
        let channel = Channel { score: 0.7, symbols, bits: 16.0, directions: 2, traffic };
        Some(finding(&KNOCK, &key, &channel, evidence))
    }
}

impl Detector for PortKnock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let flags = head.meta.tcp_flags;
        let is_meant = head.meta.key.protocol == 6 && flags & (flag::RST | flag::SYN) != 0;
        if !is_meant || !is_sound(head) || has_right_segment(head) == Some(false) {
            return;
        }
        if flags & flag::RST != 0 {
            findings.extend(self.reset(head));
        } else if flags & (flag::SYN | flag::ACK) == flag::SYN {
            self.syn(head);
        }
    }

    fn tick(&mut self, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.pairs.expire(before_ns);
        self.clients.expire(before_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((pairs, room), (clients, more)) = (self.pairs.occupancy(), self.clients.occupancy());
        (pairs + clients, room + more)
    }
}

#[cfg(test)]
mod tests;

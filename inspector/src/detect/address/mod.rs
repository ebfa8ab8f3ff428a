//! Messages in which addresses a host tries: detector `dst-address`.
//!
//! Who spells a message with addresses needs one octet for the letter and, where answers may be lost or letters
//! repeat, another for its place. Nobody answers: the addresses are chosen for their numbers. So one octet counts
//! up with each probe while another takes the values of text in no order. Scanners count, or draw at random from all
//! values; what monitors hosts is answered and goes round the same ones.
//!
//! A stream whose segments go to several hosts ([`super::hops`]) has its letters there too.

use std::collections::VecDeque;

use inspector_common::parse::flag;

use super::Detector;
use super::header::{Gate, context, crossed, is_sound};
use super::hops::{Hops, Segment};
use super::shape::{Channel, finding};
use super::table::{Entry, Table};
use crate::findings::{Finding, Signature, Traffic};
use crate::observation::{Content, Head, Observation};

/// Name of the detector.
pub const NAME: &str = "dst-address";

static HOPPING: Signature = Signature {
    id: 9_106_141,
    rev: 1,
    detector: NAME,
    title: "One TCP stream goes to changing destination addresses",
    pattern: "EN4 State/Value Modulation (destination address)",
    attack: "T1001",
    hint: "No stack does this: something rewrites the client's packets on their way",
};

static ADDRESS: Signature = Signature {
    id: 9_106_140,
    rev: 1,
    detector: NAME,
    title: "Unanswered probes whose destination addresses spell text",
    pattern: "EN4 State/Value Modulation (destination address)",
    attack: "T1048",
    hint: "Read the octet that doesn't count as ASCII, in the order of the other",
};

/// What it takes for a finding. Base rates: hosts that probe six others and more in the development corpus'
/// captures without a channel: 1, with 11 of 18 answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Probes judged together, at least: text by chance in as many random octets 1 in 10^10.
    pub probes: usize,
    /// Share of probes at which one octet goes one further, ratio.
    pub counted: f64,
    /// Share of probes whose other octet is text, ratio. Base rate of random octets: 0.38.
    pub text: f64,
    /// Distinct values of that octet. Fewer have one host in each of many networks.
    pub letters: usize,
    /// Share of neighbouring probes at which it stays or goes a step of up to two, ratio: a sweep.
    pub swept: f64,
    /// Answers, share of the probes, at most.
    pub answered: f64,
    /// Segments that go on where one to another host ended, segments. Base rate: 0.
    pub hops: u32,
    /// Hosts kept, and streams. One takes at most 800 bytes.
    pub capacity: usize,
    /// A host idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            probes: 24,
            counted: 0.85,
            text: 0.95,
            letters: 8,
            swept: 0.4,
            answered: 0.05,
            hops: 4,
            capacity: 2048,
            idle_ns: 3_600_000_000_000,
        }
    }
}

/// Probes that are kept of a host.
const KEPT: usize = 64;

/// What a host probed.
#[derive(Debug, Default)]
struct Probes {
    recent: VecDeque<[u8; 4]>,
    answers: u32,
    count: u32,
    gate: Gate,
    traffic: Traffic,
}

impl Entry for Probes {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.recent.len() as u64
    }
}

/// What a client sends from one of its ports to one of others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client {
    address: [u8; 16],
    ports: [u16; 2],
}

/// Where that goes.
#[derive(Debug, Default)]
struct Stream {
    hops: Hops<[u8; 16]>,
    gate: Gate,
    traffic: Traffic,
}

impl Entry for Stream {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.hops.count.into()
    }
}

/// The detector.
#[derive(Debug)]
pub struct DstAddress {
    thresholds: Thresholds,
    hosts: Table<[u8; 16], Probes>,
    streams: Table<Client, Stream>,
}

/// What two octets of the probed addresses amount to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spelling {
    counted: f64,
    text: f64,
    letters: usize,
    swept: f64,
}

/// Of all ways to read the addresses the one that looks most like spelling.
fn spelling(addresses: &[[u8; 4]]) -> Option<Spelling> {
    let octets = [(1, 3), (2, 3), (1, 2), (3, 2), (3, 1), (2, 1)];
    let readings = octets.iter().map(|&(place, letter)| {
        let pairs = addresses.windows(2).map(|pair| (pair[0], pair[1]));
        let steps = (addresses.len().max(2) - 1) as f64;
        let share = |count: usize| count as f64 / steps;
        let mut letters: Vec<u8> = addresses.iter().map(|address| address[letter]).collect();
        let is_text = |byte: &&u8| matches!(**byte, b'\t' | b'\n' | b'\r' | 0x20..0x7f);
        let text = letters.iter().filter(is_text).count() as f64 / letters.len().max(1) as f64;
        letters.sort_unstable();
        letters.dedup();
        Spelling {
            counted: share(pairs.clone().filter(|(a, b)| b[place].wrapping_sub(a[place]) == 1).count()),
            text,
            letters: letters.len(),
            swept: share(pairs.filter(|(a, b)| a[letter].abs_diff(b[letter]) <= 2).count()),
        }
    });
    readings.filter(|reading| reading.swept < 0.5).max_by(|a, b| a.counted.total_cmp(&b.counted))
}

/// What a packet is to this detector.
enum Event {
    Probe,
    Answer,
}

fn event(observation: &Observation<'_>) -> Option<Event> {
    let flags = observation.head.meta.tcp_flags;
    match &observation.content {
        Content::Icmp(message) if message.is_echo_request() => Some(Event::Probe),
        Content::Icmp(message) if message.is_echo_reply() => Some(Event::Answer),
        Content::Opaque if observation.key().protocol == 6 => {
            let is_syn = flags & flag::SYN != 0;
            let is_answer = flags & (flag::ACK | flag::RST) != 0;
            if is_answer { Some(Event::Answer) } else { is_syn.then_some(Event::Probe) }
        }
        _ => None,
    }
}

impl DstAddress {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let (hosts, streams) = (Table::new(thresholds.capacity), Table::new(thresholds.capacity));
        Self { thresholds, hosts, streams }
    }

    fn segment(&mut self, head: &Head<'_>) -> Option<Finding> {
        let (key, segment) = (&head.meta.key, Segment::of(head)?);
        let client = Client { address: key.src, ports: [key.src_port, key.dst_port] };
        let stream = self.streams.entry(client, Stream::default)?;
        stream.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        let is_hop = stream.hops.add(key.dst, segment);
        let (hops, least) = (stream.hops.count, self.thresholds.hops);
        if !is_hop || hops < least || !stream.gate.opens(hops) {
            return None;
        }
        let evidence = vec![crossed("segments_after_another_host_s", hops.into(), least.into(), "segments")];
        let channel =
            Channel { score: 0.95, symbols: hops.into(), bits: 1.0, directions: 1, traffic: stream.traffic };
        Some(finding(&HOPPING, key, &channel, evidence))
    }

    fn probe(&mut self, head: &Head<'_>) -> Option<Finding> {
        let (key, limits) = (&head.meta.key, &self.thresholds);
        let host = self.hosts.entry(key.src, Probes::default)?;
        host.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        let address = *key.dst.last_chunk::<4>()?;
        if host.recent.back() == Some(&address) {
            return None;
        }
        if host.recent.len() >= KEPT {
            host.recent.pop_front();
        }
        host.recent.push_back(address);
        host.count = host.count.saturating_add(1);
        if host.recent.len() < limits.probes {
            return None;
        }
        let addresses: Vec<[u8; 4]> = host.recent.iter().copied().collect();
        let read = spelling(&addresses)?;
        let answered = f64::from(host.answers) / f64::from(host.count);
        let is_spelling = read.counted >= limits.counted
            && read.text >= limits.text
            && read.letters >= limits.letters
            && read.swept <= limits.swept
            && answered <= limits.answered;
        if !is_spelling || !host.gate.opens(host.count) {
            return None;
        }
        let evidence = vec![
            crossed("octet_is_text", read.text, limits.text, "ratio"),
            crossed("other_octet_counts", read.counted, limits.counted, "ratio"),
            crossed("letters", read.letters as f64, limits.letters as f64, "values"),
            crossed("probes_judged", addresses.len() as f64, limits.probes as f64, "probes"),
            context("answered_share", answered, "ratio"),
        ];
        let (symbols, traffic) = (host.count.into(), host.traffic);
        let channel = Channel { score: 0.8, symbols, bits: 7.0, directions: 1, traffic };
        Some(finding(&ADDRESS, key, &channel, evidence))
    }
}

impl Detector for DstAddress {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        if !is_sound(head) {
            return;
        }
        if head.meta.key.protocol == 6 {
            findings.extend(self.segment(head));
        }
        if head.meta.key.is_ipv6() {
            return;
        }
        match event(observation) {
            Some(Event::Probe) => findings.extend(self.probe(head)),
            Some(Event::Answer) => {
                if let Some(host) = self.hosts.get(&head.meta.key.dst) {
                    host.answers = host.answers.saturating_add(1);
                }
            }
            None => {}
        }
    }

    fn tick(&mut self, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.hosts.expire(before_ns);
        self.streams.expire(before_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((hosts, room), (streams, more)) = (self.hosts.occupancy(), self.streams.occupancy());
        (hosts + streams, room + more)
    }
}

#[cfg(test)]
mod tests;

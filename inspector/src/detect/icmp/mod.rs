//! Covert channels in ICMP and ICMPv6 messages: detector `icmp-payload`.
//!
//! A pinger sends a fill, a clock and a counter, and gets back what it sent. So nearly every byte of ordinary
//! echo traffic follows from earlier payloads of the pair, from the fill's own regularity, or from the time
//! that passed ([`payload`]). What does not is *new*; a channel cannot do without new bytes, whatever its
//! encoding. New bytes, and facts about messages with new bytes that are all but unknown of pingers ([`pair`]),
//! are the reasons for a finding ([`verdict`]). Errors quote what others sent and are judged only by what goes
//! behind the quoted datagram ([`quote`]). Neighbours and routers repeat what they say of themselves ([`discovery`]).

mod discovery;
mod inner;
mod pair;
mod payload;
mod quote;
mod verdict;

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use inspector_common::Class;

use self::discovery::Sender;
use self::pair::Pair;
use super::Detector;
use super::table::{Entry, Table};
use crate::dissect::discovery as link;
use crate::dissect::icmp::Message;
use crate::findings::{Finding, Subject};
use crate::observation::{Content, Observation};

/// Name of the detector.
pub const NAME: &str = "icmp-payload";

/// What it takes for a finding, and what the detector may use.
///
/// "Base rate" is what was measured on captures without a channel: the 1,279 benign, evasive and declared-tunnel
/// ones of the development corpus, in which 37 pairs of hosts have two echo requests or more. That is few, so
/// the reasoning behind it counts for more.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// New payloads of a pair, packets; its first does not count. Base rate: 1 for each further pinger with a
    /// fill of its own; at most 1 in any capture.
    pub new_payloads: u32,
    /// New bytes in these behind the place of clocks and cookies. Base rate: up to 32 for the first period of
    /// each further fill.
    pub new_bytes: u32,
    /// Payloads whose first 16 bytes were new and held no clock, packets. Base rate: 1 for each further
    /// pinger; at most 1. A pinger whose clock goes unrecognised would have one in each packet, hence twice the
    /// number above.
    pub new_heads: u32,
    /// New bytes in these. Base rate: 16 for each further pinger; at most 9.
    pub new_head_bytes: u32,
    /// New bytes of text in a single message. Base rate: texts that pingers send over and over (liboping,
    /// WhatsUp, PingPlotter, Blackbox exporter) fit the usual 56 bytes; at most 16.
    pub text_bytes: u32,
    /// Replies with new data that is not their request's, packets. Base rate: 0 by the rules for
    /// echo (RFC 1122, 4443), and 1 in a collection of samples; truncated replies carry nothing new.
    pub replies_differing: u32,
    /// Messages that repeat type, identifier and sequence number of another with new data, packets. Base rate:
    /// 0; repeats with the same data are common and don't count.
    pub changed_repeats: u32,
    /// Messages that end with a whole IP packet, packets. Base rate: 0; by chance 1 in 2^31 (IPv4), 2^21 (IPv6).
    pub inner_ip_headers: u32,
    /// Messages in which SSH, HTTP or TLS greets, packets. Base rate: 0.
    pub greetings: u32,
    /// Lengths of new payloads. Base rate: 1; sweeps have hundreds, but their payloads are not new. Tells only
    /// together with other reasons.
    pub lengths: u32,
    /// Echoes whose identifier and sequence number both follow from nothing, packets. Base rate: 1 a pair
    /// (`ping -c 1` has a new identifier but begins its sequence; scanners probe a host once or twice).
    pub id_seq_jumps: u32,
    /// Their share of the pair's echoes. Base rate: hosts behind a NAT share a pair, but each sends several
    /// requests with one identifier: 0.25 for runs of four.
    pub id_seq_jump_share: f64,
    /// Echoes whose sequence number is lower than the one before with the same identifier, packets. Base rate: reordered
    /// ones, and pingers that begin anew, which begin at 0 or 1.
    pub seq_backs: u32,
    /// Their share: half of random numbers are.
    pub seq_back_share: f64,
    /// Payloads of which 1 to 3 bytes are new behind the place of clocks, packets, and not in equal steps as those of
    /// counters. Base rate: 0; counters and checksums' partners are at the start.
    pub small_changes: u32,
    /// Their share of the pair's echoes.
    pub small_share: f64,
    /// Simple fills of one length, packets. Base rate: a pinger has one; who tests a line's patterns uses 5 or 6.
    pub fills: u32,
    /// Their share.
    pub fill_share: f64,
    /// Payloads of one to three bytes that are not the one before, nor as far from it as that from its own, packets. Base rate:
    /// 0; who asks for so short pings gets one fill.
    pub tiny: u32,
    /// Their share of the pair's echoes: one letter in eight is up to four behind the one before.
    pub tiny_share: f64,
    /// New payloads, the first of a pair not counted, that tell when they come to the next number of bytes.
    /// Base rate: 1 for a second pinger with a random fill.
    pub bulk_payloads: u32,
    /// New bytes of these.
    pub bulk_bytes: u32,
    /// Errors with changing data behind the quoted datagram, packets. Base rate: 0.
    pub errors: u32,
    /// Bytes of that data. Base rate: 0.
    pub error_bytes: u32,
    /// Different values of fields that have none, such as unused ones of errors and codes of echoes, and different routers
    /// of redirects. Base rate: 1.
    pub reserved: u32,
    /// Different values of what a host or router says of itself and its link, such as its link-layer address. Base rate: 2
    /// of a router that took over from another, and as many as there are networks that one capture shows.
    pub constants: u32,
    /// Score from which a finding is medium.
    pub medium: f64,
    /// Score from which a finding is high.
    pub high: f64,
    /// Evidence is halved in this time, nanoseconds. At one packet a minute 60 payloads come together, and of
    /// an hourly scan with random data never more than 2.
    pub half_life_ns: u64,
    /// Pairs idle for this long are forgotten, nanoseconds.
    pub idle_ns: u64,
    /// Most pairs kept. One takes about 3 KiB, and 4 KiB with payloads of 500 bytes and more.
    pub capacity: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            new_payloads: 4,
            new_bytes: 64,
            new_heads: 8,
            new_head_bytes: 48,
            text_bytes: 64,
            replies_differing: 2,
            changed_repeats: 3,
            inner_ip_headers: 1,
            greetings: 1,
            lengths: 5,
            id_seq_jumps: 24,
            id_seq_jump_share: 0.8,
            seq_backs: 24,
            seq_back_share: 0.25,
            small_changes: 32,
            small_share: 0.75,
            fills: 12,
            fill_share: 0.5,
            tiny: 10,
            tiny_share: 0.5,
            bulk_payloads: 2,
            bulk_bytes: 500,
            errors: 3,
            error_bytes: 96,
            reserved: 8,
            constants: 16,
            medium: 0.6,
            high: 0.9,
            half_life_ns: 3600 * SECOND,
            idle_ns: 2 * 3600 * SECOND,
            capacity: 4096,
        }
    }
}

/// The hosts of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Hosts {
    client: IpAddr,
    server: IpAddr,
}

impl Entry for Box<Pair> {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.estimated_bytes
    }
}

/// The detector.
#[derive(Debug)]
pub struct IcmpPayload {
    thresholds: Thresholds,
    pairs: Table<Hosts, Box<Pair>>,
    /// Who takes part in discovery, on each interface and VLAN.
    senders: Table<(IpAddr, u32, u16), Box<Sender>>,
    /// For hashes of payloads, so that nobody can make some that collide.
    hash_key: u64,
}

impl IcmpPayload {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let pairs = Table::new(thresholds.capacity);
        let hash_key = RandomState::new().hash_one(thresholds.capacity);
        let senders = Table::new(thresholds.capacity);
        Self { thresholds, pairs, senders, hash_key }
    }

    fn judge(&mut self, observation: &Observation<'_>, message: &Message<'_>, findings: &mut Vec<Finding>) {
        let is_error = matches!(observation.head.class(), Class::IcmpError | Class::Icmpv6Error);
        let reserved = quote::reserved(message);
        if is_error && reserved.is_none() && quote::excess(message).is_empty() {
            return;
        }
        let time_ns = observation.time_ns();
        // An error goes to the one who asked.
        let to_server = !is_error && !message.is_reply();
        let (src, dst) = (observation.head.src(), observation.head.dst());
        let (client, server) = if to_server { (src, dst) } else { (dst, src) };
        let new = || Box::new(Pair::new(time_ns, self.hash_key));
        let Some(pair) = self.pairs.entry(Hosts { client, server }, new) else { return };
        pair.age(time_ns, self.thresholds.half_life_ns);
        pair.traffic.add(to_server, observation.head.meta.wire_len, time_ns);
        let is_odd = reserved.is_some_and(|value| pair.observe_reserved(value));
        let is_evidence =
            is_odd | if is_error { pair.observe_error(message) } else { pair.observe(message, time_ns) };
        if !is_evidence {
            return;
        }
        let subject = || Subject::of(observation.key(), to_server);
        findings.extend(verdict::judge(pair, &self.thresholds, time_ns, subject));
    }

    fn discovery(&mut self, observation: &Observation<'_>, message: &link::Message<'_>) -> Option<Finding> {
        let key = observation.key();
        let sender = (observation.head.src(), key.ifindex, key.vlan[0]);
        let sender = self.senders.entry(sender, Box::default)?;
        sender.observe(observation, message, &self.thresholds)
    }
}

impl Detector for IcmpPayload {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        match &observation.content {
            Content::Icmp(message) => self.judge(observation, message, findings),
            Content::Discovery(message) => findings.extend(self.discovery(observation, message)),
            _ => {}
        }
    }

    fn tick(&mut self, now_ns: u64) {
        let since = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.pairs.expire(since);
        self.senders.expire(since);
    }

    fn occupancy(&self) -> (usize, usize) {
        let [(pairs, room), (senders, more)] = [self.pairs.occupancy(), self.senders.occupancy()];
        (pairs + senders, room + more)
    }
}

#[cfg(test)]
mod tests;

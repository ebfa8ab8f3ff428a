//! Calls home over hours: detector `beacon`.
//!
//! Ordinary software that asks for something again and again does so by a timer, to a fraction of a percent, or on a
//! schedule with a delay, or when somebody uses it, in gaps without a bound. A beacon that hides its timer adds jitter of
//! its own: waits spread evenly between two bounds around their median, one after the other, which neither networks nor
//! people nor schedules make of intervals of seconds and more ([`judge`]). A beacon without jitter looks like ordinary
//! polling: it is an observation unless it waits from call to call and its port is no service's, or it asks DNS for another name each time, or it is
//! steered: reports that differ, answers that don't, but for a few longer ones. And connections that a timer asks for and
//! the client never takes up are no ordinary program's.
//!
//! Calls are connections, requests of HTTP in one, questions of DNS, pings, and messages within one flow ([`streams`]).
//! Lost calls, work and breaks are told from waits first ([`cadence`]). What many clients call is an observation at
//! most, and what the operator [`Allowed`] is nothing.

mod allowed;
mod cadence;
mod judge;
mod prevalence;
mod rhythm;
mod saved;
mod streams;

use std::net::IpAddr;

use inspector_common::FlowKey;
use inspector_common::head::reason;
use inspector_common::parse::flag;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::allowed::{Allowed, AllowedError};
use self::prevalence::{Census, Destination, Prevalence};
use self::rhythm::Rhythm;
use self::streams::Streams;
use super::Detector;
use super::table::Table;
use crate::dissect::dns::Message;
use crate::dissect::http;
use crate::findings::{Finding, Subject};
use crate::observation::{Content, FlowUpdate, Observation, address};

/// Name of the detector.
pub const NAME: &str = "beacon";

/// What it takes for a finding.
///
/// Few of the development corpus' benign captures last long enough: 30 intervals of one pair over 8 minutes are in five,
/// which are two polls by a timer, browsing, a messenger and a proxy. So base rates are of made-up calls (150 runs of each
/// kind, judged at each call of an hour or two), and RITA's experience counts for more (rita-legacy#117, #721): failed
/// connections and telemetry.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Intervals that are judged at the earliest. RITA asks for 23 connections a day.
    pub intervals: usize,
    /// Intervals from which on jitter is judged. Of 400 made-up hosts each that wait otherwise, looked at for 200 intervals, 1 to
    /// 2 % are taken for beacons from 40 on (normal, lognormal, and sleep with work of 2 or 4 exponential steps), 2 to 4.5 %
    /// from 30 on; of beacons 89 % are found by the 59th, and 95 % by the 90th.
    pub drawn_intervals: usize,
    /// Time that they span at least, nanoseconds.
    pub span_ns: u64,
    /// Least median interval, seconds: below, the network's and the scheduler's jitter counts.
    pub interval_s: f64,
    /// Median absolute deviation over the median from which on intervals are jittered. ±5 % spread evenly has
    /// 0.025. Base rate: 0.003 for polling by timer.
    pub jitter: f64,
    /// Median absolute deviation from which on less jitter than that counts, seconds: ±3 % of a minute have 0.9. Base rate:
    /// 0.25 for a loop that looks once a second whether it is time.
    pub jitter_s: f64,
    /// The least jitter, as `jitter`, and the same as `jitter_s` where the intervals are `faint_intervals`: ±2 % of 10 s have
    /// 0.01 and 0.1. Base rate: a radio that sleeps keeps answers back by up to 0.3 s (three beacons of 102.4 ms), evenly,
    /// and a program that waits from answer to call has 0.075 s of them.
    pub faint: (f64, f64),
    /// Intervals from which on fainter jitter is told from a network's, and looks are rarer.
    pub faint_intervals: usize,
    /// The same as `jitter`, above which there is no interval. ±40 % spread evenly has 0.2; exponential gaps 0.7.
    pub widest: f64,
    /// The same, below which intervals are a timer's.
    pub timer: f64,
    /// Bowley skewness at most. Exponential waits have 0.26, heavier tails more.
    pub skew: f64,
    /// How many times further the longest interval is from the median than the shortest, or the other way round.
    /// Spread evenly: about 1. A timer behind work of exponential length: 4.7 in 30.
    pub lopsided: f64,
    /// Range over deviation ([`crate::stats::range`]), at least and most. Three values: 2.45. Spread evenly: 3.46, and below
    /// this in 85 % of samples of 30. Normal ones below this at some look in an hour: 6 %; without this bound all.
    pub evenness: (f64, f64),
    /// What is taken from the most of it for few intervals, over their number.
    pub evenness_chance: f64,
    /// Distance of von Neumann's ratio ([`crate::stats::von_neumann`]) of the intervals from 2 at most, times the square root
    /// of their number. Intervals that are drawn one by one: 2 with a deviation of 2. A schedule with a random delay has 3.
    pub memory_chance: f64,
    /// Drift from a schedule ([`crate::stats::schedule`]) at least. Schedules with a random delay: 0.5, and 1 % above
    /// this with 30 intervals. 4 % of waits fall short of it then, and 1 % of 60.
    pub waits: f64,
    /// Share of the intervals within 45 % of the median, or explained by lost calls, work in between or a break
    /// ([`cadence`]). Base rate: 0.4 for browsing.
    pub bounded: f64,
    /// Share of the intervals that are two or more because calls are lost, at most: of more, nothing is known.
    pub missed: f64,
    /// Bytes that a call sends and gets at most, as median: beacons that idle ask little and get little.
    pub call_bytes: f64,
    /// Deviation of bytes sent over their median at most, where intervals are fewer than `padded_intervals`. Base rate: 0.4 for
    /// browsing.
    pub size_spread: f64,
    /// Intervals that tell by themselves, whatever the sizes. Base rate: of made-up normal waits 1 % of 60 pass at one look, 11 %
    /// of 30.
    pub padded_intervals: usize,
    /// Share of answers of one length, for a steered timer, at least. Base rate: 1 for a status poll, which asks the
    /// same each time too; 0.02 for a poll of news.
    pub idle_answers: f64,
    /// Lengths of its reports, at least.
    pub reports: f64,
    /// Lengths of its longer answers, at least. Base rate: 1 for a service that refuses at times, renews sessions or
    /// hands out tokens.
    pub orders: f64,
    /// Intervals from which on connections that are not taken up are judged. Their least and largest lie within
    /// `timer` of the median. Base rate: 0 of the corpus.
    pub half_open: usize,
    /// The same, where they lie within 45 % of the median. Base rate: 0.
    pub half_open_jittered: usize,
    /// Clients that call a destination before it counts as common, and the share of all clients that they make up.
    /// RITA lowers its score at half of the hosts, too.
    pub callers: f64,
    /// See `callers`.
    pub common: f64,
    /// Destinations that the operator expects calls to.
    pub allowed: Vec<Allowed>,
    /// Share of DNS questions that were new names.
    pub new_names: f64,
    /// Flows whose messages are kept. One takes at most 3 KiB.
    pub streams: usize,
    /// Pairs kept. One takes at most 3 KiB.
    pub capacity: usize,
    /// A pair idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            intervals: 30,
            drawn_intervals: 40,
            span_ns: 480 * SECOND,
            interval_s: 5.0,
            jitter: 0.02,
            jitter_s: 0.5,
            faint: (0.007, 0.095),
            faint_intervals: 100,
            widest: 0.25,
            timer: 0.01,
            skew: 0.4,
            lopsided: 2.0,
            evenness: (2.8, 3.7),
            evenness_chance: 6.0,
            memory_chance: 5.0,
            waits: 0.8,
            bounded: 0.95,
            missed: 0.2,
            call_bytes: 8192.0,
            size_spread: 0.1,
            padded_intervals: 60,
            idle_answers: 0.8,
            reports: 5.0,
            orders: 2.0,
            half_open: 4,
            half_open_jittered: 10,
            callers: 5.0,
            common: 0.5,
            allowed: Vec::new(),
            new_names: 0.9,
            streams: 2048,
            capacity: 4096,
            idle_ns: 2 * 3600 * SECOND,
        }
    }
}

/// Who calls whom: a service of a host, or a registered domain's name servers by way of any resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Pair {
    client: IpAddr,
    server: IpAddr,
    port: u16,
    protocol: u8,
    /// Hash of the registered domain that DNS is asked about; 0 for others.
    domain: u64,
}

impl Pair {
    fn of(key: &FlowKey, to_server: bool) -> Self {
        let (client, server) = if to_server { (key.src, key.dst) } else { (key.dst, key.src) };
        let port = if to_server { key.dst_port } else { key.src_port };
        Self { client: address(client), server: address(server), port, protocol: key.protocol, domain: 0 }
    }

    fn destination(&self) -> Destination {
        // Of a domain, whichever resolver is asked.
        let is_name = self.domain != 0;
        (
            if is_name { IpAddr::from([0, 0, 0, 0]) } else { self.server },
            self.port,
            self.protocol,
            self.domain,
        )
    }
}

/// The detector.
#[derive(Debug)]
pub struct Beacon {
    thresholds: Thresholds,
    pairs: Table<Pair, Rhythm>,
    streams: Streams,
    census: Census,
}

impl Beacon {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let (pairs, census) = (Table::new(thresholds.capacity), Census::new(thresholds.capacity));
        let streams = Streams::new(thresholds.streams);
        Self { thresholds, pairs, streams, census }
    }

    fn is_allowed(&self, server: IpAddr) -> bool {
        self.thresholds.allowed.iter().any(|allowed| allowed.has_server(server))
    }

    /// A connection begins, or a request in one. A SYN from the port of the one before repeats it.
    fn connection(&mut self, observation: &Observation<'_>, is_request: bool) -> Option<Finding> {
        let (key, now_ns) = (observation.key(), observation.time_ns());
        let pair = Pair::of(key, true);
        if self.is_allowed(pair.server) {
            return None;
        }
        let prevalence = self.census.note(pair.client, pair.destination(), now_ns);
        let rhythm = self.pairs.entry(pair, Rhythm::default)?;
        let is_call = if is_request {
            rhythm.begin_request(key.src_port, now_ns)
        } else {
            rhythm.begin_call(key.src_port, now_ns)
        };
        let finding = if is_call { judge::connections(rhythm, key.dst_port, &self.thresholds) } else { None };
        Some(finding?.about(Subject::of(key, true), rhythm, prevalence, &self.thresholds))
    }

    /// A question of DNS: a call where its name is not the one just asked for.
    fn question(&mut self, observation: &Observation<'_>, message: &Message<'_>) -> Option<Finding> {
        let name = name(message)?;
        let domain = psl::domain_str(&name)?;
        let (key, now_ns) = (observation.key(), observation.time_ns());
        let pair = Pair { domain: hash(domain.as_bytes()), ..Pair::of(key, true) };
        if self.is_allowed(pair.server)
            || self.thresholds.allowed.iter().any(|allowed| allowed.has_name(&name))
        {
            return None;
        }
        let prevalence = self.census.note(pair.client, pair.destination(), now_ns);
        let rhythm = self.pairs.entry(pair, Rhythm::default)?;
        if !rhythm.begin_question(hash(name.as_bytes()), now_ns, observation.head.payload_len()) {
            return None;
        }
        let finding = judge::questions(rhythm, &self.thresholds)?;
        let subject = Subject { domain: Some(domain.to_owned()), client_port: 0, ..Subject::of(key, true) };
        Some(finding.about(subject, rhythm, prevalence, &self.thresholds))
    }

    /// A ping.
    fn ping(&mut self, observation: &Observation<'_>) -> Option<Finding> {
        let (key, now_ns) = (observation.key(), observation.time_ns());
        let pair = Pair { port: 0, ..Pair::of(key, true) };
        if self.is_allowed(pair.server) {
            return None;
        }
        let prevalence = self.census.note(pair.client, pair.destination(), now_ns);
        let rhythm = self.pairs.entry(pair, Rhythm::default)?;
        if !rhythm.begin_message(now_ns, observation.head.payload_len()) {
            return None;
        }
        let finding = judge::messages(rhythm, &self.thresholds)?;
        let subject = Subject { client_port: 0, ..Subject::of(key, true) };
        Some(finding.about(subject, rhythm, prevalence, &self.thresholds))
    }
}

impl Beacon {
    /// What a flow has carried by now: a call where it is more than before.
    fn message(&mut self, update: &FlowUpdate<'_>) -> Option<Finding> {
        let (key, now_ns) = (update.key, update.record.last_ns);
        if self.is_allowed(address(key.dst)) {
            return None;
        }
        let rhythm = self.streams.message(update, &self.thresholds)?;
        let verdict = judge::stream(rhythm, key.dst_port, &self.thresholds)?;
        let pair = Pair::of(key, true);
        let prevalence = self.census.note(pair.client, pair.destination(), now_ns);
        let client_port = if key.protocol == 6 { key.src_port } else { 0 };
        let subject = Subject { client_port, ..Subject::of(key, true) };
        Some(verdict.about(subject, rhythm, prevalence, &self.thresholds))
    }
}

/// Most names are shorter, bytes.
const NAME_LEN: usize = 64;

/// The name of a query in lower case; `None` where it is not printable or this is no query.
fn name(message: &Message<'_>) -> Option<String> {
    let question = message.question.filter(|_| !message.is_response())?;
    let mut name = Vec::with_capacity(NAME_LEN);
    for label in question.name.labels() {
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
    }
    name.make_ascii_lowercase();
    String::from_utf8(name).ok()
}

fn is_request(payload: &[u8]) -> bool {
    http::Message::parse(payload).is_some_and(|message| matches!(message.start, http::Start::Request { .. }))
}

/// FNV-1a: only for telling names of one client apart.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &byte| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

impl Detector for Beacon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let found = match &observation.content {
            Content::Dns(message) => self.question(observation, message),
            Content::Icmp(message) if message.is_echo_request() => self.ping(observation),
            _ if observation.key().protocol != 6 => None,
            _ if head.meta.tcp_flags & (flag::SYN | flag::ACK) == flag::SYN => {
                self.connection(observation, false)
            }
            _ if head.has_reason(reason::MESSAGE) && is_request(head.payload()) => {
                self.connection(observation, true)
            }
            _ => None,
        };
        findings.extend(found);
        if let Content::Payload(payload) = &observation.content {
            self.streams.observe(observation.key(), payload, observation.time_ns());
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        if matches!(update.key.protocol, 6 | 17) {
            findings.extend(self.message(update));
        }
        if update.key.protocol != 6 {
            return;
        }
        let to = Pair::of(update.key, true);
        let from = Pair { client: to.server, server: to.client, port: update.key.src_port, ..to };
        for (to_server, pair) in [(true, to), (false, from)] {
            let client_port = if to_server { update.key.src_port } else { update.key.dst_port };
            if let Some(rhythm) = self.pairs.get(&pair) {
                rhythm.size_call(client_port, to_server, update.record);
            }
        }
    }

    fn tick(&mut self, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.pairs.expire(before_ns);
        self.streams.expire(before_ns);
        self.census.expire(before_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((pairs, most_pairs), (streams, most_streams)) =
            (self.pairs.occupancy(), self.streams.occupancy());
        (pairs + streams, most_pairs + most_streams)
    }

    fn save(&self, wall_offset_ns: i64) -> Option<Value> {
        Some(saved::save(&self.pairs, wall_offset_ns))
    }

    fn restore(&mut self, saved: Value, wall_offset_ns: i64) -> Result<(), serde_json::Error> {
        for (pair, rhythm) in saved::read(saved, wall_offset_ns)? {
            self.census.note(pair.client, pair.destination(), rhythm.traffic.last_ns);
            if let Some(entry) = self.pairs.entry(pair, Rhythm::default) {
                *entry = rhythm;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

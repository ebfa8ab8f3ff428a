//! Calls home over hours: detector `beacon`.
//!
//! Ordinary software that asks for something again and again does so by a timer, to a fraction of a percent, or
//! when somebody uses it, in gaps without a bound. A beacon that hides its timer adds jitter of its own: gaps
//! spread evenly between two bounds around their median, which neither networks nor people make of intervals of
//! seconds and more ([`judge`]). A beacon without jitter looks like ordinary polling: it is an observation unless
//! its port is no service's, or it asks DNS for another name each time.

mod judge;
mod rhythm;

use std::net::IpAddr;

use inspector_common::FlowKey;
use inspector_common::parse::flag;

use self::rhythm::Rhythm;
use super::Detector;
use super::table::Table;
use crate::dissect::dns::Message;
use crate::findings::{Finding, Subject};
use crate::observation::{Content, FlowUpdate, Observation, address};

/// Name of the detector.
pub const NAME: &str = "beacon";

/// What it takes for a finding.
///
/// Base rates are of the development corpus' benign captures, of which few last long enough: six with such
/// intervals. RITA's experience counts for more (rita-legacy#117, #721): failed connections and telemetry.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Intervals that are judged at the earliest. RITA asks for 23 connections a day.
    pub intervals: usize,
    /// Time that they span at least, nanoseconds.
    pub span_ns: u64,
    /// Least median interval, seconds: below, the network's and the scheduler's jitter counts.
    pub interval_s: f64,
    /// Median absolute deviation over the median from which on intervals are jittered. ±5 % spread evenly has
    /// 0.025. Base rate: 0.003 for polling by timer.
    pub jitter: f64,
    /// The same, above which there is no interval. ±40 % spread evenly has 0.2; exponential gaps 0.7.
    pub widest: f64,
    /// The same, below which intervals are a timer's.
    pub timer: f64,
    /// Bowley skewness at most. Exponential waits have 0.26, heavier tails more.
    pub skew: f64,
    /// How many times further the longest interval is from the median than the shortest, or the other way round.
    /// Spread evenly: about 1. A timer behind work of exponential length: 4.7 in 30.
    pub lopsided: f64,
    /// Share of the intervals within 45 % of the median. Base rate: 0.4 for browsing.
    pub bounded: f64,
    /// Bytes that a call sends and gets at most, as median: beacons that idle ask little and get little.
    pub call_bytes: f64,
    /// Deviation of bytes sent over their median at most. Base rate: 0.4 for browsing.
    pub size_spread: f64,
    /// Share of DNS questions that were new names.
    pub new_names: f64,
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
            span_ns: 480 * SECOND,
            interval_s: 5.0,
            jitter: 0.02,
            widest: 0.25,
            timer: 0.01,
            skew: 0.4,
            lopsided: 2.0,
            bounded: 0.95,
            call_bytes: 8192.0,
            size_spread: 0.1,
            new_names: 0.9,
            capacity: 4096,
            idle_ns: 2 * 3600 * SECOND,
        }
    }
}

/// Who calls whom: a service of a host, or a registered domain's name servers by way of any resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
}

/// The detector.
#[derive(Debug)]
pub struct Beacon {
    thresholds: Thresholds,
    pairs: Table<Pair, Rhythm>,
}

impl Beacon {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let pairs = Table::new(thresholds.capacity);
        Self { thresholds, pairs }
    }

    /// A connection begins. A SYN from the port of the one before repeats it.
    fn connection(&mut self, observation: &Observation<'_>) -> Option<Finding> {
        let key = observation.key();
        let rhythm = self.pairs.entry(Pair::of(key, true), Rhythm::default)?;
        if !rhythm.begin_call(key.src_port, observation.time_ns()) {
            return None;
        }
        let finding = judge::connections(rhythm, key.dst_port, &self.thresholds)?;
        Some(finding.about(Subject::of(key, true), rhythm))
    }

    /// A question of DNS: a call where its name is not the one just asked for.
    fn question(&mut self, observation: &Observation<'_>, message: &Message<'_>) -> Option<Finding> {
        let name = name(message)?;
        let domain = psl::domain_str(&name)?;
        let key = observation.key();
        let pair = Pair { domain: hash(domain.as_bytes()), ..Pair::of(key, true) };
        let rhythm = self.pairs.entry(pair, Rhythm::default)?;
        if !rhythm.begin_question(
            hash(name.as_bytes()),
            observation.time_ns(),
            observation.head.payload_len(),
        ) {
            return None;
        }
        let finding = judge::questions(rhythm, &self.thresholds)?;
        let subject = Subject { domain: Some(domain.to_owned()), client_port: 0, ..Subject::of(key, true) };
        Some(finding.about(subject, rhythm))
    }
}

/// The name of a query in lower case; `None` where it is not printable or this is no query.
fn name(message: &Message<'_>) -> Option<String> {
    let question = message.question.filter(|_| !message.is_response())?;
    let labels: Vec<_> = question.name.labels().collect();
    Some(str::from_utf8(&labels.join(&b'.')).ok()?.to_ascii_lowercase())
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
        let flags = observation.head.meta.tcp_flags;
        if let Content::Dns(message) = &observation.content {
            findings.extend(self.question(observation, message));
        } else if observation.key().protocol == 6 && flags & (flag::SYN | flag::ACK) == flag::SYN {
            findings.extend(self.connection(observation));
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, _: &mut Vec<Finding>) {
        if update.key.protocol != 6 {
            return;
        }
        for to_server in [true, false] {
            let client_port = if to_server { update.key.src_port } else { update.key.dst_port };
            if let Some(rhythm) = self.pairs.get(&Pair::of(update.key, to_server)) {
                rhythm.size_call(client_port, to_server, update.record);
            }
        }
    }

    fn tick(&mut self, now_ns: u64) {
        self.pairs.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        self.pairs.occupancy()
    }
}

#[cfg(test)]
mod tests;

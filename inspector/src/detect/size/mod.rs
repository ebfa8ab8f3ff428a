//! Covert channels in the lengths of packets: detector `packet-length`.
//!
//! Lengths follow from what a program says. A sender that signals by them has to fill up or cut what it sends, and
//! its lengths follow each other as the message does. Where the payload always begins alike though lengths change,
//! the lengths are all there is to say. Other alphabets give themselves away by their form: all values of a whole
//! number of bits, as often as each other, in an order without memory ([`judge`]). Lengths of no such form are what
//! ordinary programs show too.

mod judge;

use inspector_common::head::reason;
use inspector_common::{FlowKey, SeriesEntry};

use super::Detector;
use super::header::Gate;
use super::table::{Entry, Table};
use crate::findings::{Finding, Traffic};
use crate::observation::{FlowUpdate, Head, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "packet-length";

/// What it takes for a finding. Base rates: the 71 flows with 128 lengths and more in the development corpus' captures
/// without a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Lengths that are judged at the earliest.
    pub few: usize,
    /// Payloads of several lengths that all begin like the shortest, packets. Base rate: 0 flows; what has a
    /// counter, a clock or ciphertext in it has 1.
    pub alike: u32,
    /// Entropy of the lengths of such payloads, bits. Base rate of two sizes in a cycle of ten: 0.47.
    pub entropy: f64,
    /// Greatest of these lengths, below this, bytes: a stream of zeros or of silence is cut at the path's MTU and at the
    /// ends of writes, both of which change for reasons of their own.
    pub full: u16,
    /// Corrected conditional entropy of these over their entropy. Base rate: cycles 0.1 and less; text in plain
    /// code 0.6.
    pub entropy_ratio: f64,
    /// Entropy over the greatest possible of evenly used lengths, ratio. Base rate of 4 lengths and more: up to
    /// 0.8 (numbers written out in text 0.76).
    pub evenness: f64,
    /// Corrected conditional entropy of these over their entropy. Random order: 0.95 and more.
    pub even_ratio: f64,
    /// Distance between these lengths, bytes, at most: at greater ones it takes more packets and the next number, and 16
    /// lengths where it is a power of two, as of blocks and of padding.
    pub step: u16,
    /// Entropy over the greatest possible of lengths at greater distances, ratio. 512 draws of 16 values have 0.995.
    pub evenness_of_steps: f64,
    /// Two lengths are a coin that is tossed from this length on, and with this distance, bytes: what keeps a
    /// protocol going is shorter (window updates, acknowledgements), and numbers in text differ by less.
    /// Base rate of two lengths in half of the packets each and no cycle: 0 flows with 128 packets.
    pub coin: (u16, u16),
    /// Lengths that are judged for one toss in each, at the earliest.
    pub many: usize,
    /// Difference of the greatest and the least of them: more than the first, up to the second, bytes. 256
    /// values, of which the outermost may not have come yet. Base rate: 1 flow, with 42 lengths.
    pub byte_span: (u16, u16),
    /// Lengths that are judged for a whole byte in each, at the earliest.
    pub byte_packets: usize,
    /// Entropy of their high four bits over the greatest possible, ratio. 384 draws have 0.993.
    pub byte_evenness: f64,
    /// Distinct lengths of these. Base rate: 42 (see above); up to 178 of spans of 400.
    pub byte_lengths: usize,
    /// Von Neumann's ratio of these lies between: 2 where lengths don't depend on the one before. Base rate: media
    /// 0.3 to 1.4, answers that take turns 3 and more.
    pub ratio: (f64, f64),
    /// Flows kept. One takes at most 2.3 KiB.
    pub capacity: usize,
    /// A flow idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            few: 256,
            alike: 6,
            entropy: 0.8,
            full: 1200,
            entropy_ratio: 0.45,
            evenness: 0.97,
            even_ratio: 0.9,
            step: 7,
            evenness_of_steps: 0.985,
            coin: (64, 8),
            many: 512,
            byte_span: (228, 255),
            byte_packets: 384,
            byte_evenness: 0.975,
            byte_lengths: 160,
            ratio: (1.7, 2.3),
            capacity: 4096,
            idle_ns: 600_000_000_000,
        }
    }
}

/// Lengths that are kept of a flow.
const KEPT: usize = 1024;
/// A flow is judged each time it has so many more.
const EVERY: u32 = 128;
/// Bytes of a payload that are compared.
const COMPARED: usize = 256;

/// One direction of a flow.
#[derive(Debug, Default)]
struct Lengths {
    recent: Vec<u16>,
    unjudged: u32,
    content: Content,
    gate: Gate,
    traffic: Traffic,
}

/// How alike the payloads of a flow are, by the few that were seen.
#[derive(Debug, Default)]
struct Content {
    /// Beginning of the first.
    first: Box<[u8]>,
    len: u32,
    /// How many begin as it does, as far as both go.
    alike: u32,
    /// Whether their lengths differ.
    differ: bool,
    is_other: bool,
}

impl Content {
    fn add(&mut self, payload: &[u8], len: u32) {
        let payload = payload.get(..COMPARED).unwrap_or(payload);
        if self.alike == 0 {
            (self.first, self.len) = (payload.into(), len);
        }
        let both = payload.len().min(self.first.len());
        self.is_other |= payload.get(..both) != self.first.get(..both);
        self.differ |= len != self.len;
        self.alike += 1;
    }

    /// How many payloads are the same but for their length; 0 if any is not, or all have one length.
    fn padded(&self) -> u32 {
        if self.differ && !self.is_other { self.alike } else { 0 }
    }
}

impl Lengths {
    fn add(&mut self, entry: &SeriesEntry) {
        if entry.payload_len == 0 || entry.flags & SeriesEntry::MERGED != 0 {
            return;
        }
        if self.recent.len() >= KEPT {
            self.recent.drain(..KEPT / 4);
        }
        self.recent.push(entry.payload_len);
        self.unjudged += 1;
    }
}

impl Entry for Lengths {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.recent.len() as u64
    }
}

/// The detector.
#[derive(Debug)]
pub struct PacketLength {
    thresholds: Thresholds,
    flows: Table<FlowKey, Lengths>,
}

impl PacketLength {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let flows = Table::new(thresholds.capacity);
        Self { thresholds, flows }
    }

    fn look(&mut self, head: &Head<'_>) {
        let payload = head.payload();
        if !head.has_reason(reason::EARLY) || payload.is_empty() || !matches!(head.meta.key.protocol, 6 | 17)
        {
            return;
        }
        if let Some(flow) = self.flows.entry(head.meta.key, Lengths::default) {
            flow.traffic.last_ns = head.meta.time_ns;
            flow.content.add(payload, head.payload_len());
        }
    }
}

impl Detector for PacketLength {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, _: &mut Vec<Finding>) {
        self.look(&observation.head);
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, _: &mut Vec<Finding>) {
        if let Some(lengths) = self.flows.get(update.key) {
            lengths.traffic = Traffic::of_sender(update.record);
        }
    }

    fn series(&mut self, series: &Series<'_>, findings: &mut Vec<Finding>) {
        // What ICMP carries is judged elsewhere, and the lengths of names and answers with what they say.
        if !matches!(series.key.protocol, 6 | 17)
            || series.is_of_fragments()
            || [series.key.src_port, series.key.dst_port].contains(&53)
        {
            return;
        }
        let Some(lengths) = self.flows.entry(*series.key, Lengths::default) else { return };
        lengths.traffic.last_ns = series.last_ns;
        series.entries.iter().for_each(|entry| lengths.add(entry));
        if lengths.recent.len() < self.thresholds.few || lengths.unjudged < EVERY {
            return;
        }
        lengths.unjudged = 0;
        let verdict = judge::judge(&lengths.recent, lengths.content.padded(), &self.thresholds);
        let count = u32::try_from(lengths.traffic.packets_to_server).unwrap_or(u32::MAX);
        findings.extend(
            verdict
                .filter(|_| lengths.gate.opens(count.max(1)))
                .map(|verdict| verdict.finding(series.key, lengths.traffic)),
        );
    }

    fn tick(&mut self, now_ns: u64) {
        self.flows.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        self.flows.occupancy()
    }
}

#[cfg(test)]
mod tests;

//! Covert channels in whether a segment is sent again: detector `retransmission`.
//!
//! A sender repeats what it doesn't know to have arrived. Once the other side has acknowledged it, and the
//! acknowledgement had the time to reach the sender, nothing makes it send the same bytes again (RFC 9293,
//! 3.10.7.4); loss of acknowledgements and sudden delays do so now and then, all of a window at once. Who signals by
//! repeating segments does so again and again, one here and one there. That a repetition holds other bytes is
//! the business of [`super::injection`].
//!
//! Acknowledgements are known from heads only, so what is counted is a part of what there is. Both directions have
//! to be seen.

use inspector_common::FlowKey;
use inspector_common::head::reason;
use inspector_common::parse::flag;
use smallvec::SmallVec;

use super::Detector;
use super::header::{Gate, Pair, context, crossed, has_right_segment, is_sound};
use super::shape::{Channel, finding};
use super::table::{Entry, Table};
use crate::findings::{Finding, Signature, Traffic};
use crate::observation::{FlowUpdate, Head, Observation};

/// Name of the detector.
pub const NAME: &str = "retransmission";

static NEEDLESS: Signature = Signature {
    id: 9_106_100,
    rev: 1,
    detector: NAME,
    title: "Acknowledged TCP segments are sent again, over and over",
    pattern: "ET2 Event Occurrence (artificial retransmissions)",
    attack: "T1001",
    hint: "Compare with what the sender's own TCP counts as retransmitted: what it doesn't know of was sent past it",
};

/// What it takes for a finding. Base rates: pairs of hosts in the captures of the development corpus without a
/// channel, 334 of whose flows repeat data.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Moments at which acknowledged data was repeated. Base rate: at most 4 a flow, in captures that hold
    /// packets twice; 2 elsewhere.
    pub moments: u32,
    /// Their share of the pair's segments with data. Base rate of 8 moments and more: none. A path that loses one
    /// acknowledgement in ten behind the point of view stays below, since the next one makes up for it.
    pub share: f64,
    /// Least time from the acknowledgement to the repetition, nanoseconds: what crossed it on the way is no
    /// answer to it.
    pub crossing_ns: u64,
    /// Repetitions closer together than this are one moment, nanoseconds: a timer that fires wrongly repeats a
    /// window within a round trip.
    pub moment_ns: u64,
    /// Directions of connections kept, and pairs. One takes at most 1 KiB.
    pub capacity: usize,
    /// What is idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        const MILLISECOND: u64 = 1_000_000;
        Self {
            moments: 8,
            share: 0.12,
            crossing_ns: 20 * MILLISECOND,
            moment_ns: 50 * MILLISECOND,
            capacity: 8192,
            idle_ns: 600_000 * MILLISECOND,
        }
    }
}

/// Segments of a direction that are kept to know second copies of packets.
const KEPT: usize = 24;

/// One direction of a connection.
#[derive(Debug, Default)]
struct Stream {
    /// Sequence number up to which the other side has acknowledged, and when it first did.
    acknowledged: Option<(u32, u64)>,
    /// Sequence number, identification of the last segments with data.
    sent: SmallVec<[(u32, u16); 4]>,
    /// Segments with data, as far as they are counted in the pair.
    segments: u32,
    last_ns: u64,
}

impl Entry for Stream {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.acknowledged.is_some())
    }
}

/// One direction between two hosts.
#[derive(Debug, Default)]
struct Count {
    /// Moments at which data was repeated for nothing.
    moments: u32,
    /// Packets that were only captured twice.
    copies: u32,
    /// Packets that came damaged, and could say anything.
    damaged: u32,
    /// Segments with data.
    segments: u32,
    /// Bytes in what was repeated for nothing.
    bytes: u64,
    moment_ns: u64,
    traffic: Traffic,
    gate: Gate,
}

impl Entry for Count {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.moments)
    }
}

/// The detector.
#[derive(Debug)]
pub struct Retransmission {
    thresholds: Thresholds,
    streams: Table<FlowKey, Stream>,
    pairs: Table<Pair, Count>,
}

/// The fields of a segment that matter here.
struct Segment {
    seq: u32,
    ack: Option<u32>,
    len: u32,
}

impl Segment {
    fn of(head: &Head<'_>) -> Option<Self> {
        let &[_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3] = head.segment().first_chunk()?;
        let flags = head.meta.tcp_flags;
        let is_ack = flags & flag::ACK != 0 && flags & (flag::RST | flag::SYN) == 0;
        Some(Self {
            seq: u32::from_be_bytes([s0, s1, s2, s3]),
            ack: is_ack.then_some(u32::from_be_bytes([a0, a1, a2, a3])),
            len: head.payload_len(),
        })
    }

    const fn end(&self) -> u32 {
        self.seq.wrapping_add(self.len)
    }
}

/// Whether `a` is at or behind `b`, modulo 2^32.
const fn is_up_to(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

/// Why a segment was repeated, as far as can be told.
enum Repetition {
    /// It wasn't, or there may be need for it.
    None,
    /// The packet was seen twice.
    Copy,
    /// The other side had it, and had said so.
    Needless,
}

impl Stream {
    fn acknowledge(&mut self, ack: u32, time_ns: u64) {
        self.last_ns = self.last_ns.max(time_ns);
        if self.acknowledged.is_none_or(|(known, _)| ack != known && is_up_to(known, ack)) {
            self.acknowledged = Some((ack, time_ns));
        }
    }

    fn send(&mut self, head: &Head<'_>, segment: &Segment, crossing_ns: u64) -> Repetition {
        let (time_ns, id) = (head.meta.time_ns, head.meta.ip_id);
        self.last_ns = self.last_ns.max(time_ns);
        let is_copy = id != 0 && self.sent.contains(&(segment.seq, id));
        if self.sent.len() >= KEPT {
            self.sent.remove(0);
        }
        self.sent.push((segment.seq, id));
        let is_known = |(ack, since_ns): (u32, u64)| {
            is_up_to(segment.end(), ack) && time_ns.saturating_sub(since_ns) >= crossing_ns
        };
        // One byte is what keep-alives repeat.
        if !head.has_reason(reason::OVERLAP) || segment.len <= 1 {
            Repetition::None
        } else if is_copy {
            Repetition::Copy
        } else if self.acknowledged.is_some_and(is_known) {
            Repetition::Needless
        } else {
            Repetition::None
        }
    }
}

impl Retransmission {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let (streams, pairs) = (Table::new(thresholds.capacity), Table::new(thresholds.capacity));
        Self { thresholds, streams, pairs }
    }

    fn tcp(&mut self, head: &Head<'_>) -> Option<()> {
        let (key, time_ns) = (&head.meta.key, head.meta.time_ns);
        if !is_sound(head) || has_right_segment(head) == Some(false) {
            if let Some(count) = self.pairs.get(&Pair::of(key)) {
                count.damaged += 1;
            }
            return None;
        }
        let segment = Segment::of(head)?;
        if head.meta.tcp_flags & flag::SYN != 0 {
            let stream = self.streams.entry(*key, Stream::default)?;
            *stream = Stream { last_ns: time_ns, ..Stream::default() };
            return None;
        }
        if let Some(ack) = segment.ack {
            self.streams.entry(key.reversed(), Stream::default)?.acknowledge(ack, time_ns);
        }
        if segment.len == 0 {
            return None;
        }
        let stream = self.streams.entry(*key, Stream::default)?;
        let repetition = stream.send(head, &segment, self.thresholds.crossing_ns);
        if matches!(repetition, Repetition::None) {
            return None;
        }
        let count = self.pairs.entry(Pair::of(key), Count::default)?;
        count.traffic.add(true, head.meta.wire_len, time_ns);
        match repetition {
            Repetition::Needless => {
                if time_ns.saturating_sub(count.moment_ns) >= self.thresholds.moment_ns {
                    count.moments += 1;
                }
                count.moment_ns = time_ns;
                count.bytes += u64::from(segment.len);
            }
            _ => count.copies += 1,
        }
        Some(())
    }
}

impl Count {
    fn judge(&mut self, key: &FlowKey, limits: &Thresholds) -> Option<Finding> {
        let share = f64::from(self.moments) / f64::from(self.segments.max(1));
        let is_clean = (self.copies + self.damaged) * 4 <= self.moments;
        if self.moments < limits.moments
            || share < limits.share
            || !is_clean
            || !self.gate.opens(self.moments)
        {
            return None;
        }
        let (symbols, bits, traffic) = (self.segments.into(), entropy(share), self.traffic);
        let score = 0.7 + 0.3 * share.min(0.5);
        let channel = Channel { score, symbols, bits, directions: 2, traffic };
        let evidence = vec![
            crossed("needless_repetitions", self.moments.into(), limits.moments.into(), "moments"),
            crossed("needless_share", share, limits.share, "ratio"),
            context("repeated_bytes", self.bytes as f64, "bytes"),
        ];
        Some(finding(&NEEDLESS, key, &channel, evidence))
    }
}

/// Entropy of a bit that is set with probability `p`, bits: −p log2 p − (1 − p) log2 (1 − p) (Shannon 1948).
fn entropy(p: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    let p = p.clamp(0.0, 1.0);
    term(p) + term(1.0 - p)
}

impl Detector for Retransmission {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sees_copies(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &Observation<'_>, _: &mut Vec<Finding>) {
        if observation.key().protocol == 6 {
            self.tcp(&observation.head);
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        let (key, segments) = (update.key, update.record.payload_packets);
        let Some(stream) = self.streams.get(key) else { return };
        let added = segments.wrapping_sub(std::mem::replace(&mut stream.segments, segments));
        let Some(count) = self.pairs.entry(Pair::of(key), Count::default) else { return };
        count.traffic.last_ns = count.traffic.last_ns.max(update.record.last_ns);
        count.segments = count.segments.saturating_add(added);
        findings.extend(count.judge(key, &self.thresholds));
    }

    fn tick(&mut self, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.streams.expire(before_ns);
        self.pairs.expire(before_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((streams, room), (pairs, more)) = (self.streams.occupancy(), self.pairs.occupancy());
        (streams + pairs, room + more)
    }
}

#[cfg(test)]
mod tests;

//! Covert channels in the order of packets: detector `packet-order`.
//!
//! A sender numbers what it sends, and sends in the order of its numbers. Networks reorder a packet now and then, and
//! identifications with it, since those are given at sending. Who signals by permutations displaces most packets,
//! and its identifications count on as if nothing were. TCP shows both numbers of each packet in the flow's
//! series ([`stream`]); of RTP only a sample is seen, the first four packets and each power of two ([`media`]).

mod media;
mod stream;

use inspector_common::{Class, FlowKey};

use self::media::Media;
use self::stream::Stream;
use super::Detector;
use super::header::{context, crossed, is_sound};
use super::shape::{Channel, finding};
use super::table::Table;
use crate::findings::{Finding, Signature};
use crate::observation::{FlowUpdate, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "packet-order";

static MEDIA: Signature = Signature {
    id: 9_106_110,
    rev: 1,
    detector: NAME,
    title: "Media packets are sent out of the order of their numbers",
    pattern: "EN2 Element Positioning (message ordering)",
    attack: "T1001",
    hint: "Record the stream and compare RTP sequence numbers with IPv4 identifications: the sender shuffles",
};

static STREAM: Signature = Signature {
    id: 9_106_111,
    rev: 1,
    detector: NAME,
    title: "TCP segments are sent out of the order of their sequence numbers",
    pattern: "EN2 Element Positioning (message ordering)",
    attack: "T1001",
    hint: "No TCP sends new data behind data it has yet to send: look for what shuffles its packets on the host",
};

/// What it takes for a finding. Base rates: flows of the development corpus' captures without a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Packets of a media stream that were seen, at least: 10 are seen of 256.
    pub media_heads: usize,
    /// Turns of the shift between number and identification. Base rate: 0 of 12 packets in streams with 0.4 % of swaps;
    /// loss and reports of RTCP together 2 now and then.
    pub media_turns: usize,
    /// Places that packets are off in all, counted twice, packets. Base rate: 0; four packets of twelve that are
    /// off by one come by chance once in 10^4 streams that swap 1 % of their packets, more than is usual.
    pub media_excess: u32,
    /// How restless the shift is, squares over those of a drift. Base rate: 1 by what it is. Of simulated relays that lose
    /// or add 10 % of what they number anew, and swap 1 %, 19 % had the turns and places above, and 0.8 % this too.
    pub media_restless: f64,
    /// Furthest place, packets: more is loss, or another numbering.
    pub media_reach: u32,
    /// Segments with data of a TCP flow that are judged together.
    pub segments: u32,
    /// Share of those that filled a gap left a few packets before, though sent later, ratio. Base rate: 0; what is
    /// repeated for loss comes at least a round trip later.
    pub filled_share: f64,
    /// Flows kept of each kind. One takes at most 600 bytes.
    pub capacity: usize,
    /// A flow idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            media_heads: 10,
            media_turns: 4,
            media_excess: 8,
            media_restless: 6.0,
            media_reach: 16,
            segments: 64,
            filled_share: 0.15,
            capacity: 2048,
            idle_ns: 600_000_000_000,
        }
    }
}

/// The detector.
#[derive(Debug)]
pub struct PacketOrder {
    thresholds: Thresholds,
    media: Table<FlowKey, Media>,
    streams: Table<FlowKey, Stream>,
}

impl PacketOrder {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let (media, streams) = (Table::new(thresholds.capacity), Table::new(thresholds.capacity));
        Self { thresholds, media, streams }
    }

    fn judge_media(&mut self, observation: &Observation<'_>) -> Option<Finding> {
        let (head, limits) = (&observation.head, &self.thresholds);
        let sample = media::Sample::of(head)?;
        let media = self.media.entry(*observation.key(), Media::default)?;
        media.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        media.add(sample);
        let shuffle = media.shuffle(limits.media_reach)?;
        let is_shuffled = shuffle.samples >= limits.media_heads
            && shuffle.turns >= limits.media_turns
            && shuffle.excess >= limits.media_excess
            && shuffle.restless >= limits.media_restless;
        if !is_shuffled {
            return None;
        }
        let evidence = vec![
            crossed("places_off", shuffle.excess.into(), limits.media_excess.into(), "packets"),
            crossed("restlessness", shuffle.restless, limits.media_restless, "ratio"),
            crossed("turns", shuffle.turns as f64, limits.media_turns as f64, "turns"),
            crossed("packets_seen", shuffle.samples as f64, limits.media_heads as f64, "packets"),
        ];
        let (symbols, traffic) = (u64::from(head.meta.number), media.traffic);
        let channel = Channel { score: 0.8, symbols, bits: 1.0, directions: 1, traffic };
        Some(finding(&MEDIA, observation.key(), &channel, evidence))
    }
}

impl Detector for PacketOrder {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if observation.head.class() == Class::Udp && is_sound(&observation.head) {
            findings.extend(self.judge_media(observation));
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, _: &mut Vec<Finding>) {
        if let Some(stream) = self.streams.get(update.key) {
            stream.note(update.record);
        }
    }

    fn series(&mut self, series: &Series<'_>, findings: &mut Vec<Finding>) {
        if series.key.protocol != 6 || series.key.is_ipv6() {
            return;
        }
        let Some(stream) = self.streams.entry(*series.key, Stream::default) else { return };
        stream.read(series);
        let limits = &self.thresholds;
        let (segments, filled) = stream.counts();
        let share = f64::from(filled) / f64::from(segments.max(1));
        if segments < limits.segments || share < limits.filled_share || !stream.gate.opens(filled) {
            return;
        }
        let evidence = vec![
            crossed("gaps_filled_at_once", share, limits.filled_share, "ratio"),
            crossed("segments", segments.into(), limits.segments.into(), "segments"),
            context("segments_sent_late", filled.into(), "segments"),
        ];
        let (symbols, traffic) = (segments.into(), stream.traffic);
        let channel = Channel { score: 0.75, symbols, bits: 1.0, directions: 1, traffic };
        findings.push(finding(&STREAM, series.key, &channel, evidence));
    }

    fn tick(&mut self, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.media.expire(before_ns);
        self.streams.expire(before_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((media, room), (streams, more)) = (self.media.occupancy(), self.streams.occupancy());
        (media + streams, room + more)
    }
}

#[cfg(test)]
mod tests;

//! A sample of the packets of a media stream: whether their numbers and their places agree.

use crate::detect::table::Entry;
use crate::findings::Traffic;
use crate::observation::Head;

/// Most samples kept of a stream: the first four packets and the powers of two up to 2^19.
const KEPT: usize = 20;
/// How far identifications may be from the flow's own count, packets: a few are lost, or of others.
const COUNTED: u16 = 64;
/// Bytes of the fixed header of RTP (RFC 3550 §5.1).
const HEADER: usize = 12;

/// A relay that numbers anew what it hands on lets the shift drift: up by one for a packet that was lost before it, down
/// for each of RTCP or STUN in between. Together they are this share of packets at most where a call is worth having.
const DRIFTING: f64 = 0.1;

/// One packet of an RTP stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Which packet of the flow it was.
    number: u32,
    /// RTP's sequence number.
    sequence: u16,
    /// IPv4 identification.
    id: u16,
    source: u32,
    kind: u8,
}

impl Sample {
    /// The packet, if it looks like RTP: version 2 and a payload type that no RTCP takes (RFC 5761 §4).
    pub(super) fn of(head: &Head<'_>) -> Option<Self> {
        let payload = head.payload();
        let [first, kind, s0, s1, _, _, _, _, x0, x1, x2, x3] = *payload.first_chunk::<HEADER>()?;
        let kind = kind & 0x7f;
        let is_rtp = first >> 6 == 2 && !(64..96).contains(&kind);
        is_rtp.then(|| Self {
            number: head.meta.number,
            sequence: u16::from_be_bytes([s0, s1]),
            id: head.meta.ip_id,
            source: u32::from_be_bytes([x0, x1, x2, x3]),
            kind,
        })
    }
}

/// What the samples amount to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shuffle {
    /// Packets seen.
    pub(super) samples: usize,
    /// How often their shift turns from growing to falling or back.
    pub(super) turns: usize,
    /// How far the shift goes up and down in all, beyond the way from the first to the last, packets: two for
    /// each packet that is one place off.
    pub(super) excess: u32,
    /// Mean square of the steps of the shift from one packet seen to the next, over what a drift would have.
    pub(super) restless: f64,
}

/// A stream, as far as it was seen.
#[derive(Debug, Default)]
pub(super) struct Media {
    samples: Vec<Sample>,
    /// Several sources or kinds share the flow, or it is no RTP: numbers and places need not agree.
    is_mixed: bool,
    pub(super) traffic: Traffic,
}

impl Entry for Media {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.samples.len() as u64
    }
}

impl Media {
    pub(super) fn add(&mut self, sample: Sample) {
        if let Some(first) = self.samples.first() {
            self.is_mixed |= (first.source, first.kind) != (sample.source, sample.kind);
        }
        if self.samples.len() < KEPT {
            self.samples.push(sample);
        }
    }

    /// How far the stream is shuffled; `None` where that can't be told: several sources, identifications that don't
    /// count this flow's packets (or are always zero), or numbers that drift by more than `reach` packets from them.
    ///
    /// A shift is how far a sequence number is ahead of its packet's identification, which networks that lose and
    /// reorder leave as it is. What a sender sends in between lets it fall, for all that follows.
    pub(super) fn shuffle(&self, reach: u32) -> Option<Shuffle> {
        let first = self.samples.first().filter(|_| !self.is_mixed)?;
        let counted = |sample: &Sample| {
            // Places wrap as identifications do.
            let [_, _, high, low] = sample.number.wrapping_sub(first.number).to_be_bytes();
            let ahead = sample.id.wrapping_sub(first.id).wrapping_sub(u16::from_be_bytes([high, low]));
            ahead.cast_signed().unsigned_abs() <= COUNTED
        };
        let shift = |sample: &Sample| {
            let steps = sample.sequence.wrapping_sub(first.sequence);
            i32::from(steps.wrapping_sub(sample.id.wrapping_sub(first.id)).cast_signed())
        };
        if !self.samples.iter().all(counted) || self.samples.iter().all(|sample| sample.id == first.id) {
            return None;
        }
        let mut shifts: Vec<i32> = self.samples.iter().map(shift).collect();
        let (least, greatest) = (shifts.iter().min()?, shifts.iter().max()?);
        if greatest.abs_diff(*least) > reach {
            return None;
        }
        let restless = self.restlessness(&shifts);
        shifts.dedup();
        let steps: Vec<i32> = shifts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let way: u32 = steps.iter().map(|step| step.unsigned_abs()).sum();
        let net = steps.iter().sum::<i32>().unsigned_abs();
        let turns = steps.windows(2).filter(|pair| pair[0].signum() != pair[1].signum()).count();
        Some(Shuffle { samples: self.samples.len(), turns, excess: way - net, restless })
    }

    /// How far the shift moves from sample to sample, in squares over those of a random walk that moves with
    /// [`DRIFTING`] packets of all. A walk has 1, however far apart the samples are; displaced packets move it as far
    /// between neighbours as between the first and the last, and of the first eight packets five are seen.
    fn restlessness(&self, shifts: &[i32]) -> f64 {
        let steps = shifts.windows(2).zip(self.samples.windows(2)).map(|(shift, sample)| {
            let packets = sample[1].number.wrapping_sub(sample[0].number).max(1);
            f64::from(shift[1] - shift[0]).powi(2) / (DRIFTING * f64::from(packets))
        });
        steps.sum::<f64>() / (shifts.len().max(2) - 1) as f64
    }
}

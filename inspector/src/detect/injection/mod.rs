//! Packets that somebody else put into a conversation: detector `injection`.
//!
//! Whoever injects a TCP segment (QUANTUM INSERT, a middlebox) cannot keep the real one from arriving too. Then
//! the same range of sequence numbers holds different bytes twice, which a sender never does: it repeats what
//! it has in its buffer (RFC 9293, 3.8.1), however it cuts it anew. A sender that does is a channel too (RSTEG).
//! That the two copies come from different hosts shows in TTL, options and identification. Forged resets and
//! answers of DNS that race the real ones are observations: both have ordinary, if odd, explanations.

mod dns_race;
mod reset;
mod segment;

use inspector_common::head::reason;
use inspector_common::parse::flag;
use inspector_common::{Class, FlowKey};

use self::dns_race::Races;
use self::segment::{Ranges, Segment};
use super::Detector;
use super::table::{Entry, Table};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::{Content, Head, Observation};

/// Name of the detector.
pub const NAME: &str = "injection";

static CONTRADICTION: Signature = Signature {
    id: 9_106_300,
    rev: 1,
    detector: NAME,
    title: "Two TCP segments with different data for the same bytes of a stream",
    pattern: "EN4 State/Value Modulation (user data)",
    attack: "T1557",
    hint: "Somebody answers in the server's place, or the sender hides data in retransmissions: compare both \
           segments' TTL with the path to the server, and treat what the client loaded as hostile",
};

/// What it takes for a finding. Base rates: the benign captures of the development corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Bytes in which two copies of a range differ. Two unrelated texts differ in most of their bytes; one byte
    /// is what keep-alives and window probes carry. Base rate: 0.
    pub differing_bytes: u32,
    /// Least share of the compared bytes that differ. A forged answer is another text; what was damaged, or
    /// fuzzed, differs in a few bytes.
    pub differing_share: f64,
    /// Segments with less data are not compared, bytes. Padding of up to six bytes that a length field takes in
    /// is repeated with other content in two benign captures; a redirect takes more than a hundred.
    pub least_data: u32,
    /// Contradictions of one stream whose packets count on in one host's identifications, segments. A single one comes
    /// of a stack that is wrong about its numbers (packet capture by a VPN app on a phone); a channel in
    /// retransmissions needs many.
    pub contradictions: u32,
    /// Two segments further apart in time than this are not compared, nanoseconds. A race is over in a second, and of
    /// retransmissions only the fifth comes later; ports are used anew later still.
    pub window_ns: u64,
    /// Least difference of a reset's TTL from that of the connection's data, hops. Routes differ by 1 or 2 from
    /// packet to packet at times.
    pub reset_ttl: u8,
    /// Connections' directions kept. One takes at most 1.7 KiB.
    pub capacity: usize,
    /// A direction idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            differing_bytes: 4,
            differing_share: 0.25,
            least_data: 16,
            contradictions: 3,
            window_ns: 30 * SECOND,
            reset_ttl: 3,
            capacity: 8192,
            idle_ns: 120 * SECOND,
        }
    }
}

/// Identifications of one host that follow each other within a race are no further apart.
const ID_STEP: u16 = 64;

/// A middlebox takes no longer to rewrite a packet, nanoseconds.
const REWRITTEN_NS: u64 = 100_000_000;

/// What is kept of one direction of a connection.
#[derive(Debug)]
struct Stream {
    ranges: Ranges,
    /// TTL of the last segment with data, and how many in a row had it.
    ttl: (u8, u32),
    /// The last packet's sequence number, identification, length and time.
    last: (u32, u16, u32, u64),
    /// Packets that were seen a second time at once, unchanged: there are two taps, or a mirror.
    copies: u32,
    traffic: Traffic,
    contradictions: u32,
}

impl Stream {
    fn new() -> Self {
        let (ranges, traffic) = (Ranges::default(), Traffic::default());
        Self { ranges, ttl: (0, 0), last: (0, 0, 0, 0), copies: 0, traffic, contradictions: 0 }
    }

    /// Counts second copies.
    fn note(&mut self, head: &Head<'_>) {
        let Some(&[s0, s1, s2, s3]) = head.segment().get(4..8).and_then(|bytes| bytes.first_chunk()) else {
            return;
        };
        let meta = head.meta;
        let last = (u32::from_be_bytes([s0, s1, s2, s3]), meta.ip_id, meta.ip_len, meta.time_ns);
        let is_same = (self.last.0, self.last.1, self.last.2) == (last.0, last.1, last.2);
        let is_at_once = meta.time_ns.saturating_sub(self.last.3) <= REWRITTEN_NS;
        self.copies = self.copies.saturating_add(u32::from(is_same && is_at_once));
        self.last = last;
    }
}

impl Entry for Stream {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.contradictions)
    }
}

/// The detector.
#[derive(Debug)]
pub struct Injection {
    thresholds: Thresholds,
    streams: Table<FlowKey, Stream>,
    races: Races,
}

impl Injection {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let streams = Table::new(thresholds.capacity);
        Self { thresholds, streams, races: Races::new() }
    }

    fn tcp(&mut self, observation: &Observation<'_>) -> Option<Finding> {
        let head = &observation.head;
        let stream = self.streams.entry(*observation.key(), Stream::new)?;
        stream.note(head);
        stream.traffic.add(false, head.meta.wire_len, head.meta.time_ns);
        if head.meta.tcp_flags & flag::RST != 0 {
            return reset::judge(observation, stream.ttl, self.thresholds.reset_ttl, stream.traffic);
        }
        if head.meta.tcp_flags & flag::SYN != 0 {
            stream.ranges.clear();
        }
        let segment = Segment::of(head)?;
        let run = if stream.ttl.0 == segment.ttl { stream.ttl.1.saturating_add(1) } else { 1 };
        stream.ttl = (segment.ttl, run);
        if !head.has_reason(reason::OVERLAP) || segment.len < self.thresholds.least_data {
            stream.ranges.keep(segment);
            return None;
        }
        let Stream { ranges, copies, contradictions, traffic, .. } = &mut *stream;
        let finding = contradicted(&self.thresholds, ranges, &segment).map(|(earlier, differing)| {
            *contradictions += 1;
            let subject = Subject::of(observation.key(), is_from_client(observation.key()));
            let is_one_packet = *copies > 0 && is_one_packet(earlier, &segment);
            let copies =
                Copies { earlier, later: &segment, differing, count: *contradictions, is_one_packet };
            contradiction(&self.thresholds, subject, &copies, *traffic)
        });
        stream.ranges.keep(segment);
        finding
    }
}

/// Whether the side with the higher port sends: ports of servers are below those of clients.
const fn is_from_client(key: &FlowKey) -> bool {
    key.src_port > key.dst_port
}

/// The kept range that the segment contradicts most, and in how many bytes.
fn contradicted<'a>(
    limits: &Thresholds,
    ranges: &'a Ranges,
    segment: &Segment,
) -> Option<(&'a Segment, u32)> {
    let recent = ranges.iter().filter(|kept| {
        segment.time_ns.saturating_sub(kept.time_ns) <= limits.window_ns && kept.len >= limits.least_data
    });
    // What a receiver would drop for its length or checksum cannot have been forged to be read.
    let comparable = recent.filter(|kept| kept.is_sound && segment.is_sound);
    let counted = comparable.map(|kept| (kept, kept.contradiction(segment)));
    let other = counted.filter(|(_, (differing, compared))| {
        *compared >= limits.least_data
            && *differing >= limits.differing_bytes
            && f64::from(*differing) >= limits.differing_share * f64::from(*compared)
    });
    other.map(|(kept, (differing, _))| (kept, differing)).max_by_key(|(_, differing)| *differing)
}

/// Two copies of a range of sequence numbers.
struct Copies<'a> {
    earlier: &'a Segment,
    later: &'a Segment,
    /// Bytes in which they differ.
    differing: u32,
    /// How many such copies there were, these included.
    count: u32,
    is_one_packet: bool,
}

/// Whether a packet was rewritten between two places that are both seen, as others were seen twice: it keeps its number, and
/// passes a router or two. Who races a packet that is still to come doesn't know the number, and a host counts on.
fn is_one_packet(earlier: &Segment, later: &Segment) -> bool {
    let is_same_id = earlier.ip_id != 0 && earlier.ip_id == later.ip_id;
    let is_at_once = later.time_ns.saturating_sub(earlier.time_ns) <= REWRITTEN_NS;
    is_same_id && is_at_once && earlier.ttl.abs_diff(later.ttl) <= 2
}

fn contradiction(limits: &Thresholds, subject: Subject, copies: &Copies<'_>, traffic: Traffic) -> Finding {
    let &Copies { earlier, later, differing, count, is_one_packet } = copies;
    let ttl = earlier.ttl.abs_diff(later.ttl);
    let is_other_stack = earlier.has_timestamp != later.has_timestamp;
    let is_other_host = ttl >= limits.reset_ttl || is_other_stack;
    // Both are of one counter.
    let step = later.ip_id.wrapping_sub(earlier.ip_id);
    let is_same_host = !is_other_host && earlier.ip_id != 0 && (1..ID_STEP).contains(&step);
    let severity = match count {
        _ if is_one_packet => Severity::Low,
        _ if is_other_host => Severity::High,
        count if count >= limits.contradictions => Severity::High,
        _ if is_same_host => Severity::Low,
        _ => Severity::Medium,
    };
    let measured = |name, value: f64, threshold: Option<f64>, unit| Evidence { name, value, threshold, unit };
    let milliseconds = later.time_ns.saturating_sub(earlier.time_ns) as f64 / 1e6;
    Finding {
        signature: &CONTRADICTION,
        subject,
        severity,
        score: match severity {
            Severity::High if is_other_host => 0.97,
            Severity::High | Severity::Medium => 0.85,
            _ => 0.4,
        },
        evidence: vec![
            measured("differing_bytes", differing.into(), Some(limits.differing_bytes.into()), "bytes"),
            measured("compared_bytes", earlier.contradiction(later).1.into(), None, "bytes"),
            measured("contradictions", count.into(), None, "segments"),
            Evidence::from("ttl_difference", ttl.into(), limits.reset_ttl.into(), "hops"),
            measured("timestamp_option_differs", f64::from(u8::from(is_other_stack)), None, "boolean"),
            measured("ip_id_difference", earlier.ip_id.abs_diff(later.ip_id).into(), None, "ids"),
            measured("race", milliseconds, None, "milliseconds"),
        ],
        estimated_bytes: u64::from(earlier.len.min(later.len)) * u64::from(count),
        traffic,
        tool: None,
    }
}

impl Detector for Injection {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sees_copies(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Content::Dns(message) = &observation.content {
            findings.extend(self.races.observe(observation, message));
        }
        if observation.key().protocol == 6 && matches!(observation.head.class(), Class::Tcp | Class::Dns) {
            findings.extend(self.tcp(observation));
        }
    }

    fn tick(&mut self, now_ns: u64) {
        self.streams.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((streams, room), (races, more)) = (self.streams.occupancy(), self.races.occupancy());
        (streams + races, room + more)
    }
}

#[cfg(test)]
mod tests;

//! RTP's and RTCP's headers as carriers.
//!
//! A source numbers its packets one by one, stamps them with a clock that runs, and keeps its identifier (RFC 3550 §5.1,
//! §A.1). Only the first packets of a flow and each power of two are seen, so each is held against the one before of
//! the same source, with the packets and the time between them. Where one of the three fields follows from
//! nothing while the others do, it carries something. Where several don't, it is another protocol that begins alike, and
//! nothing is said.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use inspector_common::FlowKey;

use super::field::{Enough, Field};
use super::names::is_code;
use super::ntp::is_jump;
use super::{MEDIA, Thresholds, evidence, finding};
use crate::detect::noise;
use crate::detect::novelty::Recent;
use crate::detect::table::{Entry, Table};
use crate::dissect::rtp::{Header, compound};
use crate::findings::{Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// Sources that are followed in a flow: media, their retransmissions and corrections.
const SOURCES: usize = 4;
/// Numbers that a source may skip for each packet of the flow, and at once: losses.
const LOSS: u32 = 4;
const BURST: u32 = 64;
/// Fastest clock in use (RFC 3551 §4.5: 90 kHz for video, sampling rates for audio), units a second.
const CLOCK: u64 = 200_000;
/// What a timestamp may be off besides, units: 46 seconds at 90 kHz.
const SLACK: u64 = 1 << 22;
/// Units of 10 ms at 8 kHz, of which packets of G.711 hold a multiple.
const FRAME: u32 = 80;
/// Times that go back in G.711, of the half of the steps that do by chance. Base rate: 0.
const SLIPS: u32 = 3;
/// Least bytes of one element of an extension that are data; identifiers, levels, counters and times are shorter, or
/// have common bytes.
const ELEMENT: usize = 8;
/// Most bytes of extensions that are kept.
const KEPT: usize = 256;
/// Packets that are a moment apart, ns: contributors are still the same.
const MOMENT_NS: u64 = 500_000_000;

/// Codes of fields in the table of fields.
const CNAME: u16 = 1;
const APPLICATION: u16 = 2;

const SENDER_REPORT: u8 = 200;
const DESCRIPTION: u8 = 202;
const APPLICATION_DEFINED: u8 = 204;

/// A source's last packet that was seen.
#[derive(Clone, Copy, Debug)]
struct Source {
    id: u32,
    sequence: u16,
    timestamp: u32,
    number: u32,
    time_ns: u64,
    /// The timestamp less that of the first sample, were nothing left out: for G.711.
    /// With the samples of a packet.
    offset: Option<(u32, u32)>,
}

/// One direction of a flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    traffic: Traffic,
    sources: Vec<Source>,
    /// Steps from one packet to the next of the same source that were judged, and packets with contributors.
    steps: u32,
    /// Of them, with a number that is a later one, and with a time that is later or the same.
    counted: u32,
    timed: u32,
    /// Numbers and times that don't follow, sources that go on where another was, times that go back in G.711.
    sequence_jumps: u32,
    time_jumps: u32,
    source_changes: u32,
    time_slips: u32,
    contributors: Recent,
    contributor_changes: u32,
    /// Of them, within a moment.
    contributor_turns: u32,
    contributors_ns: u64,
    /// Data of extensions, and packets that had some.
    extension: Vec<u8>,
    extended: u32,
    /// The last time of a report, its arrival, and times that don't follow from it.
    report: (u64, u64),
    reports: u32,
    report_jumps: u32,
    /// A datagram began like nothing that shares a flow with RTP (RFC 7983): it is another protocol.
    is_foreign: bool,
}

/// Whether a value follows from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    Later,
    /// The same, or a little earlier: frames in parts, packets out of order.
    Near,
    Not,
}

impl Source {
    fn of(h: &Header<'_>, head: &Head<'_>) -> Self {
        let frame = h.payload_len / FRAME * FRAME;
        let is_g711 = matches!(h.kind, 0 | 8) && frame > 0;
        Self {
            id: h.source,
            sequence: h.sequence,
            timestamp: h.timestamp,
            number: head.meta.number,
            time_ns: head.meta.time_ns,
            offset: is_g711
                .then(|| (frame, h.timestamp.wrapping_sub(u32::from(h.sequence).wrapping_mul(frame)))),
        }
    }

    /// What the number of `next` is; `None` where so many packets were left out that it may be any.
    fn number_of(&self, next: &Self) -> Option<Follows> {
        let packets = next.number.checked_sub(self.number)?;
        let reach = packets.checked_mul(LOSS)?.checked_add(BURST).filter(|reach| *reach < 1 << 14)?;
        let step = u32::from(next.sequence.wrapping_sub(self.sequence));
        Some(match step {
            1.. if step <= reach => Follows::Later,
            0 => Follows::Near,
            _ if step >= (1 << 16) - BURST => Follows::Near,
            _ => Follows::Not,
        })
    }

    /// What the time of `next` is.
    fn time_of(&self, next: &Self) -> Follows {
        let elapsed = next.time_ns.saturating_sub(self.time_ns) / 1_000_000;
        let reach = elapsed * CLOCK / 1000 + SLACK;
        let step = next.timestamp.wrapping_sub(self.timestamp).cast_signed();
        match u64::from(step.unsigned_abs()) {
            off if off > reach => Follows::Not,
            _ if step > 0 => Follows::Later,
            _ => Follows::Near,
        }
    }

    /// Whether the time of `next` is a little less than its number makes it: pauses only add to it.
    fn slips_to(&self, next: &Self) -> bool {
        let (Some((frame, before)), Some((next_frame, now))) = (self.offset, next.offset) else {
            return false;
        };
        frame == next_frame && (-8000..0).contains(&now.wrapping_sub(before).cast_signed())
    }
}

impl Stream {
    fn add(&mut self, head: &Head<'_>, h: &Header<'_>) {
        self.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        let next = Source::of(h, head);
        if let Some(last) = self.sources.iter_mut().find(|source| source.id == next.id) {
            if let Some(number) = last.number_of(&next) {
                let time = last.time_of(&next);
                self.steps += 1;
                self.counted += u32::from(number == Follows::Later);
                self.timed += u32::from(time == Follows::Later);
                self.sequence_jumps += u32::from(number == Follows::Not);
                self.time_jumps += u32::from(time == Follows::Not);
                self.time_slips += u32::from(last.slips_to(&next));
            }
            *last = next;
        } else {
            if let Some(last) = self.sources.last() {
                let goes_on =
                    last.number_of(&next) == Some(Follows::Later) && last.time_of(&next) != Follows::Not;
                self.steps += 1;
                self.source_changes += u32::from(goes_on);
            }
            if self.sources.len() == SOURCES {
                self.sources.remove(0);
            }
            self.sources.push(next);
        }
        if !h.contributors.is_empty() && self.contributors.is_new(h.contributors) {
            let since = head.meta.time_ns.saturating_sub(self.contributors_ns);
            self.contributor_turns += u32::from(self.contributor_changes > 0 && since < MOMENT_NS);
            self.contributor_changes += 1;
            self.contributors_ns = head.meta.time_ns;
        }
        if let Some((profile, extension)) = h.extension {
            self.extend(profile, extension);
        }
    }

    /// Keeps what long elements of an extension hold.
    fn extend(&mut self, profile: u16, extension: &[u8]) {
        let before = self.extension.len();
        match profile {
            0xbede => elements(extension, 1, |data| self.extension.extend_from_slice(data)),
            0x1000..=0x100f => elements(extension, 2, |data| self.extension.extend_from_slice(data)),
            // Encrypted on purpose (RFC 9335).
            0xc0de | 0xc2de => {}
            _ if extension.len() >= ELEMENT => self.extension.extend_from_slice(extension),
            _ => {}
        }
        self.extended += u32::from(self.extension.len() > before);
        self.extension.truncate(KEPT);
    }

    fn report(&mut self, head: &Head<'_>, time: u64) {
        self.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
        self.reports += 1;
        self.report_jumps += u32::from(is_jump(&mut self.report, time, head.meta.time_ns));
    }

    fn judge(&self, key: &FlowKey, t: &Thresholds) -> Option<Finding> {
        if self.is_foreign {
            return None;
        }
        let (least, steps) = (t.media_faults, self.steps);
        let is_often = |faults: u32, of: u32| faults >= least && faults * 2 >= of;
        // That it is RTP at all is what the other fields tell.
        let is_counted = self.counted >= least && self.counted * 8 >= steps * 7;
        let is_timed = self.timed >= least && self.timed * 2 >= steps && self.time_jumps * 8 <= steps;
        let is_stream = is_counted && is_timed;
        let is_extension = self.extended >= t.media_extensions && noise::is_uniform(&self.extension);
        let is_slipping = self.time_slips >= SLIPS && self.time_slips * 4 >= steps;
        let [sequence, time] = [self.sequence_jumps, self.time_jumps];
        let (sources, contributors) = (self.source_changes, self.contributor_changes);
        let is_turning = self.contributor_turns * 2 >= least;
        let crossed = [
            ("sequence_jumps", sequence, is_often(sequence, steps) && is_timed, 2),
            ("timestamp_jumps", time, is_often(time, steps) && is_counted, 4),
            ("source_changes", sources, is_often(sources, steps), 4),
            ("timestamp_slips", self.time_slips, is_slipping && is_counted, 1),
            (
                "contributor_changes",
                contributors,
                is_often(contributors, steps) && is_turning && is_stream,
                4,
            ),
            ("extensions_of_ciphertext", self.extended, is_extension && is_stream, 8),
            ("report_time_jumps", self.report_jumps, is_often(self.report_jumps, self.reports), 8),
        ];
        let (name, count, _, bytes) = crossed.into_iter().find(|(_, _, is_crossed, _)| *is_crossed)?;
        let measured = vec![
            evidence(name, count.into(), Some(least.into()), "packets"),
            evidence("steps", f64::from(self.steps.max(self.reports)), None, "packets"),
        ];
        // One packet in many was looked at.
        let packets = u64::from(self.sources.last().map_or(count, |source| source.number));
        let subject = Subject::of(key, true);
        Some(finding(&MEDIA, subject, Severity::Medium, measured, bytes * packets, self.traffic))
    }
}

/// Calls `found` with the data of each long element of an extension (RFC 8285 §4.2, §4.3) with headers of one or two
/// bytes.
fn elements(extension: &[u8], header: usize, mut found: impl FnMut(&[u8])) {
    let mut rest = extension;
    while let [first, after @ ..] = rest {
        if *first == 0 {
            rest = after;
            continue;
        }
        let len = match (header, after) {
            (1, _) => usize::from(first & 0x0f) + 1,
            (_, [len, ..]) => usize::from(*len),
            _ => return,
        };
        let Some(data) = rest.get(header..header + len) else { return };
        if len >= ELEMENT {
            found(data);
        }
        rest = rest.get(header + len..).unwrap_or_default();
    }
}

/// Looks at a datagram that may be RTP or RTCP.
pub(super) fn observe(
    streams: &mut Table<FlowKey, Stream>,
    fields: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let (bytes, len, key) = (head.payload(), head.payload_len(), &head.meta.key);
    if key.src_port.min(key.dst_port) < 1024 {
        return;
    }
    if !matches!(bytes, [0x80..=0xbf, ..]) {
        if matches!(bytes, [4..=19 | 80..=127 | 192.., ..])
            && let Some(stream) = streams.get(key)
        {
            stream.is_foreign = true;
        }
        return;
    }
    if let Some(header) = Header::parse(bytes, len) {
        let Some(stream) = streams.entry(*key, Stream::default) else { return };
        stream.add(head, &header);
        findings.extend(stream.judge(key, t));
        return;
    }
    let enough = Enough { values: t.media_faults, bytes: t.option_bytes };
    for (kind, _, body) in compound(bytes, len).into_iter().flatten() {
        let Some((source, rest)) = body.split_first_chunk::<4>() else { continue };
        match kind {
            SENDER_REPORT => {
                let (Some(time), Some(stream)) = (rest.first_chunk(), streams.entry(*key, Stream::default))
                else {
                    continue;
                };
                stream.report(head, u64::from_be_bytes(*time));
                findings.extend(stream.judge(key, t));
            }
            // The first chunk's first item: the name that a source keeps.
            DESCRIPTION => {
                let [1, len, name @ ..] = rest else { continue };
                let name = name.get(..usize::from(*len)).unwrap_or(name);
                let scope = FixedState::default().hash_one((key.src, key.dst, source, CNAME));
                let Some(field) = fields.entry((scope, CNAME), Field::new) else { continue };
                field.add(head, name, true);
                findings.extend(field.judge(&MEDIA, key, (CNAME, true), enough));
            }
            APPLICATION_DEFINED if is_code(rest.get(4..).unwrap_or_default()) => {
                let scope = FixedState::default().hash_one((key.src, key.dst, APPLICATION));
                let Some(field) = fields.entry((scope, APPLICATION), Field::new) else { continue };
                field.add(head, rest, true);
                findings.extend(field.judge(&MEDIA, key, (APPLICATION, true), enough));
            }
            _ => {}
        }
    }
}

impl Entry for Stream {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        let faults = self.sequence_jumps + self.time_jumps + self.source_changes + self.report_jumps;
        u64::from(faults + self.time_slips + self.contributor_changes > 1)
    }
}

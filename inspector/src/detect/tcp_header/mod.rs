//! Covert channels in the TCP header: detector `tcp-header`.
//!
//! Fields that have to be zero (reserved bits, an urgent pointer or an acknowledgement number without its flag), numbers
//! that have to be random (initial sequence numbers), that have to grow (timestamps) or to drift (windows).

mod clock;
mod opening;
mod options;
mod series;
mod verdict;

use inspector_common::parse::flag::{ACK, RST, SYN};
use inspector_common::{Anomaly, FlowKey};

use self::clock::AllSums;
use self::opening::Openings;
use self::series::Track;
use super::Detector;
use super::header::{Alphabet, Gate, IDLE_NS, PAIRS, Pair, has_right_segment, is_sound};
use super::table::{Entry, Table};
use crate::findings::Finding;
use crate::observation::{Head, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "tcp-header";

/// What it takes for a finding. Base rates: one-way pairs of hosts in the 1,279 captures without a channel of the
/// development corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Packets with reserved bits, packets. Base rate: 1 pair (a scanner that fingerprints) has 1.
    pub reserved: u32,
    /// Packets with an urgent pointer but no flag, packets. Base rate: 1 pair (the same scanner) has 1.
    pub urgent: u32,
    /// So many times of both are needed where the value is always the same: nmap probes a system with one reserved bit
    /// and one urgent pointer up to five times, and tries again if there is no answer.
    pub constant: u32,
    /// Different acknowledgement numbers without the flag, values, in segments with options or data. Base rate: 1 in 3
    /// pairs (scanners); nmap has another for each of its five tries.
    pub acknowledgements: u32,
    /// Different initial sequence numbers, or their echoes, with the same low 16 bits, of four printable characters, or below
    /// 2^16 and in no order, values. One in 53 random numbers is text. Base rate: 4 of 6 in a
    /// scanner; 2 by chance.
    pub isns: u32,
    /// Different contents of unknown options after the handshake, values. Base rate: 0 expected.
    pub options: u32,
    /// Timestamps that go back in packets that are in order, packets. Base rate: 0 pairs have 1.
    pub backward_timestamps: u32,
    /// Least share of these of the pair's steps, ratio: a channel in the lowest bit turns back one step of seven at 1 kHz
    /// and one of thirty at 100 Hz. Base rate: 0; whatever reorders or writes clocks now and then stays below.
    pub backward_share: f64,
    /// How far the slope of what is above timestamps' low bits is from −1 on these ([`crate::stats::low_bits`]), standard
    /// errors. Base rate: at most 4.5 in 20 steps and more, of clocks that tell the time.
    pub clock_errors: f64,
    /// The same distance itself, ratio: 1 where all bits are overwritten.
    pub clock_slope: f64,
    /// Least variance that is left, of that of a clock without these bits, ratio. Where it is less the clock was read at a few
    /// places of its turn.
    pub clock_variance: f64,
    /// Steps of the clock above these bits, steps. Base rate: of fewer than 10 the errors tell nothing.
    pub clock_steps: u32,
    /// Most of these steps that are of one length, ratio. Who sends at regular times may read the clock where the low bits
    /// change, and nowhere else. Base rate: polling has 0.7 and more.
    pub clock_alike: f64,
    /// Windows in a row that differ in the low byte only, packets. Base rate: 0 flows that also pass the ratio
    /// and variety below.
    pub windows: usize,
    /// Least von Neumann ratio of these. Base rate: 2 is independence; windows that follow a buffer are below 1.2, but 2
    /// printers at 1.6 and 1.9 that also change the high byte.
    pub window_independence: f64,
    /// Least share of distinct values among them, ratio: of 256 equally likely values 41 draws have 0.92.
    pub window_variety: f64,
    /// Least difference between the greatest and the least of them, units of the window. A reader that is late by up to
    /// a buffer of 8 KiB, with the usual scale of 7, changes 63; text in the low byte 90.
    pub window_span: u16,
    /// Windows that are judged as text, packets.
    pub text_windows: u32,
    /// Least share of those whose low byte (where they share the high one) or both bytes are printable characters, ratio. Of
    /// random ones 0.37 and 0.14 are.
    pub text_share: f64,
    /// Least number of different ones, values.
    pub text_values: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            reserved: 4,
            urgent: 4,
            constant: 4,
            acknowledgements: 8,
            isns: 8,
            options: 4,
            backward_timestamps: 3,
            backward_share: 0.02,
            clock_errors: 5.5,
            clock_slope: 0.5,
            clock_variance: 0.7,
            clock_steps: 32,
            clock_alike: 0.5,
            windows: 20,
            window_independence: 1.2,
            window_variety: 0.7,
            window_span: 72,
            text_windows: 48,
            text_share: 0.97,
            text_values: 12,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// Segments of the pair without reserved bits and urgent pointer, since one had them.
    clean: u32,
    reserved: Alphabet,
    urgent: Alphabet,
    acknowledgements: Alphabet,
    /// Bare SYNs with an acknowledgement number, and their numbers of four printable characters.
    probes: u32,
    spelled: Alphabet,
    syns: Isns,
    echoes: Isns,
    openings: Openings,
    options: Alphabet,
    option_bytes: u32,
    backwards: u32,
    steps: u32,
    /// Timestamps of all the pair's connections.
    clocks: AllSums,
    verified: u32,
    verified_odd: u32,
    damaged: u32,
    gates: [Gate; verdict::KINDS],
    last_ns: u64,
}

/// Initial sequence numbers: which low halves came with which numbers.
#[derive(Debug, Default)]
struct Isns {
    all: Alphabet,
    low: Alphabet,
    /// Those of four printable characters.
    text: u32,
    /// Those below 2^16, and how many of these were below the one before.
    small: u32,
    small_backs: u32,
    last: u32,
}

impl Isns {
    fn add(&mut self, isn: u32) {
        // A repeated SYN repeats its number.
        if !self.all.contains(isn.into()) {
            self.low.add((isn & 0xffff).into());
            let is_text = isn.to_be_bytes().iter().all(|byte| matches!(byte, b' '..=b'~'));
            self.text = self.text.saturating_add(u32::from(is_text));
            let is_small = isn >> 16 == 0;
            self.small = self.small.saturating_add(is_small.into());
            self.small_backs = self.small_backs.saturating_add((is_small && isn < self.last).into());
            self.last = isn;
        }
        self.all.add(isn.into());
    }
}

impl Entry for Box<State> {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.verified_odd) + u64::from(self.backwards)
    }
}

/// The detector.
#[derive(Debug)]
pub struct TcpHeader {
    thresholds: Thresholds,
    pairs: Table<Pair, Box<State>>,
    tracks: Table<FlowKey, Track>,
}

/// Flows whose series are followed: as many as the kernel keeps series.
const TRACKS: usize = 4096;

impl TcpHeader {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, pairs: Table::new(PAIRS), tracks: Table::new(TRACKS) }
    }
}

const ODD: u32 = 1 << Anomaly::TcpReservedBits as u32
    | 1 << Anomaly::TcpUrgentWithoutFlag as u32
    | 1 << Anomaly::TcpAckWithoutFlag as u32;

/// The options of a segment after the handshake that no standard puts there.
fn unknown_options(head: &Head<'_>) -> Option<(u64, u32)> {
    let end = usize::from(head.meta.l4_header_len);
    let is_open = head.meta.tcp_flags & (SYN | RST) == 0;
    head.segment().get(20..end).filter(|_| is_open).and_then(options::unknown)
}

impl State {
    /// Notes whether a segment's checksum is right; whether it may be.
    fn verify(&mut self, head: &Head<'_>, has_unknown_options: bool) -> bool {
        let is_right = has_right_segment(head);
        self.verified = self.verified.saturating_add(u32::from(is_right.is_some()));
        let is_odd = head.meta.anomalies & ODD != 0 || has_unknown_options;
        let is_odd = is_odd && is_right == Some(true);
        self.verified_odd = self.verified_odd.saturating_add(u32::from(is_odd));
        self.damaged = self.damaged.saturating_add(u32::from(is_right == Some(false)));
        is_right != Some(false)
    }

    /// Whether `odd` segments with odd fields are to be believed: one of them had a right checksum, or there are many
    /// (a capture of the first bytes only has no segment whole).
    const fn are_believable(&self, odd: u32) -> bool {
        self.verified_odd > 0 || odd >= 16
    }

    /// Whether so many segments are damaged that their series tell nothing.
    const fn is_damaged(&self) -> bool {
        self.damaged > 1 && self.damaged > self.verified / 10
    }

    /// Acknowledgement numbers without the flag that carry data. Of random ones one in 53 is of printable characters.
    fn acknowledgements(&self) -> &Alphabet {
        let are_spelled = self.spelled.total() * 2 >= self.probes;
        if are_spelled && self.acknowledgements.total() == 0 { &self.spelled } else { &self.acknowledgements }
    }

    fn observe(&mut self, head: &Head<'_>, unknown_options: Option<(u64, u32)>) {
        let segment = head.segment();
        let Some(header) = segment.first_chunk::<20>() else { return };
        let [.., s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, _, _, _, _, u0, u1] = *header;
        let has = |anomaly: Anomaly| head.meta.anomalies & 1 << anomaly as u32 != 0;
        let is_clean = !has(Anomaly::TcpReservedBits) && !has(Anomaly::TcpUrgentWithoutFlag);
        self.clean = self.clean.saturating_add(u32::from(is_clean));
        if has(Anomaly::TcpReservedBits) {
            self.reserved.add((offset & 0x0e).into());
        }
        if has(Anomaly::TcpUrgentWithoutFlag) {
            self.urgent.add(u16::from_be_bytes([u0, u1]).into());
        }
        let acknowledged = u32::from_be_bytes([a0, a1, a2, a3]);
        // Probes of scanners and load generators are bare headers with any flags and random numbers everywhere. What stacks
        // send without ACK has options, or is a reset.
        let is_probe = head.meta.l4_header_len == 20 && head.payload_len() == 0;
        if has(Anomaly::TcpAckWithoutFlag) && is_probe {
            self.probes = self.probes.saturating_add(1);
            if acknowledged.to_be_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')) {
                self.spelled.add(acknowledged.into());
            }
        } else if has(Anomaly::TcpAckWithoutFlag) {
            self.acknowledgements.add(acknowledged.into());
        }
        match flags & (SYN | ACK | RST) {
            SYN => self.syns.add(u32::from_be_bytes([s0, s1, s2, s3])),
            answer if answer == SYN | ACK => self.echoes.add(acknowledged.wrapping_sub(1)),
            _ => {}
        }
        self.openings.add(head);
        if let Some((content, bytes)) = unknown_options {
            self.options.add(content);
            self.option_bytes = self.option_bytes.saturating_add(bytes);
        }
    }
}

impl Detector for TcpHeader {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let (head, key) = (&observation.head, observation.key());
        let is_segment =
            key.protocol == 6 && key.flags & FlowKey::FRAGMENT == 0 && head.meta.l4_header_len >= 20;
        if !is_segment || !is_sound(head) {
            return;
        }
        let is_plain = head.meta.l4_header_len == 20
            && head.meta.tcp_flags & SYN == 0
            && !opening::is_impossible(head.meta.tcp_flags);
        if is_plain && head.meta.anomalies & ODD == 0 {
            if let Some(state) = self.pairs.get(&Pair::of(key)) {
                state.clean = state.clean.saturating_add(1);
            }
            return;
        }
        let Some(state) = self.pairs.entry(Pair::of(key), Box::default) else { return };
        state.last_ns = head.meta.time_ns;
        let unknown_options = unknown_options(head);
        if !state.verify(head, unknown_options.is_some()) {
            return;
        }
        state.observe(head, unknown_options);
        findings.extend(verdict::of_heads(state, &self.thresholds, key));
    }

    fn series(&mut self, series: &Series<'_>, findings: &mut Vec<Finding>) {
        let key = series.key;
        if key.protocol != 6 || key.flags & FlowKey::FRAGMENT != 0 {
            return;
        }
        let Some(track) = self.tracks.entry(*key, Track::default) else { return };
        if series.is_start {
            *track = Track::default();
        } else if series.missed > 0 {
            track.miss();
        }
        track.last_ns = series.last_ns;
        let before = (track.backwards, track.steps);
        series.entries.iter().for_each(|entry| track.add(entry));
        let Some(state) = self.pairs.entry(Pair::of(key), Box::default) else { return };
        state.last_ns = series.last_ns;
        state.backwards = state.backwards.saturating_add(track.backwards - before.0);
        state.steps = state.steps.saturating_add(track.steps - before.1);
        if track.settle(&mut state.clocks) {
            findings.extend(verdict::of_clocks(state, &self.thresholds, key));
        }
        findings.extend(verdict::of_series(state, track, &self.thresholds, key));
    }

    fn tick(&mut self, now_ns: u64) {
        let since_ns = now_ns.saturating_sub(IDLE_NS);
        self.pairs.expire(since_ns);
        self.tracks.expire(since_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((pairs, most_pairs), (tracks, most_tracks)) = (self.pairs.occupancy(), self.tracks.occupancy());
        (pairs + tracks, most_pairs + most_tracks)
    }
}

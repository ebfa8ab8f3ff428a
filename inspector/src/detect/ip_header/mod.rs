//! Covert channels in the IPv4 header, and in whether UDP has a checksum: detector `ip-header`.
//!
//! TTL, TOS, flags and the checksum's presence belong to a flow: they hardly change inside one, so a field that
//! switches all the time carries data ([`super::header`]). Identifications are counters or random; what is
//! neither is judged by [`identification`], lone fragments by [`fragments`], options by [`options`].

mod fragments;
mod identification;
mod lengths;
mod options;
mod protocols;
mod verdict;

use inspector_common::head::reason;
use inspector_common::{Anomaly, Class, FlowKey};

use self::fragments::Fragments;
use self::identification::Identifications;
use self::lengths::Lengths;
use self::protocols::Protocols;
use super::Detector;
use super::header::{Alphabet, Flows, Gate, IDLE_NS, PAIRS, Pair, Spelled, Switching, is_letters, is_sound};
use super::table::{Entry, Table};
use crate::findings::Finding;
use crate::observation::{FlowUpdate, Head, Observation, Series};

/// Name of the detector.
pub const NAME: &str = "ip-header";

/// What it takes for a finding. Base rates: one-way pairs of hosts in the 1,279 captures without a channel of
/// the development corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Switches of a field beyond each flow's first, and not second copies, switches. Base rate of 16 and the
    /// share below: 0 pairs; of 16 alone: TTL 0, DSCP 4, flags 1.
    pub switches: u32,
    /// Their share of the packets, ratio. Base rate: DSCP up to 0.20 (SSH), TTL up to 0.25 in short flows.
    pub switch_share: f64,
    /// Difference between TTLs that no change of path explains, hops: paths have at most about 30, and systems begin at
    /// 64, 128 or 255. Another host that answers in the sender's name (a reset, a proxy) does so a few times.
    pub far_ttls: u64,
    /// Least share of switches between such TTLs, ratio. Base rate: 0 pairs with 16 switches that are not copies.
    pub far_share: f64,
    /// Times that a flow goes between ECT(0) and ECT(1), switches: a sender falls back from one to the other once
    /// (RFC 9331). Base rate: 0 pairs have one.
    pub ecn_flips: u32,
    /// Least share of switches of ECN in a flow that does, ratio.
    pub ecn_share: f64,
    /// Least share of switches of a UDP checksum's presence, ratio: an option of the socket. Base rate: 0 pairs have 16.
    pub checksum_share: f64,
    /// Greatest share of switches between two TTLs, ratio: a message repeats a bit as often as not, and routers that send
    /// packets over two paths in turn never do.
    pub turns: f64,
    /// Values of TOS in UDP, values: media of several kinds share a flow (RFC 8837: at most four marks).
    pub udp_tos_values: u32,
    /// Values of DSCP that nobody marks one flow with, values: a sender has one or a few, and each network on the way maps
    /// them to one or a few of its own. Base rate: at most 4 in a pair.
    pub marks: u32,
    /// Least share of switches between so many, ratio.
    pub marks_share: f64,
    /// Packets with the reserved flag, packets, of a pair that also sends some without. Base rate: 0 pairs have one.
    pub reserved: u32,
    /// Non-zero identifications whose low byte is zero, packets. Base rate: 1 in 256, by chance.
    pub low_zeros: u32,
    /// Their share of the non-zero ones, ratio. Base rate: 0.004, and 8 of 200 once in 10^6; 1.0 for counters in the other byte order
    /// (Windows 98), which don't go backwards.
    pub low_zero_share: f64,
    /// Identifications of a flow judged together, packets.
    pub id_window: u32,
    /// Share of a flow's identifications whose high byte is the one before plus 1 while the low byte is free,
    /// ratio. Base rate: up to 0.55.
    pub high_counter_share: f64,
    /// Share of jumps in the identifications of a TCP client that opens connections as Linux does, ratio: Linux
    /// counts per socket. Base rate: up to 0.5 (a pair with 17 of 20 is below the window).
    pub jump_share: f64,
    /// Lone later fragments that may not be fragments, datagrams. Base rate: 1.
    pub lone_fragments: u32,
    /// Datagrams whose length was made up, packets. Base rate: 0 pairs have one.
    pub lengths: u32,
    /// Different differences between these lengths and the frames', values.
    pub length_differences: u32,
    /// Packets that are of another protocol than their header names, packets. Base rate: 0 pairs have one.
    pub misnamed: u32,
    /// Different options of one pair, packets. Base rate: at most 4 among those of kinds that may change,
    /// 1 of the others.
    pub options: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            switches: 16,
            switch_share: 0.3,
            far_ttls: 32,
            far_share: 0.01,
            ecn_flips: 6,
            ecn_share: 0.1,
            checksum_share: 0.05,
            turns: 0.9,
            udp_tos_values: 5,
            marks: 8,
            marks_share: 0.02,
            reserved: 3,
            low_zeros: 8,
            low_zero_share: 0.04,
            id_window: 48,
            high_counter_share: 0.85,
            jump_share: 0.9,
            lone_fragments: 8,
            lengths: 4,
            length_differences: 3,
            misnamed: 4,
            options: 5,
        }
    }
}

/// What is known of a pair.
#[derive(Debug, Default)]
struct State {
    switching: Switching,
    ecn: EcnSwitches,
    reserved: u32,
    /// Heads whose header could not be believed.
    damaged: u32,
    identifications: Identifications,
    spelled: Spelled,
    fragments: Fragments,
    options: Alphabet,
    lengths: Lengths,
    protocols: Protocols,
    gates: [Gate; verdict::KINDS],
    last_ns: u64,
}

/// How the two ECN bits change. Negotiated ECN alternates between ECT(0) or ECT(1) and none, and is marked now and
/// then.
#[derive(Debug, Default)]
struct EcnSwitches {
    values: Alphabet,
    last: u8,
    /// The flow and its last ECT codepoint.
    capable: (u16, u8),
    /// Times that a flow went from ECT(0) to ECT(1) or back.
    flips: u32,
}

impl EcnSwitches {
    fn add(&mut self, port: u16, ecn: u8) {
        if ecn == self.last {
            return;
        }
        self.values.add(ecn.into());
        self.last = ecn;
        if matches!(ecn, 1 | 2) {
            let is_flip = self.capable == (port, 3 - ecn);
            self.flips = self.flips.saturating_add(u32::from(is_flip));
            self.capable = (port, ecn);
        }
    }
}

impl Entry for Box<State> {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        let contradictions = self.lengths.differences.total() + self.protocols.misnamed.total();
        u64::from(self.reserved) + u64::from(self.switching.count()) + u64::from(contradictions)
    }
}

/// The detector.
#[derive(Debug)]
pub struct IpHeader {
    thresholds: Thresholds,
    flows: Flows,
    pairs: Table<Pair, Box<State>>,
}

/// Flows whose counts are remembered, entries of 100 bytes.
const FLOWS: usize = 16_384;

impl IpHeader {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, flows: Flows::new(FLOWS), pairs: Table::new(PAIRS) }
    }
}

/// Whether the packets' marks and flags are copied from what they carry (RFC 2983, 6040, 3884), so that they
/// change with it.
const fn is_tunnel(class: Option<Class>) -> bool {
    matches!(
        class,
        Some(
            Class::Gre
                | Class::IpInIp
                | Class::Vxlan
                | Class::Geneve
                | Class::Gtpu
                | Class::L2tp
                | Class::Esp
                | Class::Ah
        )
    )
}

/// UDP ports of encapsulations that copy marks: L2TP, ESP in UDP, CAPWAP.
fn carries_others(key: &FlowKey) -> bool {
    let copies = |port| matches!(port, 1701 | 4500 | 5246 | 5247);
    key.protocol == 17 && (copies(key.src_port) || copies(key.dst_port))
}

impl IpHeader {
    /// Headers that are right by their checksum and contradict what they are the header of.
    fn contradictions(&mut self, head: &Head<'_>, findings: &mut Vec<Finding>) {
        let key = &head.meta.key;
        let odd = 1 << Anomaly::IpLength as u32 | 1 << Anomaly::Trailer as u32;
        if head.meta.anomalies & odd != 0
            && let Some(state) = self.pairs.entry(Pair::of(key), Box::default)
        {
            state.last_ns = head.meta.time_ns;
            state.lengths.add(head);
            findings.extend(verdict::of_lengths(state, &self.thresholds, key));
        } else if protocols::is_misnamed(head)
            && let Some(state) = self.pairs.entry(Pair::of_hosts(key), Box::default)
        {
            state.last_ns = head.meta.time_ns;
            state.protocols.add(head);
            findings.extend(verdict::of_protocols(state, &self.thresholds, key));
        }
    }
}

impl IpHeader {
    /// Identifications where all packets are looked at.
    fn spell(&mut self, head: &Head<'_>, findings: &mut Vec<Finding>) {
        let are_all_seen = head.has_reason(reason::OPEN) && head.meta.tcp_flags & 0x12 == 2
            || head.has_reason(reason::KIND) && head.meta.key.protocol != 17;
        if !are_all_seen || head.meta.ip_id == 0 || !is_sound(head) {
            return;
        }
        let pair = Pair::of(&head.meta.key);
        let known = if is_letters(head.meta.ip_id) {
            self.pairs.entry(pair, Box::default)
        } else {
            self.pairs.get(&pair)
        };
        if let Some(state) = known {
            state.last_ns = head.meta.time_ns;
            state.spelled.add(head.meta.ip_id);
            findings.extend(verdict::of_letters(state, &head.meta.key));
        }
    }
}

impl State {
    fn observe(&mut self, head: &Head<'_>) {
        let meta = head.meta;
        self.last_ns = meta.time_ns;
        if meta.changed != 0 {
            let is_unsummed = u64::from(head.segment().get(6..8) == Some(&[0, 0]));
            let values =
                [meta.ttl.into(), meta.tos.into(), (meta.ip_fragment >> 13).into(), 0, 0, is_unsummed];
            self.switching.observe(head, meta.changed, values);
        }
        if meta.changed & inspector_common::flow::changed::TOS != 0 {
            self.ecn.add(meta.key.src_port, meta.tos & 3);
        }
        if meta.anomalies & 1 << Anomaly::Ipv4ReservedFlag as u32 != 0 {
            self.reserved = self.reserved.saturating_add(1);
        }
        if meta.anomalies & 1 << Anomaly::FragmentWithDf as u32 != 0 {
            self.fragments.add(meta.ip_id, meta.ip_fragment, meta.l4_len());
        }
        if meta.anomalies & 1 << Anomaly::Ipv4Options as u32 != 0
            && let Some(data) = options::data(head.network())
        {
            self.options.add(data);
        }
        self.identifications.observe(head);
    }
}

impl Detector for IpHeader {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sees_copies(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let (head, key) = (&observation.head, observation.key());
        if key.is_ipv6() || head.meta.ip_len == 0 || is_tunnel(Some(head.class())) || carries_others(key) {
            return;
        }
        self.contradictions(head, findings);
        self.spell(head, findings);
        if head.class() == Class::Fragment
            && let Some(state) = self.pairs.entry(Pair::of(key), Box::default)
        {
            state.fragments.note(is_sound(head));
        }
        if !is_sound(head) {
            if let Some(state) = self.pairs.entry(Pair::of(key), Box::default) {
                state.damaged = state.damaged.saturating_add(1);
                state.last_ns = head.meta.time_ns;
            }
            return;
        }
        let anomalies = 1 << Anomaly::Ipv4ReservedFlag as u32
            | 1 << Anomaly::FragmentWithDf as u32
            | 1 << Anomaly::Ipv4Options as u32;
        let is_syn = head.meta.tcp_flags & 0x12 == 2;
        if head.meta.changed == 0 && head.meta.anomalies & anomalies == 0 && !is_syn {
            return;
        }
        let Some(state) = self.pairs.entry(Pair::of(key), Box::default) else { return };
        state.observe(head);
        findings.extend(verdict::of_heads(state, &self.thresholds, key));
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        let key = update.key;
        let class = Class::from_number(update.record.class);
        if key.is_ipv6() || !class.is_some_and(Class::has_flow) || is_tunnel(class) || carries_others(key) {
            return;
        }
        let (news, is_new) = self.flows.news(update);
        let pair = Pair::of(key);
        let is_odd = news.switches.iter().any(|count| *count > 0) || news.ip_id_low_zeros > 0;
        if !is_odd && self.pairs.get(&pair).is_none() {
            return;
        }
        let Some(state) = self.pairs.entry(pair, Box::default) else { return };
        state.last_ns = update.record.last_ns;
        state.switching.add(&news);
        state.identifications.add(update.record, &news, is_new);
        findings.extend(verdict::of_counts(state, &self.thresholds, key));
    }

    fn series(&mut self, series: &Series<'_>, findings: &mut Vec<Finding>) {
        let key = series.key;
        if key.is_ipv6() || series.entries.is_empty() || carries_others(key) {
            return;
        }
        let Some(state) = self.pairs.entry(Pair::of(key), Box::default) else { return };
        state.last_ns = series.last_ns;
        if key.flags & FlowKey::FRAGMENT == 0 {
            state.identifications.series(series, self.thresholds.id_window);
        } else {
            for entry in series.entries {
                state.fragments.add(entry.ip_id, entry.ip_fragment, entry.payload_len.into());
            }
        }
        findings.extend(verdict::of_series(state, &self.thresholds, key));
    }

    fn tick(&mut self, now_ns: u64) {
        let since_ns = now_ns.saturating_sub(IDLE_NS);
        self.pairs.expire(since_ns);
        self.flows.expire(since_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let ((flows, most_flows), (pairs, most_pairs)) = (self.flows.occupancy(), self.pairs.occupancy());
        (flows + pairs, most_flows + most_pairs)
    }
}

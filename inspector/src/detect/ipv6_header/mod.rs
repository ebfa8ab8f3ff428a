//! Covert channels in the IPv6 header and its extension headers: detector `ipv6-header`.
//!
//! Flow label, traffic class and hop limit belong to a flow (RFC 6437 §3 for the label); one that switches all the
//! time carries data. Extension headers are rare, and what no standard knows in them, or padding that is not
//! zero, carries data if it changes ([`extensions`]).

mod extensions;
mod nothing;

use inspector_common::head::reason;
use inspector_common::parse::flag;
use inspector_common::{Anomaly, Class, FlowKey};

use super::Detector;
use super::header::{
    Alphabet, Carried, Flows, Gate, IDLE_NS, PAIRS, Pair, Switching, context, crossed, field, finding,
    is_sound,
};
use super::table::{Entry, Table};
use crate::findings::{Finding, Signature};
use crate::observation::{FlowUpdate, Head, Observation};

/// Name of the detector.
pub const NAME: &str = "ipv6-header";

/// What it takes for a finding. Base rates: one-way pairs of hosts in the 1,279 captures without a channel of the
/// development corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Switches of the flow label beyond each flow's first, switches. Base rate: 0 pairs have 5 (Linux takes a new
    /// label when a retransmission times out).
    pub label_switches: u32,
    /// Their share of the packets, ratio.
    pub label_share: f64,
    /// Switches of traffic class or hop limit, switches. Base rate: 0 pairs have 16 in IPv6.
    pub switches: u32,
    /// Their share of the packets, ratio. Base rate: 0.20 for DSCP in IPv4.
    pub switch_share: f64,
    /// Difference between hop limits that no change of path explains, hops, and the least share of switches between such, ratio:
    /// as for TTLs in IPv4.
    pub far_hops: (u64, f64),
    /// Values of DSCP that nobody marks one flow with, values, and the least share of switches between so many, ratio: as for
    /// IPv4.
    pub marks: (u32, f64),
    /// Greatest share of switches between two hop limits, ratio: as for TTLs in IPv4.
    pub turns: f64,
    /// Different contents of unknown options, unknown routing headers and padding, packets. Base rate: 0 pairs
    /// have any that are not zero.
    pub contents: u32,
    /// Different layouts of extension headers, layouts. Base rate: at most 2 in a pair.
    pub layouts: u32,
    /// Changes from one layout to another, changes.
    pub layout_switches: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            label_switches: 8,
            label_share: 0.15,
            switches: 16,
            switch_share: 0.3,
            far_hops: (32, 0.01),
            marks: (8, 0.02),
            turns: 0.9,
            contents: 4,
            layouts: 2,
            layout_switches: 12,
        }
    }
}

macro_rules! signatures {
    ($($name:ident = $id:literal, $title:literal, $pattern:literal;)+) => {
        $(static $name: Signature = Signature {
            id: $id,
            rev: 1,
            detector: NAME,
            title: $title,
            pattern: $pattern,
            attack: "T1001",
            hint: "Capture the pair's packets and look at the field; find the process that sends them; drop unknown options at \
                   the edge",
        };)+
    };
}

signatures! {
    LABEL = 5101, "Covert channel in the IPv6 flow label", "EN4.2 Random State/Value Modulation";
    TRAFFIC_CLASS = 5102, "Covert channel in the IPv6 traffic class", "EN4 State/Value Modulation";
    HOP_LIMIT = 5103, "Covert channel in the IPv6 hop limit", "EN4 State/Value Modulation";
    EXTENSIONS = 5104, "Covert channel in IPv6 extension headers", "EN4.1 Reserved/Unused State/Value Modulation";
    LAYOUT = 5105, "Covert channel in the order of IPv6 extension headers", "EN2 Positioning";
}

#[derive(Debug, Default)]
struct State {
    switching: Switching,
    contents: Alphabet,
    content_bytes: u32,
    layouts: Alphabet,
    layout: u64,
    layout_switches: u32,
    /// Hop limits of packets without anything in them.
    hops: Alphabet,
    gates: [Gate; 5],
    last_ns: u64,
}

impl Entry for Box<State> {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.contents.total()) + u64::from(self.switching.count())
    }
}

/// The detector.
#[derive(Debug)]
pub struct Ipv6Header {
    thresholds: Thresholds,
    flows: Flows,
    pairs: Table<Pair, Box<State>>,
}

/// Flows whose counts are remembered, entries of 100 bytes.
const FLOWS: usize = 16_384;

impl Ipv6Header {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, flows: Flows::new(FLOWS), pairs: Table::new(PAIRS) }
    }
}

/// The fields that changed, without a label that a sender may change: Linux takes a new one for what it sends again,
/// SYNs that nobody answers among it, to get on another path.
const fn changed(head: &Head<'_>) -> u8 {
    let is_again = head.meta.tcp_flags & flag::SYN != 0 || head.has_reason(reason::OVERLAP);
    if is_again { head.meta.changed & !(1 << field::LABEL) } else { head.meta.changed }
}

impl Detector for Ipv6Header {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sees_copies(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let (head, key) = (&observation.head, observation.key());
        let has_extensions = head.meta.anomalies & 1 << Anomaly::Ipv6Extensions as u32 != 0;
        let is_nothing = nothing::is_nothing(head);
        let is_telling = head.meta.changed != 0 || has_extensions || is_nothing;
        if !key.is_ipv6() || !is_sound(head) || !is_telling {
            return;
        }
        let Some(state) = self.pairs.entry(Pair::of(key), Box::default) else { return };
        state.last_ns = head.meta.time_ns;
        if head.meta.changed != 0 {
            let label = u64::from(head.meta.flow_label);
            let values = [head.meta.ttl.into(), head.meta.tos.into(), 0, label, 0, 0];
            state.switching.observe(head, changed(head), values);
        }
        if is_nothing {
            findings.extend(state.nothing(head, key));
            findings.extend(of_extensions(state, &self.thresholds, key));
        }
        if has_extensions {
            state.extensions(head.network());
            findings.extend(of_extensions(state, &self.thresholds, key));
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        let key = update.key;
        let class = Class::from_number(update.record.class);
        // Tunnels copy marks from what they carry.
        let is_open = matches!(class, Some(Class::Tcp | Class::Udp | Class::Dns | Class::Icmpv6Echo));
        if !key.is_ipv6() || !is_open {
            return;
        }
        let (news, _) = self.flows.news(update);
        let pair = Pair::of(key);
        if news.switches.iter().all(|count| *count == 0) && self.pairs.get(&pair).is_none() {
            return;
        }
        let Some(state) = self.pairs.entry(pair, Box::default) else { return };
        state.last_ns = update.record.last_ns;
        state.switching.add(&news);
        findings.extend(of_counts(state, &self.thresholds, key));
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

impl State {
    fn extensions(&mut self, header: &[u8]) {
        let content = extensions::content(header);
        if let Some(free) = content.free {
            self.contents.add(free);
            self.content_bytes = self.content_bytes.saturating_add(content.bytes);
        }
        if self.layouts.total() > 0 && content.layout != self.layout {
            self.layout_switches = self.layout_switches.saturating_add(1);
        }
        self.layout = content.layout;
        self.layouts.add(content.layout);
    }
}

fn of_extensions(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let distinct = state.contents.distinct();
    if distinct >= limits.contents && state.gates[3].opens(distinct) {
        let packets = u64::from(state.contents.total());
        let bits = f64::from(state.content_bytes) * 8.0 / packets.max(1) as f64;
        let evidence = vec![
            crossed("distinct_contents", distinct.into(), limits.contents.into(), "values"),
            context("packets_with_unknown_content", packets as f64, "packets"),
        ];
        let carried = Carried { packets, bits, time_ns: state.last_ns };
        findings.push(finding(&EXTENSIONS, key, 0.95, carried, evidence));
    }
    // A multicast listener's reports and a router's probes have layouts of their own, but not in turn.
    let is_free =
        state.layouts.distinct() >= limits.layouts && state.layout_switches >= limits.layout_switches;
    if is_free && key.protocol != 58 && state.gates[4].opens(state.layout_switches) {
        let evidence = vec![
            crossed(
                "layout_switches",
                state.layout_switches.into(),
                limits.layout_switches.into(),
                "switches",
            ),
            crossed("distinct_layouts", state.layouts.distinct().into(), limits.layouts.into(), "layouts"),
        ];
        let packets = u64::from(state.layouts.total());
        let carried = Carried { packets, bits: state.layouts.entropy(), time_ns: state.last_ns };
        findings.push(finding(&LAYOUT, key, 0.8, carried, evidence));
    }
    findings
}

fn of_counts(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Vec<Finding> {
    let tos = &state.switching.fields[field::TOS].values;
    // Negotiated ECN alternates in the low two bits; media of several kinds share a flow of UDP (RFC 8837).
    let is_ecn = tos.min().is_some_and(|least| least >> 2 == tos.max().unwrap_or(0) >> 2);
    let is_mixed = tos.contains(1) && tos.contains(2);
    let is_media = key.protocol == 17 && tos.distinct() < 5;
    let is_class_free = (!is_ecn || is_mixed) && !is_media;
    let hops = &state.switching.fields[field::TTL].values;
    let is_trace = hops.min().is_some_and(|least| least <= 4);
    // Routers that send packets over two paths in turn.
    let is_turns = hops.distinct() == 2 && state.switching.rate(field::TTL) > limits.turns;
    let are_far = hops.max().unwrap_or(0) - hops.min().unwrap_or(0) > limits.far_hops.0;
    let hops_share = if are_far { limits.far_hops.1 } else { limits.switch_share };
    let are_many = tos.distinct_above(2) >= limits.marks.0;
    let class_share = if are_many { limits.marks.1 } else { limits.switch_share };
    let mut findings = Vec::new();
    let mut judge = |number: usize, gate: usize, signature, limits: (u32, f64)| {
        let Some(share) = state.switching.share(number, limits.0, limits.1) else { return };
        let switches = &state.switching.fields[number];
        if !state.gates[gate].opens(switches.count) {
            return;
        }
        let evidence = vec![
            crossed("switches", switches.count.into(), limits.0.into(), "switches"),
            crossed("switches_per_packet", share, limits.1, "ratio"),
            context("distinct_values", switches.values.distinct().into(), "values"),
            context("least_value", switches.values.min().unwrap_or(0) as f64, "value"),
            context("greatest_value", switches.values.max().unwrap_or(0) as f64, "value"),
        ];
        let score = if share >= 0.45 { 0.92 } else { 0.8 };
        let bits = switches.values.entropy();
        let carried = Carried { packets: state.switching.packets, bits, time_ns: state.last_ns };
        findings.push(finding(signature, key, score, carried, evidence));
    };
    judge(field::LABEL, 0, &LABEL, (limits.label_switches, limits.label_share));
    if is_class_free {
        judge(field::TOS, 1, &TRAFFIC_CLASS, (limits.switches, class_share));
    }
    if !is_trace && !is_turns {
        judge(field::TTL, 2, &HOP_LIMIT, (limits.switches, hops_share));
    }
    findings
}

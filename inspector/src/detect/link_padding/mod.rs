//! Covert channels below IP: padding of short Ethernet frames, ARP and its padding, and VLAN priorities: detector
//! `link-padding`.
//!
//! Padding that is not zero is common: drivers send what lay in their buffers (etherleak), captures keep check
//! sequences. Such bytes repeat themselves, begin with zeros, or are what was sent before; data does none of
//! that.

mod arp;

use inspector_common::{Class, FlowKey};

use self::arp::Sender;

use super::Detector;
use super::header::{
    Alphabet, Carried, Flows, Gate, IDLE_NS, PAIRS, Pair, Switching, context, crossed, field, finding,
    is_sound,
};
use super::table::{Entry, Table};
use crate::findings::{Finding, Signature};
use crate::observation::{FlowUpdate, Head, Observation};

/// Name of the detector.
pub const NAME: &str = "link-padding";

/// What it takes for a finding. Base rates: one-way pairs of hosts in the 1,279 captures without a channel of the
/// development corpus, 109 of which have bytes that are not zero behind a datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Different paddings of short frames, values. Base rate: 3 pairs have 17 to 23.
    pub paddings: u32,
    /// Their share of the paddings that are not zero, ratio. Base rate: 0.4 to 1.0 in these.
    pub padding_share: f64,
    /// Different first bytes of these, values. Base rate: at most 10 in these (stale padding begins with zeros or
    /// with a field that hardly changes); of 24 random bytes 23 differ.
    pub first_bytes: u32,
    /// Different texts behind the datagrams of long frames, values. Base rate: 0 pairs have one.
    pub texts: u32,
    /// Their share of the trailers, ratio. Of check sequences 0.02 are text.
    pub text_share: f64,
    /// Different values in ARP that no host has: link-layer addresses of groups, operations that nobody assigned. Base rate: 1,
    /// of clusters that share load (their own address is a group's), and of damaged packets.
    pub unused: u32,
    /// Different link-layer addresses of one host, and no fewer than a quarter of its packets, addresses. Base rate: 2, where
    /// somebody takes over an address.
    pub addresses: u32,
    /// Switches of the priority in VLAN tags beyond each flow's first, switches. Base rate: 0 pairs have 5.
    pub priority_switches: u32,
    /// Their share of the packets, ratio.
    pub priority_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            paddings: 24,
            padding_share: 0.9,
            first_bytes: 16,
            texts: 8,
            text_share: 0.9,
            unused: 8,
            addresses: 16,
            priority_switches: 16,
            priority_share: 0.3,
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
            hint: "Look at the frames on the sender's own segment: padding and priorities don't pass a router; find the \
                   process, which needs raw sockets",
        };)+
    };
}

signatures! {
    PADDING = 5301, "Covert channel in Ethernet padding", "EN4.1 Reserved/Unused State/Value Modulation";
    ARP = 5302, "Covert channel in the padding of ARP", "EN4.1 Reserved/Unused State/Value Modulation";
    ARP_FIELDS = 5305, "Covert channel in the fields of ARP", "EN4.1 Reserved/Unused State/Value Modulation";
    TRAILER = 5304, "Text behind the datagrams of Ethernet frames", "EN4.1 Reserved/Unused State/Value Modulation";
    PRIORITY = 5303, "Covert channel in VLAN priorities", "EN4 State/Value Modulation";
}

#[derive(Debug, Default)]
struct State {
    paddings: Alphabet,
    first_bytes: Alphabet,
    padding_bytes: u32,
    switching: Switching,
    /// Trailers of long frames, of text and all.
    texts: Alphabet,
    trailers: u32,
    gates: [Gate; 3],
    last_ns: u64,
}

impl Entry for Box<State> {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.paddings.total()) + u64::from(self.switching.count())
    }
}

/// The detector.
#[derive(Debug)]
pub struct LinkPadding {
    thresholds: Thresholds,
    flows: Flows,
    pairs: Table<Pair, Box<State>>,
    /// Who speaks ARP, on each interface and VLAN.
    senders: Table<([u8; 16], u32, u16), Box<Sender>>,
}

/// Flows whose counts are remembered, entries of 100 bytes.
const FLOWS: usize = 16_384;

/// Least payload of an Ethernet frame (IEEE 802.3 clause 4.2.3.3), bytes.
const LEAST_PAYLOAD: usize = 46;

/// Bytes of a trailer that is read: of four random ones in a row one in 50 is text, of eight in 2,500.
const LEAST_TEXT: usize = 4;

/// Bytes of an ARP packet for IPv4 over Ethernet (RFC 826).
const ARP_LEN: usize = 28;

impl LinkPadding {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let (flows, pairs, senders) = (Flows::new(FLOWS), Table::new(PAIRS), Table::new(PAIRS));
        Self { thresholds, flows, pairs, senders }
    }
}

/// Bytes of a frame's check sequence.
const CHECK_LEN: usize = 4;

/// The padding of a short frame, without a check sequence behind it; none where just a check sequence's worth of bytes
/// follows the datagram and does not fill the frame up, as what a host sends is seen before it is padded.
fn padding<'a>(head: &Head<'a>) -> &'a [u8] {
    let from = if head.class() == Class::Arp { ARP_LEN } else { head.meta.ip_len as usize };
    if head.bytes.len() != LEAST_PAYLOAD && head.bytes.len() == from + CHECK_LEN {
        return &[];
    }
    head.bytes.get(from..LEAST_PAYLOAD.min(head.bytes.len())).unwrap_or_default()
}

/// The sender and the one asked for, as in ARP's own fields; other packets have them in their key.
fn hosts(head: &Head<'_>) -> FlowKey {
    let mut key = head.meta.key;
    if head.class() == Class::Arp
        && let (Some(sender), Some(target)) = (head.bytes.get(14..18), head.bytes.get(24..28))
    {
        for (address, to) in [(sender, &mut key.src), (target, &mut key.dst)] {
            to[10..12].copy_from_slice(&[0xff, 0xff]);
            to[12..].copy_from_slice(address);
        }
    }
    key
}

impl State {
    fn add_padding(&mut self, padding: &[u8]) {
        let Some((first, _)) = padding.split_first() else { return };
        if padding.iter().all(|byte| *byte == 0) {
            return;
        }
        self.paddings.add(digest(padding));
        self.first_bytes.add((*first).into());
        let len = u32::try_from(padding.len()).unwrap_or(u32::MAX);
        self.padding_bytes = self.padding_bytes.saturating_add(len);
    }

    fn of_padding(
        &mut self,
        limits: &Thresholds,
        key: &FlowKey,
        signature: &'static Signature,
    ) -> Option<Finding> {
        let distinct = self.paddings.distinct();
        let share = f64::from(distinct) / f64::from(self.paddings.total().clamp(1, 64));
        let is_free = share >= limits.padding_share && self.first_bytes.distinct() >= limits.first_bytes;
        if distinct < limits.paddings || !is_free || !self.gates[0].opens(self.paddings.total()) {
            return None;
        }
        let packets = u64::from(self.paddings.total());
        let evidence = vec![
            crossed("distinct_paddings", distinct.into(), limits.paddings.into(), "values"),
            crossed("distinct_share", share, limits.padding_share, "ratio"),
            crossed("first_bytes", self.first_bytes.distinct().into(), limits.first_bytes.into(), "values"),
        ];
        let bits = f64::from(self.padding_bytes) * 8.0 / packets as f64;
        Some(finding(signature, key, 0.85, Carried { packets, bits, time_ns: self.last_ns }, evidence))
    }
}

/// What follows the datagram of a frame that needs no padding: a tap's or a switch's time and port, a check sequence, or a
/// redundancy protocol's number (IEC 62439-3), which are no text.
fn trailer<'a>(head: &Head<'a>) -> &'a [u8] {
    let is_long = head.meta.ip_len as usize > LEAST_PAYLOAD && head.meta.key.tunnel == 0;
    if is_long && is_sound(head) { head.trailer() } else { &[] }
}

impl State {
    fn add_trailer(&mut self, trailer: &[u8]) {
        self.trailers = self.trailers.saturating_add(1);
        let is_text = trailer.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
        if is_text {
            self.texts.add(digest(trailer));
        }
    }

    fn of_trailers(&mut self, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
        let (texts, distinct) = (self.texts.total(), self.texts.distinct());
        let share = f64::from(texts) / f64::from(self.trailers.max(1));
        if distinct < limits.texts || share < limits.text_share || !self.gates[2].opens(texts) {
            return None;
        }
        let evidence = vec![
            crossed("distinct_texts", distinct.into(), limits.texts.into(), "values"),
            crossed("share_of_trailers", share, limits.text_share, "ratio"),
        ];
        let carried = Carried { packets: texts.into(), bits: 32.0, time_ns: self.last_ns };
        Some(finding(&TRAILER, key, 0.85, carried, evidence))
    }
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Detector for LinkPadding {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let is_arp = head.class() == Class::Arp;
        if is_arp {
            let key = hosts(head);
            let sender = self.senders.entry((key.src, key.ifindex, key.vlan[0]), Box::default);
            findings.extend(
                sender.and_then(|it| it.observe(head.bytes, &key, head.meta.time_ns, &self.thresholds)),
            );
        }
        let is_inner = head.meta.key.tunnel != 0;
        let padding = if is_inner || !(is_arp || is_sound(head)) { &[][..] } else { padding(head) };
        let is_padded = padding.iter().any(|byte| *byte != 0);
        let has_switched = head.meta.changed & inspector_common::flow::changed::PCP != 0;
        let trailer = trailer(head);
        if !is_padded && !has_switched && trailer.len() < LEAST_TEXT {
            return;
        }
        let key = hosts(head);
        let Some(state) = self.pairs.entry(Pair::of(&key), Box::default) else { return };
        state.last_ns = head.meta.time_ns;
        if has_switched {
            state.switching.observe(head, head.meta.changed, [0, 0, 0, 0, head.meta.vlan_pcp.into(), 0]);
        }
        if trailer.len() >= LEAST_TEXT {
            state.add_trailer(trailer);
            findings.extend(state.of_trailers(&self.thresholds, &key));
        }
        if is_padded {
            state.add_padding(padding);
            let signature = if is_arp { &ARP } else { &PADDING };
            findings.extend(state.of_padding(&self.thresholds, &key, signature));
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        if update.key.vlan[0] == 0 {
            return;
        }
        let (news, _) = self.flows.news(update);
        let pair = Pair::of(update.key);
        if news.switches[field::PCP] == 0 && self.pairs.get(&pair).is_none() {
            return;
        }
        let Some(state) = self.pairs.entry(pair, Box::default) else { return };
        state.last_ns = update.record.last_ns;
        state.switching.add(&news);
        let limits = &self.thresholds;
        let shared = state.switching.share(field::PCP, limits.priority_switches, limits.priority_share);
        let Some(share) = shared else { return };
        let switches = &state.switching.fields[field::PCP];
        if !state.gates[1].opens(switches.count) {
            return;
        }
        let evidence = vec![
            crossed("switches", switches.count.into(), limits.priority_switches.into(), "switches"),
            crossed("switches_per_packet", share, limits.priority_share, "ratio"),
            context("distinct_values", switches.values.distinct().into(), "values"),
        ];
        let bits = switches.values.entropy();
        let carried = Carried { packets: state.switching.packets, bits, time_ns: state.last_ns };
        findings.push(finding(&PRIORITY, update.key, 0.85, carried, evidence));
    }

    fn tick(&mut self, now_ns: u64) {
        let since_ns = now_ns.saturating_sub(IDLE_NS);
        self.pairs.expire(since_ns);
        self.flows.expire(since_ns);
        self.senders.expire(since_ns);
    }

    fn occupancy(&self) -> (usize, usize) {
        let tables = [self.flows.occupancy(), self.pairs.occupancy(), self.senders.occupancy()];
        tables.iter().fold((0, 0), |(used, room), (u, r)| (used + u, room + r))
    }
}

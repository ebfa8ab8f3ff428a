//! Fields that change from one packet of a flow to the next, counted per pair of hosts.

use std::collections::BTreeMap;

use inspector_common::head::reason;
use inspector_common::parse::flag::{ACK, RST, SYN};
use inspector_common::{FlowKey, FlowRecord};

use super::Alphabet;
use crate::detect::table::{Entry, Table};
use crate::observation::{FlowUpdate, Head};

/// Numbers of the fields: places of their bits in [`inspector_common::flow::changed`].
pub(in crate::detect) mod field {
    pub(in crate::detect) const TTL: usize = 0;
    pub(in crate::detect) const TOS: usize = 1;
    pub(in crate::detect) const FLAGS: usize = 2;
    pub(in crate::detect) const LABEL: usize = 3;
    pub(in crate::detect) const PCP: usize = 4;
    pub(in crate::detect) const CHECKSUM: usize = 5;
    pub(in crate::detect) const COUNT: usize = 6;
}

/// Packets whose bytes are remembered, to know a second copy of them.
const RECENT: usize = 16;

/// A copy is no later than this, nanoseconds: two taps see a packet within a network's delay. Programs with raw sockets
/// send packets that are equal but for the field that carries data.
const COPY_NS: u64 = 100_000_000;

/// Bytes of a segment that stand for it: heads of two copies may be of different lengths.
const MARK_LEN: usize = 64;

/// A flow of which nothing is known and that is older than this was forgotten: its counts are not new,
/// nanoseconds. A new flow is first heard of within a second.
const KNOWN_NS: u64 = 3_000_000_000;

/// What was counted of a flow, or has come since.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::detect) struct Counts {
    pub(in crate::detect) packets: u64,
    /// Switches of each field but for a flow's first two: a field that carries data comes back to earlier values, and
    /// routes change once, and what answers for a socket before it is there and after it is gone (SYN-ACK, the
    /// last acknowledgement) has its own values.
    pub(in crate::detect) switches: [u32; field::COUNT],
    pub(in crate::detect) ip_id_zeros: u32,
    pub(in crate::detect) ip_id_low_zeros: u32,
    pub(in crate::detect) ip_id_repeats: u32,
    last_ns: u64,
}

impl Entry for Counts {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

impl Counts {
    fn of(record: &FlowRecord) -> Self {
        let switches = [
            record.ttl_switches,
            record.tos_switches,
            record.flag_switches,
            record.label_switches,
            record.pcp_switches,
            record.checksum_switches,
        ];
        Self {
            packets: record.packets,
            switches: switches.map(|count| count.saturating_sub(2)),
            ip_id_zeros: record.ip_id_zeros,
            ip_id_low_zeros: record.ip_id_low_zeros,
            ip_id_repeats: record.ip_id_repeats,
            last_ns: record.last_ns,
        }
    }

    fn since(&self, before: &Self) -> Self {
        let mut switches = self.switches;
        for (new, old) in switches.iter_mut().zip(before.switches) {
            *new = new.saturating_sub(old);
        }
        Self {
            packets: self.packets.saturating_sub(before.packets),
            switches,
            ip_id_zeros: self.ip_id_zeros.saturating_sub(before.ip_id_zeros),
            ip_id_low_zeros: self.ip_id_low_zeros.saturating_sub(before.ip_id_low_zeros),
            ip_id_repeats: self.ip_id_repeats.saturating_sub(before.ip_id_repeats),
            last_ns: self.last_ns,
        }
    }
}

/// What was last known of each flow.
#[derive(Debug)]
pub(in crate::detect) struct Flows(Table<FlowKey, Counts>);

impl Flows {
    pub(in crate::detect) fn new(capacity: usize) -> Self {
        Self(Table::new(capacity))
    }

    /// What came since the flow's update before, and whether the flow is a new one.
    pub(in crate::detect) fn news(&mut self, update: &FlowUpdate<'_>) -> (Counts, bool) {
        let now = Counts::of(update.record);
        let mut is_new = false;
        let make = || {
            is_new = true;
            now
        };
        let known = if update.is_final { self.0.get(update.key) } else { self.0.entry(*update.key, make) };
        let before = known.map(|known| std::mem::replace(known, now)).filter(|_| !is_new);
        let age_ns = update.record.last_ns.saturating_sub(update.record.first_ns);
        match before {
            Some(before) => (now.since(&before), false),
            None if age_ns > KNOWN_NS => (Counts::default(), false),
            None => (now, true),
        }
    }

    pub(in crate::detect) fn expire(&mut self, since_ns: u64) {
        self.0.expire(since_ns);
    }

    pub(in crate::detect) fn occupancy(&self) -> (usize, usize) {
        self.0.occupancy()
    }
}

/// How one field of a pair's packets switches.
#[derive(Clone, Debug, Default)]
pub(in crate::detect) struct Switches {
    /// Exact, from the flow records.
    pub(in crate::detect) count: u32,
    /// Values in heads of packets where the field had changed.
    pub(in crate::detect) values: Alphabet,
    copies: u32,
    /// Switches in packets that open or reset a connection, which firewalls and load balancers send in a host's name,
    /// and in segments that are sent again, for which Linux takes a new flow label.
    others: u32,
    /// Of these the ones in SYNs. Where nearly all switches are, no firewall sends them: what it opens has packets of the host.
    opens: u32,
    /// Least and greatest lengths of the datagrams with each value, bytes.
    lengths: BTreeMap<u64, (u32, u32)>,
}

/// Values whose lengths are kept: routers mark by length with two or three.
const MARKED: usize = 4;

impl Switches {
    fn add(&mut self, value: u64, len: u32) {
        self.values.add(value);
        if self.lengths.len() <= MARKED {
            let (least, greatest) = self.lengths.entry(value).or_insert((len, len));
            (*least, *greatest) = (len.min(*least), len.max(*greatest));
        }
    }

    /// Switches in packets that are another's.
    const fn foreign(&self) -> u32 {
        if self.opens * 10 >= self.values.total() * 9 { 0 } else { self.others }
    }

    /// Whether the length of a packet says which value it has: routers mark acknowledgements (DSCP), or clear "don't
    /// fragment" in what is too long. A channel doesn't ask how long its packet is.
    fn are_by_length(&self) -> bool {
        let mut ranges: Vec<_> = self.lengths.values().collect();
        ranges.sort_unstable();
        let are_apart = |pair: &[&(u32, u32)]| matches!(pair, [before, after] if before.1 < after.0);
        (2..=MARKED).contains(&ranges.len()) && ranges.windows(2).all(are_apart)
    }
}

/// How the fields of a pair's packets switch.
#[derive(Clone, Debug, Default)]
pub(in crate::detect) struct Switching {
    pub(in crate::detect) packets: u64,
    pub(in crate::detect) fields: [Switches; field::COUNT],
    /// Switches of all fields.
    count: u32,
    /// Marks of the last packets, and when these came.
    recent: [(u64, u64); RECENT],
    written: usize,
}

impl Switching {
    pub(in crate::detect) fn add(&mut self, counts: &Counts) {
        self.packets += counts.packets;
        // Nearly always, and the fields take several cache lines.
        if counts.switches == [0; field::COUNT] {
            return;
        }
        for (field, new) in self.fields.iter_mut().zip(counts.switches) {
            field.count = field.count.saturating_add(new);
            self.count = self.count.saturating_add(new);
        }
    }

    /// Notes the values of a packet in which `changed` fields changed, bits by their numbers.
    pub(in crate::detect) fn observe(&mut self, head: &Head<'_>, changed: u8, values: [u64; field::COUNT]) {
        let mark = mark(head);
        let time_ns = head.meta.time_ns;
        let is_copy =
            self.recent.iter().any(|(copy, then)| *copy == mark && time_ns.abs_diff(*then) <= COPY_NS);
        let is_open = head.meta.tcp_flags & (SYN | ACK | RST) == SYN;
        let is_other = head.meta.tcp_flags & (SYN | RST) != 0 || head.has_reason(reason::OVERLAP);
        self.recent[self.written % RECENT] = (mark, time_ns);
        self.written += 1;
        for (number, field) in self.fields.iter_mut().enumerate() {
            if changed & 1 << number != 0 {
                field.add(values[number], head.meta.ip_len);
                field.copies += u32::from(is_copy);
                field.others += u32::from(is_other);
                field.opens += u32::from(is_open);
            }
        }
    }

    /// Switches of all fields.
    pub(in crate::detect) const fn count(&self) -> u32 {
        self.count
    }

    /// The field's switches a packet.
    pub(in crate::detect) fn rate(&self, number: usize) -> f64 {
        f64::from(self.fields[number].count) / self.packets.max(1) as f64
    }

    /// The same, where there are so many of them that are neither second copies of packets
    /// (two taps, one behind a router, show each packet twice: half of the switches are copies) nor another host's
    /// (one that opens and resets connections causes two switches in each).
    pub(in crate::detect) fn share(&self, number: usize, min_count: u32, min_share: f64) -> Option<f64> {
        let field = &self.fields[number];
        let share = self.rate(number);
        let is_copied = field.copies * 5 > field.values.total() || field.foreign() * 3 > field.values.total();
        let are_sound =
            field.values.total() >= min_count && field.values.total().max(200) * 2 >= field.count.min(400);
        // One value only: the packets with the other one were not to be believed.
        let is_free = !is_copied && are_sound && field.values.distinct() >= 2 && !field.are_by_length();
        (field.count >= min_count && share >= min_share && is_free).then_some(share)
    }
}

/// Stands for a packet's identity: what a second copy of it has in common with it.
fn mark(head: &Head<'_>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(head.meta.ip_id);
    // FNV-1a over what any head has of the segment: its ports, numbers and checksum.
    for byte in head.segment().iter().take(MARK_LEN) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

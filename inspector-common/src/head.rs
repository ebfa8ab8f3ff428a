//! Heads: the first bytes of packets that need a dissector, under a budget for each group.

use bytemuck::{Pod, Zeroable};

use crate::flow::{HEADER_ANOMALIES, Step};
use crate::parse::flag;
use crate::{Class, FlowKey, Packet};

/// Sizes of the data area that a head's record may have in the ring buffer, bytes. A head uses the
/// smallest that holds its packet from the network header on, and is cut to the third, or to the
/// largest where it begins a message of a text protocol, whose headers are long.
pub const HEAD_SIZES: [usize; 4] = [128, 304, 576, 1536];

/// Most bytes of a packet that a head holds.
pub const HEAD_MAX: usize = HEAD_SIZES[3];

/// The third of the sizes and the largest, as lengths in a packet are counted.
const HEAD_LIMITS: [u16; 2] = [576, 1536];
const _: () = assert!(HEAD_LIMITS[0] as usize == HEAD_SIZES[2] && HEAD_LIMITS[1] as usize == HEAD_MAX);

/// What is shorter has no header worth reading.
const HEAD_MIN: u16 = 8;

/// A budget is counted anew every `2^27` ns = 134 ms.
const WINDOW_SHIFT: u32 = 27;

/// The same in nanoseconds.
pub const WINDOW_NS: u64 = 1 << WINDOW_SHIFT;

/// Packets with a payload that a flow's direction hands on before it is known.
const FIRST_PAYLOADS: u32 = 4;

/// Packets of a flow of an encapsulation or of ciphertext that are handed on.
const FIRST_PACKETS: u32 = 4;

/// Groups of heads that share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HeadGroup {
    /// ICMP and ICMPv6 echoes and queries.
    Icmp,
    /// ICMP and ICMPv6 errors: they quote what others sent, and come in storms.
    IcmpError,
    /// DNS.
    Dns,
    /// TCP connections that begin, and resets.
    Open,
    /// First payloads, beginnings of messages, repeated data, fixed-format protocols.
    Payload,
    /// Odd headers and fields that change inside a flow.
    Header,
    /// Neighbour and router discovery, other IP protocols, and what is not IP.
    Other,
}

/// Why a head was handed on: bits of [`HeadMeta::reasons`].
pub mod reason {
    /// Packets of this class, or of this port, always are.
    pub const KIND: u8 = 1;
    /// One of the first packets, or of the first with a payload; later ones at powers of two.
    pub const EARLY: u8 = 2;
    /// The payload begins like a message of HTTP or a handshake of TLS.
    pub const MESSAGE: u8 = 4;
    /// SYN or RST.
    pub const OPEN: u8 = 8;
    /// TCP data before data that was already seen.
    pub const OVERLAP: u8 = 16;
    /// A field changed: [`super::HeadMeta::changed`] says which.
    pub const CHANGED: u8 = 32;
    /// An anomaly of the header: [`super::HeadMeta::anomalies`] says which.
    pub const ANOMALY: u8 = 64;
}

/// Which head a packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose budget it is on.
    pub group: HeadGroup,
    /// Why, as in [`reason`].
    pub reasons: u8,
}

impl HeadGroup {
    /// Room for groups and the budget of new flows; a power of two.
    pub const SLOTS: usize = 8;

    /// How many groups there are.
    pub const COUNT: usize = 7;
}

impl Wanted {
    /// The head of a packet by its class alone.
    #[inline(always)]
    #[must_use]
    pub fn by_class(packet: &Packet) -> Option<Self> {
        let group = match packet.class {
            Class::IcmpEcho | Class::IcmpOther | Class::Icmpv6Echo | Class::Icmpv6Other => HeadGroup::Icmp,
            Class::IcmpError | Class::Icmpv6Error => HeadGroup::IcmpError,
            Class::Dns if packet.payload_len > 0 => HeadGroup::Dns,
            Class::Icmpv6Control | Class::OtherIp | Class::Igmp | Class::Arp | Class::OtherEthertype => {
                HeadGroup::Other
            }
            _ => return None,
        };
        Some(Self { group, reasons: reason::KIND })
    }

    /// The head of a packet that took this step in its flow's record.
    #[inline(always)]
    #[must_use]
    pub fn by_step(packet: &Packet, step: Step) -> Option<Self> {
        let (group, reasons) = match packet.class {
            _ if step.number == 0 => return Self::by_class(packet),
            // First what most packets are.
            Class::Tcp => tcp_reasons(packet, step),
            Class::Udp => (HeadGroup::Payload, udp_reasons(packet, step)),
            _ => match Self::by_class(packet) {
                Some(wanted) => (wanted.group, wanted.reasons),
                None if packet.class == Class::Dns => tcp_reasons(packet, step),
                None if step.number <= FIRST_PACKETS => (HeadGroup::Other, reason::EARLY),
                None => (HeadGroup::Other, 0),
            },
        };
        let odd = header_reasons(packet, step);
        let group = if reasons == 0 { HeadGroup::Header } else { group };
        (reasons | odd != 0).then_some(Self { group, reasons: reasons | odd })
    }
}

#[inline(always)]
fn header_reasons(packet: &Packet, step: Step) -> u8 {
    if !step.is_odd {
        return 0;
    }
    let changed = if step.changed == 0 { 0 } else { reason::CHANGED };
    let anomaly = if packet.anomalies.0 & HEADER_ANOMALIES == 0 { 0 } else { reason::ANOMALY };
    changed | anomaly
}

#[inline(always)]
fn tcp_reasons(packet: &Packet, step: Step) -> (HeadGroup, u8) {
    if packet.tcp_flags & (flag::SYN | flag::RST) != 0 {
        return (HeadGroup::Open, reason::OPEN);
    }
    let mut reasons = early(step.payload_number);
    if step.is_overlap {
        reasons |= reason::OVERLAP;
    }
    if is_message(packet.prefix) {
        reasons |= reason::MESSAGE;
    }
    (HeadGroup::Payload, reasons)
}

#[inline(always)]
fn udp_reasons(packet: &Packet, step: Step) -> u8 {
    let kind = if has_fixed_format(packet.key.src_port) || has_fixed_format(packet.key.dst_port) {
        reason::KIND
    } else {
        0
    };
    kind | early(step.payload_number)
}

/// The first few, then each power of two: a long flow is looked at again, ever more rarely.
#[inline(always)]
const fn early(payload_number: u32) -> u8 {
    let is_early = payload_number <= FIRST_PAYLOADS || payload_number & payload_number.wrapping_sub(1) == 0;
    if payload_number != 0 && is_early { reason::EARLY } else { 0 }
}

/// Whether a payload begins like a request or answer of HTTP, or a handshake of TLS.
#[inline(always)]
const fn is_message(prefix: [u8; 4]) -> bool {
    let [a, b, _, _] = prefix;
    if (a | b) & 0xe0 != 0x40 || (a & b) & 0x40 == 0 {
        return a == 22 && b == 3;
    }
    // Two letters of A to Z or a neighbour of theirs: one payload in 64, if it is ciphertext.
    matches!(
        &prefix,
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"DELE" | b"CONN" | b"OPTI" | b"PATC" | b"TRAC" | b"HTTP"
    )
}

/// Ports of low-rate UDP protocols whose messages have fixed fields: every one of them is looked at.
#[inline(always)]
const fn has_fixed_format(port: u16) -> bool {
    // DHCP, TFTP, NTP, NetBIOS, SNMP, DHCPv6, SSDP, WS-Discovery, mDNS, LLMNR.
    matches!(port, 67 | 68 | 69 | 123 | 137 | 138 | 161 | 162 | 546 | 547 | 1900 | 3702 | 5353 | 5355)
}

/// What goes before a head's bytes. The bytes start at the network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct HeadMeta {
    /// Time of the packet, nanoseconds of the source's clock.
    pub time_ns: u64,
    /// The packet's flow.
    pub key: FlowKey,
    /// Bytes of the frame on the wire, from where the packet begins: inside an encapsulation, that of
    /// the carried packet.
    pub wire_len: u32,
    /// Bytes of the IP datagram by its own account; 0 where it is not IP.
    pub ip_len: u32,
    /// IPv6 flow label.
    pub flow_label: u32,
    /// The packet's anomalies, as in [`crate::Anomalies`].
    pub anomalies: u32,
    /// Which packet of its flow it is, from 1 on; 0 where it is accounted to none.
    pub number: u32,
    /// Bytes that follow this header.
    pub captured: u16,
    /// Where in them the layer 4 header begins.
    pub l4_offset: u16,
    /// IPv4 identification; 0 in IPv6.
    pub ip_id: u16,
    /// IPv4 flags and fragment offset as on the wire.
    pub ip_fragment: u16,
    /// Bytes of the layer 4 header.
    pub l4_header_len: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// TCP flags; 0 for other protocols.
    pub tcp_flags: u8,
    /// The packet's [`Class`].
    pub class: u8,
    /// Why this head was handed on, as in [`reason`].
    pub reasons: u8,
    /// Fields that changed since the flow's packet before, as in [`crate::flow::changed`].
    pub changed: u8,
    /// Priority and drop eligibility of the outermost VLAN tag.
    pub vlan_pcp: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

const _: () = assert!(size_of::<HeadMeta>() == 96);

impl HeadMeta {
    /// How many bytes of the packet, from its network header on, a head holds, of a frame of which
    /// `readable` bytes can be read: what is behind the datagram comes along.
    #[inline(always)]
    #[must_use]
    pub fn captured(packet: &Packet, wanted: Wanted, readable: u32) -> u16 {
        let readable = readable.saturating_sub(packet.l3_offset);
        // Whole messages, and whole segments where two copies may differ: their checksums can be verified then.
        let is_whole = wanted.reasons & (reason::MESSAGE | reason::OVERLAP) != 0;
        let limit = HEAD_LIMITS[usize::from(is_whole)];
        match u16::try_from(readable) {
            Ok(few) if few < HEAD_MIN => 0,
            Ok(readable) => readable.min(limit),
            Err(_) => limit,
        }
    }

    /// The header of the head of `packet`, of which `captured` bytes follow. `step` is what the packet
    /// did in its flow's record, if it is in one.
    #[inline(always)]
    #[must_use]
    pub fn new(packet: &Packet, wanted: Wanted, step: Step, time_ns: u64, captured: u16) -> Self {
        let l4_offset = packet.l4_offset.saturating_sub(packet.l3_offset);
        Self {
            time_ns,
            key: packet.key,
            wire_len: packet.bytes(),
            ip_len: packet.ip_len,
            flow_label: packet.flow_label,
            anomalies: packet.anomalies.0,
            number: step.number,
            captured,
            l4_offset: u16::try_from(l4_offset).unwrap_or(u16::MAX),
            ip_id: packet.ip_id,
            ip_fragment: packet.ip_fragment,
            l4_header_len: packet.l4_header_len,
            ttl: packet.ttl,
            tos: packet.tos,
            tcp_flags: packet.tcp_flags,
            class: packet.class as u8,
            reasons: wanted.reasons,
            changed: step.changed,
            vlan_pcp: packet.vlan_pcp,
            reserved: [0; 4],
        }
    }

    /// Bytes of the layer 4 segment, header included, by the IP header's account.
    #[must_use]
    pub fn l4_len(&self) -> u32 {
        self.ip_len.saturating_sub(u32::from(self.l4_offset))
    }
}

/// A head as it lies in the ring buffer, of one of the [`HEAD_SIZES`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct HeadRecord<const N: usize> {
    /// What the classifier found.
    pub meta: HeadMeta,
    /// The packet from its network header on; bytes from `meta.captured` on are not set.
    pub data: [u8; N],
}

/// Most heads a window and CPU by [`HeadGroup`], and then most new flows.
pub type Limits = [u32; HeadGroup::SLOTS];

/// How much of each budget one CPU has spent in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Budget {
    window: u64,
    spent: [u32; HeadGroup::SLOTS],
}

const _: () = assert!(size_of::<Budget>() == 40);

/// Which of the limits is that of new flows.
const NEW_FLOWS: usize = HeadGroup::COUNT;

impl Budget {
    /// Most heads a window and CPU, by group, and most new flows. Sized so that ordinary traffic
    /// always fits (ICMP: 3,800 a second and CPU; DNS: 15,000; new flows: 15,000), and a flood costs
    /// a bounded amount.
    pub const DEFAULT_LIMITS: Limits = [512, 128, 2048, 1024, 2048, 512, 128, 2048];

    /// Spends one head of the group's budget; `false` where the window's budget is spent.
    #[inline(always)]
    pub fn spend(&mut self, group: HeadGroup, now_ns: u64, limits: &Limits) -> bool {
        self.spend_at(group as usize, now_ns, limits)
    }

    /// The same with the number of the group, which the kernel's verifier, unlike the compiler, doesn't
    /// know to be small.
    #[inline(always)]
    pub fn spend_at(&mut self, group: usize, now_ns: u64, limits: &Limits) -> bool {
        self.take(group & (HeadGroup::SLOTS - 1), now_ns, limits)
    }

    /// Spends one of the window's new flows; `false` where they are spent.
    #[inline(always)]
    pub fn admit_flow(&mut self, now_ns: u64, limits: &Limits) -> bool {
        self.take(NEW_FLOWS, now_ns, limits)
    }

    /// Whether the window's new flows are spent.
    #[inline(always)]
    #[must_use]
    pub fn has_no_flows_left(&self, now_ns: u64, limits: &Limits) -> bool {
        self.window == now_ns >> WINDOW_SHIFT && self.spent[NEW_FLOWS] >= limits[NEW_FLOWS]
    }

    #[inline(always)]
    fn take(&mut self, i: usize, now_ns: u64, limits: &Limits) -> bool {
        let window = now_ns >> WINDOW_SHIFT;
        if window != self.window {
            *self = Self { window, spent: [0; HeadGroup::SLOTS] };
        }
        if self.spent[i] >= limits[i] {
            return false;
        }
        self.spent[i] += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_within_a_window_and_comes_back_in_the_next() {
        let mut budget = Budget::zeroed();
        let limits = [3, 0, 1, 0, 0, 0, 0, 1];
        let mut spend = |group, now| budget.spend(group, now, &limits);
        assert_eq!([0, 1, 2, 3].map(|now| spend(HeadGroup::Icmp, now)), [true, true, true, false]);
        assert!(spend(HeadGroup::Dns, 4), "groups don't share");
        assert!(!spend(HeadGroup::IcmpError, 5));
        assert!(spend(HeadGroup::Icmp, 1 << WINDOW_SHIFT));
        let second = 1 << WINDOW_SHIFT;
        assert!(!budget.has_no_flows_left(second, &limits) && budget.admit_flow(second, &limits));
        assert!(budget.has_no_flows_left(second, &limits) && !budget.admit_flow(second, &limits));
        assert!(!budget.has_no_flows_left(2 << WINDOW_SHIFT, &limits));
    }
}

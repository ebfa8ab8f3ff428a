//! Heads: the first bytes of packets that need a dissector, under a budget for each group.

use bytemuck::{Pod, Zeroable};

use crate::{Class, FlowKey, Packet};

/// Sizes of the data area that a head's record may have in the ring buffer, bytes. A head uses the
/// smallest that holds its layer 4 segment, and is cut to the largest.
pub const HEAD_SIZES: [usize; 3] = [96, 256, 512];

/// Most bytes of a layer 4 segment that a head holds.
pub const HEAD_MAX: usize = HEAD_SIZES[2];

/// The same, as lengths in a packet are counted.
const HEAD_LIMIT: u16 = 512;
const _: () = assert!(HEAD_LIMIT as usize == HEAD_MAX);

/// A head budget is counted anew every `2^27` ns = 134 ms.
const WINDOW_SHIFT: u32 = 27;

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
}

impl HeadGroup {
    /// Room for groups; a power of two.
    pub const SLOTS: usize = 4;

    /// The group of a packet that needs a dissector, if it does.
    #[inline(always)]
    #[must_use]
    pub fn of(packet: &Packet) -> Option<Self> {
        match packet.class {
            Class::IcmpEcho | Class::IcmpOther | Class::Icmpv6Echo | Class::Icmpv6Other => Some(Self::Icmp),
            Class::IcmpError | Class::Icmpv6Error => Some(Self::IcmpError),
            Class::Dns if packet.payload_len > 0 => Some(Self::Dns),
            _ => None,
        }
    }
}

/// What goes before a head's bytes. The bytes start at the layer 4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct HeadMeta {
    /// Time of the packet, nanoseconds of the source's clock.
    pub time_ns: u64,
    /// The packet's flow.
    pub key: FlowKey,
    /// Bytes of the frame on the wire.
    pub wire_len: u32,
    /// Bytes of the layer 4 segment, header included, by the IP header's account.
    pub l4_len: u32,
    /// Bytes of it that follow this header.
    pub captured: u16,
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
    /// Zero.
    pub reserved: u8,
    /// The packet's anomalies, as in [`crate::Anomalies`].
    pub anomalies: u32,
}

const _: () = assert!(size_of::<HeadMeta>() == 80);

impl HeadMeta {
    /// How many bytes of the packet's layer 4 segment a head holds, of a frame of which `readable`
    /// bytes can be read.
    #[inline(always)]
    #[must_use]
    pub fn captured(packet: &Packet, readable: u32) -> u16 {
        let readable = readable.saturating_sub(packet.l4_offset);
        let captured = packet.l4_len.min(readable);
        u16::try_from(captured).map_or(HEAD_LIMIT, |captured| captured.min(HEAD_LIMIT))
    }

    /// The header of the head of `packet`, of which `captured` bytes follow.
    #[inline(always)]
    #[must_use]
    pub fn new(packet: &Packet, time_ns: u64, captured: u16) -> Self {
        Self {
            time_ns,
            key: packet.key,
            wire_len: packet.wire_len,
            l4_len: packet.l4_len,
            captured,
            ip_id: packet.ip_id,
            ip_fragment: packet.ip_fragment,
            l4_header_len: packet.l4_header_len,
            ttl: packet.ttl,
            tos: packet.tos,
            tcp_flags: packet.tcp_flags,
            class: packet.class as u8,
            reserved: 0,
            anomalies: packet.anomalies.0,
        }
    }
}

/// A head as it lies in the ring buffer, of one of the [`HEAD_SIZES`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct HeadRecord<const N: usize> {
    /// What the classifier found.
    pub meta: HeadMeta,
    /// The layer 4 segment; bytes from `meta.captured` on are not set.
    pub data: [u8; N],
}

/// Most heads a window and CPU, by [`HeadGroup`].
pub type HeadLimits = [u32; HeadGroup::SLOTS];

/// How much of each group's budget one CPU has spent in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct HeadBudget {
    window: u64,
    spent: [u32; HeadGroup::SLOTS],
}

const _: () = assert!(size_of::<HeadBudget>() == 24);

impl HeadBudget {
    /// Most heads a window and CPU, by group. Sized so that ordinary monitoring and lookups always
    /// fit (ICMP: 3,800 a second and CPU; DNS: 15,000), and a flood costs a bounded amount.
    pub const DEFAULT_LIMITS: HeadLimits = [512, 128, 2048, 0];

    /// Spends one head of the group's budget; `false` where the window's budget is spent.
    #[inline(always)]
    pub fn spend(&mut self, group: HeadGroup, now_ns: u64, limits: &HeadLimits) -> bool {
        let window = now_ns >> WINDOW_SHIFT;
        if window != self.window {
            *self = Self { window, spent: [0; HeadGroup::SLOTS] };
        }
        let i = group as usize & (HeadGroup::SLOTS - 1);
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
        let mut budget = HeadBudget::zeroed();
        let limits = [3, 0, 1, 0];
        let mut spend = |group, now| budget.spend(group, now, &limits);
        assert_eq!([0, 1, 2, 3].map(|now| spend(HeadGroup::Icmp, now)), [true, true, true, false]);
        assert!(spend(HeadGroup::Dns, 4), "groups don't share");
        assert!(!spend(HeadGroup::IcmpError, 5));
        assert!(spend(HeadGroup::Icmp, 1 << WINDOW_SHIFT));
    }
}

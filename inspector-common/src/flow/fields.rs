//! The header fields that seldom change from one packet of a flow to the next.

use bytemuck::{Pod, Zeroable};

use super::branchless::{low8, nonzero};
use crate::Packet;

/// Header fields that changed from one packet of a flow to the next.
pub mod changed {
    /// TTL or hop limit.
    pub const TTL: u8 = 1;
    /// TOS or traffic class.
    pub const TOS: u8 = 2;
    /// IPv4 flags.
    pub const FLAGS: u8 = 4;
    /// IPv6 flow label.
    pub const LABEL: u8 = 8;
    /// VLAN priority.
    pub const PCP: u8 = 16;
    /// Presence of a UDP checksum.
    pub const CHECKSUM: u8 = 32;
}

/// The fields of one packet in one word, so that nearly always one comparison says that nothing changed.
///
/// From the lowest bit on: TTL or hop limit (8 bits), TOS or traffic class (8), IPv4 flags (3: reserved 4, don't
/// fragment 2, more fragments 1), one bit unused, priority and drop eligibility of the outermost VLAN tag (4), whether
/// it is UDP without a checksum (1), 7 unused; in the upper half the IPv6 flow label (20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Fields(u64);

const UDP: u8 = 17;

impl Fields {
    /// A packet's.
    #[inline(always)]
    #[must_use]
    pub fn of(packet: &Packet) -> Self {
        let is_udp = 1 - nonzero(u32::from(packet.key.protocol ^ UDP));
        let is_unsummed = is_udp & (1 - nonzero(packet.checksum.into()));
        let flags = u32::from(packet.ip_fragment) >> 13;
        let low = u32::from(packet.ttl)
            | u32::from(packet.tos) << 8
            | flags << 16
            | u32::from(packet.vlan_pcp & 0xf) << 20
            | is_unsummed << 24;
        Self(u64::from(low) | u64::from(packet.flow_label) << 32)
    }

    /// Which of them differ, as in [`changed`].
    #[inline(always)]
    #[must_use]
    pub fn changed(self, other: Self) -> u8 {
        let differing = Self(self.0 ^ other.0);
        let low = differing.low();
        let parts = [
            (low & 0xff, changed::TTL),
            (low >> 8 & 0xff, changed::TOS),
            (low >> 16 & 7, changed::FLAGS),
            (differing.label(), changed::LABEL),
            (low >> 20 & 0xf, changed::PCP),
            (low >> 24 & 1, changed::CHECKSUM),
        ];
        low8(parts.iter().fold(0, |mask, (part, bit)| mask | (nonzero(*part) * u32::from(*bit))))
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it is what the function is for")]
    fn low(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    fn label(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_own_place() {
        let mut packet = Packet::zeroed();
        (packet.ttl, packet.tos, packet.vlan_pcp, packet.flow_label) = (0xff, 0xff, 0xf, 0xf_ffff);
        packet.ip_fragment = 0xffff;
        packet.key.protocol = UDP;
        let full = Fields::of(&packet);
        assert_eq!(full.changed(full), 0);
        let one_other = |change: fn(&mut Packet)| {
            let mut other = packet;
            change(&mut other);
            Fields::of(&other).changed(full)
        };
        assert_eq!(one_other(|p| p.ttl = 0x7f), changed::TTL);
        assert_eq!(one_other(|p| p.tos = 0xfe), changed::TOS);
        assert_eq!(one_other(|p| p.ip_fragment = 0x7fff), changed::FLAGS);
        assert_eq!(one_other(|p| p.ip_fragment = 0xe000), 0, "the offset is no flag");
        assert_eq!(one_other(|p| p.vlan_pcp = 7), changed::PCP);
        assert_eq!(one_other(|p| p.flow_label = 0x7_ffff), changed::LABEL);
        assert_eq!(one_other(|p| p.checksum = 1), changed::CHECKSUM);
        assert_eq!(one_other(|p| (p.ttl, p.flow_label) = (0, 0)), changed::TTL | changed::LABEL);
    }
}

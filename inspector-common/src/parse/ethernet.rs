//! Ethernet II, IEEE 802.3 and VLAN tags (802.1Q, 802.1ad).

use super::{Layer3, Packet, ipv4, ipv6};
use crate::{Class, Frame};

const HEADER: u32 = 14;
const TAG: u32 = 4;
const MAX_TAGS: usize = 2;
/// Below this the field is a length (IEEE 802.3 clause 3.2.6).
const MIN_ETHERTYPE: u16 = 0x0600;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const LLDP: u16 = 0x88cc;

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    // 802.1Q, 802.1ad, and the number that was in use for the latter before it had one.
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100)
}

#[inline(always)]
pub(super) fn frame<F: Frame>(frame: &F, packet: &mut Packet) -> Layer3 {
    match frame.be16(HEADER - 2) {
        Some(ethertype) => network(frame, packet, ethertype, HEADER),
        None => Layer3::Ends(Class::Runt),
    }
}

/// What `ethertype` names begins at `offset`.
#[inline(always)]
pub(super) fn network<F: Frame>(
    frame: &F,
    packet: &mut Packet,
    mut ethertype: u16,
    mut offset: u32,
) -> Layer3 {
    let mut tags = 0;
    while tags < MAX_TAGS && is_tag(ethertype) {
        let Some([t0, t1, e0, e1]) = frame.read::<4>(offset) else {
            return Layer3::Ends(Class::Runt);
        };
        packet.key.vlan[tags] = u16::from_be_bytes([t0, t1]) & 0x0fff;
        ethertype = u16::from_be_bytes([e0, e1]);
        offset += TAG;
        tags += 1;
    }
    match ethertype {
        IPV4 => ipv4::datagram(frame, packet, offset),
        IPV6 => ipv6::datagram(frame, packet, offset),
        ARP => Layer3::Ends(Class::Arp),
        LLDP => Layer3::Ends(Class::Lldp),
        _ if ethertype < MIN_ETHERTYPE => Layer3::Ends(Class::Llc),
        _ => Layer3::Ends(Class::OtherEthertype),
    }
}

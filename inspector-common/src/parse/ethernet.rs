//! Ethernet II, IEEE 802.3 and VLAN tags (802.1Q, 802.1ad).

use super::{Layer3, Packet, encapsulation, ipv4, ipv6};
use crate::{Class, Frame};

const HEADER: u32 = 14;
const TAG: u32 = 4;
const MAX_TAGS: usize = 2;
/// Below this the field is a length (IEEE 802.3 clause 3.2.6).
const MIN_ETHERTYPE: u16 = 0x0600;

pub(super) const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
const LLDP: u16 = 0x88cc;

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    // 802.1Q, 802.1ad, and the number that was in use for the latter before it had one.
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100)
}

/// Notes the tag control information of the tag at `place`, from the outside in.
#[inline(always)]
pub(super) fn note_tag(packet: &mut Packet, place: usize, tag: u16) {
    packet.key.vlan[place] = tag & 0x0fff;
    if place == 0 {
        packet.vlan_pcp = tag.to_be_bytes()[0] >> 4;
    }
}

#[inline(always)]
pub(super) fn frame<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Layer3 {
    match frame.be16(offset + HEADER - 2) {
        Some(ethertype) => network(frame, packet, ethertype, offset + HEADER),
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
    // A tag that was taken out of the frame is already noted. Tags inside a tunnel are not: the key
    // has the outer ones.
    let mut tags = if packet.is_inner() { 0 } else { usize::from(packet.key.vlan[0] != 0) };
    let mut read = 0;
    while read < MAX_TAGS && is_tag(ethertype) {
        let Some([t0, t1, e0, e1]) = frame.read::<4>(offset) else {
            return Layer3::Ends(Class::Runt);
        };
        if tags < MAX_TAGS && !packet.is_inner() {
            note_tag(packet, tags, u16::from_be_bytes([t0, t1]));
            tags += 1;
        }
        ethertype = u16::from_be_bytes([e0, e1]);
        offset += TAG;
        read += 1;
    }
    packet.l3_offset = offset;
    match ethertype {
        IPV4 => ipv4::datagram(frame, packet, offset),
        IPV6 => ipv6::datagram(frame, packet, offset),
        ARP => Layer3::Ends(Class::Arp),
        LLDP => Layer3::Ends(Class::Lldp),
        MPLS | MPLS_UPSTREAM => {
            encapsulation::mpls(frame, packet, offset);
            Layer3::Ends(Class::Mpls)
        }
        PPPOE_SESSION => {
            encapsulation::pppoe(frame, packet, offset);
            Layer3::Ends(Class::Pppoe)
        }
        PPPOE_DISCOVERY => Layer3::Ends(Class::Pppoe),
        _ if ethertype < MIN_ETHERTYPE => Layer3::Ends(Class::Llc),
        _ => Layer3::Ends(Class::OtherEthertype),
    }
}

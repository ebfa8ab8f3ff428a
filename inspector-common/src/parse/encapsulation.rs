//! What encapsulations carry: GRE, IP in IP, VXLAN, Geneve, GTP-U, PPPoE and MPLS.
//!
//! Each function notes where the carried packet begins if the header is one that it knows, and
//! otherwise leaves the packet as a flow of its outer class.

use super::ethernet::{IPV4, IPV6};
use super::{Inner, Packet};
use crate::{Class, Frame};

/// Labels of an MPLS stack that are followed. Deployed stacks have two to four.
const MAX_LABELS: u32 = 8;

/// Extension headers of GTP-U that are followed (3GPP TS 29.281 §5.2); 5G sends one.
const MAX_GTP_EXTENSIONS: u32 = 2;

/// Encapsulations, as the high four bits of [`crate::FlowKey::tunnel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tunnel {
    /// GRE (RFC 2784, 2890).
    Gre = 1,
    /// IP in IP (RFC 2003, 2473, 4213).
    IpInIp = 2,
    /// VXLAN (RFC 7348).
    Vxlan = 3,
    /// Geneve (RFC 8926).
    Geneve = 4,
    /// GTP-U (3GPP TS 29.281).
    Gtpu = 5,
    /// PPPoE session (RFC 2516).
    Pppoe = 6,
    /// MPLS (RFC 3032).
    Mpls = 7,
}

impl Tunnel {
    /// The tag of flows inside a tunnel with this identifier (key, network identifier, endpoint,
    /// session, label): the kind, and twelve bits of the identifier folded.
    #[inline(always)]
    #[must_use]
    pub const fn tag(self, identifier: u32) -> u16 {
        let [_, _, high, low] = (identifier ^ identifier >> 12 ^ identifier >> 24).to_be_bytes();
        (self as u16) << 12 | (high as u16 & 0x0f) << 8 | low as u16
    }
}

#[inline(always)]
fn carries(packet: &mut Packet, offset: u32, ethertype: u16, tunnel: Tunnel, identifier: u32) {
    packet.inner = Inner { offset, ethertype, tunnel: tunnel.tag(identifier) };
}

#[inline(always)]
const fn is_ip(ethertype: u16) -> bool {
    matches!(ethertype, IPV4 | IPV6)
}

/// The EtherType that the version field of an IP header stands for.
#[inline(always)]
const fn by_version(first: u8) -> u16 {
    match first >> 4 {
        4 => IPV4,
        6 => IPV6,
        _ => 0,
    }
}

/// IP in IP at layer 4: `protocol` 4 or 41.
#[inline(always)]
pub(super) fn ip_in_ip(packet: &mut Packet, ethertype: u16) {
    carries(packet, packet.l4_offset, ethertype, Tunnel::IpInIp, 0);
}

/// GRE version 0, with checksum, key and sequence number or without.
#[inline(always)]
pub(super) fn gre<F: Frame>(frame: &F, packet: &mut Packet) {
    let offset = packet.l4_offset;
    let Some([flags, version, t0, t1]) = frame.read::<4>(offset) else {
        return;
    };
    let ethertype = u16::from_be_bytes([t0, t1]);
    // Routing (RFC 1701) and version 1 (PPTP) are not followed.
    if version & 0x07 != 0 || flags & 0x40 != 0 || !(is_ip(ethertype) || ethertype == Inner::ETHERNET) {
        return;
    }
    let mut end = offset + 4;
    if flags & 0x80 != 0 {
        end += 4;
    }
    let mut key = 0;
    if flags & 0x20 != 0 {
        key = frame.read::<4>(end).map_or(0, u32::from_be_bytes);
        end += 4;
    }
    if flags & 0x10 != 0 {
        end += 4;
    }
    carries(packet, end, ethertype, Tunnel::Gre, key);
}

/// UDP's payload, if the port at the receiving end is that of an encapsulation: its class.
#[inline(always)]
pub(super) fn over_udp<F: Frame>(frame: &F, packet: &mut Packet) -> Option<Class> {
    let offset = packet.l4_offset + u32::from(packet.l4_header_len);
    match packet.key.dst_port {
        4789 | 8472 => vxlan(frame, packet, offset),
        6081 => geneve(frame, packet, offset),
        2152 => gtpu(frame, packet, offset),
        _ => None,
    }
}

#[inline(always)]
fn vxlan<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Option<Class> {
    let [flags, r0, r1, r2, v0, v1, v2, r3] = frame.read::<8>(offset)?;
    if flags != 0x08 || (r0 | r1 | r2 | r3) != 0 {
        return None;
    }
    carries(packet, offset + 8, Inner::ETHERNET, Tunnel::Vxlan, u32::from_be_bytes([0, v0, v1, v2]));
    Some(Class::Vxlan)
}

#[inline(always)]
fn geneve<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Option<Class> {
    let [version, flags, t0, t1, v0, v1, v2, reserved] = frame.read::<8>(offset)?;
    let ethertype = u16::from_be_bytes([t0, t1]);
    let is_known = is_ip(ethertype) || ethertype == Inner::ETHERNET;
    if version >> 6 != 0 || flags & 0x3f != 0 || reserved != 0 || !is_known {
        return None;
    }
    let options = u32::from(version & 0x3f) * 4;
    carries(packet, offset + 8 + options, ethertype, Tunnel::Geneve, u32::from_be_bytes([0, v0, v1, v2]));
    Some(Class::Geneve)
}

/// G-PDUs: version 1, protocol type GTP, message type 255.
#[inline(always)]
fn gtpu<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Option<Class> {
    let [flags, kind, _, _, e0, e1, e2, e3] = frame.read::<8>(offset)?;
    if flags & 0xf8 != 0x30 {
        return None;
    }
    if kind != 255 {
        return Some(Class::Gtpu);
    }
    let mut end = offset + 8;
    if flags & 0x07 != 0 {
        // Sequence number, N-PDU number and the next extension's type come together.
        let mut next = frame.read::<4>(end)?[3];
        end += 4;
        let mut read = 0;
        while read < MAX_GTP_EXTENSIONS && flags & 0x04 != 0 && next != 0 {
            let len = u32::from(frame.read::<1>(end)?[0]) * 4;
            if len == 0 {
                return Some(Class::Gtpu);
            }
            end += len;
            next = frame.read::<1>(end - 1)?[0];
            read += 1;
        }
        if flags & 0x04 != 0 && next != 0 {
            return Some(Class::Gtpu);
        }
    }
    let ethertype = by_version(frame.read::<1>(end)?[0]);
    if ethertype != 0 {
        carries(packet, end, ethertype, Tunnel::Gtpu, u32::from_be_bytes([e0, e1, e2, e3]));
    }
    Some(Class::Gtpu)
}

/// A PPPoE session's PPP frame, if it carries IP.
#[inline(always)]
pub(super) fn pppoe<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) {
    let Some([version, code, s0, s1, _, _, p0, p1]) = frame.read::<8>(offset) else {
        return;
    };
    let ethertype = match u16::from_be_bytes([p0, p1]) {
        0x0021 => IPV4,
        0x0057 => IPV6,
        _ => return,
    };
    if version == 0x11 && code == 0 {
        carries(packet, offset + 8, ethertype, Tunnel::Pppoe, u32::from(u16::from_be_bytes([s0, s1])));
    }
}

/// IP below an MPLS stack. What is below pseudo-wires is not followed.
#[inline(always)]
pub(super) fn mpls<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) {
    let mut end = offset;
    let mut read = 0;
    while read < MAX_LABELS {
        let Some(entry) = frame.read::<4>(end) else {
            return;
        };
        let entry = u32::from_be_bytes(entry);
        end += 4;
        read += 1;
        if entry & 0x100 != 0 {
            let Some([first]) = frame.read::<1>(end) else {
                return;
            };
            let ethertype = by_version(first);
            if ethertype != 0 {
                carries(packet, end, ethertype, Tunnel::Mpls, entry >> 12);
            }
            return;
        }
    }
}

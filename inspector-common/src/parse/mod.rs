//! From the bytes of a frame to a [`Packet`]: class, flow key, anomalies.
//!
//! One file a layer. Each layer reads its header with one bounds check, fills in what it found and
//! hands on the offset of the next; whatever stops it becomes the packet's class, so there is no
//! error path that a packet could get lost on. What an encapsulation carries is noted as the
//! packet's [`Inner`] and classified in a second pass, as a packet of its own.

mod encapsulation;
mod ethernet;
mod ipv4;
mod ipv6;
mod tcp;
mod transport;

#[cfg(test)]
mod tests;

pub use encapsulation::Tunnel;
pub use tcp::flag;

use core::sync::atomic::{Ordering, compiler_fence};

use bytemuck::Zeroable;

use crate::{Anomalies, Anomaly, Class, Direction, FlowKey, Frame};

/// Where in a frame the classifier begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At an Ethernet header at offset 0.
    Ethernet,
    /// At the header that `ethertype` names, `offset` bytes into the frame: captures of link types
    /// other than Ethernet.
    Network {
        /// EtherType in host byte order.
        ethertype: u16,
        /// Bytes before the header.
        offset: u32,
    },
}

/// Where a frame was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Index of the interface; goes into the flow key.
    pub ifindex: u32,
    /// Which way it crossed the interface; goes into the flow key.
    pub direction: Direction,
    /// Tag control information of an outermost VLAN tag that the card or the stack took out of the
    /// frame; `None` where the frame is as it was on the wire.
    pub tag: Option<u16>,
}

impl Origin {
    /// A frame as it was on the wire.
    #[must_use]
    pub const fn new(ifindex: u32, direction: Direction) -> Self {
        Self { ifindex, direction, tag: None }
    }
}

/// What an encapsulation carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Zeroable)]
pub struct Inner {
    /// Where it begins in the frame; 0 where nothing is carried.
    pub offset: u32,
    /// EtherType of what begins there, or [`Inner::ETHERNET`].
    pub ethertype: u16,
    /// The tag of flows inside: see [`FlowKey::tunnel`].
    pub tunnel: u16,
}

impl Inner {
    /// "EtherType" of a whole Ethernet frame: transparent Ethernet bridging, as in GRE.
    pub const ETHERNET: u16 = 0x6558;
}

/// A classified packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Zeroable)]
pub struct Packet {
    /// The flow; all zero but for the interface, VLANs and tunnel where the class has none.
    pub key: FlowKey,
    /// What it is.
    pub class: Class,
    /// What is odd about it.
    pub anomalies: Anomalies,
    /// Bytes of the frame on the wire.
    pub wire_len: u32,
    /// Where this packet begins in the frame: 0, or where the encapsulation's payload is.
    pub base: u32,
    /// Where the network header begins in the frame.
    pub l3_offset: u32,
    /// Bytes of the IP datagram by its own account; 0 where it is not IP.
    pub ip_len: u32,
    /// Where the layer 4 header begins in the frame.
    pub l4_offset: u32,
    /// Bytes of the layer 4 segment, header included, by the IP header's account.
    pub l4_len: u32,
    /// Bytes after the layer 4 header.
    pub payload_len: u32,
    /// What it carries, if it is an encapsulation that is opened.
    pub inner: Inner,
    /// IPv6 flow label, 20 bits.
    pub flow_label: u32,
    /// TCP sequence number.
    pub seq: u32,
    /// Value of the TCP timestamp option where it stands first; 0 if there is none.
    pub timestamp: u32,
    /// The first four bytes of a TCP payload; zero where there are not as many.
    pub prefix: [u8; 4],
    /// IPv4 identification; 0 in IPv6.
    pub ip_id: u16,
    /// IPv4 flags and fragment offset as on the wire.
    pub ip_fragment: u16,
    /// TCP window as on the wire.
    pub window: u16,
    /// TCP urgent pointer.
    pub urgent: u16,
    /// TCP or UDP checksum as on the wire.
    pub checksum: u16,
    /// Bytes of the layer 4 header; 0 where it was not read.
    pub l4_header_len: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// TCP flags; 0 for other protocols.
    pub tcp_flags: u8,
    /// Priority and drop eligibility (`PCP << 1 | DEI`) of the outermost VLAN tag.
    pub vlan_pcp: u8,
    /// Whether it is a fragment, so that lengths inside it cannot be held against its own.
    pub is_partial: bool,
    /// Whether the sender or receiver merges segments here, so that lengths and gaps are not the wire's.
    pub is_merged: bool,
}

impl Packet {
    /// A packet of which nothing is known yet.
    #[must_use]
    pub fn unread(wire_len: u32, origin: Origin) -> Self {
        let mut packet = Self::zeroed();
        packet.forget(wire_len, origin);
        packet
    }

    /// Makes it one of which nothing is known yet. Zeroing it as a whole is a few stores for the BPF
    /// target, to which its alignment is known then; copying one there would go byte by byte.
    #[inline(always)]
    fn forget(&mut self, wire_len: u32, origin: Origin) {
        *self = Self::zeroed();
        self.key.ifindex = origin.ifindex;
        if matches!(origin.direction, Direction::Egress) {
            self.key.flags = FlowKey::EGRESS;
        }
        self.wire_len = wire_len;
    }

    /// Bytes on the wire from where this packet begins.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.wire_len.wrapping_sub(self.base)
    }

    /// Whether it came inside another.
    #[inline(always)]
    #[must_use]
    pub const fn is_inner(&self) -> bool {
        self.key.tunnel != 0
    }

    /// The IP datagram's length, at most 65,535.
    #[inline(always)]
    pub(crate) fn ip_len_u16(&self) -> u16 {
        u16::try_from(self.ip_len).unwrap_or(u16::MAX)
    }
}

/// Classifies one frame. Never panics, whatever the bytes.
#[must_use]
pub fn classify<F: Frame>(frame: &F, start: Start, origin: Origin) -> Packet {
    let mut packet = Packet::unread(0, origin);
    classify_into(&mut packet, frame, start, origin);
    packet
}

/// [`classify`] in place: the BPF program keeps the packet in a map, since its 512 bytes of stack
/// would not hold the pieces that the compiler breaks a local one into.
#[inline(always)]
pub fn classify_into<F: Frame>(packet: &mut Packet, frame: &F, start: Start, origin: Origin) {
    packet.forget(frame.wire_len(), origin);
    if let Some(tag) = origin.tag {
        ethernet::note_tag(packet, 0, tag);
    }
    let layer3 = match start {
        Start::Ethernet => ethernet::frame(frame, packet, 0),
        Start::Network { ethertype, offset } => ethernet::network(frame, packet, ethertype, offset),
    };
    finish(packet, frame, layer3);
}

/// Makes of an encapsulation's packet the one that it carries: its [`Inner`] must not be empty. Only
/// one level is opened: the result carries nothing.
#[inline(always)]
pub fn classify_inner<F: Frame>(packet: &mut Packet, frame: &F) {
    let Inner { offset, ethertype, tunnel } = packet.inner;
    let FlowKey { ifindex, flags, vlan, .. } = packet.key;
    let direction = if flags & FlowKey::EGRESS == 0 { Direction::Ingress } else { Direction::Egress };
    packet.forget(packet.wire_len, Origin { ifindex, direction, tag: None });
    packet.key.vlan = vlan;
    packet.key.tunnel = tunnel;
    packet.base = offset;
    let layer3 = if ethertype == Inner::ETHERNET {
        ethernet::frame(frame, packet, offset)
    } else {
        ethernet::network(frame, packet, ethertype, offset)
    };
    finish(packet, frame, layer3);
    packet.inner.offset = 0;
}

#[inline(always)]
fn finish<F: Frame>(packet: &mut Packet, frame: &F, layer3: Layer3) {
    let class = match layer3 {
        Layer3::Ends(class) => class,
        Layer3::Carries => {
            // See `Frame::fresh`: all that is known from here on is read back from the packet.
            compiler_fence(Ordering::SeqCst);
            transport::segment(&frame.fresh(), packet)
        }
    };
    packet.class = class;
    if packet.ip_len != 0 && !packet.is_inner() {
        compiler_fence(Ordering::SeqCst);
        trailer(&frame.fresh(), packet);
    }
    compiler_fence(Ordering::SeqCst);
}

/// Looks at the first and last eight bytes after the datagram, as far as there are any.
#[inline(always)]
fn trailer<F: Frame>(frame: &F, packet: &mut Packet) {
    let end = packet.l3_offset + packet.ip_len;
    if end >= packet.wire_len {
        return;
    }
    let len = packet.wire_len - end;
    // The last eight bytes of the frame, of which `len` are behind the datagram.
    let Some(last) = frame.read::<8>(packet.wire_len - 8) else {
        return;
    };
    let last = u64::from_be_bytes(last);
    let kept = if len >= 8 { last } else { last << (64 - 8 * len) };
    let first = if len > 8 { frame.read::<8>(end).map_or(0, u64::from_ne_bytes) } else { 0 };
    packet.anomalies.insert_if(kept | first != 0, Anomaly::Trailer);
}

/// What the layers up to IP make of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer3 {
    /// There is no layer 4 to look at.
    Ends(Class),
    /// The packet's `l4_offset`, `l4_len` and protocol say where and what layer 4 is.
    Carries,
}

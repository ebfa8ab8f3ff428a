//! From the bytes of a frame to a [`Packet`]: class, flow key, anomalies.
//!
//! One file a layer. Each layer reads its header with one bounds check, fills in what it found and
//! hands on the offset of the next; whatever stops it becomes the packet's class, so there is no
//! error path that a packet could get lost on.

mod ethernet;
mod ipv4;
mod ipv6;
mod transport;

#[cfg(test)]
mod tests;

use core::sync::atomic::{Ordering, compiler_fence};

use bytemuck::Zeroable as _;

use crate::{Anomalies, Class, Direction, FlowKey, Frame};

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

/// A classified packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The flow; all zero but for the interface and VLANs where the class has none.
    pub key: FlowKey,
    /// What it is.
    pub class: Class,
    /// What is odd about it.
    pub anomalies: Anomalies,
    /// Bytes of the frame on the wire.
    pub wire_len: u32,
    /// Bytes of the IP datagram by its own account.
    pub ip_len: u32,
    /// Where the layer 4 header begins in the frame.
    pub l4_offset: u32,
    /// Bytes of the layer 4 segment, header included, by the IP header's account.
    pub l4_len: u32,
    /// Bytes after the layer 4 header.
    pub payload_len: u32,
    /// IPv4 identification; 0 in IPv6.
    pub ip_id: u16,
    /// IPv4 flags and fragment offset as on the wire.
    pub ip_fragment: u16,
    /// Bytes of the layer 4 header; 0 where it was not read.
    pub l4_header_len: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// TCP flags; 0 for other protocols.
    pub tcp_flags: u8,
    /// Whether the datagram is all there, so that lengths inside it can be held against its own.
    pub is_whole: bool,
}

impl Packet {
    /// A packet of which nothing is known yet.
    #[inline(always)]
    fn unread(wire_len: u32, ifindex: u32, direction: Direction) -> Self {
        let flags = if matches!(direction, Direction::Egress) { FlowKey::EGRESS } else { 0 };
        Self {
            key: FlowKey { ifindex, flags, ..FlowKey::zeroed() },
            class: Class::Runt,
            anomalies: Anomalies(0),
            wire_len,
            ip_len: 0,
            l4_offset: 0,
            l4_len: 0,
            payload_len: 0,
            ip_id: 0,
            ip_fragment: 0,
            l4_header_len: 0,
            ttl: 0,
            tos: 0,
            tcp_flags: 0,
            is_whole: true,
        }
    }

    /// The IP datagram's length, at most 65,535.
    #[inline(always)]
    pub(crate) fn ip_len_u16(&self) -> u16 {
        u16::try_from(self.ip_len).unwrap_or(u16::MAX)
    }
}

/// Classifies one frame.
///
/// `ifindex` and `direction` only go into the flow key. Never panics, whatever the bytes.
#[must_use]
pub fn classify<F: Frame>(frame: &F, start: Start, ifindex: u32, direction: Direction) -> Packet {
    let mut packet = Packet::unread(0, 0, direction);
    classify_into(&mut packet, frame, start, ifindex, direction);
    packet
}

/// [`classify`] in place: the BPF program keeps the packet in a map, since its 512 bytes of stack
/// would not hold the pieces that the compiler breaks a local one into.
#[inline(always)]
pub fn classify_into<F: Frame>(
    packet: &mut Packet,
    frame: &F,
    start: Start,
    ifindex: u32,
    direction: Direction,
) {
    *packet = Packet::unread(frame.wire_len(), ifindex, direction);
    let layer3 = match start {
        Start::Ethernet => ethernet::frame(frame, packet),
        Start::Network { ethertype, offset } => ethernet::network(frame, packet, ethertype, offset),
    };
    let class = match layer3 {
        Layer3::Ends(class) => class,
        Layer3::Carries => {
            // See `Frame::fresh`: all that is known from here on is read back from the packet.
            compiler_fence(Ordering::SeqCst);
            transport::segment(&frame.fresh(), packet)
        }
    };
    packet.class = class;
}

/// What the layers up to IP make of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer3 {
    /// There is no layer 4 to look at.
    Ends(Class),
    /// The packet's `l4_offset`, `l4_len` and protocol say where and what layer 4 is.
    Carries,
}

//! Flow keys and the record that accumulates per flow.

use bytemuck::{Pod, Zeroable};

use crate::Packet;

/// Entries of the kernel's flow map unless the loader asks for another size: 11 MiB.
pub const FLOW_ENTRIES: u32 = 65_536;

/// Which way a packet crosses the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received: XDP.
    Ingress,
    /// Sent: TC.
    Egress,
}

impl Direction {
    /// The value of the `direction` label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// One direction of a flow on one interface, as a key of the kernel's flow map.
///
/// Addresses are IPv6; IPv4 is mapped into `::ffff:0:0/96`. Ports are in host byte order. For ICMP
/// and ICMPv6 `src_port` is the identifier of echoes and other queries (0 elsewhere) and `dst_port`
/// is `type << 8 | code`. Both are 0 for later fragments and for protocols without ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct FlowKey {
    /// Source address.
    pub src: [u8; 16],
    /// Destination address.
    pub dst: [u8; 16],
    /// Index of the interface; 0 and up count the interfaces of a capture.
    pub ifindex: u32,
    /// Source port, or ICMP identifier.
    pub src_port: u16,
    /// Destination port, or ICMP type and code.
    pub dst_port: u16,
    /// VLAN identifiers (12 bits) from the outside in; 0 where there is no tag.
    pub vlan: [u16; 2],
    /// IP protocol number of the layer 4 header.
    pub protocol: u8,
    /// [`FlowKey::IPV6`], [`FlowKey::EGRESS`] and [`FlowKey::FRAGMENT`].
    pub flags: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

const _: () = assert!(size_of::<FlowKey>() == 48);

impl FlowKey {
    /// Flag: the packet is IPv6.
    pub const IPV6: u8 = 1;
    /// Flag: the packet was seen leaving.
    pub const EGRESS: u8 = 2;
    /// Flag: the packets are later fragments.
    pub const FRAGMENT: u8 = 4;

    /// The same flow the other way, on the same interface and side of it.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self { src: self.dst, dst: self.src, src_port: self.dst_port, dst_port: self.src_port, ..*self }
    }

    /// Whether the packet is IPv6.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.flags & Self::IPV6 != 0
    }
}

/// What is known of one direction of a flow. Times are nanoseconds of the source's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct FlowRecord {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire, link-layer header included.
    pub bytes: u64,
    /// Bytes after the layer 4 header.
    pub payload_bytes: u64,
    /// Time of the first packet.
    pub first_ns: u64,
    /// Time of the last packet.
    pub last_ns: u64,
    /// Anomalies seen in any packet, as in [`crate::Anomalies`].
    pub anomalies: u32,
    /// Least IP datagram length, bytes.
    pub min_len: u16,
    /// Greatest IP datagram length, bytes.
    pub max_len: u16,
    /// Least TTL or hop limit.
    pub min_ttl: u8,
    /// Greatest TTL or hop limit.
    pub max_ttl: u8,
    /// TCP flags seen in any packet.
    pub tcp_flags: u8,
    /// The [`crate::Class`] of the first packet.
    pub class: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

const _: () = assert!(size_of::<FlowRecord>() == 56);

impl FlowRecord {
    /// The record of a flow whose first packet this is.
    #[inline(always)]
    #[must_use]
    pub fn first(packet: &Packet, now_ns: u64) -> Self {
        let len = packet.ip_len_u16();
        Self {
            packets: 1,
            bytes: u64::from(packet.wire_len),
            payload_bytes: u64::from(packet.payload_len),
            first_ns: now_ns,
            last_ns: now_ns,
            anomalies: packet.anomalies.0,
            min_len: len,
            max_len: len,
            min_ttl: packet.ttl,
            max_ttl: packet.ttl,
            tcp_flags: packet.tcp_flags,
            class: packet.class as u8,
            reserved: [0; 4],
        }
    }

    /// Adds a later packet of the same flow.
    #[inline(always)]
    pub fn update(&mut self, packet: &Packet, now_ns: u64) {
        let len = packet.ip_len_u16();
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u64::from(packet.wire_len));
        self.payload_bytes = self.payload_bytes.wrapping_add(u64::from(packet.payload_len));
        self.last_ns = now_ns;
        self.anomalies |= packet.anomalies.0;
        if len < self.min_len {
            self.min_len = len;
        }
        if len > self.max_len {
            self.max_len = len;
        }
        if packet.ttl < self.min_ttl {
            self.min_ttl = packet.ttl;
        }
        if packet.ttl > self.max_ttl {
            self.max_ttl = packet.ttl;
        }
        self.tcp_flags |= packet.tcp_flags;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, SliceFrame, Start, classify};

    #[test]
    fn a_record_accumulates_and_a_reversed_key_is_the_other_direction() {
        // IPv4, UDP 1 → 2, then the same with another TTL and 4 bytes more.
        let mut frame = [0u8; 46];
        frame[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17]);
        frame[34..42].copy_from_slice(&[0, 1, 0, 2, 0, 8, 0, 0]);
        let first = classify(&SliceFrame::new(&frame[..42], 60), Start::Ethernet, 1, Direction::Egress);
        (frame[17], frame[22], frame[39]) = (32, 5, 12);
        let second = classify(&SliceFrame::new(&frame, 64), Start::Ethernet, 1, Direction::Egress);
        assert_eq!(first.key, second.key);

        let mut record = FlowRecord::first(&first, 10);
        record.update(&second, 25);
        let expected = FlowRecord {
            packets: 2,
            bytes: 124,
            payload_bytes: 4,
            first_ns: 10,
            last_ns: 25,
            anomalies: 0,
            min_len: 28,
            max_len: 32,
            min_ttl: 5,
            max_ttl: 64,
            tcp_flags: 0,
            class: Class::Udp as u8,
            reserved: [0; 4],
        };
        assert_eq!(record, expected);

        let reversed = first.key.reversed();
        assert_eq!((reversed.src_port, reversed.dst_port, reversed.flags), (2, 1, FlowKey::EGRESS));
        assert_eq!(reversed.reversed(), first.key);
    }
}

//! Flow keys and the record that accumulates per flow.

use bytemuck::{Pod, Zeroable};

use crate::parse::flag;
use crate::{Anomaly, Packet, SeriesSlot};

/// Entries of the kernel's flow map unless the loader asks for another size: 19 MiB.
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
///
/// Aligned to eight bytes, since the BPF target goes byte by byte about what it doesn't know to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C, align(8))]
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
    /// Which tunnel the packets came in, and 0 for those that came in none: the kind in the high
    /// four bits, see [`crate::parse::Tunnel`], and a hash of the tunnel's identifier.
    pub tunnel: u16,
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

/// What is known of one direction of a flow. Times are nanoseconds of the source's clock, which for
/// flows without a series may be the kernel's coarse one (4 ms and less behind).
///
/// Counters wrap. "Switches" count packets whose value differs from that of the packet before.
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
    /// One bit for each IP datagram length seen, by a hash of it: estimates how many there were.
    pub length_sketch: u64,
    /// Anomalies seen in any packet, as in [`crate::Anomalies`].
    pub anomalies: u32,
    /// The longest gap between packets, microseconds.
    pub max_gap_us: u32,
    /// Packets with a payload.
    pub payload_packets: u32,
    /// TCP sequence number of the first packet.
    pub first_seq: u32,
    /// TCP sequence number after the furthest byte seen.
    pub next_seq: u32,
    /// TCP segments whose data begins before `next_seq`.
    pub retransmissions: u32,
    /// TCP segments that begin beyond `next_seq`.
    pub sequence_gaps: u32,
    /// Value of the last TCP timestamp.
    pub timestamp: u32,
    /// Odd TCP timestamps.
    pub timestamp_odd: u32,
    /// Switches of the lowest bit of TCP timestamps.
    pub timestamp_switches: u32,
    /// The last IPv6 flow label.
    pub flow_label: u32,
    /// Switches of the flow label.
    pub label_switches: u32,
    /// Switches of TTL or hop limit.
    pub ttl_switches: u32,
    /// Switches of TOS or traffic class.
    pub tos_switches: u32,
    /// Switches of the IPv4 flags (reserved, don't fragment).
    pub flag_switches: u32,
    /// Switches of priority and drop eligibility of the VLAN tag.
    pub pcp_switches: u32,
    /// Switches between UDP with a checksum and without.
    pub checksum_switches: u32,
    /// IPv4 identifications of zero.
    pub ip_id_zeros: u32,
    /// IPv4 identifications that are the one before plus 1 to 255.
    pub ip_id_steps: u32,
    /// IPv4 identifications, other than zero, that are the one before.
    pub ip_id_repeats: u32,
    /// IPv4 identifications, other than zero, whose low byte is zero.
    pub ip_id_low_zeros: u32,
    /// Switches of the TCP window.
    pub window_switches: u32,
    /// Packets that the card or the stack had merged: lengths and gaps are not the wire's.
    pub merged: u32,
    /// Where the flow's series is: the slot's number from 1 on, 0 for none.
    pub series: u32,
    /// TCP SYNs.
    pub syns: u16,
    /// TCP RSTs.
    pub resets: u16,
    /// IPv4 identification of the first packet.
    pub first_ip_id: u16,
    /// IPv4 identification of the last packet.
    pub ip_id: u16,
    /// TCP window of the last packet, as on the wire.
    pub window: u16,
    /// Heads handed on because a header was odd.
    pub header_heads: u16,
    /// Least IP datagram length, bytes.
    pub min_len: u16,
    /// Greatest IP datagram length, bytes.
    pub max_len: u16,
    /// Least TTL or hop limit.
    pub min_ttl: u8,
    /// Greatest TTL or hop limit.
    pub max_ttl: u8,
    /// TTL or hop limit of the last packet.
    pub ttl: u8,
    /// TOS or traffic class of the last packet.
    pub tos: u8,
    /// IPv4 flags of the last packet: reserved 4, don't fragment 2, more fragments 1.
    pub ip_flags: u8,
    /// Priority and drop eligibility of the last packet's VLAN tag.
    pub vlan_pcp: u8,
    /// Whether the last packet was UDP without a checksum.
    pub is_unsummed: u8,
    /// TCP flags seen in any packet.
    pub tcp_flags: u8,
    /// The [`crate::Class`] of the first packet.
    pub class: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<FlowRecord>() == 176);

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

/// Anomalies that are worth a head.
pub(crate) const HEADER_ANOMALIES: u32 = 1 << Anomaly::Ipv4Options as u32
    | 1 << Anomaly::Ipv4ReservedFlag as u32
    | 1 << Anomaly::FragmentWithDf as u32
    | 1 << Anomaly::Ipv6Extensions as u32
    | 1 << Anomaly::Ipv6ExtensionLimit as u32
    | 1 << Anomaly::UdpLength as u32
    | 1 << Anomaly::TcpReservedBits as u32
    | 1 << Anomaly::TcpUrgentWithoutFlag as u32
    | 1 << Anomaly::TcpAckWithoutFlag as u32
    | 1 << Anomaly::TcpSynData as u32
    | 1 << Anomaly::TcpOptions as u32
    | 1 << Anomaly::Trailer as u32;

/// Packets after which a flow is considered for a series, and then at each multiple.
pub const SERIES_AFTER: u64 = 16;

/// Heads for odd headers that one flow gets: what comes later is in counters and series.
pub const HEADER_HEADS: u16 = 256;

/// What one packet did to its flow's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(8))]
pub struct Step {
    /// Which packet of its flow it was, from 1 on, at most `u32::MAX`; 0 where it is accounted to none.
    pub number: u32,
    /// Which packet with a payload it was, from 1 on; 0 without.
    pub payload_number: u32,
    /// Fields that changed, as in [`changed`].
    pub changed: u8,
    /// Whether its data begins before data that was already seen.
    pub is_overlap: bool,
    /// Whether a field changed or a header is odd, and the flow may still have heads for that.
    pub is_odd: bool,
}

impl Step {
    /// What a packet did that is accounted to no flow.
    pub const NONE: Self =
        Self { number: 0, payload_number: 0, changed: 0, is_overlap: false, is_odd: false };

    /// What the first packet of a flow did.
    #[inline(always)]
    #[must_use]
    pub fn first(packet: &Packet) -> Self {
        let payload_number = u32::from(packet.payload_len > 0);
        let is_odd = packet.anomalies.0 & HEADER_ANOMALIES != 0;
        Self { number: 1, payload_number, changed: 0, is_overlap: false, is_odd }
    }
}

impl FlowRecord {
    /// The record of a flow whose first packet this is.
    #[must_use]
    pub fn first(packet: &Packet, now_ns: u64) -> Self {
        let mut record = Self::zeroed();
        record.begin(packet, now_ns);
        record
    }

    /// Makes it the record of a flow whose first packet this is.
    #[inline(always)]
    pub fn begin(&mut self, packet: &Packet, now_ns: u64) {
        let len = packet.ip_len_u16();
        let has_id = !packet.key.is_ipv6();
        *self = Self::zeroed();
        self.packets = 1;
        self.bytes = u64::from(packet.bytes());
        self.payload_bytes = u64::from(packet.payload_len);
        self.first_ns = now_ns;
        self.last_ns = now_ns;
        self.length_sketch = length_bit(len);
        self.anomalies = packet.anomalies.0;
        self.payload_packets = u32::from(packet.payload_len > 0);
        self.first_seq = packet.seq;
        self.next_seq = segment_end(packet);
        self.timestamp = packet.timestamp;
        self.timestamp_odd = packet.timestamp & 1;
        self.flow_label = packet.flow_label;
        self.ip_id_zeros = u32::from(has_id && packet.ip_id == 0);
        self.ip_id_low_zeros = u32::from(has_low_zero(packet.ip_id));
        self.merged = u32::from(packet.is_merged);
        self.syns = u16::from(packet.tcp_flags & flag::SYN != 0);
        self.resets = u16::from(packet.tcp_flags & flag::RST != 0);
        self.first_ip_id = packet.ip_id;
        self.ip_id = packet.ip_id;
        self.window = packet.window;
        self.header_heads = u16::from(packet.anomalies.0 & HEADER_ANOMALIES != 0);
        self.min_len = len;
        self.max_len = len;
        self.min_ttl = packet.ttl;
        self.max_ttl = packet.ttl;
        self.ttl = packet.ttl;
        self.tos = packet.tos;
        self.ip_flags = packet.ip_flags();
        self.vlan_pcp = packet.vlan_pcp;
        self.is_unsummed = packet.is_unsummed();
        self.tcp_flags = packet.tcp_flags;
        self.class = packet.class as u8;
    }

    /// Adds a later packet.
    ///
    /// Nearly free of branches: the kernel's verifier follows each way of each of them.
    #[inline(always)]
    pub fn update(&mut self, packet: &Packet, now_ns: u64) -> Step {
        let len = packet.ip_len_u16();
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u64::from(packet.bytes()));
        self.payload_bytes = self.payload_bytes.wrapping_add(u64::from(packet.payload_len));
        let gap_us = now_ns.saturating_sub(self.last_ns) / 1000;
        self.max_gap_us = max(self.max_gap_us, u32::try_from(gap_us).unwrap_or(u32::MAX));
        self.last_ns = now_ns;
        self.length_sketch |= length_bit(len);
        self.anomalies |= packet.anomalies.0;
        self.min_len = low16(min(self.min_len.into(), len.into()));
        self.max_len = low16(max(self.max_len.into(), len.into()));
        self.merged = self.merged.wrapping_add(u32::from(packet.is_merged));
        let has_payload = nonzero(packet.payload_len);
        self.payload_packets = self.payload_packets.wrapping_add(has_payload);
        let changed = self.headers(packet);
        let is_overlap = packet.key.protocol == TCP && self.tcp(packet) != 0;
        let is_odd =
            nonzero(u32::from(changed) | packet.anomalies.0 & HEADER_ANOMALIES) & self.may_have_heads();
        self.header_heads = self.header_heads.wrapping_add(low16(is_odd));
        Step {
            number: u32::try_from(self.packets).unwrap_or(u32::MAX),
            payload_number: self.payload_packets.wrapping_mul(has_payload),
            changed,
            is_overlap,
            is_odd: is_odd != 0,
        }
    }

    /// 1 if the flow may have heads for odd headers still, else 0.
    #[inline(always)]
    fn may_have_heads(&self) -> u32 {
        below(self.header_heads.into(), HEADER_HEADS.into())
    }

    /// The fields of the IP header and below, and the UDP checksum: what changed.
    #[inline(always)]
    fn headers(&mut self, packet: &Packet) -> u8 {
        let ttl = nonzero(u32::from(packet.ttl ^ self.ttl));
        self.ttl_switches = self.ttl_switches.wrapping_add(ttl);
        self.ttl = packet.ttl;
        self.min_ttl = low8(min(self.min_ttl.into(), packet.ttl.into()));
        self.max_ttl = low8(max(self.max_ttl.into(), packet.ttl.into()));

        let tos = nonzero(u32::from(packet.tos ^ self.tos));
        self.tos_switches = self.tos_switches.wrapping_add(tos);
        self.tos = packet.tos;

        let pcp = nonzero(u32::from(packet.vlan_pcp ^ self.vlan_pcp));
        self.pcp_switches = self.pcp_switches.wrapping_add(pcp);
        self.vlan_pcp = packet.vlan_pcp;

        let checksum = u32::from(packet.is_unsummed() ^ self.is_unsummed);
        self.checksum_switches = self.checksum_switches.wrapping_add(checksum);
        self.is_unsummed = packet.is_unsummed();

        let label = nonzero(packet.flow_label ^ self.flow_label);
        self.label_switches = self.label_switches.wrapping_add(label);
        self.flow_label = packet.flow_label;

        let flags = nonzero(u32::from(packet.ip_flags() ^ self.ip_flags));
        self.flag_switches = self.flag_switches.wrapping_add(flags);
        self.ip_flags = packet.ip_flags();

        if !packet.key.is_ipv6() {
            self.identification(packet.ip_id);
        }
        let bits = [
            (ttl, changed::TTL),
            (tos, changed::TOS),
            (flags, changed::FLAGS),
            (label, changed::LABEL),
            (pcp, changed::PCP),
            (checksum, changed::CHECKSUM),
        ];
        low8(bits.iter().fold(0, |mask, (is_changed, bit)| mask | (is_changed * u32::from(*bit))))
    }

    #[inline(always)]
    fn identification(&mut self, id: u16) {
        let step = u32::from(id.wrapping_sub(self.ip_id));
        let is_set = nonzero(id.into());
        let is_step = is_set & nonzero(step) & below(step, 256);
        let has_low = nonzero(u32::from(id) & 0xff);
        self.ip_id_zeros = self.ip_id_zeros.wrapping_add(1 - is_set);
        self.ip_id_steps = self.ip_id_steps.wrapping_add(is_step);
        self.ip_id_repeats = self.ip_id_repeats.wrapping_add(is_set & (1 - nonzero(step)));
        self.ip_id_low_zeros = self.ip_id_low_zeros.wrapping_add(is_set & (1 - has_low));
        self.ip_id = id;
    }

    /// TCP's fields: 1 if the data begins before data that was already seen, else 0.
    #[inline(always)]
    fn tcp(&mut self, packet: &Packet) -> u32 {
        let flags = u32::from(packet.tcp_flags);
        let (is_syn, is_reset) = (flags >> 1 & 1, flags >> 2 & 1);
        self.tcp_flags |= packet.tcp_flags;
        self.syns = self.syns.wrapping_add(low16(is_syn));
        self.resets = self.resets.wrapping_add(low16(is_reset));

        let window = nonzero(u32::from(packet.window ^ self.window));
        self.window_switches = self.window_switches.wrapping_add(window);
        self.window = packet.window;

        let is_stamped = nonzero(packet.timestamp);
        let stamp = packet.timestamp ^ self.timestamp;
        self.timestamp_odd = self.timestamp_odd.wrapping_add(packet.timestamp & 1);
        self.timestamp_switches = self.timestamp_switches.wrapping_add(stamp & is_stamped);
        self.timestamp ^= stamp.wrapping_mul(is_stamped);

        // A reset's sequence number may be anything.
        let counts = 1 - is_reset;
        let end = segment_end(packet);
        let progress = end.wrapping_sub(self.next_seq);
        let has_progress = nonzero(progress) & (1 - (progress >> 31)) & counts;
        let ahead = packet.seq.wrapping_sub(self.next_seq);
        self.next_seq = self.next_seq.wrapping_add(progress.wrapping_mul(has_progress));
        let carries = nonzero(packet.payload_len) & counts;
        let is_overlap = ahead >> 31 & carries;
        self.retransmissions = self.retransmissions.wrapping_add(is_overlap);
        let is_gap = nonzero(ahead) & (1 - (ahead >> 31)) & carries;
        self.sequence_gaps = self.sequence_gaps.wrapping_add(is_gap);
        is_overlap
    }

    /// Adds the packet to the flow's series, or gets the flow one where it is a candidate. `slot` gives
    /// the slot at an index.
    #[inline(always)]
    pub fn series<'a>(
        &mut self,
        packet: &Packet,
        now_ns: u64,
        min_gap_ns: u64,
        slot: impl FnOnce(u32) -> Option<&'a mut SeriesSlot>,
    ) {
        if self.series != 0 {
            let has_slot = slot(self.series - 1).is_some_and(|slot| slot.append(&packet.key, packet, now_ns));
            if !has_slot {
                self.series = 0;
            }
        } else if self.wants_series(min_gap_ns) {
            let index = SeriesSlot::index(&packet.key);
            if slot(index).is_some_and(|slot| slot.claim(&packet.key, now_ns)) {
                self.series = index + 1;
            }
        }
    }

    /// Whether the last packet makes the flow a candidate: it has gone on for a while, no faster than
    /// one packet in `min_gap_ns` on average.
    #[inline(always)]
    fn wants_series(&self, min_gap_ns: u64) -> bool {
        self.packets & (SERIES_AFTER - 1) == 0
            && self.last_ns.saturating_sub(self.first_ns) >= self.packets.wrapping_mul(min_gap_ns)
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;

impl Packet {
    /// Reserved 4, don't fragment 2, more fragments 1.
    #[inline(always)]
    const fn ip_flags(&self) -> u8 {
        self.ip_fragment.to_be_bytes()[0] >> 5
    }

    #[inline(always)]
    fn is_unsummed(&self) -> u8 {
        let is_udp = 1 - nonzero(u32::from(self.key.protocol ^ UDP));
        low8(is_udp & (1 - nonzero(self.checksum.into())))
    }
}

/// 1 if `x` is not zero, else 0.
#[inline(always)]
fn nonzero(x: u32) -> u32 {
    high32(u64::from(x) + 0xffff_ffff)
}

/// 1 if `a` is below `b`, else 0.
#[inline(always)]
fn below(a: u32, b: u32) -> u32 {
    high32(u64::from(a).wrapping_sub(u64::from(b))) & 1
}

#[inline(always)]
fn min(a: u32, b: u32) -> u32 {
    b ^ (a ^ b) & below(a, b).wrapping_neg()
}

#[inline(always)]
fn max(a: u32, b: u32) -> u32 {
    a ^ (a ^ b) & below(a, b).wrapping_neg()
}

#[inline(always)]
fn high32(x: u64) -> u32 {
    (x >> 32) as u32
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it is what the function is for")]
fn low16(x: u32) -> u16 {
    x as u16
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it is what the function is for")]
fn low8(x: u32) -> u8 {
    x as u8
}

#[inline(always)]
const fn has_low_zero(ip_id: u16) -> bool {
    ip_id != 0 && ip_id.to_be_bytes()[1] == 0
}

/// One of 64 bits, by multiplicative hashing (Knuth, TAOCP 3 §6.4).
#[inline(always)]
fn length_bit(len: u16) -> u64 {
    1 << (u32::from(len).wrapping_mul(0x9e37_79b1) >> 26)
}

/// The sequence number after the segment: SYN and FIN take one each.
#[inline(always)]
fn segment_end(packet: &Packet) -> u32 {
    const { assert!(flag::FIN == 1 && flag::SYN == 2) };
    let flags = u32::from(packet.tcp_flags);
    packet.seq.wrapping_add(packet.payload_len).wrapping_add((flags & 1) + (flags >> 1 & 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Origin, SliceFrame, Start, classify};

    const EGRESS: Origin = Origin::new(1, Direction::Egress);

    #[test]
    fn a_record_accumulates_and_a_reversed_key_is_the_other_direction() {
        // IPv4, UDP 1 → 2, then the same with another TTL and 4 bytes more.
        let mut frame = [0u8; 46];
        frame[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17]);
        frame[34..42].copy_from_slice(&[0, 1, 0, 2, 0, 8, 0, 0]);
        let first = classify(&SliceFrame::new(&frame[..42], 60), Start::Ethernet, EGRESS);
        (frame[17], frame[22], frame[39]) = (32, 5, 12);
        let second = classify(&SliceFrame::new(&frame, 64), Start::Ethernet, EGRESS);
        assert_eq!(first.key, second.key);

        let mut record = FlowRecord::first(&first, 10_000);
        let step = record.update(&second, 25_000);
        assert_eq!((step.number, step.payload_number, step.changed), (2, 1, changed::TTL));
        let expected = FlowRecord {
            packets: 2,
            bytes: 124,
            payload_bytes: 4,
            first_ns: 10_000,
            last_ns: 25_000,
            max_gap_us: 15,
            payload_packets: 1,
            length_sketch: length_bit(28) | length_bit(32),
            min_len: 28,
            max_len: 32,
            ttl_switches: 1,
            ip_id_zeros: 2,
            header_heads: 1,
            min_ttl: 5,
            max_ttl: 64,
            ttl: 5,
            is_unsummed: 1,
            class: Class::Udp as u8,
            ..FlowRecord::zeroed()
        };
        assert_eq!(record, expected);

        let reversed = first.key.reversed();
        assert_eq!((reversed.src_port, reversed.dst_port, reversed.flags), (2, 1, FlowKey::EGRESS));
        assert_eq!(reversed.reversed(), first.key);
    }
}

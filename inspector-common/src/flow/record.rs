//! The record that accumulates per flow.

use bytemuck::{Pod, Zeroable};

use super::branchless::{below, low16, max, min, nonzero};
use super::fields::{Fields, changed};
use crate::parse::flag;
use crate::{Anomaly, Packet, SeriesSlot};

/// What is known of one direction of a flow. Times are nanoseconds of the source's clock, which for
/// flows without a series may be the kernel's coarse one (4 ms and less behind).
///
/// Counters wrap. "Switches" count packets whose value differs from that of the packet before.
///
/// The first 96 bytes are what most packets change, the rest what few do. An entry of the kernel's flow map is the
/// kernel's 48 bytes, the key's 48 and these, 256 in all: so a packet touches three lines of the cache of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct FlowRecord {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire, link-layer header included.
    pub bytes: u64,
    /// Bytes after the layer 4 header.
    pub payload_bytes: u64,
    /// Time of the last packet.
    pub last_ns: u64,
    /// The header fields of the last packet that seldom change.
    pub fields: Fields,
    /// Packets with a payload.
    pub payload_packets: u32,
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
    /// Switches of the TCP window.
    pub window_switches: u32,
    /// IPv4 identifications of zero.
    pub ip_id_zeros: u32,
    /// IPv4 identifications that are the one before plus 1 to 255.
    pub ip_id_steps: u32,
    /// Where the flow's series is: the slot's number from 1 on, 0 for none.
    pub series: u32,
    /// IPv4 identification of the last packet.
    pub ip_id: u16,
    /// TCP window of the last packet, as on the wire.
    pub window: u16,
    /// Least IP datagram length, bytes.
    pub min_len: u16,
    /// Greatest IP datagram length, bytes.
    pub max_len: u16,
    /// Anomalies seen in any packet, as in [`crate::Anomalies`].
    pub anomalies: u16,
    /// TCP flags seen in any packet.
    pub tcp_flags: u8,
    /// The [`crate::Class`] of the first packet.
    pub class: u8,
    /// Time of the first packet.
    pub first_ns: u64,
    /// TCP sequence number of the first packet.
    pub first_seq: u32,
    /// Switches of the IPv6 flow label.
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
    /// IPv4 identifications, other than zero, that are the one before.
    pub ip_id_repeats: u32,
    /// IPv4 identifications, other than zero, whose low byte is zero.
    pub ip_id_low_zeros: u32,
    /// Packets that the card or the stack had merged: lengths and gaps are not the wire's.
    pub merged: u32,
    /// TCP SYNs.
    pub syns: u16,
    /// TCP RSTs.
    pub resets: u16,
    /// IPv4 identification of the first packet.
    pub first_ip_id: u16,
    /// Heads handed on because a header was odd.
    pub header_heads: u16,
    /// Least TTL or hop limit.
    pub min_ttl: u8,
    /// Greatest TTL or hop limit.
    pub max_ttl: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = assert!(size_of::<FlowRecord>() == 160);

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

/// Heads of segments that come again: one flow gets so many, or as many as an eighth of its packets with a payload. Loss
/// makes a few percent come again at most; where it is more, the record tells, and copies are compared by sample.
pub const OVERLAP_HEADS: u32 = 64;

/// What one packet did to its flow's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(8))]
pub struct Step {
    /// Which packet of its flow it was, from 1 on, at most `u32::MAX`; 0 where it is accounted to none.
    pub number: u32,
    /// Which packet with a payload it was, from 1 on; 0 without.
    pub payload_number: u32,
    /// Fields that changed, as in [`changed`].
    pub changed: u8,
    /// Whether its data begins before data that was already seen, and the flow may have a head for that.
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
        self.anomalies = low16(packet.anomalies.0);
        self.payload_packets = u32::from(packet.payload_len > 0);
        self.first_seq = packet.seq;
        self.next_seq = segment_end(packet);
        self.timestamp = packet.timestamp;
        self.timestamp_odd = packet.timestamp & 1;
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
        self.fields = Fields::of(packet);
        self.tcp_flags = packet.tcp_flags;
        self.class = packet.class as u8;
    }

    /// Adds a later packet.
    ///
    /// Few branches, for what is rare and lies apart: the kernel's verifier follows each way of each of them.
    #[inline(always)]
    pub fn update(&mut self, packet: &Packet, now_ns: u64) -> Step {
        let len = packet.ip_len_u16();
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u64::from(packet.bytes()));
        self.payload_bytes = self.payload_bytes.wrapping_add(u64::from(packet.payload_len));
        self.last_ns = now_ns;
        self.anomalies |= low16(packet.anomalies.0);
        self.min_len = low16(min(self.min_len.into(), len.into()));
        self.max_len = low16(max(self.max_len.into(), len.into()));
        if packet.is_merged {
            self.merged = self.merged.wrapping_add(1);
        }
        let has_payload = nonzero(packet.payload_len);
        self.payload_packets = self.payload_packets.wrapping_add(has_payload);
        let changed = self.headers(packet);
        let is_overlap = packet.key.protocol == TCP && self.tcp(packet) != 0;
        let is_odd =
            (u32::from(changed) | packet.anomalies.0 & HEADER_ANOMALIES) != 0 && self.may_have_head();
        Step {
            number: u32::try_from(self.packets).unwrap_or(u32::MAX),
            payload_number: self.payload_packets.wrapping_mul(has_payload),
            changed,
            is_overlap,
            is_odd,
        }
    }

    /// Whether the flow may have one more head for an odd header; counts it.
    #[inline(always)]
    fn may_have_head(&mut self) -> bool {
        let may = below(self.header_heads.into(), HEADER_HEADS.into());
        self.header_heads = self.header_heads.wrapping_add(low16(may));
        may != 0
    }

    /// The fields of the IP header and below, and the UDP checksum: what changed.
    #[inline(always)]
    fn headers(&mut self, packet: &Packet) -> u8 {
        if !packet.key.is_ipv6() {
            self.identification(packet.ip_id);
        }
        let fields = Fields::of(packet);
        if fields == self.fields {
            return 0;
        }
        let changed = fields.changed(self.fields);
        self.fields = fields;
        self.min_ttl = self.min_ttl.min(packet.ttl);
        self.max_ttl = self.max_ttl.max(packet.ttl);
        let has = |bit: u8| u32::from(changed) >> bit.trailing_zeros() & 1;
        self.ttl_switches = self.ttl_switches.wrapping_add(has(changed::TTL));
        self.tos_switches = self.tos_switches.wrapping_add(has(changed::TOS));
        self.flag_switches = self.flag_switches.wrapping_add(has(changed::FLAGS));
        self.label_switches = self.label_switches.wrapping_add(has(changed::LABEL));
        self.pcp_switches = self.pcp_switches.wrapping_add(has(changed::PCP));
        self.checksum_switches = self.checksum_switches.wrapping_add(has(changed::CHECKSUM));
        changed
    }

    #[inline(always)]
    fn identification(&mut self, id: u16) {
        let step = u32::from(id.wrapping_sub(self.ip_id));
        let is_set = nonzero(id.into());
        let is_step = is_set & nonzero(step) & below(step, 256);
        let has_low = nonzero(u32::from(id) & 0xff);
        self.ip_id_zeros = self.ip_id_zeros.wrapping_add(1 - is_set);
        self.ip_id_steps = self.ip_id_steps.wrapping_add(is_step);
        self.ip_id = id;
        let (repeats, low_zeros) = (is_set & (1 - nonzero(step)), is_set & (1 - has_low));
        if repeats | low_zeros != 0 {
            self.ip_id_repeats = self.ip_id_repeats.wrapping_add(repeats);
            self.ip_id_low_zeros = self.ip_id_low_zeros.wrapping_add(low_zeros);
        }
    }

    /// TCP's fields: 1 if the data begins before data that was already seen and may have a head for that, else 0.
    #[inline(always)]
    fn tcp(&mut self, packet: &Packet) -> u32 {
        let flags = u32::from(packet.tcp_flags);
        let (is_syn, is_reset) = (flags >> 1 & 1, flags >> 2 & 1);
        self.tcp_flags |= packet.tcp_flags;
        if is_syn | is_reset != 0 {
            self.syns = self.syns.wrapping_add(low16(is_syn));
            self.resets = self.resets.wrapping_add(low16(is_reset));
        }

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
        is_overlap & below(self.retransmissions, max(OVERLAP_HEADS, self.payload_packets >> 3))
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

#[inline(always)]
const fn has_low_zero(ip_id: u16) -> bool {
    ip_id != 0 && ip_id.to_be_bytes()[1] == 0
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
    use crate::{Class, Direction, FlowKey, Origin, SliceFrame, Start, classify};

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
            payload_packets: 1,
            min_len: 28,
            max_len: 32,
            ttl_switches: 1,
            ip_id_zeros: 2,
            header_heads: 1,
            min_ttl: 5,
            max_ttl: 64,
            fields: Fields::of(&second),
            class: Class::Udp as u8,
            ..FlowRecord::zeroed()
        };
        assert_eq!(record, expected);

        let reversed = first.key.reversed();
        assert_eq!((reversed.src_port, reversed.dst_port, reversed.flags), (2, 1, FlowKey::EGRESS));
        assert_eq!(reversed.reversed(), first.key);
    }
}

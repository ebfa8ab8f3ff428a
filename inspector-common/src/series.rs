//! Series: the last packets of candidate flows, one entry each, for statistics of gaps and lengths.
//!
//! Slots are few and flows are many, so a slot goes to the flow that asks for it when the one that
//! has it was served or fell silent. Userspace drains the slots; entries are numbered, so that it
//! knows what it missed.

use bytemuck::{Pod, Zeroable};

use crate::FlowKey;
use crate::parse::Packet;

/// Entries that a slot keeps: at 100 packets a second and a drain each second none is lost.
pub const SERIES_ENTRIES: usize = 128;

/// Slots: 8.3 MiB.
pub const SERIES_SLOTS: u32 = 2048;

/// Entries after which a flow gives up its slot to one that asks for it.
const SERVED: u64 = 4096;

/// A flow that was silent for this long, in nanoseconds, gives up its slot to one that asks for it.
const SILENT_NS: u64 = 10_000_000_000;

/// Least mean gap of flows with a series, nanoseconds: faster ones would outrun the drain.
pub const SERIES_MIN_GAP_NS: u64 = 2_000_000;

/// One packet of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SeriesEntry {
    /// Time since the flow's previous packet, microseconds; see [`SeriesEntry::UNKNOWN_GAP`].
    pub gap_us: u32,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP timestamp; 0 if there is none.
    pub timestamp: u32,
    /// IPv6 flow label.
    pub flow_label: u32,
    /// Length of the IP datagram, bytes.
    pub len: u16,
    /// Bytes after the layer 4 header.
    pub payload_len: u16,
    /// IPv4 identification.
    pub ip_id: u16,
    /// TCP window as on the wire.
    pub window: u16,
    /// TCP or UDP checksum as on the wire.
    pub checksum: u16,
    /// IPv4 flags and fragment offset as on the wire.
    pub ip_fragment: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// TCP flags.
    pub tcp_flags: u8,
    /// Priority and drop eligibility of the VLAN tag in the low four bits, and
    /// [`SeriesEntry::UNKNOWN_GAP`].
    pub flags: u8,
}

const _: () = assert!(size_of::<SeriesEntry>() == 32);

impl SeriesEntry {
    /// Flag: `gap_us` says nothing, since it is the first entry after the flow got its slot.
    pub const UNKNOWN_GAP: u8 = 0x80;
    /// Flag: the packet was merged from several, or is to be cut into several.
    pub const MERGED: u8 = 0x40;

    /// Whether `gap_us` is a gap on the wire.
    #[must_use]
    pub const fn has_gap(&self) -> bool {
        self.flags & Self::UNKNOWN_GAP == 0
    }
}

/// The series of one flow.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct SeriesSlot {
    /// Whose it is; all zero while it is free.
    pub owner: FlowKey,
    /// Entries written since the owner got the slot; the last [`SERIES_ENTRIES`] of them are there.
    pub written: u64,
    /// Time of the last one, nanoseconds.
    pub last_ns: u64,
    /// The entries: number `n` is at `n` modulo their count.
    pub entries: [SeriesEntry; SERIES_ENTRIES],
}

const _: () = assert!(size_of::<SeriesSlot>() == 64 + 32 * SERIES_ENTRIES);

impl SeriesSlot {
    /// Which slot a flow asks for.
    #[inline(always)]
    #[must_use]
    pub fn index(key: &FlowKey) -> u32 {
        const { assert!(SERIES_SLOTS.is_power_of_two()) };
        (key.hash() >> 32) as u32 & (SERIES_SLOTS - 1)
    }

    /// Gives the slot to `key` if it is free, its owner is silent, or was served; whether it did.
    #[inline(always)]
    pub fn claim(&mut self, key: &FlowKey, now_ns: u64) -> bool {
        let is_free =
            self.written == 0 || self.written >= SERVED || now_ns.saturating_sub(self.last_ns) > SILENT_NS;
        if is_free {
            self.owner = *key;
            self.written = 0;
            self.last_ns = now_ns;
        }
        is_free
    }

    /// Appends a packet of `key`; `false` where the slot is another flow's by now.
    #[inline(always)]
    pub fn append(&mut self, key: &FlowKey, packet: &Packet, now_ns: u64) -> bool {
        if self.owner != *key {
            return false;
        }
        let gap_us = now_ns.saturating_sub(self.last_ns) / 1000;
        let unknown = if self.written == 0 { SeriesEntry::UNKNOWN_GAP } else { 0 };
        let merged = if packet.is_merged { SeriesEntry::MERGED } else { 0 };
        let at = place(self.written);
        self.entries[at] = SeriesEntry {
            gap_us: u32::try_from(gap_us).unwrap_or(u32::MAX),
            seq: packet.seq,
            timestamp: packet.timestamp,
            flow_label: packet.flow_label,
            len: packet.ip_len_u16(),
            payload_len: u16::try_from(packet.payload_len).unwrap_or(u16::MAX),
            ip_id: packet.ip_id,
            window: packet.window,
            checksum: packet.checksum,
            ip_fragment: packet.ip_fragment,
            ttl: packet.ttl,
            tos: packet.tos,
            tcp_flags: packet.tcp_flags,
            flags: packet.vlan_pcp & 0x0f | unknown | merged,
        };
        self.last_ns = now_ns;
        // Last, so that a reader that sees the number finds the entry.
        self.written += 1;
        true
    }

    /// The entries after the first `seen`, oldest first, as two pieces, and how many of them are
    /// gone.
    #[must_use]
    pub fn since(&self, seen: u64) -> (u64, &[SeriesEntry], &[SeriesEntry]) {
        let kept = self.written.saturating_sub(SERIES_ENTRIES as u64);
        let from = seen.max(kept).min(self.written);
        let (start, end) = (place(from), place(self.written));
        let missed = from - seen.min(from);
        if from == self.written {
            (missed, &[], &[])
        } else if start < end {
            (missed, &self.entries[start..end], &[])
        } else {
            (missed, &self.entries[start..], &self.entries[..end])
        }
    }
}

/// Where the entry with this number is.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the mask leaves a small number")]
const fn place(number: u64) -> usize {
    const { assert!(SERIES_ENTRIES.is_power_of_two()) };
    (number & (SERIES_ENTRIES as u64 - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Origin};

    fn key(port: u16) -> FlowKey {
        FlowKey { src_port: port, protocol: 17, ..FlowKey::zeroed() }
    }

    fn packet(len: u32) -> Packet {
        Packet { ip_len: len, ..Packet::unread(60, Origin::new(1, Direction::Ingress)) }
    }

    extern crate std;
    use std::vec::Vec;

    fn lengths(slot: &SeriesSlot, seen: u64) -> (u64, Vec<u16>) {
        let (missed, first, second) = slot.since(seen);
        (missed, first.iter().chain(second).map(|entry| entry.len).collect())
    }

    #[test]
    fn a_reader_gets_each_entry_once_and_knows_what_it_missed() {
        let mut slot = SeriesSlot::zeroed();
        assert!(slot.claim(&key(1), 5_000));
        assert_eq!(lengths(&slot, 0), (0, Vec::new()));
        for n in 0..100u32 {
            assert!(slot.append(&key(1), &packet(n), 5_000 + u64::from(n) * 2_000));
        }
        assert_eq!(lengths(&slot, 0), (0, (0..100).collect()));
        assert_eq!(lengths(&slot, 98), (0, [98, 99].into()));
        assert!(!slot.entries[0].has_gap());
        assert!(slot.entries[1].has_gap() && slot.entries[1].gap_us == 2);
        for n in 100..300u32 {
            assert!(slot.append(&key(1), &packet(n), 400_000));
        }
        assert_eq!(lengths(&slot, 100), (72, (172..300).collect()));
        assert_eq!(lengths(&slot, 300), (0, Vec::new()));
        assert_eq!(lengths(&slot, 999), (0, Vec::new()), "the slot began anew meanwhile");
    }

    #[test]
    fn a_slot_is_given_up_when_its_owner_is_silent_or_was_served() {
        let mut slot = SeriesSlot::zeroed();
        assert!(slot.claim(&key(1), 0) && slot.append(&key(1), &packet(1), 0));
        assert!(!slot.claim(&key(2), SILENT_NS));
        assert!(!slot.append(&key(2), &packet(1), 1), "another's");
        assert!(slot.claim(&key(2), SILENT_NS + 1));
        for _ in 0..SERVED {
            assert!(slot.append(&key(2), &packet(1), SILENT_NS + 1));
        }
        assert!(slot.claim(&key(1), SILENT_NS + 1));
    }
}

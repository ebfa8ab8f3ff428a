//! The order of TCP segments against that of their identifications.

use inspector_common::{FlowRecord, SeriesEntry};

use crate::detect::header::Gate;
use crate::detect::table::Entry;
use crate::findings::Traffic;
use crate::observation::Series;

/// Packets after which what fills a gap may be a repetition for loss.
const SOON: u32 = 4;
/// Time after which it may, microseconds: TCP in one room has round trips of 100 µs, but counts three
/// duplicates first (RFC 5681 §3.2).
const SOON_US: u64 = 20_000;
/// Steps of identifications from the segment that jumped ahead to the one that was left out, at most: a counter of
/// this flow or of few.
const ID_STEP: u16 = 64;

/// A hole in the sequence, left by the segment that jumped over it.
#[derive(Clone, Copy, Debug)]
struct Hole {
    from: u32,
    to: u32,
    /// Identification of that segment.
    id: u16,
    packets: u32,
    us: u64,
}

/// One direction of a TCP flow.
#[derive(Debug, Default)]
pub(super) struct Stream {
    next: Option<u32>,
    hole: Option<Hole>,
    segments: u32,
    filled: u32,
    pub(super) gate: Gate,
    pub(super) traffic: Traffic,
}

impl Entry for Stream {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.filled.into()
    }
}

impl Stream {
    pub(super) fn note(&mut self, record: &FlowRecord) {
        self.traffic = Traffic::of_sender(record);
    }

    /// Segments with data, and those that came late though sent in order.
    pub(super) const fn counts(&self) -> (u32, u32) {
        (self.segments, self.filled)
    }

    pub(super) fn read(&mut self, series: &Series<'_>) {
        self.traffic.last_ns = series.last_ns;
        if series.missed > 0 || series.is_start {
            (self.next, self.hole) = (None, None);
        }
        for entry in series.entries {
            self.add(entry);
        }
    }

    fn add(&mut self, entry: &SeriesEntry) {
        const SYN_FIN_RST: u8 = 7;
        if let Some(hole) = &mut self.hole {
            hole.packets += 1;
            hole.us += u64::from(entry.gap_us);
        }
        if entry.payload_len == 0
            || entry.tcp_flags & SYN_FIN_RST != 0
            || entry.flags & SeriesEntry::MERGED != 0
        {
            return;
        }
        self.segments += 1;
        let (start, end) = (entry.seq, entry.seq.wrapping_add(entry.payload_len.into()));
        let Some(next) = self.next else {
            self.next = Some(end);
            return;
        };
        let is_ahead = |a: u32, b: u32| a != b && a.wrapping_sub(b) < 1 << 31;
        if is_ahead(start, next) {
            self.hole = Some(Hole { from: next, to: start, id: entry.ip_id, packets: 0, us: 0 });
        } else if let Some(hole) = self.hole.filter(|_| is_ahead(next, start)) {
            // Exactly what was left out, at once, and by its identification sent after what jumped over it.
            let is_fresh = !is_ahead(hole.from, start) && !is_ahead(end, hole.to);
            let is_soon = hole.packets <= SOON && hole.us <= SOON_US;
            let is_later = (1..=ID_STEP).contains(&entry.ip_id.wrapping_sub(hole.id));
            if is_fresh && is_soon && is_later {
                self.filled += 1;
                self.hole = Some(Hole { from: end, ..hole }).filter(|hole| hole.from != hole.to);
            }
        }
        if is_ahead(end, next) {
            self.next = Some(end);
        }
    }
}

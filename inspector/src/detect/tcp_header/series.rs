//! Statistics of TCP timestamps and windows, packet by packet.

use inspector_common::SeriesEntry;

use super::clock::{AllSums, Clock};
use crate::detect::header::Alphabet;
use crate::detect::table::Entry;
use crate::stats::von_neumann;

/// Packets remembered, to know a second copy of one: mirrors and taps show it a millisecond later at most.
const RECENT: usize = 16;

/// The packets of one flow's series, as far as they tell of timestamps and windows.
#[derive(Debug, Default)]
pub(super) struct Track {
    before: Option<SeriesEntry>,
    /// Digests of the last packets, and where the next one goes.
    recent: [u64; RECENT],
    written: usize,
    /// Timestamps below the one before, in packets that are not out of order.
    pub(super) backwards: u32,
    /// Steps between timestamps.
    pub(super) steps: u32,
    clock: Clock,
    windows: Vec<u16>,
    /// The last packet that no later one came before, and how many have been late since.
    newest: Option<SeriesEntry>,
    late: u32,
    pub(super) last_ns: u64,
}

impl Entry for Track {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

/// Windows judged together.
const WINDOWS: usize = 128;

/// Packets that come late in a row, below this: after so many the one that they are compared with was odd.
const LATE: u32 = 8;

/// Half of the numbers are ahead, modulo 2^32 (RFC 7323 §5.2).
const fn is_behind(before: u32, after: u32) -> bool {
    after.wrapping_sub(before) >= 1 << 31
}

impl Track {
    pub(super) fn add(&mut self, entry: &SeriesEntry) {
        const SYN_RST: u8 = 6;
        self.clock.pass(entry);
        if entry.tcp_flags & SYN_RST != 0 {
            self.before = None;
            self.clock.begin();
            return;
        }
        if self.is_copy(entry) {
            return;
        }
        self.window(entry);
        if entry.timestamp == 0 {
            return;
        }
        self.clock.read(entry.timestamp);
        // What was sent again, or overtaken, is left out: a repetition's clock is ahead of what it comes before.
        if self.before.is_some_and(|before| !is_in_order(&before, entry)) {
            return;
        }
        if let Some(before) = self.before.replace(*entry) {
            self.steps = self.steps.saturating_add(1);
            self.backwards += u32::from(is_behind(before.timestamp, entry.timestamp));
        }
    }

    /// Notes a packet's window, unless a later packet's came before it: windows follow each other as they were sent.
    fn window(&mut self, entry: &SeriesEntry) {
        self.late =
            if self.newest.is_some_and(|newest| is_overtaken(&newest, entry)) { self.late + 1 } else { 0 };
        if (1..LATE).contains(&self.late) {
            return;
        }
        (self.newest, self.late) = (Some(*entry), 0);
        if self.windows.len() == WINDOWS {
            self.windows.remove(0);
        }
        self.windows.push(entry.window);
    }

    /// Packets are missing: what comes next begins anew.
    pub(super) fn miss(&mut self) {
        self.before = None;
        self.clock.begin();
    }

    /// Adds what the clock's readings come to; whether there are new ones.
    pub(super) fn settle(&mut self, clocks: &mut AllSums) -> bool {
        self.clock.settle(clocks)
    }

    /// Whether it is one of the last packets once more; a retransmission has another timestamp or identification.
    fn is_copy(&mut self, entry: &SeriesEntry) -> bool {
        let fields = [entry.seq, entry.timestamp, entry.payload_len.into()];
        let small = u64::from(entry.ip_id) << 32 | u64::from(entry.window) << 16 | u64::from(entry.tcp_flags);
        let digest = fields.into_iter().map(u64::from).chain([small]).fold(0xcbf2_9ce4_8422_2325, mix);
        let is_copy = (entry.ip_id != 0 || entry.timestamp != 0) && self.recent.contains(&digest);
        self.recent[self.written % RECENT] = digest;
        self.written += 1;
        is_copy
    }

    /// How independent the windows are of each other, and their alphabet, where all of them share a high byte and
    /// there are `least` of them or more.
    pub(super) fn low_window_bytes(&self, least: usize) -> Option<(f64, Alphabet)> {
        let high = self.windows.first()? >> 8;
        if self.windows.len() < least || self.windows.iter().any(|window| window >> 8 != high) {
            return None;
        }
        self.all_windows()
    }

    /// Share of the windows whose low byte is a printable character, and of those of which both bytes are.
    pub(super) fn printable_windows(&self) -> (f64, f64) {
        let is_printable = |byte: u16| (0x20..0x7f).contains(&byte);
        let share = |is: &dyn Fn(u16) -> bool| {
            let count = self.windows.iter().filter(|window| is(**window)).count();
            count as f64 / self.windows.len().max(1) as f64
        };
        let (low, both) = (
            share(&|window| is_printable(window & 0xff)),
            share(&|window| is_printable(window & 0xff) && is_printable(window >> 8)),
        );
        (low, both)
    }

    /// How independent the windows are of each other, and their alphabet, whatever they are.
    pub(super) fn all_windows(&self) -> Option<(f64, Alphabet)> {
        let values: Vec<f64> = self.windows.iter().map(|window| f64::from(*window)).collect();
        let mut alphabet = Alphabet::default();
        self.windows.iter().for_each(|window| alphabet.add((*window).into()));
        von_neumann::ratio(&values).map(|ratio| (ratio, alphabet))
    }

    /// How the windows keep: the share of those that are the one before once more, and the range of their middle half.
    pub(super) fn window_rest(&self) -> (f64, u16) {
        let same = self.windows.windows(2).filter(|pair| pair[0] == pair[1]).count();
        let mut sorted = self.windows.clone();
        sorted.sort_unstable();
        let at = |quarter: usize| sorted.get(sorted.len() * quarter / 4).copied().unwrap_or(0);
        (same as f64 / self.windows.len().max(1) as f64, at(3) - at(1))
    }

    /// How far the windows are from being spread evenly between the least and the greatest of them: Kolmogorov and Smirnov's
    /// distance times the root of their number.
    pub(super) fn window_unevenness(&self) -> f64 {
        let mut sorted: Vec<f64> = self.windows.iter().map(|window| f64::from(*window)).collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(least), Some(greatest)) = (sorted.first(), sorted.last()) else { return f64::INFINITY };
        let (least, span, count) = (*least, (greatest - least).max(1.0), sorted.len() as f64);
        let distances = sorted.iter().enumerate().map(|(below, window)| {
            let expected = (window - least) / span;
            (expected - below as f64 / count).abs().max(((below + 1) as f64 / count - expected).abs())
        });
        distances.fold(0.0, f64::max) * count.sqrt()
    }

    pub(super) fn window_count(&self) -> u32 {
        u32::try_from(self.windows.len()).unwrap_or(u32::MAX)
    }
}

/// Whether a packet was certainly sent before another that was seen before it.
const fn is_overtaken(newest: &SeriesEntry, entry: &SeriesEntry) -> bool {
    let is_older =
        newest.timestamp != 0 && entry.timestamp != 0 && is_behind(newest.timestamp, entry.timestamp);
    let counts_back = newest.ip_id != 0
        && entry.ip_id != 0
        && newest.ip_id != entry.ip_id
        && newest.ip_id.wrapping_sub(entry.ip_id) < 256;
    is_older || counts_back || is_behind(newest.seq, entry.seq)
}

/// FNV-1a, a word at a time.
const fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0100_0000_01b3)
}

/// Whether a packet was sent after the one before it in the series: its sequence number is further, or its IPv4
/// identification counts on from the other's. Where neither tells, as for acknowledgements in IPv6, it may
/// have overtaken the other; and where the identification counts back, the other is a repetition that did.
fn is_in_order(before: &SeriesEntry, after: &SeriesEntry) -> bool {
    let ahead = after.seq.wrapping_sub(before.seq).cast_signed();
    let step = after.ip_id.wrapping_sub(before.ip_id);
    let has_ids = before.ip_id != 0 && after.ip_id != 0;
    let (counts_on, counts_back) =
        (has_ids && (1..256).contains(&step), has_ids && step.wrapping_neg() < 256 && step != 0);
    (ahead > 0 && !counts_back) || (ahead == 0 && counts_on)
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    #[test]
    fn reordered_packets_have_no_backward_timestamps() {
        let entry = |seq, timestamp| SeriesEntry { seq, timestamp, ..SeriesEntry::zeroed() };
        let mut track = Track::default();
        for (seq, timestamp) in [(100, 10), (300, 12), (200, 11), (400, 13)] {
            track.add(&entry(seq, timestamp));
        }
        assert_eq!((track.backwards, track.steps), (0, 2));
        track.add(&entry(500, 12));
        assert_eq!(track.backwards, 1);
        // One that was sent again, before one that was delayed.
        let mut track = Track::default();
        for (seq, timestamp) in [(100, 10), (500, 12), (200, 15), (600, 13), (700, 13)] {
            track.add(&entry(seq, timestamp));
        }
        assert_eq!((track.backwards, track.steps), (0, 3));
        // One that was sent again and overtook the first copy of what comes after it.
        let mut track = Track::default();
        for (seq, timestamp, ip_id) in [(100, 10, 1), (200, 15, 9), (300, 11, 3), (400, 16, 10)] {
            track.add(&SeriesEntry { ip_id, ..entry(seq, timestamp) });
        }
        assert_eq!((track.backwards, track.steps), (0, 2));
    }

    #[test]
    fn windows_that_come_late_do_not_count() {
        let entry = |timestamp, window| SeriesEntry { seq: 9, timestamp, window, ..SeriesEntry::zeroed() };
        let mut track = Track::default();
        // A window that grows while data is read; acknowledgements overtake each other.
        for n in [3, 1, 2, 6, 5, 4, 9, 8, 7, 12, 10, 11] {
            track.add(&entry(1000 + n, 500 + 9 * u16::try_from(n).unwrap()));
        }
        assert!(track.windows.is_sorted() && track.window_count() == 4, "{:?}", track.windows);
        // Those after a stray packet from far ahead do.
        track.add(&entry(900_000, 777));
        (20..40).for_each(|n| track.add(&entry(1000 + n, 777)));
        assert!(track.window_count() > 12);
    }

    #[test]
    fn windows_of_a_buffer_are_uneven_and_ciphertext_is_even() {
        let track =
            |of: &dyn Fn(u16) -> u16| Track { windows: (0..128).map(of).collect(), ..Track::default() };
        // Full after each read, and less by what came since.
        let buffer = track(&|n| if n % 2 == 0 { 1248 - n % 9 } else { 1248 - (n * 37) % 140 });
        assert!(buffer.window_unevenness() > 3.0, "{}", buffer.window_unevenness());
        let bytes = crate::detect::wire::noise(1, 128);
        let data = track(&|n| 0x400 | u16::from(bytes[usize::from(n)]));
        assert!(data.window_unevenness() < 1.9, "{}", data.window_unevenness());
    }

    #[test]
    fn second_copies_count_once() {
        let entry = |ip_id, timestamp| SeriesEntry { seq: 7, ip_id, timestamp, ..SeriesEntry::zeroed() };
        let mut track = Track::default();
        // Acknowledgements that overtook each other, each seen again a little later.
        for (ip_id, timestamp) in [(11, 20), (10, 21), (11, 20), (10, 21), (12, 22), (12, 22)] {
            track.add(&entry(ip_id, timestamp));
        }
        assert_eq!((track.backwards, track.window_count()), (0, 2));
    }
}

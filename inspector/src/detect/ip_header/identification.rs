//! IPv4 identifications: counters, random numbers, or data.

use inspector_common::{FlowRecord, SeriesEntry};

use crate::detect::header::{Alphabet, Counts};
use crate::observation::{Head, Series};

/// What is known of the identifications of a pair.
#[derive(Debug, Default)]
pub(super) struct Identifications {
    pub(super) nonzero: u64,
    low_zeros: u32,
    /// Packets with the identification of the flow's packet before.
    repeats: u64,
    /// Times that the next one was below the one before, modulo 2^16: never in a counter.
    pub(super) backwards: u32,
    pub(super) high_bytes: Alphabet,
    last: Option<u16>,
    opens_like_linux: bool,
    previous: Option<(u16, u16)>,
    window: Window,
    /// The last full windows' shares.
    pub(super) high_counter: f64,
    pub(super) jumps: f64,
    /// Of the last window, where it is written rather than counted or drawn.
    pub(super) written: Option<Written>,
    pub(super) judged: u32,
}

/// Identifications that are read from a text: they go back as often as random ones, from a small alphabet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Share of those of two printable characters.
    pub(super) printable: f64,
    /// How often the most frequent came, and how many there are.
    pub(super) mode: u32,
    pub(super) distinct: u32,
}

/// Share of backward steps that text and random numbers have at least, half being the rule; and of printable ones among
/// those of a text: of random numbers 0.14 are.
const BACK: f64 = 0.25;
const PRINTABLE: f64 = 0.9;
/// Times that one letter comes in a window of text, at least: a random number comes twice in one of 60 windows, and a counter's
/// packets may come twice each. And values of an alphabet.
const FREQUENT: u32 = 4;
const LETTERS: u32 = 8;

/// Steps between the identifications of consecutive packets of one flow.
#[derive(Debug, Default)]
struct Window {
    steps: u32,
    backwards: u32,
    printable: u32,
    values: Alphabet,
    high_bytes: Alphabet,
    high_counts: u32,
    jumps: u32,
    low_bytes: Alphabet,
}

impl Identifications {
    pub(super) fn observe(&mut self, head: &Head<'_>) {
        if head.meta.tcp_flags & 0x12 == 2 && has_linux_options(head.segment().get(20..).unwrap_or_default())
        {
            self.opens_like_linux = true;
        }
    }

    pub(super) fn add(&mut self, record: &FlowRecord, news: &Counts, is_new: bool) {
        self.nonzero += news.packets.saturating_sub(news.ip_id_zeros.into());
        self.low_zeros = self.low_zeros.saturating_add(news.ip_id_low_zeros);
        self.repeats += u64::from(news.ip_id_repeats);
        if news.packets == 0 {
            return;
        }
        self.step(if is_new { record.first_ip_id } else { record.ip_id });
        if record.ip_id.trailing_zeros() >= 8 {
            self.high_bytes.add((record.ip_id >> 8).into());
        }
        self.last = Some(record.ip_id);
    }

    /// Identifications whose low byte is zero; half of them where packets come twice.
    pub(super) fn low_zeros(&self) -> u32 {
        if self.come_twice() { self.low_zeros / 2 } else { self.low_zeros }
    }

    /// Whether a counter in the other byte order explains them: it hardly goes back, but where copies come late.
    pub(super) fn count_in_high_bytes(&self) -> bool {
        let late = if self.come_twice() { 0.12 } else { 0.05 };
        self.backwards < 3 || f64::from(self.backwards) < f64::from(self.low_zeros) * late
    }

    /// Whether most packets are seen twice in a row, as by mirrors and two taps.
    const fn come_twice(&self) -> bool {
        self.repeats * 4 >= self.nonzero
    }

    fn step(&mut self, id: u16) {
        let is_back = self.last.is_some_and(|last| id.wrapping_sub(last) >= 0x8000);
        self.backwards = self.backwards.saturating_add(u32::from(is_back));
        self.last = Some(id);
    }

    /// Adds a flow's entries, `size` steps in a window.
    pub(super) fn series(&mut self, series: &Series<'_>, size: u32) {
        let port = series.key.src_port;
        for SeriesEntry { ip_id, .. } in series.entries {
            if let Some((before, flow)) = self.previous
                && flow == port
            {
                self.window.add(before, *ip_id);
                let is_back = ip_id.wrapping_sub(before) >= 0x8000;
                self.backwards = self.backwards.saturating_add(u32::from(is_back));
            }
            self.previous = Some((*ip_id, port));
            if self.window.steps >= size {
                self.judge();
            }
        }
    }

    fn judge(&mut self) {
        let window = std::mem::take(&mut self.window);
        let share = |count: u32| f64::from(count) / f64::from(window.steps);
        let is_free = window.low_bytes.distinct() * 2 >= window.steps;
        self.high_counter = if is_free { share(window.high_counts) } else { 0.0 };
        self.jumps = if self.opens_like_linux { share(window.jumps) } else { 0.0 };
        self.written = window.written();
        self.judged = self.judged.saturating_add(1);
    }
}

impl Window {
    fn add(&mut self, before: u16, id: u16) {
        // A mirror's second copy says nothing.
        if id == before {
            return;
        }
        let step = id.wrapping_sub(before);
        let high_step = (id >> 8).wrapping_sub(before >> 8) & 0xff;
        self.steps += 1;
        self.high_counts += u32::from(high_step == 1 && step != 1);
        self.jumps += u32::from(step > 255 && id != 0 && before != 0);
        self.low_bytes.add((id & 0xff).into());
        self.backwards += u32::from(step >= 0x8000);
        self.printable += u32::from(id.to_be_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')));
        self.high_bytes.add((id >> 8).into());
        self.values.add(id.into());
    }

    fn written(&self) -> Option<Written> {
        let share = |count: u32| f64::from(count) / f64::from(self.steps);
        let (printable, mode, distinct) = (share(self.printable), self.values.mode(), self.values.distinct());
        let is_text = printable >= PRINTABLE && self.high_bytes.distinct() >= LETTERS;
        let is_alphabet = mode >= FREQUENT && distinct >= LETTERS && !self.values.contains(0);
        let is_written = share(self.backwards) >= BACK && (is_text || is_alphabet);
        is_written.then_some(Written { printable, mode, distinct })
    }
}

/// The options of a SYN in the order of Linux: segment size, SACK, timestamp, no operation, window scale.
fn has_linux_options(options: &[u8]) -> bool {
    matches!(options, [2, 4, _, _, 4, 2, 8, 10, tail @ ..] if matches!(tail.get(8..11), Some([1, 3, 3])))
}

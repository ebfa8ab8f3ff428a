//! How much of a payload is new: not explained by earlier payloads, by a simple fill or by a clock.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inspector_common::head::HEAD_MAX;

/// Earlier payloads of a pair that a new one is held against: a host may run several pingers.
const REFERENCES: usize = 4;

/// Least new bytes for a payload to count as new at all. Counters and low clock bytes of pingers change 1 to
/// 3 bytes a packet; Paris traceroute and scamper change 2 to steer the checksum.
pub(super) const MIN_NEW: u32 = 4;

/// Bytes at the start where pingers keep clocks, counters and cookies (iputils 16, fping 24, OpenBSD 24).
const HEAD_ZONE: usize = 16;

/// Bytes after a clock that pingers fill with a cookie: OpenBSD's MAC is 8, pro-bing's UUID 16.
const COOKIE: usize = 16;

/// Where clocks begin: any multiple of 4 below this.
const CLOCK_ZONE: usize = 24;

/// A series of payloads is held against a payload of up to this long ago.
const ANCHOR_NS: u64 = 60_000_000_000;

/// Payloads less than this apart say too little of a clock, seconds: a few times the slack.
const ANCHOR_LEAST_S: f64 = 10.0;

/// Longest period of a fill. `ping -p` takes 16 bytes, Windows repeats 23 letters, others the alphabet.
const MAX_PERIOD: usize = 32;

/// New bytes attributed to a packet whose visible data is known, but whose checksum gives a change away in
/// what was not captured. At least one 16-bit word; the true number is unknown.
const UNSEEN_NEW: u32 = 16;

/// What is new in a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Novelty {
    /// New bytes where pingers keep clocks and cookies, unless a clock was found there.
    pub(super) head: u32,
    /// New bytes behind that.
    pub(super) tail: u32,
    /// New bytes that are printable ASCII or line breaks.
    pub(super) printable: u32,
    /// New bytes that are letters or digits.
    pub(super) alphanumeric: u32,
    /// Where nothing else is new: bytes behind the place of clocks that changed, and not as a counter does.
    pub(super) small: u32,
    /// Whether it is a simple fill of a kind not seen before, as long as the last.
    pub(super) is_new_fill: bool,
    /// Whether it is too short for a clock or a fill, and changed, and not as a counter does.
    pub(super) is_tiny: bool,
    /// Whether all of it is base64 of text.
    pub(super) is_coded_text: bool,
    /// If all new bytes are letters and digits: pairs of equal ones, and pairs there are.
    pub(super) coincidences: (u32, u32),
}

impl Novelty {
    /// New bytes.
    pub(super) fn bytes(&self) -> u32 {
        self.head + self.tail
    }

    /// Whether the payload counts as new.
    pub(super) fn is_new(&self) -> bool {
        self.bytes() >= MIN_NEW
    }
}

/// A payload as far as it was captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// ICMP type.
    pub(super) kind: u8,
    /// Captured bytes, of which at most [`HEAD_MAX`] are looked at.
    pub(super) data: &'a [u8],
    /// Its whole length.
    pub(super) len: u32,
    /// Sum of the 16-bit words that were not captured, 0 if none.
    pub(super) unseen: u16,
    /// When it was sent, as far as known: the packet's time.
    pub(super) time_ns: u64,
}

/// The start of a payload of some time ago, which clocks are also held against.
#[derive(Clone, Debug, Default)]
struct Anchor {
    start: Vec<u8>,
    time_ns: u64,
}

/// The last of a series of payloads that are much alike.
#[derive(Clone, Debug, Default)]
struct Reference {
    kind: u8,
    data: Vec<u8>,
    len: u32,
    unseen: u16,
    time_ns: u64,
    used: u64,
    anchor: Anchor,
}

impl Reference {
    fn is_same(&self, payload: &Payload<'_>) -> bool {
        self.len == payload.len && self.unseen == payload.unseen && self.data == payload.data
    }

    /// Whether half of what both have is equal.
    fn is_like(&self, payload: &Payload<'_>) -> bool {
        let is_empty = self.data.is_empty() || payload.data.is_empty();
        self.kind == payload.kind
            && !is_empty
            && equal(&self.data, payload.data) * 2 >= length(payload.data).min(length(&self.data))
    }

    fn replace(&mut self, payload: &Payload<'_>, is_like: bool) {
        self.kind = payload.kind;
        self.data.clear();
        self.data.extend_from_slice(payload.data);
        self.len = payload.len;
        self.unseen = payload.unseen;
        self.time_ns = payload.time_ns;
        if !is_like || payload.time_ns.abs_diff(self.anchor.time_ns) > ANCHOR_NS {
            self.anchor.start.clear();
            self.anchor.start.extend(payload.data.iter().take(CLOCK_ZONE + 8));
            self.anchor.time_ns = payload.time_ns;
        }
    }

    /// The clock or counter at `at` that went on from this series to `payload`.
    fn advance(&self, payload: &Payload<'_>, at: usize) -> Option<Advance> {
        let later = payload.data.get(at..)?;
        let elapsed_s = seconds_between(self.time_ns, payload.time_ns);
        let advance = advance(later, self.data.get(at..)?, elapsed_s, at)?;
        // Within a second nearly any 4 bytes could be a clock's nanoseconds: time tells.
        let elapsed_s = seconds_between(self.anchor.time_ns, payload.time_ns);
        let before = self.anchor.start.get(at..).filter(|before| before.len() >= advance.width);
        let is_confirmed = match before {
            Some(before) if elapsed_s.abs() >= ANCHOR_LEAST_S => {
                self::advance(later, before, elapsed_s, at).is_some()
            }
            _ => true,
        };
        is_confirmed.then_some(advance)
    }
}

/// The last few payloads of a pair, most different ones kept apart. Simple fills are not kept: they explain
/// themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    references: Vec<Reference>,
    uses: u64,
    fills: Fills,
    last_small: Small,
    last_tiny: Tiny,
}

/// Simple fills, by a byte in the middle and the step to the next; those of other lengths than the last are not
/// looked at, for a sweep of lengths moves the middle.
#[derive(Clone, Debug, Default)]
struct Fills {
    len: u32,
    seen: Vec<[u8; 2]>,
    last: u8,
    shift: u8,
}

/// Fills that are remembered.
const FILLS: usize = 16;

impl Fills {
    /// Whether the fill is new.
    fn add(&mut self, payload: &Payload<'_>) -> bool {
        let middle = payload.data.len() / 2;
        let is_other = std::mem::replace(&mut self.len, payload.len) != payload.len;
        let Some(&[byte, next]) = payload.data.get(middle..).and_then(<[u8]>::first_chunk) else {
            return false;
        };
        let fill = [byte, next.wrapping_sub(byte)];
        // Some shift their fill by one with each packet.
        let shift = byte.wrapping_sub(std::mem::replace(&mut self.last, byte));
        let is_shifted = std::mem::replace(&mut self.shift, shift) == shift;
        if is_other || is_shifted || self.seen.contains(&fill) {
            return false;
        }
        if self.seen.len() >= FILLS {
            self.seen.remove(0);
        }
        self.seen.push(fill);
        true
    }
}

/// The first of few bytes that changed: its place, value, and step from the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Small {
    at: usize,
    value: u8,
    step: u8,
}

impl Small {
    /// How many bytes of a payload in which few are new changed behind the place of clocks, and not like a counter.
    fn add(&mut self, data: &[u8], new: &[u8]) -> u32 {
        let tail = new.get(CLOCK_ZONE..).unwrap_or_default();
        let Some(at) = tail.iter().position(|new| *new != 0) else { return 0 };
        let at = at + CLOCK_ZONE;
        let value = data.get(at).copied().unwrap_or_default();
        let step = value.wrapping_sub(self.value);
        let is_counter = at != self.at || step == self.step;
        *self = Self { at, value, step };
        if is_counter { 0 } else { count(tail) }
    }
}

/// The last payload of fewer than [`MIN_NEW`] bytes: its value, and the step from the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Tiny {
    len: usize,
    value: u32,
    step: u32,
}

/// Steps of counters that are sent in 1 to 3 bytes.
const COUNTED: u32 = 4;

impl Tiny {
    /// Whether a payload differs from the one before of the same length, and not as counters do of which some are lost.
    fn add(&mut self, data: &[u8]) -> bool {
        let value = data.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
        let step = value.wrapping_sub(self.value);
        let before = std::mem::replace(self, Self { len: data.len(), value, step });
        before.len == data.len() && step > COUNTED && step != before.step
    }
}

impl Memory {
    /// Whether it has seen no payload yet.
    pub(super) fn is_empty(&self) -> bool {
        self.uses == 0
    }

    /// Says what is new in `payload`, and remembers it.
    pub(super) fn assess(&mut self, payload: &Payload<'_>) -> Novelty {
        let data = payload.data.get(..HEAD_MAX).unwrap_or(payload.data);
        let payload = &Payload { data, ..*payload };
        self.uses += 1;
        if payload.len < MIN_NEW && !data.is_empty() {
            return Novelty { is_tiny: self.last_tiny.add(data), ..Novelty::default() };
        }
        if let Some(known) = self.references.iter_mut().find(|known| known.is_same(payload)) {
            known.used = self.uses;
            return Novelty::default();
        }
        let mut buffer = [1_u8; HEAD_MAX];
        let Some(new) = buffer.get_mut(..data.len()) else { return Novelty::default() };
        explain_fill(data, new);
        if count(new) < MIN_NEW && length(data) >= payload.len {
            let is_new_fill = self.fills.add(payload);
            return Novelty { small: self.last_small.add(data, new), is_new_fill, ..Novelty::default() };
        }
        let mut novelty = self.novelty(payload, new);
        if !novelty.is_new() {
            novelty.small = self.last_small.add(data, new);
        }
        self.remember(payload);
        novelty
    }

    fn novelty(&self, payload: &Payload<'_>, new: &mut [u8]) -> Novelty {
        let data = payload.data;
        for known in &self.references {
            explain_by(data, &known.data, new);
        }
        let mut novelty = Novelty::default();
        if count(new) >= MIN_NEW {
            explain_period(data, new);
            let clock_end = self.explain_clocks(payload, new);
            novelty = Novelty::of(data, new, clock_end);
        }
        if novelty.is_new() { novelty } else { Novelty { tail: self.unseen_novelty(payload), ..novelty } }
    }

    /// Bytes to assume new beyond the captured ones, all of which are explained. Where clocks and cookies may be among
    /// what was not captured (captures of 64 or 96 bytes a packet), the checksum changes with them.
    fn unseen_novelty(&self, payload: &Payload<'_>) -> u32 {
        if length(payload.data) >= payload.len || payload.data.len() < CLOCK_ZONE + 8 + COOKIE {
            return 0;
        }
        // A fill that moves on from packet to packet, as Cisco's, does so in what was captured too.
        let is_alike = |known: &&Reference| known.len == payload.len && known.data == payload.data;
        let mut alike = self.references.iter().filter(is_alike).peekable();
        let is_changed = alike.peek().is_some() && alike.all(|known| known.unseen != payload.unseen);
        if is_changed { UNSEEN_NEW } else { 0 }
    }

    /// Marks clocks and counters as explained; gives where the last clock ends, 0 if there is none.
    fn explain_clocks(&self, payload: &Payload<'_>, new: &mut [u8]) -> usize {
        let mut end = 0;
        for at in (0..CLOCK_ZONE).step_by(4) {
            let width = if at % 8 == 0 { 8 } else { 4 };
            if new.iter().skip(at).take(width).all(|byte| *byte == 0) {
                continue;
            }
            let advance = self.references.iter().find_map(|known| known.advance(payload, at));
            if let Some(Advance { width, is_clock }) = advance {
                if is_clock {
                    end = end.max(at + width);
                }
                new.iter_mut().skip(at).take(width).for_each(|byte| *byte = 0);
            }
        }
        end
    }

    /// Takes the payload in, in place of one that is like it or of the one not used for longest.
    fn remember(&mut self, payload: &Payload<'_>) {
        let like = self.references.iter().position(|known| known.is_like(payload));
        let index = match like {
            None if self.references.len() >= REFERENCES => {
                let by_use = self.references.iter().enumerate().min_by_key(|(_, known)| known.used);
                by_use.map(|(index, _)| index)
            }
            like => like,
        };
        let used = self.uses;
        if let Some(known) = index.and_then(|index| self.references.get_mut(index)) {
            known.replace(payload, like.is_some());
            known.used = used;
        } else {
            let mut known = Reference { used, ..Reference::default() };
            known.replace(payload, false);
            self.references.push(known);
        }
    }
}

impl Novelty {
    fn of(data: &[u8], new: &[u8], clock_end: usize) -> Self {
        // Around a clock pingers keep cookies: nothing there counts.
        let (head_end, from) =
            if clock_end > 0 { (clock_end + COOKIE, clock_end + COOKIE) } else { (HEAD_ZONE, 0) };
        let new_from = |at: usize| new.get(at..).unwrap_or_default();
        let (data, counted) = (data.get(from..).unwrap_or_default(), new_from(from));
        let tail = count(new_from(head_end));
        let head = count(counted) - tail;
        let alphanumeric = count_if(data, counted, |byte| byte.is_ascii_alphanumeric());
        // Only of use where there is nothing else.
        let coincidences = if alphanumeric == head + tail { coincidences(data, counted) } else { (0, 0) };
        let printable = count_if(data, counted, is_printable);
        let is_coded_text = alphanumeric == head + tail && is_base64_of_text(data);
        Self { head, tail, printable, alphanumeric, is_coded_text, coincidences, ..Self::default() }
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..0x7f)
}

/// Whether base64 of text: of 24 random letters and digits once in 2^27.
fn is_base64_of_text(data: &[u8]) -> bool {
    const LEAST: usize = 24;
    let whole = data.get(..data.len() / 4 * 4).unwrap_or_default();
    let whole = whole.strip_suffix(b"=").unwrap_or(whole);
    let whole = whole.strip_suffix(b"=").unwrap_or(whole);
    whole.len() >= LEAST
        && URL_SAFE_NO_PAD.decode(whole).is_ok_and(|text| text.iter().all(|byte| is_printable(*byte)))
}

/// Pairs of equal bytes among the new ones, and pairs there are.
fn coincidences(data: &[u8], new: &[u8]) -> (u32, u32) {
    let mut seen = [0_u32; 256];
    let (mut equal, mut pairs) = (0, 0);
    let new_bytes = data.iter().zip(new).filter(|(_, new)| **new != 0);
    for (earlier, (byte, _)) in (0..).zip(new_bytes) {
        if let Some(times) = seen.get_mut(usize::from(*byte)) {
            equal += *times;
            *times += 1;
        }
        pairs += earlier;
    }
    (equal, pairs)
}

/// How many new bytes are of a kind.
fn count_if(data: &[u8], new: &[u8], is_kind: impl Fn(u8) -> bool) -> u32 {
    let blocks = data.chunks(128).zip(new.chunks(128));
    let count = |(data, new): (&[u8], &[u8])| {
        data.iter().zip(new).map(|(byte, new)| u8::from(is_kind(*byte)) & new).sum::<u8>()
    };
    blocks.map(|block| u32::from(count(block))).sum()
}

/// Adds up zeros and ones, in blocks whose sum fits a byte: that can be vectorised.
fn count(ones: &[u8]) -> u32 {
    ones.chunks(128).map(|block| u32::from(block.iter().sum::<u8>())).sum()
}

/// Length of captured data.
fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}

/// In how many places two payloads are equal.
fn equal(a: &[u8], b: &[u8]) -> u32 {
    let blocks = a.chunks(128).zip(b.chunks(128));
    blocks.map(|(a, b)| u32::from(a.iter().zip(b).map(|(a, b)| u8::from(a == b)).sum::<u8>())).sum()
}

/// Explains runs and arithmetic sequences.
fn explain_fill(data: &[u8], new: &mut [u8]) {
    let from = |at: usize| data.get(at..).unwrap_or_default();
    for ((before, byte), new) in data.iter().zip(from(1)).zip(new.iter_mut().skip(1)) {
        *new &= u8::from(before != byte);
    }
    for (((a, b), c), new) in data.iter().zip(from(1)).zip(from(2)).zip(new.iter_mut().skip(2)) {
        *new &= u8::from(b.wrapping_sub(*a) != c.wrapping_sub(*b));
    }
}

/// Explains bytes that an earlier payload had in the same place.
fn explain_by(data: &[u8], known: &[u8], new: &mut [u8]) {
    for ((byte, known), new) in data.iter().zip(known).zip(new.iter_mut()) {
        *new &= u8::from(byte != known);
    }
}

/// Explains a fill that repeats itself, if nearly all of the payload does.
fn explain_period(data: &[u8], new: &mut [u8]) {
    // A header in front may not repeat itself, so the end says whether it is worth a closer look.
    let end = data.get(data.len().saturating_sub(2 * MAX_PERIOD)..).unwrap_or_default();
    let repeats = |data: &[u8], period: usize| {
        let later = data.get(period..).unwrap_or_default();
        equal(data, later) * 4 >= length(later) * 3
    };
    for period in 2..=MAX_PERIOD.min(data.len() / 2) {
        if repeats(end, period) && repeats(data, period) {
            explain_by(
                data.get(period..).unwrap_or_default(),
                data,
                new.get_mut(period..).unwrap_or_default(),
            );
        }
    }
}

fn seconds_between(earlier_ns: u64, later_ns: u64) -> f64 {
    let ns = later_ns.abs_diff(earlier_ns) as f64;
    if later_ns < earlier_ns { -ns / 1e9 } else { ns / 1e9 }
}

/// A clock or counter that went on from one payload to another.
struct Advance {
    width: usize,
    is_clock: bool,
}

/// Steps up to this are a counter's.
const COUNTER_STEP: f64 = 4096.0;

/// What the unit of a clock of 8 bytes may be: its ticks a second.
const UNITS_64: [f64; 5] = [1.0, 1e3, 1e6, 1e7, 1e9];

/// What the unit of a clock of 4 bytes may be.
const UNITS_32: [f64; 3] = [1.0, 1e3, 1e6];

/// The clock or counter that both payloads have `at` some place, if the later one's differs from the earlier
/// one's by the time that passed in between, give or take a second for the packet's delay.
///
/// By chance: 1 in 2^31 for 8 bytes, 1 in 2^10 for 4.
fn advance(later: &[u8], earlier: &[u8], elapsed_s: f64, at: usize) -> Option<Advance> {
    let slack_s = 1.0 + elapsed_s.abs() / 100.0;
    let is_time = |moved: f64, unit: &f64| (moved / unit - elapsed_s).abs() <= slack_s;
    if let (0, Some(later), Some(earlier)) = (at % 8, later.first_chunk(), earlier.first_chunk()) {
        for read in [u64::from_le_bytes, u64::from_be_bytes] {
            let (now, then) = (read(*later), read(*earlier));
            let moved = signed(now.wrapping_sub(then), then.wrapping_sub(now));
            let float = f64::from_bits(now) - f64::from_bits(then);
            let is_float = (1.0..1e12).contains(&f64::from_bits(now)) && is_time(float, &1.0);
            // After the seconds goes their fraction, in micro- or nanoseconds.
            let is_fraction = at > 0 && now < 1_000_000_000 && then < 1_000_000_000;
            let is_counter = moved.abs() <= COUNTER_STEP;
            let is_clock = is_float || is_fraction || UNITS_64.iter().any(|unit| is_time(moved, unit));
            if is_clock || is_counter {
                return Some(Advance { width: 8, is_clock: is_clock && !is_counter });
            }
        }
    }
    let (later, earlier) = (later.first_chunk()?, earlier.first_chunk()?);
    for read in [u32::from_le_bytes, u32::from_be_bytes] {
        let (now, then) = (read(*later), read(*earlier));
        let moved = signed(now.wrapping_sub(then).into(), then.wrapping_sub(now).into());
        let is_fraction = at > 0 && now < 1_000_000 && then < 1_000_000;
        let is_counter = moved.abs() <= COUNTER_STEP;
        let is_clock = is_fraction || UNITS_32.iter().any(|unit| is_time(moved, unit));
        if is_clock || is_counter {
            return Some(Advance { width: 4, is_clock: is_clock && !is_counter });
        }
    }
    None
}

/// A difference as the smaller one of going forward and going back.
fn signed(forward: u64, back: u64) -> f64 {
    if forward <= back { forward as f64 } else { -(back as f64) }
}

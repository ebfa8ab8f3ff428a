//! What is known of one pair of hosts, and how a message changes it.

use std::collections::VecDeque;

use super::payload::{Memory, Novelty, Payload};
use super::{inner, quote};
use crate::detect::novelty::Recent;
use crate::detect::pace::Pace;
use crate::dissect::icmp::Message;
use crate::findings::Traffic;

/// Messages that are remembered to pair replies with requests: enough for a tunnel's window (ptunnel's is 64
/// both ways together) without letting sequence numbers come round.
const RECENT: usize = 64;

/// Identifiers are told apart by a bitmap of this many words.
const ID_WORDS: usize = 32;

/// Sequence numbers no further apart than this, in either byte order, count as one sequence.
const SEQ_STEP: u16 = 64;

/// Fewer than this many steps back are packets out of order, and as many forward may have been lost.
const SEQ_REORDER: u16 = 17;

/// Least data behind a quoted datagram to count, bytes: stacks that quote Ethernet padding (up to 18), or that
/// subtract the header (20) from the length they quote, stay below.
const MIN_EXCESS: usize = 32;

/// The same where no datagram is quoted at all.
const MIN_DATA: usize = 8;

/// One message, as far as pairing needs it.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    is_reply: bool,
    id: u16,
    seq: u16,
    payload: u64,
    /// Bytes of the payload that were captured, and the whole of it by length and sum.
    captured: usize,
    whole: (u32, u16),
}

impl Exchange {
    /// Whether both have the same payload. One of which less was captured, as behind options of the network header, is
    /// told by its sum.
    fn is_alike(&self, other: &Self) -> bool {
        if self.captured == other.captured {
            self.payload == other.payload
        } else {
            self.whole == other.whole
        }
    }
}

/// Counted evidence. Halved from time to time, so that rare events of a pair that lives for months do not add
/// up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Payloads that were new behind the head zone, but for the pair's first.
    pub(super) new_payloads: u32,
    /// New bytes in these.
    pub(super) new_bytes: u32,
    /// Payloads that were new in the head zone, but for the pair's first.
    pub(super) new_heads: u32,
    /// New bytes in these.
    pub(super) new_head_bytes: u32,
    /// Of all new bytes those that are printable.
    pub(super) printable: u32,
    /// Of all new bytes those that are letters or digits.
    pub(super) alphanumeric: u32,
    /// Pairs of equal bytes within a payload, and pairs there are.
    pub(super) coincidences: (u32, u32),
    /// Most bytes of new text in one message.
    pub(super) text: u32,
    /// Replies whose request was seen.
    pub(super) compared: u32,
    /// Of these the ones with new data.
    pub(super) differing: u32,
    /// Messages with type, identifier and sequence number of an earlier one and new data.
    pub(super) changed: u32,
    /// Messages with a whole IP packet inside.
    pub(super) inner: u32,
    /// Messages in which a greeting or request of an application begins.
    pub(super) greetings: u32,
    /// Requests, and replies whose request was not seen.
    pub(super) exchanges: u32,
    /// Of these the ones whose identifier and sequence number follow from nothing.
    pub(super) jumps: u32,
    /// Of these the ones whose sequence number is lower than the one before with the identifier.
    pub(super) backs: u32,
    /// Of these the ones that are new in a few bytes only, behind the place of clocks.
    pub(super) small: u32,
    /// Of these the ones with another simple fill.
    pub(super) fills: u32,
    /// Of these the ones of up to three bytes that changed.
    pub(super) tiny: u32,
    /// New payloads that are base64 of text.
    pub(super) coded: u32,
    /// Replies whose identifier had not been seen in a request.
    pub(super) unsolicited: u32,
    /// Errors with changing data behind the quoted datagram.
    pub(super) errors: u32,
    /// Bytes of that.
    pub(super) error_bytes: u32,
    /// Different values of fields that have none.
    pub(super) reserved: u32,
}

impl Tally {
    fn halve(&mut self) {
        let Self {
            new_payloads,
            new_bytes,
            new_heads,
            new_head_bytes,
            printable,
            alphanumeric,
            coincidences,
            text,
            compared,
            differing,
            changed,
            inner,
            greetings,
            exchanges,
            jumps,
            backs,
            small,
            fills,
            tiny,
            coded,
            unsolicited,
            errors,
            error_bytes,
            reserved,
        } = self;
        for count in [
            new_payloads,
            new_bytes,
            new_heads,
            new_head_bytes,
            printable,
            alphanumeric,
            &mut coincidences.0,
            &mut coincidences.1,
            text,
            compared,
            differing,
            changed,
            inner,
            greetings,
            exchanges,
            jumps,
            backs,
            small,
            fills,
            tiny,
            coded,
            unsolicited,
            errors,
            error_bytes,
            reserved,
        ] {
            *count /= 2;
        }
    }
}

/// The state of a pair.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) tally: Tally,
    pub(super) traffic: Traffic,
    /// Bytes probably carried, never halved.
    pub(super) estimated_bytes: u64,
    /// The first bytes of the last new payload.
    pub(super) sample: [u8; 8],
    /// Lengths of new payloads, by a bitmap of `length % 64`.
    lengths: u64,
    memory: Memory,
    recent: VecDeque<Exchange>,
    request_ids: [u64; ID_WORDS],
    ids: [u64; ID_WORDS],
    seqs: [u16; 4],
    /// The last few identifiers with their last sequence numbers, of requests and of replies.
    series: [[(u16, u16); 4]; 2],
    excess: u64,
    reserved: Recent,
    key: u64,
    halved_ns: u64,
    /// When its finding was last pushed.
    pub(super) pace: Pace,
}

impl Pair {
    pub(super) fn new(now_ns: u64, key: u64) -> Self {
        Self {
            tally: Tally::default(),
            traffic: Traffic::default(),
            estimated_bytes: 0,
            sample: [0; 8],
            lengths: 0,
            memory: Memory::default(),
            recent: VecDeque::new(),
            request_ids: [0; ID_WORDS],
            ids: [0; ID_WORDS],
            seqs: [0; 4],
            series: [[(0, 0); 4]; 2],
            excess: 0,
            reserved: Recent::default(),
            key,
            halved_ns: now_ns,
            pace: Pace::default(),
        }
    }

    /// How many lengths new payloads had, at least.
    pub(super) fn distinct_lengths(&self) -> u32 {
        self.lengths.count_ones()
    }

    /// Directions seen: 1 or 2.
    pub(super) fn directions(&self) -> u32 {
        u32::from(self.traffic.packets_to_server > 0) + u32::from(self.traffic.packets_to_client > 0)
    }

    /// Halves the evidence for each half-life that has passed.
    pub(super) fn age(&mut self, now_ns: u64, half_life_ns: u64) {
        let half_life_ns = half_life_ns.max(1);
        let lives = now_ns.saturating_sub(self.halved_ns) / half_life_ns;
        if lives == 0 {
            return;
        }
        self.halved_ns = now_ns;
        for _ in 0..lives.min(32) {
            self.tally.halve();
        }
        self.lengths = 0;
        self.ids = [0; ID_WORDS];
        self.request_ids = [0; ID_WORDS];
    }

    /// Takes in a message other than an error; `false` where it changed no evidence.
    pub(super) fn observe(&mut self, message: &Message<'_>, time_ns: u64) -> bool {
        let data = message.data_after_nonce();
        let skipped = u32::try_from(message.data.len() - data.len()).unwrap_or_default();
        let payload = Payload {
            kind: message.kind,
            data,
            len: message.data_len.saturating_sub(skipped),
            unseen: message.unseen_sum(),
            time_ns,
        };
        let is_reply = message.is_reply();
        let exchange = Exchange {
            is_reply,
            id: message.id,
            seq: message.seq,
            payload: digest(&payload, self.key),
            captured: data.len(),
            whole: (message.data_len, message.data_sum()),
        };
        let Relation { is_repeat, is_changed, request } = self.relation(&exchange);
        if is_repeat {
            return false;
        }
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(exchange);
        if is_reply {
            self.tally.unsolicited += u32::from(!is_set(&self.request_ids, message.id));
        } else {
            set(&mut self.request_ids, message.id);
        }
        self.tally.compared += u32::from(request.is_some());
        if request == Some(Request::Same) {
            return false;
        }
        let is_jump = request.is_none() && self.follow(message);
        let is_first = self.memory.is_empty();
        let novelty = self.memory.assess(&payload);
        let is_inner = inner::is_packet(&payload);
        self.tally.inner += u32::from(is_inner);
        let is_greeting = novelty.is_new() && inner::is_greeting(payload.data);
        self.tally.greetings += u32::from(is_greeting);
        if novelty.is_new() {
            self.tally.differing += u32::from(request.is_some());
            self.tally.changed += u32::from(is_changed);
            self.note(&payload, &novelty, is_first);
        }
        self.tally.small += u32::from(novelty.small > 0);
        self.tally.fills += u32::from(novelty.is_new_fill);
        self.tally.tiny += u32::from(novelty.is_tiny);
        let is_other = novelty.is_new_fill || novelty.is_tiny;
        self.estimated_bytes += u64::from(novelty.small) + u64::from(is_other);
        is_jump || is_inner || novelty.is_new() || novelty.small > 0 || is_other
    }

    /// Takes in the value of a field that has none; `false` where it says nothing new.
    pub(super) fn observe_reserved(&mut self, value: u32) -> bool {
        let is_new = self.reserved.is_new(&value.to_be_bytes());
        self.tally.reserved += u32::from(is_new);
        self.estimated_bytes += u64::from(is_new);
        is_new
    }

    /// Takes in an error that carries `excess` behind the quoted datagram; `false` where it says nothing new.
    pub(super) fn observe_error(&mut self, message: &Message<'_>) -> bool {
        let excess = quote::excess(message);
        let hash = hash(excess, self.key);
        let least = if excess.len() == message.data.len() { MIN_DATA } else { MIN_EXCESS };
        if excess.len() < least || hash == self.excess {
            return false;
        }
        self.excess = hash;
        let bytes = u32::try_from(excess.len()).unwrap_or(u32::MAX);
        self.tally.errors += 1;
        self.tally.error_bytes = self.tally.error_bytes.saturating_add(bytes);
        self.estimated_bytes += u64::from(bytes);
        true
    }

    fn relation(&self, exchange: &Exchange) -> Relation {
        let mut relation = Relation { is_repeat: false, is_changed: false, request: None };
        let same = |other: &&Exchange| other.id == exchange.id && other.seq == exchange.seq;
        for other in self.recent.iter().filter(same) {
            let is_same = other.is_alike(exchange);
            if other.is_reply == exchange.is_reply {
                relation.is_repeat |= is_same;
                relation.is_changed |= !is_same;
            } else if exchange.is_reply && relation.request != Some(Request::Same) {
                relation.request = Some(if is_same { Request::Same } else { Request::Other });
            }
        }
        relation
    }

    /// Holds identifier and sequence number against earlier ones; `true` where they are odd.
    fn follow(&mut self, message: &Message<'_>) -> bool {
        let (id, seq) = (message.id, message.seq);
        let near = |a: u16, b: u16| a.wrapping_sub(b).min(b.wrapping_sub(a)) <= SEQ_STEP;
        let is_near = |a: u16, b: u16| near(a, b) || near(a.swap_bytes(), b.swap_bytes());
        let is_start = is_near(seq, 0);
        let is_known_seq = self.seqs.iter().any(|known| is_near(seq, *known));
        let is_known_id = is_set(&self.ids, id);
        // Somebody else's identifier in the middle of a series: a new pinger begins at its start.
        let goes_on = |then: u16| {
            (1..SEQ_REORDER).contains(&seq.wrapping_sub(then))
                || (1..SEQ_REORDER).contains(&seq.swap_bytes().wrapping_sub(then.swap_bytes()))
        };
        let series = &mut self.series[usize::from(message.is_reply())];
        let is_far_id = !series.iter().any(|(known, _)| is_near(id, *known));
        let is_first = matches!(seq, 0 | 1 | 0x0100);
        let takes_over = is_far_id && !is_first && series.first().is_some_and(|(_, then)| goes_on(*then));
        // A series with known identifier whose numbers are anywhere, and one of another identifier that are.
        let is_odd_seq = !is_start && !is_known_seq;
        let is_jump =
            if is_known_id { is_odd_seq && self.tally.exchanges > 0 } else { is_odd_seq || takes_over };
        let before = series.iter().find(|(known, _)| *known == id).map(|(_, then)| *then);
        let is_back =
            !is_first && before.is_some_and(|then| (SEQ_REORDER..0x8000).contains(&then.wrapping_sub(seq)));
        set(&mut self.ids, id);
        self.seqs.rotate_right(1);
        self.seqs[0] = seq;
        let place = series.iter().position(|(known, _)| *known == id).unwrap_or(series.len() - 1);
        if let Some(newer) = series.get_mut(..=place) {
            newer.rotate_right(1);
        }
        series[0] = (id, seq);
        self.tally.exchanges += 1;
        self.tally.jumps += u32::from(is_jump);
        self.tally.backs += u32::from(is_back);
        self.estimated_bytes += if is_jump { 4 } else { u64::from(is_back) };
        is_jump || is_back
    }

    fn note(&mut self, payload: &Payload<'_>, novelty: &Novelty, is_first: bool) {
        let tally = &mut self.tally;
        let bytes = novelty.bytes();
        if is_text(novelty) {
            tally.text = tally.text.max(novelty.printable);
        }
        if is_first {
            return;
        }
        if novelty.tail >= super::payload::MIN_NEW {
            tally.new_payloads += 1;
            tally.new_bytes = tally.new_bytes.saturating_add(novelty.tail);
        }
        if novelty.head >= super::payload::MIN_NEW {
            tally.new_heads += 1;
            tally.new_head_bytes = tally.new_head_bytes.saturating_add(novelty.head);
        }
        tally.printable = tally.printable.saturating_add(novelty.printable);
        tally.alphanumeric = tally.alphanumeric.saturating_add(novelty.alphanumeric);
        tally.coded += u32::from(novelty.is_coded_text);
        tally.coincidences.0 = tally.coincidences.0.saturating_add(novelty.coincidences.0);
        tally.coincidences.1 = tally.coincidences.1.saturating_add(novelty.coincidences.1);
        self.lengths |= 1_u64.rotate_left(payload.len);
        if let Some(sample) = payload.data.first_chunk() {
            self.sample = *sample;
        }
        // What was not captured is taken to be like what was.
        let captured = u32::try_from(payload.data.len()).unwrap_or(u32::MAX);
        let unseen = if bytes >= captured / 2 { payload.len.saturating_sub(captured) } else { 0 };
        self.estimated_bytes += u64::from(bytes) + u64::from(unseen);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// A request with the same payload is known.
    Same,
    /// Only requests with other payloads are.
    Other,
}

#[derive(Debug)]
struct Relation {
    is_repeat: bool,
    is_changed: bool,
    request: Option<Request>,
}

/// Whether what is new in one payload is text, and not the random letters and digits that some pingers send.
fn is_text(novelty: &Novelty) -> bool {
    novelty.printable * 10 >= novelty.bytes() * 9
        && !is_random_alphanumeric(novelty.bytes(), novelty.alphanumeric, novelty.coincidences)
}

/// Whether new bytes are letters and digits only, and spread evenly as far as that can be told.
pub(super) fn is_random_alphanumeric(bytes: u32, alphanumeric: u32, (equal, pairs): (u32, u32)) -> bool {
    // Equal pairs of 62 even symbols are 1 in 62; base64 of text, hexadecimal digits and words have half as
    // many again or more. 6,000 pairs (five payloads of 56) tell them apart by more than five deviations.
    alphanumeric >= bytes && (pairs < 6000 || u64::from(equal) * 62 * 2 < u64::from(pairs) * 3)
}

/// Hash of a payload. Keyed, so that nobody can craft a reply that passes for the echo of its request.
fn digest(payload: &Payload<'_>, key: u64) -> u64 {
    hash(payload.data, key ^ (u64::from(payload.len) << 16 | u64::from(payload.unseen)))
}

fn hash(data: &[u8], key: u64) -> u64 {
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * 0x9e37_79b9_7f4a_7c15;
        let folded = (product >> 64) ^ (product & u128::from(u64::MAX));
        u64::try_from(folded).unwrap_or_default() ^ key
    };
    let (words, rest) = data.as_chunks::<8>();
    let state = words.iter().fold(mix(key, !key), |state, word| mix(state, u64::from_ne_bytes(*word)));
    rest.iter().fold(state, |state, byte| mix(state, u64::from(*byte)))
}

fn place(id: u16) -> (usize, u64) {
    let id = usize::from(id);
    (id / 64 % ID_WORDS, 1 << (id % 64))
}

fn is_set(bitmap: &[u64; ID_WORDS], id: u16) -> bool {
    let (word, bit) = place(id);
    bitmap.get(word).is_some_and(|word| word & bit != 0)
}

fn set(bitmap: &mut [u64; ID_WORDS], id: u16) {
    let (word, bit) = place(id);
    if let Some(word) = bitmap.get_mut(word) {
        *word |= bit;
    }
}

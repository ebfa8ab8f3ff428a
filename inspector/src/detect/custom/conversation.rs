//! One TCP or UDP flow whose payloads may be a protocol of nobody's.

use inspector_common::FlowKey;
use inspector_common::head::reason;

use super::Thresholds;
use super::framing::{Framing, LEAST};
use crate::detect::noise;
use crate::detect::table::Entry;
use crate::dissect::payload::Payload;
use crate::dissect::protocol::Kind;
use crate::findings::Traffic;
use crate::observation::Head;

/// What is known of the payloads that one side sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// Payloads judged, and those that may be random.
    pub(super) judged: u32,
    pub(super) random: u32,
    /// Payloads too short to be judged.
    short: u32,
    /// Whole IP datagrams, and greetings of SSH inside datagrams.
    pub(super) inner: u32,
    pub(super) framing: Framing,
    /// From the flow's record.
    pub(super) packets: u64,
    pub(super) payload_bytes: u64,
    wire_bytes: u64,
}

impl Side {
    /// Too little to have a header, or a size of blocks.
    const fn is_greeting(&self) -> bool {
        self.judged < LEAST
    }

    fn looks_random(&self, least: u32) -> bool {
        // Random bytes fail the tests once in some hundred times.
        self.random >= least && self.judged - self.random <= self.judged / 16 && self.short <= self.random / 2
    }
}

/// A flow, by its two sides: the client's is the first.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) key: FlowKey,
    pub(super) sides: [Side; 2],
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    /// Sequence numbers of either side's first byte, where its SYN was seen: without any, the beginning was not.
    starts: [Option<u32>; 2],
    /// A protocol that one of the payloads began like: nothing more is asked.
    is_known: bool,
}

/// What a payload told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing that matters.
    Nothing,
    /// Its protocol is one whose hosts talk to many.
    PeerToPeer,
    /// It adds to what speaks for a channel.
    Evidence,
}

/// What a conversation is judged to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Fully encrypted in both directions, without a header.
    Encrypted,
    /// The same, seen in one direction only.
    EncryptedOneWay,
    /// Whole cipher blocks between equal ports, or to OpenVPN's: OpenVPN with a static key has no header.
    StaticKeyVpn,
    /// Datagrams inside datagrams, or SSH.
    Inner,
}

/// The 32 bits at `at` in the TCP header.
fn number(head: &Head<'_>, at: usize) -> Option<u32> {
    head.segment().get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

const TCP: u8 = 6;
const SYN: u8 = 2;
const ACK: u8 = 16;
const OPENVPN: u16 = 1194;
const TEREDO: u16 = 3544;

impl Conversation {
    /// A flow whose first head this is.
    pub(super) fn new(head: &Head<'_>) -> Self {
        let is_answer = head.meta.tcp_flags & (SYN | ACK) == SYN | ACK;
        let key = if is_answer { head.meta.key.reversed() } else { head.meta.key };
        let time = head.meta.time_ns;
        Self {
            key,
            sides: [Side::default(); 2],
            first_ns: time,
            last_ns: time,
            starts: [None; 2],
            is_known: false,
        }
    }

    fn side(&self, key: &FlowKey) -> usize {
        usize::from(key.src != self.key.src || key.src_port != self.key.src_port)
    }

    /// Takes the counters of one direction's record.
    pub(super) fn count(
        &mut self,
        key: &FlowKey,
        packets: u64,
        payload_bytes: u64,
        wire_bytes: u64,
        last_ns: u64,
    ) {
        let i = self.side(key);
        if let Some(side) = self.sides.get_mut(i) {
            (side.packets, side.payload_bytes, side.wire_bytes) = (packets, payload_bytes, wire_bytes);
        }
        self.last_ns = self.last_ns.max(last_ns);
    }

    /// Which side's first payload a packet is, the client's (0) or the server's, if all before it was seen.
    pub(super) fn opening(&self, head: &Head<'_>) -> Option<usize> {
        let i = self.side(&head.meta.key);
        let side = self.sides.get(i).filter(|_| !self.is_known && !head.has_reason(reason::OVERLAP))?;
        let is_first = side.judged + side.short + side.inner == 0;
        let is_begun = self.key.protocol != TCP || (self.starts != [None; 2] && self.is_whole(head, i));
        (is_first && is_begun).then_some(i)
    }

    /// Looks at one packet.
    pub(super) fn add(&mut self, head: &Head<'_>, payload: Option<&Payload<'_>>) -> Told {
        self.last_ns = self.last_ns.max(head.meta.time_ns);
        let i = self.side(&head.meta.key);
        if head.meta.tcp_flags & SYN != 0 {
            self.starts[i] = number(head, 4).map(|number| number.wrapping_add(1));
        }
        let Some(payload) = payload.filter(|_| !self.is_known) else {
            return Told::Nothing;
        };
        if self.key.protocol == TCP && !self.is_whole(head, i) {
            // What it began like is not known, and nothing more is asked.
            self.is_known = true;
            return Told::Nothing;
        }
        let (bytes, len) = (payload.message.bytes, payload.message.len);
        let Some(side) = self.sides.get_mut(i) else {
            return Told::Nothing;
        };
        if side.judged + side.short < 4
            && let Some(protocol) = payload.protocol()
        {
            self.is_known = true;
            return if protocol.kind == Kind::PeerToPeer { Told::PeerToPeer } else { Told::Nothing };
        }
        if head.has_reason(reason::OVERLAP) {
            // It comes once more.
            return Told::Nothing;
        }
        if super::inner::is_stranger(bytes, len) && !is_teredo(&self.key) {
            side.inner += 1;
            return Told::Evidence;
        }
        if bytes.len() < noise::LEAST {
            side.short += 1;
            return Told::Nothing;
        }
        side.judged += 1;
        side.framing.add(bytes, len);
        if !noise::is_uniform(bytes) {
            return Told::Nothing;
        }
        side.random += 1;
        Told::Evidence
    }

    /// Whether nothing was lost before side `i`'s first payload: it has the stream's first byte, and acknowledges no
    /// bytes of the other side that were not seen.
    fn is_whole(&self, head: &Head<'_>, i: usize) -> bool {
        let has_data = |side: &Side| side.judged + side.short + side.inner > 0;
        // The end of the other side's stream counts as a byte.
        let is_at = |start: Option<u32>, at| {
            let off = start.zip(number(head, at)).map(|(start, number)| number.wrapping_sub(start));
            start.is_none() || off == Some(0) || (at == 8 && off == Some(1))
        };
        let [this, other] = if i == 0 { [0, 1] } else { [1, 0] };
        has_data(&self.sides[this])
            || (is_at(self.starts[this], 4) && (has_data(&self.sides[other]) || is_at(self.starts[other], 8)))
    }

    /// What it is, if enough of it was seen to say.
    pub(super) fn judge(&self, t: &Thresholds) -> Option<Verdict> {
        let [client, server] = &self.sides;
        if self.is_known {
            return None;
        }
        if client.inner.min(server.inner) >= t.inner_datagrams {
            return Some(Verdict::Inner);
        }
        if client.framing.is_framed() || server.framing.is_framed() {
            return None;
        }
        let is_tcp = self.key.protocol == TCP;
        if is_tcp && self.starts == [None; 2] {
            return None;
        }
        let is_sustained = self.last_ns.saturating_sub(self.first_ns) >= t.sustained_ns;
        let both = client.looks_random(t.random_payloads) && server.looks_random(t.random_payloads);
        // One side uploads, and the other's greeting is all that it ever sends.
        let greeting = if is_tcp { 1 } else { 2 };
        let greets = |side: &Side| side.random >= greeting && side.random == side.judged && side.short == 0;
        let lopsided = [(client, server), (server, client)].iter().any(|(most, least)| {
            most.looks_random(t.random_payloads_lopsided) && most.random == most.judged && greets(least)
        });
        if (both || lopsided) && is_sustained {
            let is_vpn = self.key.src_port == self.key.dst_port || self.key.dst_port == OPENVPN;
            let is_blocks = |side: &Side| side.framing.is_blocks() || side.is_greeting();
            if is_vpn && is_blocks(client) && is_blocks(server) {
                return Some(Verdict::StaticKeyVpn);
            }
            return Some(Verdict::Encrypted);
        }
        let one_way = [client, server].iter().any(|side| side.looks_random(t.random_payloads_one_way));
        let is_alone = [client, server].iter().any(|side| side.judged + side.short == 0);
        (one_way && is_alone && is_sustained).then_some(Verdict::EncryptedOneWay)
    }

    /// The conversation's traffic, as its records count it.
    pub(super) fn traffic(&self) -> Traffic {
        let [client, server] = &self.sides;
        Traffic {
            packets_to_server: client.packets.max(u64::from(client.judged)),
            packets_to_client: server.packets.max(u64::from(server.judged)),
            bytes_to_server: client.wire_bytes,
            bytes_to_client: server.wire_bytes,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
        }
    }
}

/// IPv6 in UDP that says what it is by its port (RFC 4380).
const fn is_teredo(key: &FlowKey) -> bool {
    key.src_port == TEREDO || key.dst_port == TEREDO
}

impl Entry for Conversation {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        let [client, server] = &self.sides;
        if self.is_known { 0 } else { 1 + u64::from(client.random + server.random > 2) }
    }
}

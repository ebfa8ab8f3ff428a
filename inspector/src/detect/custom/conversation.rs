//! One TCP or UDP flow whose payloads may be a protocol of nobody's.

use inspector_common::FlowKey;

use super::Thresholds;
use super::framing::Framing;
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
    /// Whether its SYN was seen: without, its first payload was not.
    has_begun: bool,
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

const TCP: u8 = 6;
const SYN: u8 = 2;
const ACK: u8 = 16;
const OPENVPN: u16 = 1194;

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
            has_begun: false,
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

    /// Looks at one packet.
    pub(super) fn add(&mut self, head: &Head<'_>, payload: Option<&Payload<'_>>) -> Told {
        self.last_ns = self.last_ns.max(head.meta.time_ns);
        if head.meta.tcp_flags & SYN != 0 {
            self.has_begun = true;
        }
        let Some(payload) = payload.filter(|_| !self.is_known) else {
            return Told::Nothing;
        };
        let (bytes, len, is_tcp) = (payload.message.bytes, payload.message.len, payload.message.is_tcp);
        let i = self.side(&head.meta.key);
        let Some(side) = self.sides.get_mut(i) else {
            return Told::Nothing;
        };
        if side.judged + side.short < 4
            && let Some(protocol) = payload.protocol()
        {
            self.is_known = true;
            return if protocol.kind == Kind::PeerToPeer { Told::PeerToPeer } else { Told::Nothing };
        }
        if !is_tcp && super::inner::is_stranger(bytes, len) {
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
        if is_tcp && !self.has_begun {
            return None;
        }
        let is_sustained = self.last_ns.saturating_sub(self.first_ns) >= t.sustained_ns;
        let both = client.looks_random(t.random_payloads) && server.looks_random(t.random_payloads);
        if both && is_sustained {
            let is_vpn = self.key.src_port == self.key.dst_port || self.key.dst_port == OPENVPN;
            if is_vpn && client.framing.is_blocks() && server.framing.is_blocks() {
                return Some(Verdict::StaticKeyVpn);
            }
            return Some(Verdict::Encrypted);
        }
        let one_way = [client, server].iter().any(|side| side.looks_random(t.random_payloads_one_way));
        let is_alone = client.packets == 0 || server.packets == 0;
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

impl Entry for Conversation {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        let [client, server] = &self.sides;
        if self.is_known { 0 } else { 1 + u64::from(client.random + server.random > 2) }
    }
}

//! Ciphertext of no known protocol on the ports of HTTP, TLS and QUIC: what `http` and `tls` share.
//!
//! Only connections that were seen to begin are judged, by their first payloads. All of them must look uniform
//! ([`super::noise`]) or be too short to tell, and have no byte in common at the same place: protocols of chats,
//! games and remote desktops that live on these ports have magic numbers, versions and identifiers there.

use inspector_common::FlowKey;
use inspector_common::head::reason;

use super::noise;
use super::table::{Entry, Table};
use crate::dissect::payload::Payload;
use crate::dissect::tls;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::{FlowUpdate, Observation};

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 2;

/// Payloads of one direction that must look uniform. Base rate: compressed or encrypted messages of protocols
/// with a header have common bytes in 2 already; 3 leave 1 in 65,536 for each place by chance.
const UNIFORM: u32 = 3;
/// The same where the other direction carries nothing.
const UNIFORM_ONE_WAY: u32 = 4;
/// Payloads of one direction of which one may look otherwise.
const UNIFORM_TO_ONE: u32 = 5;
/// Payloads of the client with TLS application data before any handshake. Base rate: 0 of connections seen
/// from their SYN on; resumption has a handshake too.
const EARLY_DATA: u32 = 2;
/// Datagrams with the bit unset that QUIC (RFC 9000 §17) fixes to 1. Base rate: 0 but where both ends have
/// negotiated otherwise (RFC 9287), after a handshake that is recognised.
const UNFIXED: u32 = 2;
/// Datagrams that are needed with these.
const DATAGRAMS: u32 = 5;
/// Bytes of a payload from which it is judged: 3 of them are as many as `custom-protocol` asks for with 6 shorter ones.
const JUDGED: usize = 48;
/// Payloads of a side in which a protocol may introduce itself, in a stream and in datagrams. A channel's own are
/// taken for such an introduction once in 100 times at worst, each.
const GREETINGS: u32 = 2;
const GREETING_DATAGRAMS: u32 = 4;
/// Places at which common bytes are looked for.
const PLACES: usize = 8;

static NOT_HTTP: Signature = Signature {
    id: 9_103_007,
    rev: 1,
    detector: "http",
    title: "Ciphertext without a protocol on port 80",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1571",
    hint: "Find the program on the client; what is not HTTP has no business on this port",
};

static NOT_TLS: Signature = Signature {
    id: 9_103_101,
    rev: 1,
    detector: "tls",
    title: "Ciphertext without TLS on TCP port 443",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1571",
    hint: "Find the program on the client; what is not TLS has no business on this port",
};

static NOT_QUIC: Signature = Signature {
    id: 9_103_102,
    rev: 1,
    detector: "tls",
    title: "Ciphertext without QUIC on UDP port 443",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1571",
    hint: "Find the program on the client; what is neither QUIC nor DTLS has no business on this port",
};

/// Which port is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// TCP 80.
    Http,
    /// TCP and UDP 443.
    Tls,
}

/// The connections on it.
#[derive(Debug)]
pub(super) struct Masquerade {
    place: Place,
    connections: Table<FlowKey, Connection>,
}

/// The first payloads of one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    /// Of at least [`JUDGED`] bytes.
    judged: u32,
    uniform: u32,
    payloads: u32,
    bytes: u64,
    /// The last's first bytes, and a bit for each of them that was the same in all.
    first: [u8; PLACES],
    common: u8,
    /// Whether all began with their length, 16 bits in network order.
    is_framed: bool,
    /// A bit for each length modulo 16, the size of a cipher's block.
    residues: u16,
    /// Begins with a TLS record of application data.
    early_data: u32,
    /// Without the bit that QUIC fixes.
    unfixed: u32,
    /// Whether all first bytes may be the flags of Google's QUIC before version 46 once the version is agreed: lengths
    /// of a connection identifier and a packet number, and four bits of zero.
    is_google: bool,
    /// Whether all first bytes may be OpenVPN's: an opcode of 1 to 11 and one of the first key numbers.
    is_vpn: bool,
}

#[derive(Debug)]
struct Connection {
    traffic: Traffic,
    /// To the server first.
    sides: [Side; 2],
    /// Sequence numbers of either side's first byte, where its SYN was seen.
    starts: [Option<u32>; 2],
    is_known: bool,
    /// What was reported, and the bytes that were estimated then.
    reported: Option<(&'static Signature, Evidence, u64)>,
    /// Payload bytes of either side by its flow's record: heads are of few packets.
    recorded: [u64; 2],
}

impl Connection {
    fn new() -> Self {
        Self {
            traffic: Traffic::default(),
            sides: [Side {
                common: u8::MAX,
                is_framed: true,
                is_google: true,
                is_vpn: true,
                ..Side::default()
            }; 2],
            starts: [None; 2],
            is_known: false,
            reported: None,
            recorded: [0; 2],
        }
    }
}

impl Side {
    fn add(&mut self, payload: &[u8], len: u32) {
        self.payloads += 1;
        self.bytes += u64::from(len);
        if payload.len() >= JUDGED {
            self.judged += 1;
            self.uniform += u32::from(noise::is_uniform(payload));
        }
        let mut first = [0; PLACES];
        first.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
        if self.payloads > 1 {
            for (place, (before, now)) in self.first.iter().zip(first).enumerate() {
                if *before != now || place >= payload.len() {
                    self.common &= !(1 << place);
                }
            }
        }
        self.first = first;
        let framed = matches!(payload, [high, low, ..]
            if u32::from(u16::from_be_bytes([*high, *low])) + 2 == len);
        self.is_framed &= framed;
        self.residues |= 1 << (len & 15);
        self.early_data += u32::from(matches!(payload, [tls::APPLICATION_DATA, 3, 1..=4, ..]));
        self.unfixed += u32::from(payload.first().is_some_and(|byte| byte & 0x40 == 0));
        self.is_google &= payload.first().is_some_and(|flags| flags & 0xc3 == 0);
        self.is_vpn &= payload.first().is_some_and(|byte| matches!(byte >> 3, 1..=11) && byte & 7 <= 2);
    }

    /// Whether the payloads are ciphertext without a header. Of ciphertext, one in 300 looks otherwise by chance, and must
    /// not hide all that comes after it.
    fn is_bare(&self) -> bool {
        let lengths = if self.is_framed { 0b11 } else { 0 };
        self.judged - self.uniform <= self.judged / UNIFORM_TO_ONE
            && (self.payloads < 2 || self.common & !lengths == 0)
    }
}

impl Place {
    /// A flow's key as its client's packets have it, and whether it is of them; `None` where it is no place of these.
    fn of_client(self, key: &FlowKey) -> Option<(FlowKey, bool)> {
        let port = match self {
            Self::Http => 80,
            Self::Tls => 443,
        };
        let is_here = key.protocol == TCP || (key.protocol == UDP && self == Self::Tls);
        let to_server = key.dst_port == port;
        if !is_here || (!to_server && key.src_port != port) {
            return None;
        }
        let of_client = if to_server { *key } else { key.reversed() };
        Some((FlowKey { flags: of_client.flags & !FlowKey::EGRESS, ..of_client }, to_server))
    }
}

impl Masquerade {
    pub(super) fn new(place: Place, capacity: usize) -> Self {
        Self { place, connections: Table::new(capacity) }
    }

    pub(super) fn expire(&mut self, before_ns: u64) {
        self.connections.expire(before_ns);
    }

    pub(super) fn occupancy(&self) -> (usize, usize) {
        self.connections.occupancy()
    }

    /// Looks at a packet, and gives a finding once its connection deserves one.
    pub(super) fn observe(&mut self, observation: &Observation<'_>) -> Option<Finding> {
        let key = observation.key();
        let (of_client, to_server) = self.place.of_client(key)?;
        let meta = observation.head.meta;
        let is_syn = key.protocol == TCP && meta.tcp_flags & SYN != 0;
        let begins = is_syn || (key.protocol == UDP && meta.number <= 1);
        let connection = if begins {
            self.connections.entry(of_client, Connection::new)?
        } else {
            self.connections.get(&of_client)?
        };
        connection.traffic.add(to_server, meta.wire_len, observation.time_ns());
        if is_syn {
            connection.begin(observation, to_server);
            return None;
        }
        let payload =
            observation.payload().filter(|_| !connection.is_known && connection.reported.is_none())?;
        let is_udp = key.protocol == UDP;
        if !is_udp && !connection.is_whole(observation, to_server) {
            connection.is_known = true;
            return None;
        }
        let side = &mut connection.sides[usize::from(!to_server)];
        let greetings = if is_udp { GREETING_DATAGRAMS } else { GREETINGS };
        connection.is_known = side.payloads < greetings && is_introduced(payload);
        // What comes once more was judged already, or takes the place of a keep-alive's byte.
        if observation.head.has_reason(reason::OVERLAP) {
            return None;
        }
        side.add(payload.message.bytes, payload.message.len);
        let (signature, evidence) = connection.verdict(self.place, is_udp)?;
        Some(connection.finding(signature, evidence, Subject::of(key, to_server)))
    }

    /// Takes what the record of a flow counts, and gives the finding again once twice as much was carried.
    pub(super) fn flow(&mut self, update: &FlowUpdate<'_>) -> Option<Finding> {
        let (key, record) = (update.key, update.record);
        let (of_client, to_server) = self.place.of_client(key)?;
        let connection = self.connections.get(&of_client)?;
        let i = usize::from(!to_server);
        *connection.recorded.get_mut(i)? = record.payload_bytes;
        connection.traffic.count(to_server, record);
        let (signature, evidence, bytes) = connection.reported.clone()?;
        let has_grown = connection.bytes() >= bytes.saturating_mul(2);
        has_grown.then(|| connection.finding(signature, evidence, Subject::of(key, to_server)))
    }
}

/// The 32 bits at `at` in the TCP header.
fn number(observation: &Observation<'_>, at: usize) -> Option<u32> {
    let bytes = observation.head.segment().get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

impl Connection {
    /// A SYN begins the connection anew; data in it (TCP Fast Open) is another detector's.
    fn begin(&mut self, observation: &Observation<'_>, to_server: bool) {
        let start = number(observation, 4).map(|number| number.wrapping_add(1));
        if !to_server {
            self.starts[1] = start;
        } else if start != self.starts[0] {
            let traffic = self.traffic;
            *self = Self { traffic, starts: [start, None], reported: self.reported.take(), ..Self::new() };
        }
    }

    /// Whether nothing was lost before a side's first payload: it has the stream's first byte, and acknowledges
    /// no bytes of the other side that were not seen.
    fn is_whole(&self, observation: &Observation<'_>, to_server: bool) -> bool {
        let (this, other) = if to_server { (0, 1) } else { (1, 0) };
        if self.sides[this].payloads > 0 {
            return true;
        }
        // The end of the other side's stream counts as a byte.
        let is_at = |start: Option<u32>, at| {
            let off = start.zip(number(observation, at)).map(|(start, number)| number.wrapping_sub(start));
            start.is_none() || off == Some(0) || (at == 8 && off == Some(1))
        };
        let is_answer = self.sides[other].payloads > 0;
        is_at(self.starts[this], 4) && (is_answer || is_at(self.starts[other], 8))
    }

    fn verdict(&mut self, place: Place, is_udp: bool) -> Option<(&'static Signature, Evidence)> {
        if self.is_known {
            return None;
        }
        let [up, down] = &self.sides;
        let count = |name, value: u32, threshold: u32| Evidence {
            name,
            value: value.into(),
            threshold: Some(threshold.into()),
            unit: "packets",
        };
        if place == Place::Tls && !is_udp && self.starts[0].is_some() && up.early_data == up.payloads {
            let data = up.early_data;
            return (data >= EARLY_DATA)
                .then(|| (&NOT_TLS, count("tls_data_without_handshake", data, EARLY_DATA)));
        }
        if !up.is_bare() || !down.is_bare() {
            return None;
        }
        let uniform = up.uniform.max(down.uniform);
        let is_one_way = up.payloads == 0 || down.payloads == 0;
        let needed = if is_one_way { UNIFORM_ONE_WAY } else { UNIFORM };
        if uniform < needed || (!is_one_way && (up.uniform == 0 || down.uniform == 0)) {
            return None;
        }
        // OpenVPN with a static key has no header but lengths: of a hash, and whole blocks of a cipher. Later, segments
        // hold several messages or parts of them.
        let is_blocks = (up.residues | down.residues).is_power_of_two();
        if up.is_framed && down.is_framed && is_blocks {
            self.is_known = true;
            return None;
        }
        let signature = match place {
            Place::Http => &NOT_HTTP,
            Place::Tls if !is_udp => &NOT_TLS,
            Place::Tls => {
                let unfixed = up.unfixed + down.unfixed;
                // Four datagrams look like either by chance once in 4,000 times; no payloads look like anything.
                let is_seen_late = (up.is_google && down.is_google) || (up.is_vpn && down.is_vpn);
                if unfixed < UNFIXED || up.payloads + down.payloads < DATAGRAMS || is_seen_late {
                    return None;
                }
                return Some((&NOT_QUIC, count("datagrams_without_fixed_bit", unfixed, UNFIXED)));
            }
        };
        Some((signature, count("uniform_payloads", uniform, needed)))
    }

    /// Bytes that both sides sent: what records count, or what was seen of them.
    fn bytes(&self) -> u64 {
        self.sides.iter().zip(self.recorded).map(|(side, recorded)| side.bytes.max(recorded)).sum()
    }

    fn finding(&mut self, signature: &'static Signature, decisive: Evidence, subject: Subject) -> Finding {
        let estimated_bytes = self.bytes();
        self.reported = Some((signature, decisive.clone(), estimated_bytes));
        let [up, down] = &self.sides;
        let context = |name, value: f64, unit| Evidence { name, value, threshold: None, unit };
        let directions = u32::from(up.payloads > 0) + u32::from(down.payloads > 0);
        Finding {
            signature,
            subject,
            severity: Severity::Medium,
            score: 0.85,
            evidence: vec![
                decisive,
                context("payloads_to_server", up.payloads.into(), "packets"),
                context("payloads_to_client", down.payloads.into(), "packets"),
                context("uniform_payloads_to_server", up.uniform.into(), "packets"),
                context("uniform_payloads_to_client", down.uniform.into(), "packets"),
                context("directions_seen", directions.into(), "directions"),
            ],
            estimated_bytes,
            traffic: self.traffic,
            tool: None,
        }
    }
}

/// Whether a payload begins like a known protocol. Data of TLS that nothing came before does not count.
fn is_introduced(payload: &Payload<'_>) -> bool {
    let is_data = matches!(payload.message.bytes, [tls::APPLICATION_DATA, 3, 0..=4, ..]);
    !is_data && payload.protocol().is_some()
}

impl Entry for Connection {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        let [up, down] = &self.sides;
        if self.is_known { 0 } else { u64::from(up.uniform + down.uniform) }
    }
}

#[cfg(test)]
mod tests;

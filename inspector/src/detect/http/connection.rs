//! What is known of one TCP connection that carries HTTP: whose requests, and whether it has become a tunnel.

use super::account::Asked;
use crate::detect::table::Entry;
use crate::dissect::http::websocket::Frame;
use crate::dissect::http::{Message, Start};
use crate::findings::{Traffic, stable_hash};

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Requests and responses.
    Messages,
    /// The client asked for a WebSocket, or for a tunnel (CONNECT).
    Asked(Inside),
    /// The server agreed.
    Open(Inside),
}

/// What goes on where HTTP ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    WebSocket,
    Connect,
}

/// The connection. Its key has the client as the source.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) site: u64,
    /// Hash of the host that the client asked for.
    pub(super) host: u64,
    pub(super) asked: Asked,
    pub(super) used_for: Use,
    pub(super) traffic: Traffic,
    /// Frames of the client that were not masked, or with a key of zeros, against RFC 6455 §5.3.
    pub(super) unmasked: u32,
    pub(super) is_reported: bool,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            site: 0,
            host: 0,
            asked: Asked::default(),
            used_for: Use::Messages,
            traffic: Traffic::default(),
            unmasked: 0,
            is_reported: false,
        }
    }

    /// The protocol that a payload of an open WebSocket or tunnel carries, if it begins like one that has no
    /// business there.
    pub(super) fn carried(&mut self, payload: &[u8], to_server: bool) -> Option<Carried> {
        let Use::Open(inside) = self.used_for else { return None };
        if inside == Inside::Connect {
            return Carried::of(payload, self.host).filter(|carried| *carried == Carried::Ssh);
        }
        if let Some(frame) = Frame::parse(payload) {
            if to_server && frame.opcode < 8 && frame.mask.is_none_or(|key| key == [0; 4]) {
                self.unmasked += 1;
            }
            let carried = if frame.opcode < 8 { Carried::of(frame.data(), self.host) } else { None };
            if carried.is_some() {
                return carried;
            }
        }
        // A server that agrees to a WebSocket and then speaks something else.
        Carried::of(payload, self.host).filter(|carried| matches!(carried, Carried::Ssh | Carried::Tls))
    }
}

/// Hash of the name in a Host field, without its port.
pub(super) fn host_hash(value: &[u8]) -> u64 {
    let end = value.iter().rposition(|byte| *byte == b':').unwrap_or(value.len());
    stable_hash(&[&value.get(..end).unwrap_or(value).to_ascii_lowercase()])
}

/// A protocol in a WebSocket or tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    Tls,
    Ssh,
    Http,
    Socks,
    Ip,
}

impl Carried {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS in a WebSocket",
            Self::Ssh => "SSH in a WebSocket",
            Self::Http => "HTTP in a WebSocket",
            Self::Socks => "SOCKS in a WebSocket",
            Self::Ip => "IP packets in a WebSocket",
        }
    }

    /// What the data begins with, in a connection to `host`.
    fn of(data: &[u8], host: u64) -> Option<Self> {
        match *data {
            // A handshake record with a hello of either side.
            [22, 3, 0..=4, _, _, 1 | 2, 0, ..] => Some(Self::Tls),
            [b'S', b'S', b'H', b'-', b'1' | b'2' | b'c', ..] => Some(Self::Ssh),
            [5, count @ 1..=4, ref methods @ ..]
                if methods.len() == usize::from(count) && methods.iter().all(|method| *method <= 3) =>
            {
                Some(Self::Socks)
            }
            [0x45, _, high, low, _, _, _, _, ttl, 1 | 6 | 17, ..]
                if ttl > 0
                    && data.len() >= 20
                    && usize::from(u16::from_be_bytes([high, low])) >= data.len() =>
            {
                let words = data.get(..20)?.chunks_exact(2).map(|word| match word {
                    [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
                    _ => 0,
                });
                let sum: u32 = words.sum();
                ((sum & 0xffff) + (sum >> 16) == 0xffff).then_some(Self::Ip)
            }
            _ => {
                // Gateways that speak HTTP in their own WebSockets do so with themselves.
                let message = Message::parse(data)?;
                let asked = host_hash(message.field(b"host")?);
                (matches!(message.start, Start::Request(..)) && asked != host).then_some(Self::Http)
            }
        }
    }
}

impl Entry for Connection {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.used_for != Use::Messages)
    }
}

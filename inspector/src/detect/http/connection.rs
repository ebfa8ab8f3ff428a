//! What is known of one TCP connection that carries HTTP: whose requests, and whether it has become a tunnel.

use super::account::Asked;
use super::carried::{Carried, Side};
use super::halves::Half;
use crate::detect::table::Entry;
use crate::dissect::http::websocket::Frame;
use crate::findings::Traffic;
use crate::hash;

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
    /// TLS (RFC 2817), which is what it says.
    Tls,
    /// Anything else that a connection is turned into (RFC 9110 §7.8).
    Other,
}

/// Opcode of a frame of text.
const TEXT: u8 = 1;

/// The connection. Its key has the client as the source.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) site: u64,
    /// Hash of the host that the client asked for.
    pub(super) host: u64,
    pub(super) asked: Asked,
    pub(super) used_for: Use,
    /// Whether a body carried another protocol.
    pub(super) is_body: bool,
    pub(super) traffic: Traffic,
    /// Frames of the client that were not masked, or with a key of zeros, against RFC 6455 §5.3.
    pub(super) unmasked: u32,
    pub(super) is_reported: bool,
    /// What it is as one half of a stream.
    pub(super) half: Half,
    /// What either side sent since, the client first.
    pub(super) sides: [Side; 2],
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            site: 0,
            host: 0,
            asked: Asked::default(),
            used_for: Use::Messages,
            is_body: false,
            traffic: Traffic::default(),
            unmasked: 0,
            is_reported: false,
            half: Half::default(),
            sides: [Side::default(); 2],
        }
    }

    /// What a payload of an open WebSocket or tunnel, of `len` bytes, adds to what it carries, if that has no business
    /// there.
    pub(super) fn carried(&mut self, payload: &[u8], len: u32, to_server: bool) -> Option<Carried> {
        let Use::Open(inside) = self.used_for else { return None };
        let side = self.sides.get_mut(usize::from(!to_server)).filter(|_| inside != Inside::Tls)?;
        let frame = if inside == Inside::WebSocket { Frame::parse(payload) } else { None };
        let is_whole = |frame: &Frame| frame.header_len + frame.len == u64::from(len);
        let is_frame = |frame: Frame| frame.mask.is_some() == to_server || is_whole(&frame);
        // A WebSocket whose first bytes are no frame is none.
        if !*side.is_framed.get_or_insert(frame.is_some_and(is_frame)) {
            side.add(payload, len);
            let carried = Carried::of(payload, len, self.host);
            return match inside {
                // What else goes through a proxy is what proxies are for.
                Inside::Connect => {
                    carried.filter(|carried| matches!(carried, Carried::Ssh | Carried::WireGuard))
                }
                Inside::WebSocket | Inside::Tls | Inside::Other => {
                    carried.filter(|carried| matches!(carried, Carried::Ssh | Carried::Tls))
                }
            }
            .or_else(|| Side::both(&self.sides));
        }
        let frame = frame.filter(|frame| frame.opcode < 8)?;
        if to_server && frame.mask.is_none_or(|key| key == [0; 4]) {
            self.unmasked += 1;
        }
        let data_len = u32::try_from(frame.len).unwrap_or(u32::MAX);
        // In the middle of a frame what looks like a header is none.
        if is_whole(&frame) {
            if frame.is_compressed {
                side.is_known = true;
            } else if frame.opcode == TEXT {
                side.add_text(frame.data());
            } else {
                side.add(frame.data(), data_len);
            }
        }
        Carried::of(frame.data(), data_len, self.host).or_else(|| Side::both(&self.sides))
    }
}

/// Hash of the name in a Host field, without its port.
pub(super) fn host_hash(value: &[u8]) -> u64 {
    let end = value.iter().rposition(|byte| *byte == b':').unwrap_or(value.len());
    hash::of_bytes(&[&value.get(..end).unwrap_or(value).to_ascii_lowercase()])
}

impl Entry for Connection {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.used_for != Use::Messages)
    }
}

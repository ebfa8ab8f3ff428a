//! What a WebSocket, a proxy's tunnel or another upgraded connection carries that has no business there.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::connection::host_hash;
use crate::detect::custom::framing::Framing;
use crate::detect::noise;
use crate::dissect::http::{Message, Start};
use crate::dissect::protocol::{self, Kind};

/// Bytes of a multiplexer's header that may stand before another protocol's first message.
const HEADER_MAX: usize = 16;

/// Messages of a side that must be ciphertext, of those looked at: 5 are among the first 16. `custom-protocol` asks for 6 of a
/// connection in which nothing else is sent; here what is sent before says what follows.
const CIPHERTEXTS: u32 = 5;

/// A protocol in a WebSocket or tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    Tls,
    Ssh,
    Http,
    Socks,
    Ip,
    WireGuard,
    OpenVpn,
    /// Ciphertext without a header, in both directions.
    Ciphertext,
}

impl Carried {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS in a WebSocket",
            Self::Ssh => "SSH in a WebSocket",
            Self::Http => "HTTP in a WebSocket",
            Self::Socks => "SOCKS in a WebSocket",
            Self::Ip => "IP packets in a WebSocket",
            Self::WireGuard => "WireGuard in HTTP",
            Self::OpenVpn => "OpenVPN in a WebSocket",
            Self::Ciphertext => "ciphertext in HTTP",
        }
    }

    /// A protocol that begins soon in a segment of a message's body.
    pub(super) fn in_body(segment: &[u8], len: u32) -> Option<Self> {
        let found = (0..=HEADER_MAX / 2).find_map(|at| {
            let left = len.checked_sub(u32::try_from(at).ok()?)?;
            Self::behind_header(segment.get(at..)?, left)
        });
        found.filter(|carried| matches!(carried, Self::Tls | Self::Ssh))
    }

    /// What data of `len` bytes begins with, in a connection to `host`.
    pub(super) fn of(data: &[u8], len: u32, host: u64) -> Option<Self> {
        // Multiplexers put numbers of streams and lengths before each message.
        let muxed = (0..=HEADER_MAX).find_map(|at| {
            let left = len.checked_sub(u32::try_from(at).ok()?)?;
            Self::behind_header(data.get(at..)?, left)
        });
        if muxed.is_some() {
            return muxed;
        }
        match *data {
            // A handshake record with a hello of either side.
            [22, 3, 0..=4, _, _, 1 | 2, 0, ..] => Some(Self::Tls),
            [5, count @ 1..=4, ref methods @ ..]
                if methods.len() == usize::from(count) && methods.iter().all(|method| *method <= 3) =>
            {
                Some(Self::Socks)
            }
            _ => {
                // Gateways that speak HTTP in their own WebSockets do so with themselves.
                let message = Message::parse(data)?;
                let asked = host_hash(message.field(b"host")?);
                (matches!(message.start, Start::Request(..)) && asked != host).then_some(Self::Http)
            }
        }
    }

    /// What is certain enough to be looked for at several places: by chance once in 2^40 each.
    fn behind_header(data: &[u8], len: u32) -> Option<Self> {
        match *data {
            // A hello that fills its record.
            [22, 3, 0..=4, r0, r1, 1, 0, h0, h1, 3, ..] => {
                let [record, hello] = [[r0, r1], [h0, h1]].map(u16::from_be_bytes);
                (hello.checked_add(4) == Some(record)).then_some(Self::Tls)
            }
            [b'S', b'S', b'H', b'-', b'1' | b'2' | b'c', ..] => Some(Self::Ssh),
            // The handshake's first message and its answer.
            [1, 0, 0, 0, ..] if len == 148 => Some(Self::WireGuard),
            [2, 0, 0, 0, ..] if len == 92 => Some(Self::WireGuard),
            [0x45, _, high, low, _, _, _, _, ttl, 1 | 6 | 17, ..]
                if ttl > 0 && data.len() >= 20 && u32::from(u16::from_be_bytes([high, low])) >= len =>
            {
                let words = data.get(..20)?.chunks_exact(2).map(|word| match word {
                    [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
                    _ => 0,
                });
                let sum: u32 = words.sum();
                ((sum & 0xffff) + (sum >> 16) == 0xffff).then_some(Self::Ip)
            }
            _ => None,
        }
    }
}

/// What one side sends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// Whether it sends frames of a WebSocket, once it sent something.
    pub(super) is_framed: Option<bool>,
    /// It says what it is, or what it sends is compressed.
    pub(super) is_known: bool,
    /// It begins like OpenVPN, with a length before it or not.
    is_vpn: bool,
    judged: u32,
    random: u32,
    short: u32,
    framing: Framing,
}

impl Side {
    /// Adds a message of `len` bytes, as much as was captured of it.
    pub(super) fn add(&mut self, data: &[u8], len: u32) {
        let seen = self.judged + self.short;
        if seen < 2 {
            let as_if =
                |is_tcp| protocol::recognise(&protocol::Message { bytes: data, len, is_tcp, ports: [0; 2] });
            self.is_known |= as_if(true).is_some_and(|it| it.kind != Kind::Tunnel);
            let is_vpn = |is_tcp| as_if(is_tcp).is_some_and(|it| it.name == "OpenVPN");
            self.is_vpn |= seen == 0 && (is_vpn(true) || is_vpn(false));
        }
        if data.len() < noise::LEAST {
            self.short += u32::from(!data.is_empty());
            return;
        }
        self.judged += 1;
        self.framing.add(data, len);
        self.random += u32::from(noise::is_uniform(data));
    }

    /// Adds a message of text, which counts if it is base64 throughout.
    pub(super) fn add_text(&mut self, text: &[u8]) {
        let whole = text.trim_ascii_end();
        let whole = whole.strip_suffix(b"=").unwrap_or(whole);
        let whole = whole.strip_suffix(b"=").unwrap_or(whole);
        let whole = whole.get(..whole.len() / 4 * 4).unwrap_or_default();
        match STANDARD_NO_PAD.decode(whole).or_else(|_| URL_SAFE_NO_PAD.decode(whole)) {
            Ok(data) => self.add(&data, u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(_) => self.is_known = true,
        }
    }

    /// What both sides, of the client and the server, amount to.
    pub(super) fn both(sides: &[Self; 2]) -> Option<Carried> {
        if sides.iter().all(|side| side.is_vpn) {
            return Some(Carried::OpenVpn);
        }
        sides.iter().all(Self::is_ciphertext).then_some(Carried::Ciphertext)
    }

    /// Whether it sends nothing but ciphertext without a header.
    fn is_ciphertext(&self) -> bool {
        !self.is_known
            && self.random >= CIPHERTEXTS
            && self.judged - self.random <= self.judged / 16
            && self.short <= self.random / 2
            && !self.framing.is_framed()
    }
}

//! What one client and one site have sent each other in the heads of their messages.

use super::thresholds::Thresholds;
use super::token::{self, Place, Token};
use crate::detect::noise;
use crate::detect::table::Entry;
use crate::dissect::http::{Message, Start};
use crate::findings::Traffic;
use crate::hash;
use crate::observation::Observation;

/// Tokens that are remembered: what was sent before is not new.
const REMEMBERED: usize = 192;
/// Bytes of a body that is judged.
const LEAST_BODY: usize = 48;
/// A tally is halved when it has this many messages, so that what begins late shows too.
const WINDOW: u32 = 64;
/// Bytes of data in a User-Agent from which it names no program; identifiers of devices have up to 20.
const OPAQUE_AGENT: u32 = 22;
/// Cookies that a response may leave to be returned.
const PENDING: usize = 4;

/// Request headers that hold a new opaque value by their purpose, or repeat what others hold.
const OPAQUE_BY_DESIGN: [&[u8]; 21] = [
    b"authorization",
    b"proxy-authorization",
    b"cookie",
    b"cookie2",
    b"referer",
    b"origin",
    b"host",
    b"if-none-match",
    b"if-match",
    b"if-range",
    b"traceparent",
    b"tracestate",
    b"baggage",
    b"sec-websocket-key",
    b"dpop",
    b"http2-settings",
    b"signature",
    b"signature-input",
    b"digest",
    b"content-digest",
    b"soapaction",
];

/// Where data may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Cookie,
    SetCookie,
    Validator,
    RequestHeader,
    Etag,
    Path,
    Body,
    Names,
}

impl Carrier {
    pub(super) const COUNT: usize = 8;
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Cookie,
        Self::SetCookie,
        Self::Validator,
        Self::RequestHeader,
        Self::Etag,
        Self::Path,
        Self::Body,
        Self::Names,
    ];
}

/// Messages that have the carrier, those in which it was new, and the bytes that these could carry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) present: u32,
    pub(super) fresh: u32,
    pub(super) bytes: u32,
}

impl Tally {
    fn add(&mut self, fresh_bytes: u32) {
        if self.present >= WINDOW {
            self.present /= 2;
            self.fresh /= 2;
            self.bytes /= 2;
        }
        self.present += 1;
        self.fresh += u32::from(fresh_bytes > 0);
        self.bytes = self.bytes.saturating_add(fresh_bytes);
    }

    pub(super) fn share(&self) -> f64 {
        f64::from(self.fresh) / f64::from(self.present.max(1))
    }
}

/// What a request on a connection leaves to be judged by its response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// Bytes of a new validator; `None` where it had none.
    validator: Option<u32>,
    /// Bytes of a new opaque part of the path, of a request without a Referer.
    path: u32,
}

/// The account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) traffic: Traffic,
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) tallies: [Tally; Carrier::COUNT],
    /// Bytes of everything new, by carrier.
    pub(super) carried: [u64; Carrier::COUNT],
    pub(super) reported: Option<(crate::findings::Severity, u64)>,
    pub(super) is_port_reported: bool,
    /// Requests whose body is ciphertext.
    pub(super) ciphertexts: u32,
    seen: Vec<u64>,
    oldest: usize,
    pending: [(u64, u32); PENDING],
}

impl Account {
    pub(super) fn new() -> Self {
        Self {
            traffic: Traffic::default(),
            requests: 0,
            responses: 0,
            tallies: [Tally::default(); Carrier::COUNT],
            carried: [0; Carrier::COUNT],
            reported: None,
            is_port_reported: false,
            ciphertexts: 0,
            seen: Vec::new(),
            oldest: 0,
            pending: [(0, 0); PENDING],
        }
    }

    /// Adds a message, which is a packet to the server (`to_server`) or from it.
    pub(super) fn add_packet(&mut self, observation: &Observation<'_>, to_server: bool) {
        self.traffic.add(to_server, observation.head.meta.wire_len, observation.time_ns());
    }

    fn tally(&mut self, carrier: Carrier, fresh_bytes: u32) {
        self.tallies[carrier as usize].add(fresh_bytes);
        self.carried[carrier as usize] += u64::from(fresh_bytes);
    }

    /// Whether the token is new; it is not the next time.
    fn remember(&mut self, hash: u64) -> bool {
        if self.seen.contains(&hash) {
            return false;
        }
        if self.seen.len() < REMEMBERED {
            self.seen.push(hash);
        } else {
            self.seen[self.oldest] = hash;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
        true
    }

    /// Bytes of the new tokens of a value, all of which are remembered.
    fn fresh(&mut self, value: &[u8], place: Place) -> u32 {
        let mut bytes = 0_u32;
        token::each(value, place, |Token { hash, bytes: carried }| {
            if self.remember(hash) {
                bytes = bytes.saturating_add(carried);
            }
        });
        bytes
    }

    /// Adds a request, and tells what its response decides.
    pub(super) fn request(&mut self, target: &[u8], message: &Message<'_>, t: &Thresholds) -> Asked {
        self.requests += 1;
        let is_first = self.requests == 1;
        self.ciphertexts += u32::from(is_ciphertext(message));
        self.add_cookies(message, is_first);
        self.add_request_headers(message, t);
        self.add_names(message);
        let validator = message.field(b"if-none-match").map(|value| {
            // Remembered as a whole, as it is in the response.
            let is_new = self.remember(hash::of_bytes(&[opaque_tag(value)]));
            let mut bytes = 0_u32;
            token::each(value, Place::Field, |token| bytes = bytes.saturating_add(token.bytes));
            if is_new { bytes } else { 0 }
        });
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let bytes = self.fresh(path, Place::Path);
        let bytes = if bytes < t.opaque_path_bytes { 0 } else { bytes };
        let bytes = bytes.saturating_add(self.fresh_parameters(target, t));
        let is_led = message.field(b"referer").is_some() || !message.is_complete();
        let path = if is_led { 0 } else { bytes };
        if path == 0 {
            self.tally(Carrier::Path, 0);
        }
        Asked { validator, path }
    }

    /// Bytes of new opaque parameters but for proofs of whatever kind, which are opaque by their purpose.
    fn fresh_parameters(&mut self, target: &[u8], t: &Thresholds) -> u32 {
        let query = target.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
        let mut bytes = 0_u32;
        for parameter in query.split(|byte| *byte == b'&') {
            let mut parts = parameter.splitn(2, |byte| *byte == b'=');
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let carried = self.fresh(value, Place::Field);
            if carried >= t.opaque_parameter_bytes && !is_hash(value) && !is_proof(name) {
                bytes = bytes.saturating_add(carried);
            }
        }
        bytes
    }

    fn add_cookies(&mut self, message: &Message<'_>, is_first: bool) {
        let mut has_cookie = false;
        let (mut bytes, mut returned) = (0, false);
        for (_, value) in message.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie")) {
            has_cookie = true;
            let pending = self.pending;
            token::each(value, Place::Field, |token| {
                returned |= pending.iter().any(|(hash, _)| *hash == token.hash);
            });
            bytes += self.fresh(value, Place::Cookie);
        }
        if has_cookie && !is_first {
            self.tally(Carrier::Cookie, bytes);
        }
        let set: u32 = self.pending.iter().map(|(_, bytes)| bytes).sum();
        // Without any cookie the client may be one that keeps none, and with a cut head nothing is known.
        if set > 0 && has_cookie && message.is_complete() {
            self.tally(Carrier::SetCookie, if returned { 0 } else { set });
        }
        self.pending = [(0, 0); PENDING];
    }

    /// Adds the names of a request's fields. A program spells them one way, and has one order for the same ones, or a few.
    fn add_names(&mut self, message: &Message<'_>) {
        if !message.is_complete() {
            return;
        }
        // FNV-1a: of a name, of names in whatever order, and of names as they are.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let (mut set, mut list) = (0_u64, 0xcbf2_9ce4_8422_2325_u64);
        for (name, _) in message.fields() {
            let folded = name.iter().map(u8::to_ascii_lowercase).fold(0xcbf2_9ce4_8422_2325, step);
            set = set.wrapping_add(folded);
            list = name.iter().copied().chain([b'\n']).fold(list, step);
        }
        let is_other = self.remember(list ^ set.rotate_left(32));
        let is_known = !self.remember(set);
        self.tally(Carrier::Names, u32::from(is_other && is_known));
    }

    fn add_request_headers(&mut self, message: &Message<'_>, t: &Thresholds) {
        let mut bytes = 0_u32;
        for (name, value) in message.fields() {
            let is_opaque = OPAQUE_BY_DESIGN.iter().any(|known| name.eq_ignore_ascii_case(known));
            // A name and password stay the same, and are text.
            let is_basic = value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
            // Browsers can't send a token with a WebSocket but as a protocol.
            let is_token = value.windows(3).any(|part| part == b"eyJ");
            let is_agent = name.eq_ignore_ascii_case(b"user-agent");
            let is_own_page = name.eq_ignore_ascii_case(b"referer");
            if is_own_page {
                let carried = self.fresh(own_path(value, message), Place::Path);
                bytes = bytes.saturating_add(if carried < t.opaque_path_bytes { 0 } else { carried });
                continue;
            }
            if value.len() < 40 || (is_opaque && !is_basic) || is_token {
                continue;
            }
            let carried = self.fresh(value, Place::Cookie);
            // Neither a program's name nor a user's changes.
            let least = if is_agent || is_basic { t.opaque_name_bytes } else { t.opaque_header_bytes };
            if carried >= least && !is_hash(value) {
                bytes = bytes.saturating_add(carried);
            }
        }
        self.tally(Carrier::RequestHeader, bytes);
    }

    /// Adds a response to what was asked on its connection.
    pub(super) fn response(&mut self, status: u16, message: &Message<'_>, asked: Asked, t: &Thresholds) {
        self.responses += 1;
        if let Some(body) = text_body(status, message) {
            let bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
            self.tally(Carrier::Body, if is_ciphertext(message) { bytes } else { 0 });
        }
        let mut is_new_tag = false;
        if let Some(etag) = message.field(b"etag") {
            let mut bytes = 0_u32;
            token::each(etag, Place::Field, |token| bytes = bytes.saturating_add(token.bytes));
            is_new_tag = self.remember(hash::of_bytes(&[opaque_tag(etag)]));
            self.tally(
                Carrier::Etag,
                if is_new_tag && bytes >= t.etag_bytes && !is_hash(etag) { bytes } else { 0 },
            );
        }
        if let Some(bytes) = asked.validator {
            // With the same tag as ever, the server has not given that one since.
            let is_alien = status == 200 && !is_new_tag && message.is_complete();
            self.tally(Carrier::Validator, if is_alien { bytes } else { 0 });
        }
        if asked.path > 0 {
            self.tally(Carrier::Path, if is_text(status, message) { asked.path } else { 0 });
        }
        let mut pending = [(0, 0); PENDING];
        let mut free = pending.iter_mut();
        for (_, value) in message.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie")) {
            let must_return = is_returned(value);
            let cookie = value.split(|byte| *byte == b';').next().unwrap_or_default();
            token::each(cookie, Place::Field, |token| {
                let is_new = self.remember(token.hash);
                if is_new
                    && must_return
                    && let Some(slot) = free.next()
                {
                    *slot = (token.hash, token.bytes);
                }
            });
        }
        if pending != [(0, 0); PENDING] {
            self.pending = pending;
        }
    }
}

/// The path of a page of the site itself that a Referer names, which the client must have asked for before; empty for others.
fn own_path<'a>(referer: &'a [u8], message: &Message<'_>) -> &'a [u8] {
    let host = message.field(b"host").filter(|host| !host.is_empty());
    let place = referer.strip_prefix(b"http://").zip(host).and_then(|(rest, host)| rest.strip_prefix(host));
    place.unwrap_or_default().split(|byte| *byte == b'?').next().unwrap_or_default()
}

/// An entity tag without what makes it weak.
fn opaque_tag(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"W/").unwrap_or(value)
}

/// Whether a parameter is by its name a signature, token, key or the like.
fn is_proof(name: &[u8]) -> bool {
    const PROOFS: [&[u8]; 12] = [
        b"sig", b"token", b"key", b"auth", b"hash", b"hmac", b"policy", b"nonce", b"state", b"code", b"cred",
        b"saml",
    ];
    let name = name.to_ascii_lowercase();
    PROOFS.iter().any(|proof| name.windows(proof.len()).any(|part| part == *proof))
}

/// Whether it is as long as a hash or signature (SHA-256 to SHA-512 in hexadecimal, SHA-512 or RSA in base64).
fn is_hash(value: &[u8]) -> bool {
    let value = opaque_tag(value);
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    matches!(value.len(), 86 | 88 | 172 | 344 | 512 | 684) || token::is_digest(value)
}

/// Whether a client that keeps cookies returns this one with any request to the same site: no other path, not
/// expired, not only over TLS (RFC 6265 §5.3, §5.4).
fn is_returned(value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').skip(1).all(|attribute| {
        let attribute = attribute.trim_ascii().to_ascii_lowercase();
        match attribute.as_slice() {
            b"secure" | b"path=/" | b"path=" => attribute != b"secure",
            other => {
                !(other.starts_with(b"path=")
                    || other.starts_with(b"domain=")
                    || other.starts_with(b"max-age=0")
                    || other.starts_with(b"max-age=-")
                    || other.windows(6).any(|year| year == b" 1970 " || year == b"-1970 "))
            }
        }
    })
}

/// The body of a message, as much as came with its head, without the line of a first chunk.
fn body<'a>(message: &Message<'a>) -> &'a [u8] {
    let body = message.body();
    let is_chunked =
        message.field(b"transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
    let end = body.iter().take(12).position(|byte| *byte == b'\n').filter(|_| is_chunked);
    end.and_then(|end| body.get(end + 1..)).unwrap_or(body)
}

/// Whether a body is ciphertext, not compressed by its field or its first bytes (gzip, zlib).
fn is_ciphertext(message: &Message<'_>) -> bool {
    let body = body(message);
    let is_compressed = message.field(b"content-encoding").is_some()
        || matches!(body, [0x1f, 0x8b, ..] | [0x78, 1 | 0x5e | 0x9c | 0xda, ..]);
    body.len() >= LEAST_BODY && !is_compressed && noise::is_uniform(body)
}

/// The body of an answer that is text by its type, if enough of it came with its head.
fn text_body<'a>(status: u16, message: &Message<'a>) -> Option<&'a [u8]> {
    let kind = message.field(b"content-type").filter(|_| status == 200)?.to_ascii_lowercase();
    let is_text = kind.starts_with(b"text/html") || kind.starts_with(b"text/plain");
    Some(body(message)).filter(|body| is_text && body.len() >= LEAST_BODY)
}

/// Whether the response is a page, a message or nothing, rather than media or a file.
fn is_text(status: u16, message: &Message<'_>) -> bool {
    let kind = message.field(b"content-type").map(<[u8]>::to_ascii_lowercase);
    match kind {
        None => message.is_complete() && !matches!(status, 206 | 301..=308),
        Some(kind) => {
            let texts: [&[u8]; 3] = [b"text/html", b"text/plain", b"application/json"];
            status != 206 && texts.iter().any(|text| kind.starts_with(text))
        }
    }
}

/// The parts of a message that an account is for: the site, and the program that asks.
pub(super) fn site(message: &Message<'_>) -> u64 {
    debug_assert!(matches!(message.start, Start::Request(..)));
    let [host, mut agent] = [&b"host"[..], b"user-agent"].map(|name| message.field(name).unwrap_or_default());
    // A program whose name is data is one program.
    let mut opaque = 0_u32;
    token::each(agent, Place::Cookie, |token| opaque = opaque.saturating_add(token.bytes));
    if opaque >= OPAQUE_AGENT {
        agent = b"opaque";
    }
    hash::of_bytes(&[host, agent])
}

impl Entry for Account {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.tallies.iter().map(|tally| u64::from(tally.fresh)).sum()
    }
}

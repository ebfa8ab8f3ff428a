//! HTTP and its kin: lines of text that begin with a method or a version.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("HTTP/2", |m| m.begins(b"PRI * HTTP/2.0\r\n")),
    Protocol::tunnel("HTTP CONNECT", |m| m.is_tcp && m.begins(b"CONNECT ")),
    Protocol::plain("HTTP", http),
    Protocol::plain("RTSP", |m| m.begins_any(&[b"RTSP/1.", b"DESCRIBE rtsp", b"SETUP rtsp", b"PLAY rtsp"])),
    Protocol::plain("Shoutcast", |m| m.begins_any(&[b"ICY ", b"SOURCE "])),
    Protocol::plain("Gemini", |m| m.is_tcp && m.begins(b"gemini://")),
    Protocol::plain("Flash policy", |m| m.begins(b"<policy-file-request/>")),
];

const METHODS: &[&[u8]] = &[
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"TRACE ",
    b"PROPFIND ",
    b"REPORT ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"SEARCH ",
    b"HTTP/1.",
    b"HTTP/0.9",
    b"HTTP/2",
];

fn http(m: &Message<'_>) -> bool {
    m.begins_any(METHODS)
}

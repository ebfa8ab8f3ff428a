//! Message queues and chat: MQTT, AMQP, XMPP, Kafka, STOMP, NATS, ZeroMQ, CoAP, WhatsApp.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("MQTT", mqtt),
    Protocol::plain("AMQP", |m| m.begins(b"AMQP")),
    Protocol::plain("XMPP", |m| m.begins_any(&[b"<?xml", b"<stream:stream"])),
    Protocol::plain("Kafka", |m| {
        // A request's key and version, or the number of the request that an answer is for.
        let is_request =
            m.be16(4).is_some_and(|key| key < 100) && m.be16(6).is_some_and(|version| version < 32);
        m.is_tcp && m.is_length(m.be32(0), 4) && (is_request || m.has(4, &[0, 0]))
    }),
    Protocol::plain("ZeroMQ", |m| m.begins(&[0xff, 0, 0, 0, 0, 0, 0, 0])),
    Protocol::plain("NATS", |m| m.begins_any(&[b"INFO {", b"CONNECT {"])),
    Protocol::plain("STOMP", |m| m.begins_any(&[b"CONNECTED\n", b"STOMP\n"])),
    Protocol::plain("CoAP", coap),
    Protocol::plain("WhatsApp", |m| {
        m.is_tcp && matches!(m.bytes, [b'W', b'A', 0..=9, 0..=9, ..] | [b'E', b'D', 0, 1, ..])
    }),
    Protocol::plain("Diameter", |m| {
        m.begins(&[1]) && m.be32(0).is_some_and(|word| word & 0x00ff_ffff == m.len)
    }),
    Protocol::plain("SMPP", |m| {
        m.is_tcp && m.is_length(m.be32(0), 0) && (m.has(4, &[0, 0, 0]) || m.has(4, &[0x80, 0, 0]))
    }),
];

/// RFC 7252 §3: version 1, a token of up to 8 bytes, a code of a known class, and options or data behind the token.
fn coap(m: &Message<'_>) -> bool {
    let is_code = matches!(m.byte(1), Some(0..=7 | 0x40..=0x5f | 0x80..=0x9f | 0xa0..=0xbf | 0xe1..=0xe5));
    !m.is_tcp && m.has_port(5683) && m.byte(0).is_some_and(|b| b >> 6 == 1 && b & 0x0f <= 8) && is_code
}

/// CONNECT with the protocol's name, or CONNACK.
fn mqtt(m: &Message<'_>) -> bool {
    let named = (3..=6).any(|at| m.has(at - 1, b"\0\x04MQTT") || m.has(at - 1, b"\0\x06MQIsdp"));
    m.is_tcp && ((m.byte(0) == Some(0x10) && named) || (m.len == 4 && m.begins(&[0x20, 2])))
}

//! Message queues and chat: MQTT, AMQP, XMPP, Kafka, STOMP, NATS, ZeroMQ, CoAP, WhatsApp.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("MQTT", mqtt),
    Protocol::plain("AMQP", |m| m.begins(b"AMQP")),
    Protocol::plain("XMPP", |m| m.begins_any(&[b"<?xml", b"<stream:stream"])),
    Protocol::plain("Kafka", |m| {
        m.is_tcp && m.is_length(m.be32(0), 4) && m.be16(4).is_some_and(|key| key < 80)
    }),
    Protocol::plain("ZeroMQ", |m| m.begins(&[0xff, 0, 0, 0, 0, 0, 0, 0])),
    Protocol::plain("NATS", |m| m.begins_any(&[b"INFO {", b"CONNECT {"])),
    Protocol::plain("STOMP", |m| m.begins_any(&[b"CONNECTED\n", b"STOMP\n"])),
    Protocol::plain("CoAP", |m| !m.is_tcp && (m.has_port(5683) || m.has_port(5684))),
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

/// CONNECT with the protocol's name, or CONNACK.
fn mqtt(m: &Message<'_>) -> bool {
    let named = (3..=6).any(|at| m.has(at - 1, b"\0\x04MQTT") || m.has(at - 1, b"\0\x06MQIsdp"));
    m.is_tcp && ((m.byte(0) == Some(0x10) && named) || (m.len == 4 && m.begins(&[0x20, 2])))
}

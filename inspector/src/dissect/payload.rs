//! Payloads of TCP and UDP: what they begin with, read once for all detectors.

use std::cell::OnceCell;

use inspector_common::Class;

use super::protocol::{self, Message, Protocol};
use super::{dhcp, fixed, http, ntp, smb, tls};
use crate::observation::Head;

/// What a payload holds, of what is read of it further than to recognise it.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// An HTTP/1 message's head.
    Http(http::Message<'a>),
    /// The hello of a TLS client.
    ClientHello(tls::ClientHello<'a>),
    /// The beginning of the first certificate of a TLS server.
    Certificate(&'a [u8]),
    /// A request of SMB that opens pipes.
    Smb(smb::Request),
    /// NTP.
    Ntp(ntp::Message<'a>),
    /// DHCP or BOOTP.
    Dhcp(dhcp::Message<'a>),
    /// Anything else.
    Other,
}

/// The payload of a TCP segment or UDP datagram, never empty.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    /// What was captured of it, and what it came in.
    pub message: Message<'a>,
    /// What it holds.
    pub body: Body<'a>,
    protocol: OnceCell<Option<&'static Protocol>>,
}

impl<'a> Payload<'a> {
    /// Reads the payload of a head of class TCP or UDP; `None` where it has none.
    #[must_use]
    pub fn dissect(head: &Head<'a>) -> Option<Self> {
        let bytes = head.payload();
        let (is_tcp, key) = (head.class() == Class::Tcp, &head.meta.key);
        let ports = [key.src_port, key.dst_port];
        let message = Message { bytes, len: head.payload_len(), is_tcp, ports };
        let body = if bytes.is_empty() {
            return None;
        } else if is_tcp {
            segment(bytes, key.dst_port)
        } else {
            datagram(&message)
        };
        Some(Self { message, body, protocol: OnceCell::new() })
    }

    /// The protocol that it begins like, if one is known. Most payloads are not asked.
    #[must_use]
    pub fn protocol(&self) -> Option<&'static Protocol> {
        *self.protocol.get_or_init(|| protocol::recognise(&self.message))
    }
}

/// Whether bytes are all zero: what is left where contents were taken out of a capture before it was handed on.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn segment(bytes: &[u8], to_port: u16) -> Body<'_> {
    if bytes.first() == Some(&tls::HANDSHAKE) {
        return match tls::ClientHello::parse(bytes) {
            Some(hello) => Body::ClientHello(hello),
            None => tls::certificate(bytes).map_or(Body::Other, Body::Certificate),
        };
    }
    let request = if matches!(to_port, 139 | 445) { smb::parse(bytes) } else { None };
    match request {
        Some(request) => Body::Smb(request),
        None => http::Message::parse(bytes).map_or(Body::Other, Body::Http),
    }
}

fn datagram<'a>(message: &Message<'a>) -> Body<'a> {
    match fixed::port(message.ports) {
        Some(123) => ntp::Message::parse(message.bytes, message.len).map_or(Body::Other, Body::Ntp),
        Some(67 | 68) => dhcp::Message::parse(message.bytes).map_or(Body::Other, Body::Dhcp),
        _ => Body::Other,
    }
}

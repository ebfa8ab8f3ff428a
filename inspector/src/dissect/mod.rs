//! Dissectors: bytes become typed messages. They cope with anything, cut or hostile.

pub mod dhcp;
pub mod dhcpv6;
pub mod discovery;
pub mod dns;
pub mod fixed;
pub mod http;
pub mod icmp;
pub mod ntp;
pub mod payload;
pub mod protocol;
pub mod rtp;
pub mod smb;
pub mod snmp;
pub mod stun;
pub mod tftp;
pub mod tls;

use inspector_common::Class;

use self::payload::Payload;
use crate::observation::{Content, Head};

/// Dissects a head by its class.
#[must_use]
pub fn dissect<'a>(head: &Head<'a>) -> Content<'a> {
    match head.class() {
        Class::IcmpEcho
        | Class::IcmpError
        | Class::IcmpOther
        | Class::Icmpv6Echo
        | Class::Icmpv6Error
        | Class::Icmpv6Other => icmp::Message::parse(head).map_or(Content::Opaque, Content::Icmp),
        Class::Icmpv6Control => discovery::Message::parse(head).map_or(Content::Opaque, Content::Discovery),
        Class::Dns => dns::dissect(head),
        Class::Tcp | Class::Udp => Payload::dissect(head).map_or(Content::Opaque, Content::Payload),
        _ => Content::Opaque,
    }
}

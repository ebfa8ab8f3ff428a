//! Names, time, configuration and management: DNS and its kin, NTP, DHCP, SNMP, TFTP, syslog, RADIUS.

use super::{Message, Protocol};
use crate::dissect::{fixed, ntp};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("DNS", |m| (m.has_port(53) || m.has_port(5353) || m.has_port(5355)) && dns(m)),
    Protocol::plain("NetBIOS", |m| (m.has_port(137) || m.has_port(138)) && !m.is_tcp),
    Protocol::plain("NTP", |m| m.has_port(123) && !m.is_tcp && ntp::is_ntp(m.bytes, m.len)),
    Protocol::plain("DHCP", |m| !m.is_tcp && m.has(236, &[0x63, 0x82, 0x53, 0x63])),
    Protocol::plain("SSDP", |m| m.begins_any(&[b"M-SEARCH ", b"NOTIFY "])),
    Protocol::plain("SNMP", snmp),
    Protocol::plain("TFTP", |m| m.has_port(69) && m.begins(&[0])),
    Protocol::plain("RADIUS", radius),
    Protocol::plain("syslog", |m| {
        matches!(m.bytes, [b'<', b'0'..=b'9', ..]) && m.bytes.iter().take(5).any(|b| *b == b'>')
    }),
    Protocol::plain("NetFlow", netflow),
    Protocol::plain("DNSCrypt", |m| m.begins(b"r6fnvWj8")),
];

fn dns(m: &Message<'_>) -> bool {
    fixed::is_dns_like(if m.is_tcp { m.bytes.get(2..).unwrap_or_default() } else { m.bytes })
}

fn snmp(m: &Message<'_>) -> bool {
    !m.is_tcp && (m.has_port(161) || m.has_port(162)) && fixed::is_snmp(m.bytes)
}

/// RFC 2865 §3: a known code, and a length that is the datagram's.
fn radius(m: &Message<'_>) -> bool {
    !m.is_tcp
        && matches!(m.byte(0), Some(1..=5 | 11 | 12 | 40..=45))
        && m.len >= 20
        && m.is_length(m.be16(2), 0)
}

/// NetFlow 1 to 9, IPFIX and sFlow 5 to their ports.
fn netflow(m: &Message<'_>) -> bool {
    let on_port = [2055, 4739, 6343, 9995, 9996, 2056, 9555].iter().any(|port| m.has_port(*port));
    !m.is_tcp && on_port && m.begins(&[0]) && matches!(m.be16(0), Some(0..=10))
}

//! Industry and buildings: Modbus, DNP3, OPC UA, EtherNet/IP, BACnet, IEC 104, KNX, PROFINET.

use super::Protocol;

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("Modbus", |m| m.is_tcp && m.has(2, &[0, 0]) && m.is_length(m.be16(4), 6)),
    Protocol::plain("DNP3", |m| m.begins(&[0x05, 0x64])),
    Protocol::plain("OPC UA", |m| m.begins_any(&[b"HELF", b"ACKF", b"OPNF", b"MSGF", b"ERRF"])),
    Protocol::plain("EtherNet/IP", |m| m.has_port(44818) && m.is_length(m.le16(2), 24)),
    Protocol::plain("BACnet", |m| !m.is_tcp && m.byte(0) == Some(0x81) && m.is_length(m.be16(2), 0)),
    Protocol::plain("IEC 104", |m| m.is_tcp && m.has_port(2404) && m.byte(0) == Some(0x68)),
    Protocol::plain("KNX", |m| m.begins(&[6, 0x10]) && m.is_length(m.be16(4), 0)),
];

//! TCP (RFC 9293).

use super::Packet;
use super::transport::{by_port, has_header, set_ports};
use crate::{Anomaly, Class, Frame};

const HEADER: u8 = 20;
/// Header and a timestamp option, as every common system lays it out: NOP, NOP, kind 8, length 10.
const WITH_TIMESTAMP: u8 = 32;
const TIMESTAMP: [u8; 4] = [1, 1, 8, 10];

/// The flags, as in [`Packet::tcp_flags`].
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronises sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Resets the connection.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
}
use flag::{ACK, FIN, RST, SYN, URG};

#[inline(always)]
pub(super) fn segment<F: Frame>(frame: &F, packet: &mut Packet, offset: u32) -> Class {
    let Some(header) = frame.read::<20>(offset) else {
        return Class::MalformedL4;
    };
    let header_len = (header[12] >> 4) * 4;
    if header_len < HEADER || !has_header(packet, header_len) {
        return Class::MalformedL4;
    }
    set_ports(&mut packet.key, [header[0], header[1], header[2], header[3]]);
    let flags = header[13];
    packet.tcp_flags = flags;
    packet.seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    packet.window = u16::from_be_bytes([header[14], header[15]]);
    packet.checksum = u16::from_be_bytes([header[16], header[17]]);
    packet.urgent = u16::from_be_bytes([header[18], header[19]]);
    let has_ack_number = (header[8] | header[9] | header[10] | header[11]) != 0;
    let anomalies = &mut packet.anomalies;
    // The lowest of the four reserved bits is Accurate ECN's (RFC 9768), and was ECN-nonce's.
    anomalies.insert_if(header[12] & 0x0e != 0, Anomaly::TcpReservedBits);
    anomalies.insert_if(packet.urgent != 0 && flags & URG == 0, Anomaly::TcpUrgentWithoutFlag);
    anomalies.insert_if(has_ack_number && flags & (ACK | RST) == 0, Anomaly::TcpAckWithoutFlag);
    anomalies.insert_if(flags & (SYN | FIN | RST) == SYN && packet.payload_len > 0, Anomaly::TcpSynData);
    if header_len > HEADER && flags & SYN == 0 {
        options(frame, packet, offset + u32::from(HEADER), header_len);
    }
    if packet.payload_len >= 4 {
        packet.prefix = frame.read_payload::<4>(offset + u32::from(header_len)).unwrap_or_default();
    }
    by_port(&packet.key, Class::Tcp)
}

/// The options of a segment after the handshake: a timestamp, SACKs, and little else (RFC 7323, 2018).
#[inline(always)]
fn options<F: Frame>(frame: &F, packet: &mut Packet, offset: u32, header_len: u8) {
    let Some(first) = frame.read::<4>(offset) else {
        return;
    };
    if first == TIMESTAMP && header_len >= WITH_TIMESTAMP {
        packet.timestamp = frame.read::<4>(offset + 4).map_or(0, u32::from_be_bytes);
        return;
    }
    let is_sack = first[0] == 1 && first[1] == 1 && first[2] == 5;
    packet.anomalies.insert_if(!is_sack, Anomaly::TcpOptions);
}

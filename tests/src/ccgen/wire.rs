//! Frames as stacks write them: Ethernet, IPv4, TCP and UDP.

use super::Numbers;
use crate::capture::internet_checksum;

/// Where the IPv4 header begins, bytes, and where the layer 4 header does: there are no options.
pub(super) const IP: usize = 14;
pub(super) const L4: usize = 34;

pub(super) const SYN: u8 = 2;
pub(super) const FIN: u8 = 1;
pub(super) const PSH: u8 = 8;
pub(super) const ACK: u8 = 16;

/// How a system numbers its datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbering {
    /// A counter for each connection from a random start (Linux).
    PerConnection,
    /// One counter for all it sends (Windows).
    Global,
    /// Zero where "don't fragment" is set (macOS, Linux's SYN-ACK).
    Zero,
}

/// A host: its address, and what its system does.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) address: [u8; 4],
    /// TTL where the frames are seen.
    pub(super) ttl: u8,
    /// TOS of its packets.
    pub(super) tos: u8,
    numbering: Numbering,
    has_timestamps: bool,
    id: u16,
    clock: u32,
}

impl Host {
    /// A host so many hops away, with one of the systems of the day.
    pub(super) fn new(address: [u8; 4], hops: u8, numbers: &mut Numbers) -> Self {
        let systems = [
            (64, Numbering::PerConnection, true),
            (128, Numbering::Global, false),
            (64, Numbering::Zero, true),
        ];
        let (ttl, numbering, has_timestamps) = *numbers.one_of(&systems);
        let (id, clock) = (numbers.below(1 << 16) as u16, numbers.below(1 << 30));
        Self { address, ttl: ttl - hops, tos: 0, numbering, has_timestamps, id, clock }
    }

    fn next_id(&mut self, socket_id: &mut u16) -> u16 {
        let id = match self.numbering {
            Numbering::PerConnection => socket_id,
            Numbering::Global => &mut self.id,
            Numbering::Zero => return 0,
        };
        *id = id.wrapping_add(1);
        *id
    }
}

/// One end of a connection or exchange.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) port: u16,
    seq: u32,
    id: u16,
}

impl Socket {
    pub(super) fn new(port: u16, numbers: &mut Numbers) -> Self {
        let id = numbers.below(1 << 16) as u16;
        Self { port, seq: numbers.below(1 << 30) << 2 | numbers.below(4), id }
    }

    /// Goes on with this sequence number.
    pub(super) const fn set_seq(&mut self, seq: u32) {
        self.seq = seq;
    }
}

/// A TCP segment from one end to the other at this time.
pub(super) fn tcp(
    (host, socket): (&mut Host, &mut Socket),
    (to, peer): (&Host, &Socket),
    flags: u8,
    payload: &[u8],
    time_us: u64,
) -> Vec<u8> {
    let now_ms = (time_us / 1000) as u32;
    let ack = if flags & ACK == 0 { 0 } else { peer.seq };
    let stamps = [host.clock.wrapping_add(now_ms), if ack == 0 { 0 } else { to.clock.wrapping_add(now_ms) }];
    let stamps = [&[8, 10][..], &stamps.map(u32::to_be_bytes).concat()].concat();
    let options = match (flags & SYN != 0, host.has_timestamps && to.has_timestamps) {
        (true, true) => [&[2, 4, 5, 180, 4, 2][..], &stamps, &[1, 3, 3, 7]].concat(),
        (true, false) => vec![2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2],
        (false, true) => [&[1, 1][..], &stamps].concat(),
        (false, false) => Vec::new(),
    };
    let mut segment = [socket.port, peer.port].map(u16::to_be_bytes).concat();
    segment.extend([socket.seq, ack].map(u32::to_be_bytes).concat());
    segment.extend([((20 + options.len()) / 4 * 16) as u8, flags, 1, 246, 0, 0, 0, 0]);
    segment.extend(options);
    segment.extend(payload);
    socket.seq = socket.seq.wrapping_add(payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0));
    ipv4((host, socket), to, 6, &segment)
}

/// A UDP datagram from one end to the other.
pub(super) fn udp(
    (host, socket): (&mut Host, &mut Socket),
    (to, peer): (&Host, &Socket),
    payload: &[u8],
) -> Vec<u8> {
    let len = 8 + payload.len() as u16;
    let header = [socket.port, peer.port, len, 0].map(u16::to_be_bytes).concat();
    ipv4((host, socket), to, 17, &[&header, payload].concat())
}

fn ipv4((host, socket): (&mut Host, &mut Socket), to: &Host, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, host.tos];
    frame.extend((20 + segment.len() as u16).to_be_bytes());
    frame.extend(host.next_id(&mut socket.id).to_be_bytes());
    frame.extend([0x40, 0, host.ttl, protocol, 0, 0]);
    frame.extend(host.address);
    frame.extend(to.address);
    frame.extend(segment);
    sum_header(&mut frame);
    sum_segment(&mut frame);
    frame
}

/// Sets the checksum of the IPv4 header right.
pub(super) fn sum_header(frame: &mut [u8]) {
    frame[IP + 10..IP + 12].fill(0);
    let sum = internet_checksum(&[&frame[IP..L4]]);
    frame[IP + 10..IP + 12].copy_from_slice(&sum);
}

/// Sets the checksum of the TCP segment or UDP datagram right.
pub(super) fn sum_segment(frame: &mut [u8]) {
    let at = if frame[IP + 9] == 6 { L4 + 16 } else { L4 + 6 };
    frame[at..at + 2].fill(0);
    let len = ((frame.len() - L4) as u16).to_be_bytes();
    let sum = internet_checksum(&[&frame[IP + 12..L4], &[0, frame[IP + 9]], &len, &frame[L4..]]);
    frame[at..at + 2].copy_from_slice(&sum);
}

/// The same packet in IPv6 with this flow label: addresses in 2001:db8::/96, all else as in IPv4.
pub(super) fn to_ipv6(frame: &[u8], label: u32) -> Vec<u8> {
    let ip = &frame[IP..];
    let mut packet = [&frame[..IP - 2], &[0x86, 0xdd]].concat();
    packet.extend((6 << 28 | u32::from(ip[1]) << 20 | label & 0xf_ffff).to_be_bytes());
    packet.extend(((ip.len() - 20) as u16).to_be_bytes());
    packet.extend([ip[9], ip[8]]);
    for address in [&ip[12..16], &ip[16..20]] {
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend(address);
    }
    packet.extend(&frame[L4..]);
    let (l4, len) = (IP + 40, ((frame.len() - L4) as u16).to_be_bytes());
    let at = if ip[9] == 6 { l4 + 16 } else { l4 + 6 };
    packet[at..at + 2].fill(0);
    let sum = internet_checksum(&[&packet[IP + 8..l4], &[0, ip[9]], &len, &packet[l4..]]);
    packet[at..at + 2].copy_from_slice(&sum);
    packet
}

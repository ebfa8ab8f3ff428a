//! Packets for detectors' tests, by way of the accumulation that sources do.

use inspector_common::{Control, Direction, Origin, SliceFrame, Start};

use super::Detector;
use crate::dissect;
use crate::findings::{Finding, Severity};
use crate::observation::{Event, Head, Observation};
use crate::replay::Replay;

/// The client's and the server's address.
pub(super) const CLIENT: [u8; 4] = [192, 0, 2, 10];
pub(super) const SERVER: [u8; 4] = [198, 51, 100, 20];
pub(super) const SYN: u8 = 2;
pub(super) const ACK: u8 = 16;

/// A detector with a wire before it.
pub(super) struct Wire<D> {
    pub(super) detector: D,
    replay: Replay,
    now_ns: u64,
    pub(super) findings: Vec<Finding>,
    /// The client's address, and the server's.
    hosts: [[u8; 4]; 2],
    /// The ports of the conversation that [`Wire::send`] goes on with, and where its sides are.
    ports: [u16; 2],
    seqs: [u32; 2],
}

impl<D: Detector> Wire<D> {
    pub(super) fn new(detector: D) -> Self {
        Self::to(0, detector)
    }

    /// A wire with a conversation to this port of the server.
    pub(super) fn to(port: u16, detector: D) -> Self {
        Self {
            detector,
            replay: Replay::new(Control::default()),
            now_ns: 1_700_000_000_000_000_000,
            findings: Vec::new(),
            hosts: [CLIENT, SERVER],
            ports: [40_000, port],
            seqs: [1000, 2000],
        }
    }

    /// Sets the ports that [`Wire::connect`] goes on from.
    pub(super) fn ports(&mut self, ports: [u16; 2]) {
        self.ports = ports;
    }

    /// How many findings are alerts.
    pub(super) fn alerts(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity.is_alert()).count()
    }

    /// The greatest severity found.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.now_ns += milliseconds * 1_000_000;
    }

    /// An IPv4 packet.
    pub(super) fn ip(&mut self, src: [u8; 4], dst: [u8; 4], protocol: u8, segment: &[u8]) {
        self.packet(&ipv4(src, dst, protocol, segment));
    }

    /// An IPv4 packet as it is.
    pub(super) fn packet(&mut self, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap();
        let frame = SliceFrame::new(bytes, len);
        let start = Start::Network { ethertype: 0x0800, offset: 0 };
        let Self { detector, findings, .. } = self;
        self.replay.packet(&frame, start, Origin::new(1, Direction::Ingress), self.now_ns, &mut |event| {
            if let Event::Head(meta, bytes) = event {
                let head = Head::new(meta, bytes);
                let content = dissect::dissect(&head);
                detector.observe(&Observation { head, content }, findings);
            }
        });
        detector.tick(self.now_ns);
    }

    /// A UDP datagram, from client to server or back.
    pub(super) fn udp(&mut self, to_server: bool, client_port: u16, server_port: u16, payload: &[u8]) {
        let (src, dst, [from, to]) = self.ends(to_server, [client_port, server_port]);
        let len = u16::try_from(payload.len() + 8).unwrap();
        let header = [from, to, len, 0x1234].map(u16::to_be_bytes).concat();
        self.ip(src, dst, 17, &[&header, payload].concat());
    }

    /// A TCP segment, from client to server or back.
    pub(super) fn tcp(&mut self, to_server: bool, ports: [u16; 2], flags: u8, seq: u32, payload: &[u8]) {
        self.segment(to_server, ports, flags, [seq, u32::from(flags & ACK != 0)], payload);
    }

    /// The same, with its acknowledgement number.
    fn segment(&mut self, to_server: bool, ports: [u16; 2], flags: u8, numbers: [u32; 2], payload: &[u8]) {
        let (src, dst, [from, to]) = self.ends(to_server, ports);
        let mut segment = [from, to].map(u16::to_be_bytes).concat();
        segment.extend(numbers.map(u32::to_be_bytes).concat());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        complete(src, dst, &mut segment);
        self.ip(src, dst, 6, &segment);
    }

    /// A TCP connection that begins with a handshake, in which both sides take turns to send these.
    pub(super) fn connection(&mut self, ports: [u16; 2], messages: &[Vec<u8>]) {
        self.tcp(true, ports, SYN, 0, &[]);
        self.tcp(false, ports, SYN | ACK, 0, &[]);
        let mut seqs = [1, 1];
        for (i, message) in messages.iter().enumerate() {
            self.wait(100);
            let seq = &mut seqs[i % 2];
            let at = *seq;
            *seq += u32::try_from(message.len()).unwrap();
            self.tcp(i % 2 == 0, ports, ACK, at, message);
        }
    }

    /// Begins another TCP connection of the conversation, from another port.
    pub(super) fn connect(&mut self) {
        self.ports[0] += 1;
        let [seq, _] = self.seqs;
        self.wait(100);
        self.tcp(true, self.ports, SYN, seq, &[]);
        self.seqs[0] = seq.wrapping_add(1);
    }

    /// Goes on with it.
    pub(super) fn send(&mut self, to_server: bool, payload: &[u8]) {
        let [client, server] = self.seqs;
        let numbers = if to_server { [client, server] } else { [server, client] };
        self.skip(to_server, u32::try_from(payload.len()).unwrap());
        self.wait(100);
        self.segment(to_server, self.ports, ACK, numbers, payload);
    }

    /// So many bytes of a side are not seen.
    pub(super) fn skip(&mut self, to_server: bool, bytes: u32) {
        let seq = &mut self.seqs[usize::from(!to_server)];
        *seq = seq.wrapping_add(bytes);
    }

    /// Goes on with it in UDP.
    pub(super) fn datagram(&mut self, to_server: bool, payload: &[u8]) {
        let [client_port, server_port] = self.ports;
        self.wait(100);
        self.udp(to_server, client_port, server_port, payload);
    }

    /// Makes the server the client of what follows.
    pub(super) fn swap_hosts(&mut self) {
        self.hosts.reverse();
    }

    fn ends(&self, to_server: bool, [client, server]: [u16; 2]) -> ([u8; 4], [u8; 4], [u16; 2]) {
        let [from, to] = self.hosts;
        if to_server { (from, to, [client, server]) } else { (to, from, [server, client]) }
    }
}

/// The same packet with another identification.
pub(super) fn identified(mut bytes: Vec<u8>, id: u16) -> Vec<u8> {
    bytes[4..6].copy_from_slice(&id.to_be_bytes());
    bytes[10..12].fill(0);
    let sum = checksum(&bytes[..20]);
    bytes[10..12].copy_from_slice(&sum);
    bytes
}

/// Fills in the checksum of a TCP segment.
pub(super) fn complete(src: [u8; 4], dst: [u8; 4], segment: &mut [u8]) {
    segment[16..18].fill(0);
    let len = u16::try_from(segment.len()).unwrap().to_be_bytes();
    let sum = checksum(&[&src[..], &dst, &[0, 6], &len, segment].concat());
    segment[16..18].copy_from_slice(&sum);
}

/// The Internet checksum (RFC 1071).
pub(super) fn checksum(bytes: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let sum: u32 = bytes.chunks(2).map(word).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (!u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap()).to_be_bytes()
}

/// An IPv4 datagram with a checksum.
pub(super) fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, segment: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + segment.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0];
    bytes.extend(src);
    bytes.extend(dst);
    let sum = checksum(&bytes);
    bytes[10..12].copy_from_slice(&sum);
    bytes.extend(segment);
    bytes
}

/// A reproducible stream of uniform bytes, like ciphertext.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

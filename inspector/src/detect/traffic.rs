//! TCP and UDP packets for the tests of detectors.

use bytemuck::Zeroable as _;
use inspector_common::{Class, HeadMeta};

use super::Detector;
use crate::findings::{Finding, Severity};
use crate::observation::{Content, Head, Observation};

/// A detector that is fed by hand with the packets of one client and server.
pub(super) struct Bench<D> {
    pub(super) detector: D,
    pub(super) findings: Vec<Finding>,
    pub(super) port: u16,
    now_ns: u64,
    sequence: [u32; 2],
    number: [u32; 2],
    client_port: u16,
    hosts: [[u8; 16]; 2],
}

impl<D: Detector> Bench<D> {
    pub(super) fn new(detector: D, port: u16) -> Self {
        let (sequence, number) = ([1000, 2000], [0; 2]);
        Self {
            detector,
            findings: Vec::new(),
            port,
            now_ns: 1,
            sequence,
            number,
            client_port: 40_000,
            hosts: [[1; 16], [2; 16]],
        }
    }

    pub(super) fn alerts(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity.is_alert()).count()
    }

    pub(super) fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// A new connection of the client.
    pub(super) fn connect(&mut self) {
        self.client_port += 1;
        self.number = [0; 2];
        self.packet(true, 6, 2, &[]);
        self.sequence[0] = self.sequence[0].wrapping_add(1);
    }

    /// Makes the server the client of what follows.
    pub(super) fn swap_hosts(&mut self) {
        self.hosts.reverse();
    }

    /// So many bytes of a side are not seen.
    pub(super) fn skip(&mut self, to_server: bool, bytes: u32) {
        let sequence = &mut self.sequence[usize::from(!to_server)];
        *sequence = sequence.wrapping_add(bytes);
    }

    pub(super) fn send(&mut self, to_server: bool, payload: &[u8]) {
        self.packet(to_server, 6, 0x18, payload);
    }

    pub(super) fn datagram(&mut self, to_server: bool, payload: &[u8]) {
        self.packet(to_server, 17, 0, payload);
    }

    fn packet(&mut self, to_server: bool, protocol: u8, flags: u8, payload: &[u8]) {
        self.now_ns += 100_000_000;
        self.detector.tick(self.now_ns);
        let side = usize::from(!to_server);
        self.number[side] += 1;
        let mut meta = HeadMeta::zeroed();
        meta.class = if protocol == 6 { Class::Tcp } else { Class::Udp } as u8;
        meta.time_ns = self.now_ns;
        meta.number = self.number[side];
        meta.tcp_flags = flags;
        (meta.key.protocol, meta.key.src, meta.key.dst) = (protocol, self.hosts[0], self.hosts[1]);
        (meta.key.src_port, meta.key.dst_port) = (self.client_port, self.port);
        if !to_server {
            meta.key = meta.key.reversed();
        }
        meta.l4_header_len = if protocol == 6 { 20 } else { 8 };
        let len = u32::try_from(payload.len()).unwrap();
        meta.ip_len = u32::from(meta.l4_header_len) + len;
        meta.wire_len = meta.ip_len + 34;
        let mut bytes = vec![0; usize::from(meta.l4_header_len)];
        bytes[4..8].copy_from_slice(&self.sequence[side].to_be_bytes());
        if protocol == 6 {
            bytes[8..12].copy_from_slice(&self.sequence[1 - side].to_be_bytes());
        }
        self.sequence[side] = self.sequence[side].wrapping_add(len);
        bytes.extend(payload);
        bytes.truncate(inspector_common::head::HEAD_MAX);
        let head = Head { meta: &meta, bytes: &bytes };
        let observation = Observation { head, content: Content::Opaque };
        self.detector.observe(&observation, &mut self.findings);
    }
}

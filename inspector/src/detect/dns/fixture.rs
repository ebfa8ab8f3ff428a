//! DNS traffic for the tests.

use bytemuck::Zeroable as _;
use inspector_common::{Class, HeadMeta};

use super::*;
use crate::dissect::dns::dissect;
use crate::findings::Severity;
use crate::observation::Head;

pub(super) const A: u16 = 1;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;

/// A detector that is fed by hand.
pub(super) struct Bench {
    pub(super) detector: DnsVolume,
    pub(super) now_ns: u64,
    pub(super) findings: Vec<Finding>,
    random: u64,
}

impl Bench {
    /// Without a list, so that nothing is silent because of it.
    pub(super) fn new() -> Self {
        Self::of(DnsVolume::with_benign(Thresholds::default(), BenignSuffixes::empty()))
    }

    pub(super) fn of(detector: DnsVolume) -> Self {
        Self {
            detector,
            now_ns: 1_700_000_000_000_000_000,
            findings: Vec::new(),
            random: 0x1234_5678_9abc_def1,
        }
    }

    pub(super) fn alerts(&self) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.severity.is_alert()).collect()
    }

    /// What alerted, for messages of assertions.
    pub(super) fn summary(&self) -> Vec<(Option<&str>, Severity, &'static str, f64)> {
        let line = |f: &Finding| (f.severity, f.evidence[0].name, f.evidence[0].value);
        let lines = self.findings.iter().map(|f| (f.subject.domain.as_deref(), line(f)));
        lines.map(|(domain, (severity, name, value))| (domain, severity, name, value)).collect()
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    pub(super) fn code(&mut self, alphabet: &str, len: usize) -> String {
        let size = u64::try_from(alphabet.len()).unwrap();
        let mut letter = || char::from(alphabet.as_bytes()[usize::try_from(self.random(size)).unwrap()]);
        (0..len).map(|_| letter()).collect()
    }

    pub(super) fn base32(&mut self, len: usize) -> String {
        self.code("abcdefghijklmnopqrstuvwxyz234567", len)
    }

    pub(super) fn hex(&mut self, len: usize) -> String {
        self.code("0123456789abcdef", len)
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, seconds: f64) {
        let nanoseconds = std::time::Duration::from_secs_f64(seconds).as_nanos();
        self.now_ns += u64::try_from(nanoseconds).unwrap();
        self.detector.tick(self.now_ns);
    }

    /// A packet between port 53 of the server and the client's port.
    pub(super) fn packet(&mut self, to_server: bool, protocol: u8, payload: &[u8]) {
        let mut meta = HeadMeta::zeroed();
        meta.class = Class::ALL.iter().position(|class| *class == Class::Dns).unwrap().try_into().unwrap();
        meta.time_ns = self.now_ns;
        meta.key.protocol = protocol;
        (meta.key.src, meta.key.dst) = ([1; 16], [2; 16]);
        (meta.key.src_port, meta.key.dst_port) = (40_000, 53);
        if !to_server {
            meta.key = meta.key.reversed();
        }
        meta.l4_header_len = 8;
        meta.ip_len = 8 + u32::try_from(payload.len()).unwrap();
        meta.wire_len = meta.ip_len + 34;
        let mut bytes = vec![0; 8];
        bytes.extend(payload);
        bytes.truncate(inspector_common::head::HEAD_MAX);
        let head = Head::new(&meta, &bytes);
        let observation = Observation { head, content: dissect(&head) };
        self.detector.observe(&observation, &mut self.findings);
    }

    /// A query.
    pub(super) fn ask(&mut self, name: &str, kind: u16) {
        self.packet(true, 17, &message(0x0100, name, kind, &[], &[], 0));
    }

    /// A query with one EDNS option.
    pub(super) fn ask_with_option(&mut self, name: &str, code: u16, data: &[u8]) {
        let option =
            [&code.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat();
        self.packet(true, 17, &message(0x0100, name, A, &[], &option, 0));
    }

    /// The response to a query, with an answer of each of the given types and data.
    pub(super) fn answer(&mut self, name: &str, kind: u16, answers: &[(u16, &[u8])]) {
        self.answer_for(name, kind, answers, 60);
    }

    /// The response to a query with a TTL in seconds.
    pub(super) fn answer_for(&mut self, name: &str, kind: u16, answers: &[(u16, &[u8])], ttl: u32) {
        self.packet(false, 17, &message(0x8180, name, kind, answers, &[], ttl));
    }

    /// A query and its response.
    pub(super) fn look_up(&mut self, name: &str, kind: u16, answers: &[(u16, &[u8])]) {
        self.ask(name, kind);
        self.answer(name, kind, answers);
    }
}

/// A name in wire form.
pub(super) fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// Text as the data of a TXT record.
pub(super) fn txt(text: &str) -> Vec<u8> {
    let strings = text.as_bytes().chunks(255);
    strings.flat_map(|s| [&[u8::try_from(s.len()).unwrap()], s].concat()).collect()
}

/// A query for an address.
pub(super) fn query(name: &str) -> Vec<u8> {
    message(0x0100, name, A, &[], &[], 0)
}

fn message(flags: u16, name: &str, kind: u16, answers: &[(u16, &[u8])], options: &[u8], ttl: u32) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    bytes.extend(flags.to_be_bytes());
    let count = u16::try_from(answers.len()).unwrap();
    for count in [1, count, 0, u16::from(!options.is_empty())] {
        bytes.extend(count.to_be_bytes());
    }
    bytes.extend(wire(name));
    bytes.extend([kind.to_be_bytes(), [0, 1]].concat());
    for (kind, data) in answers {
        bytes.extend([0xc0, 0x0c]);
        bytes.extend([kind.to_be_bytes(), [0, 1]].concat());
        bytes.extend(ttl.to_be_bytes());
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(*data);
    }
    if !options.is_empty() {
        bytes.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0]);
        bytes.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        bytes.extend(options);
    }
    bytes
}

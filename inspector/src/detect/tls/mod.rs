//! What the clear part of TLS gives away: detector `tls`.
//!
//! Names in ClientHellos and certificates of TLS 1.2 can carry data as DNS names do: new in every connection.
//! What is not TLS or QUIC at all on port 443 is the matter of [`super::masquerade`]. The random, the session
//! identifier and the key shares are random by nature: what hides there can't be told.

use std::net::IpAddr;

use inspector_common::{Class, FlowKey};

use super::Detector;
use super::masquerade::{Masquerade, Place};
use super::table::{Entry, Table};
use crate::dissect::payload::Body;
use crate::dissect::tls::ClientHello;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::hash;
use crate::observation::{FlowUpdate, Observation};

/// Name of the detector.
pub const NAME: &str = "tls";

const fn signature(id: u32, title: &'static str, pattern: &'static str, hint: &'static str) -> Signature {
    Signature { id, rev: 1, detector: NAME, title, pattern, attack: "T1573", hint }
}

static NAMES: Signature = signature(
    9_103_103,
    "Covert channel in server names of TLS",
    "EN4 State/Value Modulation (SNI)",
    "Find the program on the client, and ask who runs the domain's servers",
);
static CERTIFICATES: Signature = signature(
    9_103_104,
    "A TLS server with a new certificate in every handshake",
    "EN4 State/Value Modulation (certificate)",
    "Compare the certificates; a server has one, or as many as there are machines behind its address",
);
static RESOLVER: Signature = signature(
    9_103_105,
    "DNS over HTTPS or TLS",
    "none (observation)",
    "Allow encrypted DNS only to resolvers that you know, if queries matter to you",
);

/// Limits of the detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Names of one domain with a new label that looks like code, asked by one client. Base rate: tenants and
    /// shards have short labels, and devices (`*.plex.direct`) one long label each.
    pub names: u32,
    /// Bytes from which a label looks like code. Base rate: identifiers have 16 (UUID) to 20 (hash).
    pub label_bytes: u32,
    /// Certificates of one server and name, each seen once, in a row. Base rate: 1, and in a farm as many as it
    /// has machines, which come again.
    pub certificates: u32,
    /// What is idle for this long is forgotten, nanoseconds.
    pub idle_ns: u64,
    /// Most clients with their domains, and pairs, that are kept; about 300 bytes each.
    pub capacity: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { names: 8, label_bytes: 21, certificates: 8, idle_ns: 2 * 3600 * 1_000_000_000, capacity: 4096 }
    }
}

/// Names of public resolvers by their operators' documentation, matched on label boundaries.
const RESOLVERS: [&str; 12] = [
    "dns.google",
    "cloudflare-dns.com",
    "one.one.one.one",
    "dns.quad9.net",
    "doh.opendns.com",
    "dns.adguard.com",
    "dns.adguard-dns.com",
    "dns.nextdns.io",
    "doh.cleanbrowsing.org",
    "dns.controld.com",
    "doh.dns.sb",
    "dns0.eu",
];

/// Different values of one thing that were seen, newest last.
#[derive(Debug, Default)]
struct Values {
    traffic: Traffic,
    hashes: Vec<u64>,
    bytes: u64,
    repeats: u32,
    is_reported: bool,
}

/// Values that are remembered.
const REMEMBERED: usize = 32;

impl Values {
    /// Adds a value; whether it was new.
    fn add(&mut self, hash: u64, bytes: u64) {
        if self.hashes.contains(&hash) {
            self.repeats += 1;
        } else {
            if self.hashes.len() >= REMEMBERED {
                self.hashes.remove(0);
            }
            self.hashes.push(hash);
            self.bytes += bytes;
        }
    }

    /// Whether there were `threshold` different ones and hardly any came again.
    fn is_channel(&mut self, threshold: u32) -> bool {
        let different = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        let is_new = !self.is_reported && different >= threshold && self.repeats <= different / 4;
        self.is_reported |= is_new;
        is_new
    }

    fn finding(
        &self,
        signature: &'static Signature,
        subject: Subject,
        name: &'static str,
        threshold: u32,
    ) -> Finding {
        let context = |name, value: f64, unit| Evidence { name, value, threshold: None, unit };
        let different = self.hashes.len() as f64;
        Finding {
            signature,
            subject,
            severity: Severity::Medium,
            score: 0.7,
            evidence: vec![
                Evidence { name, value: different, threshold: Some(threshold.into()), unit: "values" },
                context("repeats", self.repeats.into(), "handshakes"),
                context("new_bytes", self.bytes as f64, "bytes"),
            ],
            estimated_bytes: self.bytes,
            traffic: self.traffic,
            tool: None,
        }
    }
}

impl Entry for Values {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.hashes.len() as u64
    }
}

/// The name that a connection asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    name: u64,
    time_ns: u64,
}

impl Entry for Asked {
    fn last_ns(&self) -> u64 {
        self.time_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

/// The detector.
#[derive(Debug)]
pub struct Tls {
    thresholds: Thresholds,
    /// By client and domain.
    names: Table<(IpAddr, u64), Values>,
    /// Hash of the name asked for, by connection.
    asked: Table<FlowKey, Asked>,
    /// By client, server, its port and the name that was asked for: delivery networks and proxies have a certificate
    /// for each name.
    certificates: Table<(IpAddr, IpAddr, u16, u64), Values>,
    masquerade: Masquerade,
}

impl Tls {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let capacity = thresholds.capacity;
        Self {
            thresholds,
            names: Table::new(capacity),
            asked: Table::new(capacity),
            certificates: Table::new(capacity),
            masquerade: Masquerade::new(Place::Tls, 2 * capacity),
        }
    }

    fn hello(&mut self, observation: &Observation<'_>, hello: &ClientHello<'_>, findings: &mut Vec<Finding>) {
        let port = observation.key().dst_port;
        let name = hello.server_name.and_then(|name| str::from_utf8(name).ok()).map(str::to_ascii_lowercase);
        if port == 853 || name.as_deref().is_some_and(is_resolver) {
            findings.push(resolver(observation));
        }
        let Some(name) = name else { return };
        let asked = Asked { name: hash::of_bytes(&[name.as_bytes()]), time_ns: observation.time_ns() };
        if let Some(entry) = self.asked.entry(of_client(observation.key(), true), || asked) {
            *entry = asked;
        }
        let Some(domain) = psl::domain_str(&name) else { return };
        let labels = name.strip_suffix(domain).unwrap_or_default().trim_end_matches('.');
        let bytes: u32 =
            labels.split('.').map(label_bytes).filter(|n| *n >= self.thresholds.label_bytes).sum();
        if bytes == 0 {
            return;
        }
        let key = (observation.head.src(), hash::of_bytes(&[domain.as_bytes()]));
        let Some(values) = self.names.entry(key, Values::default) else { return };
        values.traffic.add(true, observation.head.meta.wire_len, observation.time_ns());
        values.add(hash::of_bytes(&[labels.as_bytes()]), bytes.into());
        if values.is_channel(self.thresholds.names) {
            let subject = Subject { domain: Some(domain.to_owned()), ..Subject::of(observation.key(), true) };
            findings.push(values.finding(&NAMES, subject, "coded_names_of_domain", self.thresholds.names));
        }
    }

    fn certificate(&mut self, observation: &Observation<'_>, certificate: &[u8]) -> Option<Finding> {
        let head = &observation.head;
        let name = self.asked.get(&of_client(observation.key(), false)).map_or(0, |asked| asked.name);
        let key = (head.dst(), head.src(), observation.key().src_port, name);
        let values = self.certificates.entry(key, Values::default)?;
        values.traffic.add(false, head.meta.wire_len, observation.time_ns());
        // The serial number and the issuer are in the first bytes; what follows may be cut anywhere.
        let beginning = certificate.get(..certificate.len().min(64))?;
        values.add(hash::of_bytes(&[beginning]), certificate.len() as u64);
        let threshold = self.thresholds.certificates;
        let subject = Subject::of(observation.key(), false);
        values
            .is_channel(threshold)
            .then(|| values.finding(&CERTIFICATES, subject, "certificates_of_server", threshold))
    }
}

/// A connection's key as its client's packets have it.
fn of_client(key: &FlowKey, to_server: bool) -> FlowKey {
    let key = if to_server { *key } else { key.reversed() };
    FlowKey { flags: key.flags & !FlowKey::EGRESS, ..key }
}

fn is_resolver(name: &str) -> bool {
    RESOLVERS.iter().any(|known| {
        name.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// Bytes that a label can carry, if it looks like hexadecimal or base32: letters and digits mixed as by chance.
fn label_bytes(label: &str) -> u32 {
    let len = u32::try_from(label.len()).unwrap_or_default();
    let digits = label.bytes().filter(u8::is_ascii_digit).count() as f64 / f64::from(len.max(1));
    let is_code = label.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (0.08..=0.9).contains(&digits);
    let is_hex = label.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (is_code, is_hex) {
        (true, true) => len / 2,
        (true, false) => len * 5 / 8,
        _ => 0,
    }
}

fn resolver(observation: &Observation<'_>) -> Finding {
    let mut traffic = Traffic::default();
    traffic.add(true, observation.head.meta.wire_len, observation.time_ns());
    let port = f64::from(observation.key().dst_port);
    Finding {
        signature: &RESOLVER,
        subject: Subject::of(observation.key(), true),
        severity: Severity::Info,
        score: 0.1,
        evidence: vec![Evidence { name: "server_port", value: port, threshold: None, unit: "port" }],
        estimated_bytes: 0,
        traffic,
        tool: None,
    }
}

impl Detector for Tls {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if !matches!(observation.head.class(), Class::Tcp | Class::Udp) {
            return;
        }
        findings.extend(self.masquerade.observe(observation));
        match observation.payload().map(|payload| payload.body) {
            Some(Body::ClientHello(hello)) => self.hello(observation, &hello, findings),
            Some(Body::Certificate(certificate)) => {
                findings.extend(self.certificate(observation, certificate));
            }
            _ => {}
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.masquerade.flow(update));
    }

    fn tick(&mut self, now_ns: u64) {
        let since = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.names.expire(since);
        self.asked.expire(since);
        self.certificates.expire(since);
        self.masquerade.expire(since);
    }

    fn occupancy(&self) -> (usize, usize) {
        let tables = [
            self.names.occupancy(),
            self.asked.occupancy(),
            self.certificates.occupancy(),
            self.masquerade.occupancy(),
        ];
        tables.iter().fold((0, 0), |(used, room), (u, r)| (used + u, room + r))
    }
}

#[cfg(test)]
mod tests;

//! Findings: who, what, how sure, why, how much, and what to do.

pub mod community_id;
pub mod dedupe;
pub(crate) mod excerpt;
mod hash;
pub mod mute;
#[cfg(test)]
pub(crate) mod sample;

pub use dedupe::{Deduper, Occasion, Report};
pub(crate) use hash::stable_hash;
pub use mute::Mute;

use std::net::IpAddr;

use inspector_common::{FlowKey, FlowRecord};
use serde::{Deserialize, Serialize};

/// How much a finding asks of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An observation: something that declares itself.
    Info,
    /// An observation: odd, but with ordinary explanations.
    Low,
    /// An alert: probably covert.
    Medium,
    /// An alert: covert beyond reasonable doubt.
    High,
}

impl Severity {
    /// Whether findings of this severity are alerts.
    #[must_use]
    pub fn is_alert(self) -> bool {
        self >= Self::Medium
    }

    /// The value of the `severity` label in metrics and of `covert.severity`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a detector looks for: the part of its findings that never changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// Number of the signature, unique within inspector (`alert.signature_id`).
    pub id: u32,
    /// Revision of the rule (`alert.rev`).
    pub rev: u32,
    /// Name of the detector, as in the catalogue.
    pub detector: &'static str,
    /// One line for people (`alert.signature`).
    pub title: &'static str,
    /// Hiding pattern, by the taxonomy of Wendzel et al. (ARES 2021).
    pub pattern: &'static str,
    /// MITRE ATT&CK technique.
    pub attack: &'static str,
    /// What to do about it, one line.
    pub hint: &'static str,
}

/// Who a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The side that asks: sends echo requests, DNS queries.
    pub client: IpAddr,
    /// The client's port or ICMP identifier; 0 where there is none or several.
    pub client_port: u16,
    /// The side that answers.
    pub server: IpAddr,
    /// The server's port; 0 where there is none.
    pub server_port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// ICMP type and code of the packet that decided.
    pub icmp: Option<(u8, u8)>,
    /// Index of the interface (in a capture, of the capture's interface).
    pub ifindex: u32,
    /// VLAN identifiers from the outside in, 0 where there is no tag.
    pub vlan: [u16; 2],
    /// Registered domain, where the channel is bound to one rather than to a server.
    pub domain: Option<String>,
}

/// What a finding is deduplicated by: one for each pair (or client and domain) and detector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The detector.
    pub detector: &'static str,
    /// The client.
    pub client: IpAddr,
    /// The server, or the domain where the channel is bound to one.
    pub peer: Peer,
}

/// The far end of a [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A host.
    Host(IpAddr),
    /// A registered domain.
    Domain(String),
}

/// One measured reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was measured, in `snake_case`.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// The threshold that it crossed, upwards or downwards; `None` for context that decides nothing by itself.
    pub threshold: Option<f64>,
    /// Unit of both (`bytes`, `packets`, `ratio`, …).
    pub unit: &'static str,
}

impl Evidence {
    /// A count that is a reason if it reaches a threshold, and context otherwise.
    #[must_use]
    pub fn from(name: &'static str, value: f64, threshold: f64, unit: &'static str) -> Self {
        Self { name, value, threshold: (value >= threshold).then_some(threshold), unit }
    }

    /// Whether it is a reason for the finding.
    #[must_use]
    pub const fn is_reason(&self) -> bool {
        self.threshold.is_some()
    }
}

/// Packets and bytes of the pair as far as the detector saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets from the client.
    pub packets_to_server: u64,
    /// Packets from the server.
    pub packets_to_client: u64,
    /// Bytes on the wire from the client.
    pub bytes_to_server: u64,
    /// Bytes on the wire from the server.
    pub bytes_to_client: u64,
    /// First packet, nanoseconds of the source's clock.
    pub first_ns: u64,
    /// Last packet, nanoseconds of the source's clock.
    pub last_ns: u64,
}

impl Traffic {
    /// What the record of one direction says, its sender taken for the client.
    #[must_use]
    pub fn of_sender(record: &FlowRecord) -> Self {
        Self {
            packets_to_server: record.packets,
            bytes_to_server: record.bytes,
            first_ns: record.first_ns,
            last_ns: record.last_ns,
            ..Self::default()
        }
    }

    /// Takes what the record of one direction counts, where that is more.
    pub fn count(&mut self, to_server: bool, record: &FlowRecord) {
        let (packets, bytes) = if to_server {
            (&mut self.packets_to_server, &mut self.bytes_to_server)
        } else {
            (&mut self.packets_to_client, &mut self.bytes_to_client)
        };
        *packets = record.packets.max(*packets);
        *bytes = record.bytes.max(*bytes);
        self.last_ns = self.last_ns.max(record.last_ns);
    }

    /// Adds one packet of `bytes` bytes on the wire.
    pub fn add(&mut self, to_server: bool, bytes: u32, time_ns: u64) {
        if self.packets_to_server + self.packets_to_client == 0 {
            self.first_ns = time_ns;
        }
        self.last_ns = self.last_ns.max(time_ns);
        let (packets, total) = if to_server {
            (&mut self.packets_to_server, &mut self.bytes_to_server)
        } else {
            (&mut self.packets_to_client, &mut self.bytes_to_client)
        };
        *packets += 1;
        *total += u64::from(bytes);
    }
}

/// A verdict of a detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was looked for.
    pub signature: &'static Signature,
    /// Who.
    pub subject: Subject,
    /// How much it asks of the operator.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub score: f64,
    /// Why: what crossed a threshold, the deciding reason first, and what was measured besides. The order between
    /// the two doesn't matter: reports have the reasons first.
    pub evidence: Vec<Evidence>,
    /// Bytes probably carried by the channel so far.
    pub estimated_bytes: u64,
    /// The pair's traffic.
    pub traffic: Traffic,
    /// A tool that this looks like: a hint added after the decision.
    pub tool: Option<&'static str>,
}

impl Finding {
    /// What the finding is deduplicated by.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let Subject { client, server, domain, .. } = &self.subject;
        let peer = domain.clone().map_or(Peer::Host(*server), Peer::Domain);
        Scope { detector: self.signature.detector, client: *client, peer }
    }
}

impl Subject {
    /// The subject of a packet that goes from client to server (`to_server`) or back.
    ///
    /// Ports are the flow key's: for ICMP the client's port is the identifier and the server's 0.
    #[must_use]
    pub fn of(key: &FlowKey, to_server: bool) -> Self {
        let icmp = matches!(key.protocol, 1 | 58).then(|| {
            let [kind, code] = key.dst_port.to_be_bytes();
            (kind, code)
        });
        let (src_port, dst_port) = if icmp.is_some() {
            if to_server { (key.src_port, 0) } else { (0, key.src_port) }
        } else {
            (key.src_port, key.dst_port)
        };
        let (src, dst) = (crate::observation::address(key.src), crate::observation::address(key.dst));
        let ((client, client_port), (server, server_port)) =
            if to_server { ((src, src_port), (dst, dst_port)) } else { ((dst, dst_port), (src, src_port)) };
        Self {
            client,
            client_port,
            server,
            server_port,
            protocol: key.protocol,
            icmp,
            ifindex: key.ifindex,
            vlan: key.vlan,
            domain: None,
        }
    }
}

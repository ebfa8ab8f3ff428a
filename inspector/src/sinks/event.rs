//! The shape of one EVE object.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Context;
use super::eve::GID;
use crate::findings::{Evidence, Report, Severity, Subject, community_id, stable_hash};

/// `alert.category`, the same for all of them.
const CATEGORY: &str = "Covert channel";

#[derive(Serialize)]
pub(super) struct Event<'a> {
    timestamp: Time,
    flow_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_iface: Option<&'a str>,
    #[serde(rename = "event_type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vlan: Vec<u16>,
    src_ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    dest_ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
    proto: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert>,
    flow: Flow,
    covert: Covert<'a>,
}

#[derive(Serialize)]
struct Alert {
    action: &'static str,
    gid: u32,
    signature_id: u32,
    rev: u32,
    signature: &'static str,
    category: &'static str,
    severity: u8,
}

#[derive(Serialize)]
struct Flow {
    pkts_toserver: u64,
    pkts_toclient: u64,
    bytes_toserver: u64,
    bytes_toclient: u64,
    start: Time,
}

#[derive(Serialize)]
struct Covert<'a> {
    id: String,
    detector: &'static str,
    signature_id: u32,
    signature: &'static str,
    pattern: &'static str,
    attack: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'static str>,
    score: f64,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<&'a str>,
    evidence: Vec<Reason>,
    estimated_bytes: u64,
    packets: u64,
    first_seen: Time,
    last_seen: Time,
    occasion: &'static str,
    repeats: u64,
    hint: &'static str,
    sampling_ratio: f64,
}

#[derive(Serialize)]
struct Reason {
    name: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    unit: &'static str,
}

/// RFC 3339 to the microsecond, with the offset as Suricata writes it.
struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%Y-%m-%dT%H:%M:%S.%6f%z"))
    }
}

impl<'a> Event<'a> {
    pub(super) fn new(report: &'a Report, context: &'a Context) -> Self {
        let subject = &report.finding.subject;
        let traffic = &report.finding.traffic;
        let time = |time_ns| Time(context.wall(time_ns));
        let port = |port: u16| (subject.icmp.is_none() && port != 0).then_some(port);
        Self {
            timestamp: time(report.time_ns),
            flow_id: flow_id(subject),
            in_iface: context.interface(subject.ifindex),
            kind: if report.finding.severity.is_alert() { "alert" } else { "covert" },
            vlan: subject.vlan.into_iter().filter(|id| *id != 0).collect(),
            src_ip: subject.client,
            src_port: port(subject.client_port),
            dest_ip: subject.server,
            dest_port: port(subject.server_port),
            proto: protocol_name(subject.protocol),
            icmp_type: subject.icmp.map(|(kind, _)| kind),
            icmp_code: subject.icmp.map(|(_, code)| code),
            community_id: community_id::of_subject(subject),
            alert: Alert::new(report),
            flow: Flow {
                pkts_toserver: traffic.packets_to_server,
                pkts_toclient: traffic.packets_to_client,
                bytes_toserver: traffic.bytes_to_server,
                bytes_toclient: traffic.bytes_to_client,
                start: time(report.first_seen_ns),
            },
            covert: Covert::new(report, context),
        }
    }
}

impl Alert {
    fn new(report: &Report) -> Option<Self> {
        let finding = &report.finding;
        finding.severity.is_alert().then_some(Self {
            action: "allowed",
            gid: GID,
            signature_id: finding.signature.id,
            rev: finding.signature.rev,
            signature: finding.signature.title,
            category: CATEGORY,
            severity: match finding.severity {
                Severity::High => 1,
                Severity::Medium => 2,
                Severity::Low | Severity::Info => 3,
            },
        })
    }
}

impl<'a> Covert<'a> {
    fn new(report: &'a Report, context: &Context) -> Self {
        let finding = &report.finding;
        let signature = finding.signature;
        let reason = |Evidence { name, value, threshold, unit }: &Evidence| Reason {
            name,
            value: *value,
            threshold: *threshold,
            unit,
        };
        Self {
            id: report.id.to_string(),
            detector: signature.detector,
            signature_id: signature.id,
            signature: signature.title,
            pattern: signature.pattern,
            attack: signature.attack,
            tool: finding.tool,
            score: if finding.score.is_nan() { 0.0 } else { finding.score.clamp(0.0, 1.0) },
            severity: finding.severity.name(),
            domain: finding.subject.domain.as_deref(),
            excerpt: report.excerpt.as_deref(),
            evidence: finding.evidence.iter().map(reason).collect(),
            estimated_bytes: context.estimate(finding),
            packets: finding.traffic.packets_to_server.saturating_add(finding.traffic.packets_to_client),
            first_seen: Time(context.wall(report.first_seen_ns)),
            last_seen: Time(context.wall(report.last_seen_ns)),
            occasion: report.occasion.name(),
            repeats: report.repeats,
            hint: signature.hint,
            sampling_ratio: context.sampling_ratio,
        }
    }
}

/// A number for the flow that every run gives it again. Below 2^53, so that JavaScript and jq read it exactly.
fn flow_id(subject: &Subject) -> u64 {
    let Subject { client, client_port, server, server_port, protocol, vlan: [outer, inner], .. } = subject;
    let numbers = [*client_port, *server_port, u16::from(*protocol), *outer, *inner].map(u16::to_be_bytes);
    let addresses = [client, server].map(|address| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    });
    stable_hash(&[addresses.as_flattened(), numbers.as_flattened()]) >> 11
}

/// Suricata's name of an IP protocol; as Suricata does, the bare number where there is none.
pub(super) fn protocol_name(protocol: u8) -> Cow<'static, str> {
    Cow::Borrowed(match protocol {
        1 => "ICMP",
        2 => "IGMP",
        4 => "IP-ENCAP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "IPv6-ICMP",
        89 => "OSPFIGP",
        94 => "IPIP",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        136 => "UDPLite",
        _ => return Cow::Owned(format!("{protocol:03}")),
    })
}

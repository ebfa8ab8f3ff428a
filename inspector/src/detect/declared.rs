//! Tunnels that say what they are: detector `declared-tunnel`. Its findings are observations; whether a network wants
//! tunnels, and to whom, is its operator's to decide.

use inspector_common::{Class, FlowKey};

use super::Detector;
use super::pairing::Link;
use super::table::{Entry, Table};
use crate::dissect::protocol::Kind;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::network::Network;
use crate::observation::{FlowUpdate, Head, Observation};

/// Name of the detector.
pub const NAME: &str = "declared-tunnel";

static TUNNEL: Signature = Signature {
    id: 9_104_100,
    rev: 1,
    detector: NAME,
    title: "Declared tunnel",
    pattern: "none: nothing is hidden",
    attack: "T1572",
    hint: "Nothing to do if this tunnel is yours; block it at the edge if your policy has none",
};

/// What the detector may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Payloads of each flow that are held against the protocols, packets: who declares itself does so at the start.
    pub payloads: u32,
    /// Tunnels idle for this long are forgotten, nanoseconds.
    pub idle_ns: u64,
    /// Most tunnels kept, of about 200 bytes each.
    pub capacity: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { payloads: 4, idle_ns: 3_600_000_000_000, capacity: 4096 }
    }
}

/// What tunnels ask of an operator, by their own policy.
#[derive(Clone, Debug, PartialEq)]
pub struct TunnelPolicy {
    /// How much those do that are not the operator's own.
    pub severity: Severity,
    /// Where the operator's own go to or come from; they are for information.
    pub own: Vec<Network>,
}

impl Default for TunnelPolicy {
    fn default() -> Self {
        Self { severity: Severity::Info, own: Vec::new() }
    }
}

impl TunnelPolicy {
    fn severity(&self, subject: &Subject) -> Severity {
        let is_own = |network: &Network| network.contains(subject.client) || network.contains(subject.server);
        if self.own.iter().any(is_own) { Severity::Info } else { self.severity }
    }
}

/// A flow that is a tunnel.
#[derive(Clone, Debug)]
struct Tunnel {
    name: &'static str,
    key: FlowKey,
    /// By direction: packets and bytes.
    counts: [(u64, u64); 2],
    first_ns: u64,
    last_ns: u64,
}

impl Tunnel {
    fn new(name: &'static str, head: &Head<'_>) -> Self {
        let mut tunnel = Self {
            name,
            key: head.meta.key,
            counts: [(0, 0); 2],
            first_ns: head.meta.time_ns,
            last_ns: head.meta.time_ns,
        };
        tunnel.count(&head.meta.key, 1, u64::from(head.meta.wire_len), head.meta.time_ns);
        tunnel
    }

    fn count(&mut self, key: &FlowKey, packets: u64, bytes: u64, last_ns: u64) {
        let is_forward = key.src == self.key.src && key.src_port == self.key.src_port;
        self.counts[usize::from(!is_forward)] = (packets, bytes);
        self.last_ns = self.last_ns.max(last_ns);
    }

    fn finding(&self, policy: &TunnelPolicy) -> Finding {
        let [(packets_to_server, bytes_to_server), (packets_to_client, bytes_to_client)] = self.counts;
        let traffic = Traffic {
            packets_to_server,
            packets_to_client,
            bytes_to_server,
            bytes_to_client,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
        };
        let packets = Evidence {
            name: "packets",
            value: (packets_to_server + packets_to_client) as f64,
            threshold: None,
            unit: "packets",
        };
        let subject = Subject::of(&self.key, true);
        let severity = policy.severity(&subject);
        Finding {
            signature: &TUNNEL,
            subject,
            severity,
            // That it is a tunnel is certain; that it matters, the policy says.
            score: if severity == Severity::Info { 0.1 } else { 0.5 },
            evidence: vec![packets],
            estimated_bytes: bytes_to_server + bytes_to_client,
            traffic,
            tool: Some(self.name),
        }
    }
}

impl Entry for Tunnel {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

/// The detector.
#[derive(Debug)]
pub struct DeclaredTunnel {
    thresholds: Thresholds,
    policy: TunnelPolicy,
    tunnels: Table<Link, Tunnel>,
}

impl DeclaredTunnel {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds, policy: TunnelPolicy) -> Self {
        Self { tunnels: Table::new(thresholds.capacity), thresholds, policy }
    }

    /// The tunnel that a packet belongs to, if it says so.
    fn declared(&self, observation: &Observation<'_>) -> Option<&'static str> {
        let head = &observation.head;
        let is_tcp = match head.class() {
            Class::Gre => return Some("GRE"),
            Class::IpInIp => return Some("IP in IP"),
            Class::Vxlan => return Some("VXLAN"),
            Class::Geneve => return Some("Geneve"),
            Class::Gtpu => return Some("GTP-U"),
            Class::L2tp => return Some("L2TP"),
            Class::Esp => return Some("ESP"),
            Class::Ah => return Some("AH"),
            Class::Tcp => true,
            Class::Udp => false,
            _ => return None,
        };
        // A TCP flow has its handshake first.
        let is_early = head.meta.number <= self.thresholds.payloads + 3 * u32::from(is_tcp);
        let payload = observation.payload().filter(|_| is_early)?;
        payload.protocol().filter(|protocol| protocol.kind == Kind::Tunnel).map(|protocol| protocol.name)
    }
}

impl Detector for DeclaredTunnel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        if let Some(name) = self.declared(observation)
            && let Some(tunnel) = self.tunnels.entry(Link::of(observation.key()), || Tunnel::new(name, head))
        {
            findings.push(tunnel.finding(&self.policy));
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        if let Some(tunnel) = self.tunnels.get(&Link::of(update.key)) {
            let record = update.record;
            tunnel.count(update.key, record.packets, record.bytes, record.last_ns);
            findings.push(tunnel.finding(&self.policy));
        }
    }

    fn tick(&mut self, now_ns: u64) {
        self.tunnels.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        self.tunnels.occupancy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::{CLIENT, SERVER, Wire, ipv4, noise};

    fn wire() -> Wire<DeclaredTunnel> {
        Wire::new(DeclaredTunnel::new(Thresholds::default(), TunnelPolicy::default()))
    }

    #[test]
    fn a_policy_makes_alerts_of_those_that_are_not_the_operators_own() {
        for (own, severity) in [("203.0.113.0/24", Severity::Medium), ("198.51.100.0/24", Severity::Info)] {
            let policy = TunnelPolicy { severity: Severity::Medium, own: vec![own.parse().unwrap()] };
            let mut wire = Wire::new(DeclaredTunnel::new(Thresholds::default(), policy));
            wire.udp(true, 40_000, 51_820, &[vec![1, 0, 0, 0], noise(2, 144)].concat());
            assert_eq!(wire.severity(), Some(severity), "{own}");
        }
    }

    #[test]
    fn names_tunnels_as_observations() {
        let mut wire = wire();
        wire.ip(CLIENT, SERVER, 4, &ipv4(SERVER, CLIENT, 17, &[0; 16]));
        wire.ip(CLIENT, SERVER, 50, &noise(1, 80));
        wire.udp(true, 40_000, 51_820, &[vec![1, 0, 0, 0], noise(2, 144)].concat());
        wire.connection([40_001, 1080], &[vec![5, 1, 0], vec![5, 0]]);
        let names: Vec<_> = wire.findings.iter().filter_map(|finding| finding.tool).collect();
        assert_eq!(names, ["IP in IP", "ESP", "WireGuard", "SOCKS5"]);
        assert_eq!(wire.severity(), Some(Severity::Info));
    }

    #[test]
    fn ordinary_traffic_is_silent() {
        let mut wire = wire();
        wire.connection([40_001, 443], &[b"\x16\x03\x01\0\x05\x01\0\0\x01\x03".to_vec()]);
        wire.udp(true, 40_000, 9_000, &noise(3, 300));
        assert!(wire.findings.is_empty());
    }
}

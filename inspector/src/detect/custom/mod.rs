//! Protocols of nobody's over TCP, UDP and raw IP: detector `custom-protocol`.
//!
//! A protocol that is unknown is not for that reason suspect: there are more protocols than anyone can list. But a
//! protocol made by people who want it to interoperate begins with something: a version, a length, a type. What
//! has nothing of that in either direction, from the first byte on and for as long as it lasts, was made not to
//! be recognised ([`conversation`]). The same holds for data where the standards have no room for it: in a SYN
//! without fast open ([`opening`]), and in an IP protocol that nobody assigned ([`raw`]).

mod conversation;
pub(super) mod framing;
mod inner;
mod opening;
mod orphans;
mod protocols;
mod raw;
mod service;

#[cfg(test)]
mod tests;

use inspector_common::{Class, FlowKey};

use self::conversation::{Conversation, Told, Verdict};
use self::opening::Opening;
use self::orphans::Orphans;
use self::raw::Raw;
use self::service::Service;
use super::Detector;
use super::novelty::Recent;
use super::pairing::Link;
use super::table::{Entry, Table};
use crate::dissect::protocol::{is_ciphertext_port, is_peers_port};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject};
use crate::observation::{FlowUpdate, Observation};

/// Name of the detector.
pub const NAME: &str = "custom-protocol";

static ENCRYPTED: Signature = Signature {
    id: 9_104_000,
    rev: 1,
    detector: NAME,
    title: "Encrypted from the first byte, in no known protocol",
    pattern: "EN4.2 Random State/Value Modulation",
    attack: "T1095",
    hint: "Find the process that holds this connection; ask who runs the far end",
};

static INNER: Signature = Signature {
    id: 9_104_001,
    rev: 1,
    detector: NAME,
    title: "Tunnel inside UDP or TCP without a tunnel's header",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1572",
    hint: "Find the process that holds this port; ask who runs the far end",
};

static OPENING: Signature = Signature {
    id: 9_104_002,
    rev: 1,
    detector: NAME,
    title: "Data in TCP SYNs without fast open, or in segments that acknowledge nothing",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1095",
    hint: "Look at what sends these SYNs; no ordinary stack puts data there",
};

static ORPHANS: Signature = Signature {
    id: 9_104_004,
    rev: 1,
    detector: NAME,
    title: "Data in TCP segments that belong to no connection",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1095",
    hint: "Look at what sends these segments; no ordinary stack sends data before a handshake",
};

static RAW: Signature = Signature {
    id: 9_104_003,
    rev: 1,
    detector: NAME,
    title: "Data in an IP protocol that is not what its number says",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1095",
    hint: "Drop IP protocols that you don't use at the edge; find the process with a raw socket",
};

/// What it takes for a finding, and what the detector may use.
///
/// "Base rate" is what was measured on the captures without a channel of the development corpus: benign, evasive and
/// declared tunnels.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Payloads that may be random, of those looked at, in each direction. As of the first four and then each
    /// power of two one is looked at, 6 are 16 packets with payload a direction.
    pub random_payloads: u32,
    /// The same, where one direction only was seen.
    pub random_payloads_one_way: u32,
    /// Time between first and last packet, nanoseconds.
    pub sustained_ns: u64,
    /// Hosts with which one talks over the ports of peer-to-peer networks, from which on it is in one, hosts. Base rate:
    /// such programs look for tens of others at once.
    pub peers: u32,
    /// Payloads that may be random of one side, if those of the other are all random but few: the greeting of who then only
    /// listens. Base rate: 4 at most, of phones' connections to a server of messages and of a console's to its peers.
    pub random_payloads_lopsided: u32,
    /// Flows from one host to a port of another that both sides open with what may be random, flows; four times as many where
    /// no answer ever comes. Base rate: 3 of a protocol whose header shows from 5 on.
    pub random_openings: u32,
    /// Whole datagrams inside datagrams in each direction. Base rate: 0.
    pub inner_datagrams: u32,
    /// Different data in SYNs from one host to one port of another, SYNs. Base rate: scanners send one payload
    /// to many ports.
    pub opening_payloads: u32,
    /// Bytes of these.
    pub opening_bytes: u64,
    /// Different data in first segments of flows from one host to one port of another, without a handshake, which are reset,
    /// segments. Base rate: connections that a server has lost, as many as a client keeps in reserve, and these are opened
    /// again.
    pub orphans: u32,
    /// Packets of an unassigned IP protocol with different data between two hosts. Base rate: 0; a scan of
    /// protocols sends one or two packets of each, and no data.
    pub raw_packets: u32,
    /// The same for a protocol that is assigned but hardly used, and so hardly known.
    pub raw_packets_obscure: u32,
    /// Bytes of these.
    pub raw_bytes: u64,
    /// Flows idle for this long are forgotten, nanoseconds.
    pub idle_ns: u64,
    /// Most flows kept, of about 500 bytes each.
    pub flows: usize,
    /// Most pairs of hosts kept that use odd IP protocols or data in SYNs.
    pub pairs: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            random_payloads: 6,
            random_payloads_one_way: 8,
            sustained_ns: SECOND,
            peers: 3,
            random_payloads_lopsided: 8,
            random_openings: 8,
            inner_datagrams: 4,
            opening_payloads: 4,
            opening_bytes: 64,
            orphans: 16,
            raw_packets: 4,
            raw_packets_obscure: 20,
            raw_bytes: 128,
            idle_ns: 3600 * SECOND,
            flows: 16_384,
            pairs: 1024,
        }
    }
}

const TCP: u8 = 6;

/// A host that may be in a peer-to-peer network.
#[derive(Clone, Debug, Default)]
struct Peer {
    last_ns: u64,
    /// It spoke such a network's protocol.
    is_told: bool,
    /// Hosts that it has connections with over such a network's ports.
    others: Recent,
    count: u32,
}

impl Peer {
    const fn is_one(&self, t: &Thresholds) -> bool {
        self.is_told || self.count >= t.peers
    }
}

impl Entry for Peer {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        self.is_told.into()
    }
}

/// The detector.
#[derive(Debug)]
pub struct CustomProtocol {
    thresholds: Thresholds,
    flows: Table<Link, Conversation>,
    openings: Table<(Link, u16), Opening>,
    orphans: Table<(Link, u16), Orphans>,
    raws: Table<Link, Raw>,
    services: Table<(Link, u16), Service>,
    /// Hosts that were seen in a peer-to-peer network.
    peers: Table<[u8; 16], Peer>,
}

impl CustomProtocol {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            flows: Table::new(thresholds.flows),
            openings: Table::new(thresholds.pairs),
            orphans: Table::new(thresholds.pairs),
            raws: Table::new(thresholds.pairs),
            services: Table::new(thresholds.flows / 8),
            peers: Table::new(thresholds.pairs),
            thresholds,
        }
    }

    /// Two hosts talk over a peer-to-peer network's port.
    fn meet(&mut self, key: &FlowKey, time_ns: u64) {
        for (host, other) in [(key.src, key.dst), (key.dst, key.src)] {
            let Some(peer) = self.peers.entry(host, Peer::default) else { continue };
            peer.last_ns = peer.last_ns.max(time_ns);
            peer.count = peer.count.saturating_add(u32::from(peer.others.is_new(&other)));
        }
    }

    /// A segment that belongs to no connection, or a reset or data of one that may answer such.
    fn orphan(&mut self, observation: &Observation<'_>) -> Option<Finding> {
        let (head, key) = (&observation.head, observation.key());
        if orphans::is_orphan(head)
            && let Some(orphans) = self.orphans.entry((Link::hosts(key), key.dst_port), Orphans::default)
        {
            orphans.add(head, observation.payload());
            return None;
        }
        if self.orphans.occupancy().0 == 0 {
            return None;
        }
        let orphans = self.orphans.get(&(Link::hosts(key), key.src_port))?;
        orphans.answer(head);
        orphans.judge(head, &self.thresholds)
    }

    fn conversation(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let key = &head.meta.key;
        if is_elsewhere(key) && !is_stranger(observation) {
            return;
        }
        if is_peers_port(key.src_port) || is_peers_port(key.dst_port) {
            self.meet(key, head.meta.time_ns);
        }
        let Some(conversation) = self.flows.entry(Link::of(key), || Conversation::new(head)) else {
            return;
        };
        let opening = observation.payload().zip(conversation.opening(head));
        let server = conversation.key;
        let told = conversation.add(head, observation.payload());
        if let Some((payload, side)) = opening {
            let service = (Link::hosts(&server), server.dst_port);
            if let Some(service) = self.services.entry(service, || Service::new(&server)) {
                service.add(side, payload, head.meta.wire_len, head.meta.time_ns);
                if service.is_ciphertext(&self.thresholds) {
                    let is_peer = is_peer(&mut self.peers, key, &self.thresholds);
                    findings.push(service_finding(service, is_peer, &self.thresholds));
                }
            }
        }
        match told {
            Told::Nothing => return,
            Told::PeerToPeer => {
                for host in [key.src, key.dst] {
                    if let Some(peer) = self.peers.entry(host, Peer::default) {
                        peer.is_told = true;
                        peer.last_ns = peer.last_ns.max(head.meta.time_ns);
                    }
                }
                return;
            }
            Told::Evidence => {}
        }
        let Some(verdict) = conversation.judge(&self.thresholds) else {
            return;
        };
        let is_peer = is_peer(&mut self.peers, key, &self.thresholds);
        findings.push(finding(conversation, verdict, is_peer, &self.thresholds));
    }
}

/// Whether another detector looks after the flow's port: the web's are those of `http` and `tls`, and DNS has a class.
fn is_elsewhere(key: &FlowKey) -> bool {
    [key.src_port, key.dst_port].iter().any(|port| matches!(port, 80 | 443))
}

/// Whether a datagram holds what no protocol of its port does, the web's included.
fn is_stranger(observation: &Observation<'_>) -> bool {
    observation.head.class() == Class::Udp
        && observation
            .payload()
            .is_some_and(|payload| inner::is_stranger(payload.message.bytes, payload.message.len))
}

/// Whether a host of a key is in a peer-to-peer network.
fn is_peer(peers: &mut Table<[u8; 16], Peer>, key: &FlowKey, t: &Thresholds) -> bool {
    [key.src, key.dst].iter().any(|host| peers.get(host).is_some_and(|peer| peer.is_one(t)))
}

fn service_finding(service: &Service, is_peer: bool, t: &Thresholds) -> Finding {
    let [client, server] = &service.sides;
    let (port, is_tcp) = (service.key.dst_port, service.key.protocol == 6);
    let severity = if is_peer || is_ciphertext_port(port, is_tcp) { Severity::Low } else { Severity::Medium };
    let count =
        |name, value: u32| Evidence::from(name, f64::from(value), f64::from(t.random_openings), "packets");
    let judged = f64::from(client.judged + server.judged);
    Finding {
        signature: &ENCRYPTED,
        subject: Subject { client_port: 0, ..Subject::of(&service.key, true) },
        severity,
        score: if severity == Severity::Low { 0.4 } else { 0.7 },
        evidence: vec![
            count("random_openings_to_server", client.random),
            count("random_openings_to_client", server.random),
            Evidence { name: "openings_judged", value: judged, threshold: None, unit: "packets" },
        ],
        estimated_bytes: service.bytes,
        traffic: service.traffic,
        tool: None,
    }
}

fn finding(c: &Conversation, verdict: Verdict, is_peer: bool, t: &Thresholds) -> Finding {
    let [client, server] = &c.sides;
    let bytes = client.payload_bytes + server.payload_bytes;
    let ports = [c.key.src_port, c.key.dst_port];
    let is_usual = ports.iter().any(|port| is_ciphertext_port(*port, c.key.protocol == 6));
    let (signature, severity) = match verdict {
        Verdict::Encrypted if is_peer || is_usual => (&ENCRYPTED, Severity::Low),
        Verdict::Encrypted if c.key.dst_port < 1024 => (&ENCRYPTED, Severity::High),
        Verdict::Encrypted => (&ENCRYPTED, Severity::Medium),
        Verdict::EncryptedOneWay => (&ENCRYPTED, Severity::Low),
        Verdict::StaticKeyVpn => (&ENCRYPTED, Severity::Info),
        Verdict::Inner => (&INNER, Severity::Medium),
    };
    let count = |name, value: u32, threshold: u32| {
        Evidence::from(name, f64::from(value), f64::from(threshold), "packets")
    };
    let (evidence_client, evidence_server) = if verdict == Verdict::Inner {
        (
            count("inner_datagrams_to_server", client.inner, t.inner_datagrams),
            count("inner_datagrams_to_client", server.inner, t.inner_datagrams),
        )
    } else {
        (
            count("random_payloads_to_server", client.random, t.random_payloads),
            count("random_payloads_to_client", server.random, t.random_payloads),
        )
    };
    let context = |name, value: f64, unit| Evidence { name, value, threshold: None, unit };
    let directions =
        if client.judged + client.inner > 0 && server.judged + server.inner > 0 { 2.0 } else { 1.0 };
    Finding {
        signature,
        subject: Subject::of(&c.key, true),
        severity,
        score: match severity {
            Severity::High => 0.9,
            Severity::Medium => 0.7,
            Severity::Low => 0.4,
            Severity::Info => 0.1,
        },
        evidence: vec![
            evidence_client,
            evidence_server,
            context("payloads_judged", f64::from(client.judged + server.judged), "packets"),
            context("duration", c.last_ns.saturating_sub(c.first_ns) as f64 / 1e9, "seconds"),
            context("peer_to_peer_host", f64::from(u8::from(is_peer)), "hosts"),
            context("port_of_ciphertext", f64::from(u8::from(is_usual)), "ports"),
            context("directions_seen", directions, "directions"),
        ],
        estimated_bytes: bytes,
        traffic: c.traffic(),
        tool: (verdict == Verdict::StaticKeyVpn).then_some("OpenVPN"),
    }
}

impl Detector for CustomProtocol {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let (key, time_ns) = (observation.key(), observation.time_ns());
        match head.class() {
            Class::Tcp if opening::has_data(head) => {
                let entry = (Link::hosts(key), key.dst_port);
                if let Some(opening) = self.openings.entry(entry, || Opening::new(time_ns)) {
                    opening.add(head);
                    findings.extend(opening.judge(head, &self.thresholds));
                }
            }
            Class::Tcp | Class::Udp => {
                if key.protocol == TCP {
                    findings.extend(self.orphan(observation));
                }
                self.conversation(observation, findings);
            }
            class if raw::is_raw(head, class) => {
                if let Some(raw) = self.raws.entry(Link::hosts(key), || Raw::new(head)) {
                    raw.add(head);
                    findings.extend(raw.judge(head, &self.thresholds));
                }
            }
            _ => {}
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, _: &mut Vec<Finding>) {
        if let Some(conversation) = self.flows.get(&Link::of(update.key)) {
            let r = update.record;
            conversation.count(update.key, r.packets, r.payload_bytes, r.bytes, r.last_ns);
        }
    }

    fn tick(&mut self, now_ns: u64) {
        let before = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.flows.expire(before);
        self.openings.expire(before);
        self.orphans.expire(before);
        self.raws.expire(before);
        self.services.expire(before);
        self.peers.expire(before);
    }

    fn occupancy(&self) -> (usize, usize) {
        let tables = [
            self.flows.occupancy(),
            self.openings.occupancy(),
            self.orphans.occupancy(),
            self.raws.occupancy(),
            self.services.occupancy(),
            self.peers.occupancy(),
        ];
        tables.iter().fold((0, 0), |(used, room), (u, r)| (used + u, room + r))
    }
}

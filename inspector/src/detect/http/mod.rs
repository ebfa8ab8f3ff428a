//! Covert channels in HTTP/1: detector `http`.
//!
//! What a client sends it has from somewhere: cookies from the server that set them, validators from its ETags,
//! paths from links. A channel needs values that are new in every message and come from nowhere ([`account`]),
//! made of characters that carry much ([`token`]). WebSockets and CONNECT make a connection a tunnel for
//! whatever they carry, and what must not be in one says so in its first bytes ([`connection`]). What is not HTTP
//! at all on port 80 is the matter of [`super::masquerade`].

mod account;
mod carried;
mod connection;
mod halves;
mod judge;
mod thresholds;
pub(super) mod token;

#[cfg(test)]
mod tests;

pub use thresholds::Thresholds;

use std::net::IpAddr;

use inspector_common::{Class, FlowKey};

use self::account::Account;
use self::carried::Carried;
use self::connection::{Connection, Inside, Use};
use self::halves::Downs;
use super::Detector;
use super::masquerade::{Masquerade, Place};
use super::table::Table;
use crate::dissect::http::{Message, Start};
use crate::dissect::payload::{Body, Payload};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::{FlowUpdate, Observation};

/// Name of the detector.
pub const NAME: &str = "http";

static TUNNEL: Signature = Signature {
    id: 9_103_005,
    rev: 1,
    detector: NAME,
    title: "Another protocol tunnelled through HTTP, a WebSocket or a proxy",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1572",
    hint: "Find the program on the client, and ask who runs the server; web applications don't do this",
};

static PORT: Signature = Signature {
    id: 9_103_006,
    rev: 1,
    detector: NAME,
    title: "HTTP on an unusual port",
    pattern: "none (observation)",
    attack: "T1571",
    hint: "Look what serves HTTP there, if it isn't known",
};

static HALVES: Signature = Signature {
    id: 9_103_009,
    rev: 1,
    detector: NAME,
    title: "Tunnel in bodies of HTTP messages: two requests of one path that never end",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1572",
    hint: "Find the program on the client, and ask who runs the server; web applications end their requests",
};

/// Ports that HTTP is served on by registration or custom.
const USUAL_PORTS: [u16; 19] = [
    80, 81, 443, 591, 631, 2869, 3000, 3128, 5000, 5985, 7547, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9000,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Who {
    client: IpAddr,
    server: IpAddr,
    site: u64,
}

/// The detector.
#[derive(Debug)]
pub struct Http {
    thresholds: Thresholds,
    accounts: Table<Who, Account>,
    connections: Table<FlowKey, Connection>,
    downs: Downs,
    /// Whether any connection became a tunnel: on many networks none ever does.
    has_tunnels: bool,
    masquerade: Masquerade,
}

impl Http {
    /// A detector with empty tables.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let accounts = Table::new(thresholds.accounts);
        let connections = Table::new(thresholds.connections);
        let masquerade = Masquerade::new(Place::Http, thresholds.connections);
        Self { thresholds, accounts, connections, downs: halves::downs(), has_tunnels: false, masquerade }
    }

    fn message(&mut self, observation: &Observation<'_>, message: &Message<'_>, findings: &mut Vec<Finding>) {
        let to_server = matches!(message.start, Start::Request(..));
        let key = client_key(observation.key(), to_server);
        let Some(connection) = self.connections.entry(key, Connection::new) else { return };
        connection.traffic.add(to_server, observation.head.meta.wire_len, observation.time_ns());
        connection.half.message(&key, message, observation.time_ns(), &mut self.downs);
        if to_server {
            connection.site = account::site(message);
            connection.host = connection::host_hash(message.field(b"host").unwrap_or_default());
        }
        let (client, server) = if to_server {
            (observation.head.src(), observation.head.dst())
        } else {
            (observation.head.dst(), observation.head.src())
        };
        let who = Who { client, server, site: connection.site };
        let Some(account) = self.accounts.entry(who, Account::new) else { return };
        account.add_packet(observation, to_server);
        match message.start {
            Start::Request(method, target) => {
                connection.used_for = asked_for(method, message);
                connection.asked = account.request(target, message, &self.thresholds);
            }
            Start::Response(100 | 102 | 103) => return,
            Start::Response(status) => {
                connection.used_for = match connection.used_for {
                    Use::Asked(inside @ (Inside::WebSocket | Inside::Tls | Inside::Other))
                        if status == 101 =>
                    {
                        Use::Open(inside)
                    }
                    Use::Asked(Inside::Connect) if status / 100 == 2 => Use::Open(Inside::Connect),
                    _ => Use::Messages,
                };
                self.has_tunnels |= matches!(connection.used_for, Use::Open(_));
                let asked = std::mem::take(&mut connection.asked);
                account.response(status, message, asked, &self.thresholds);
            }
        }
        let subject = Subject::of(observation.key(), to_server);
        findings.extend(judge::judge(account, &self.thresholds, &subject));
        if !account.is_port_reported && !USUAL_PORTS.contains(&key.dst_port) {
            account.is_port_reported = true;
            findings.push(unusual_port(account, subject));
        }
    }

    /// Looks into a connection that was turned into a tunnel.
    fn look_inside(
        &mut self,
        observation: &Observation<'_>,
        payload: &Payload<'_>,
        findings: &mut Vec<Finding>,
    ) -> bool {
        if !self.has_tunnels {
            return false;
        }
        for to_server in [true, false] {
            let key = client_key(observation.key(), to_server);
            let Some(connection) = self.connections.get(&key) else { continue };
            if !matches!(connection.used_for, Use::Open(_)) {
                return false;
            }
            connection.traffic.add(to_server, observation.head.meta.wire_len, observation.time_ns());
            if let Some(carried) = connection.carried(payload.message.bytes, payload.message.len, to_server)
                && !connection.is_reported
            {
                connection.is_reported = true;
                findings.push(tunnel(connection, carried, Subject::of(observation.key(), to_server)));
            }
            return true;
        }
        false
    }
}

impl Http {
    /// A stream that is made of two requests.
    fn halves(&mut self, update: &FlowUpdate<'_>) -> Option<Finding> {
        let to_server = self.connections.get(&client_key(update.key, true)).is_some();
        let key = client_key(update.key, to_server);
        let connection = self.connections.get(&key)?;
        connection.half.count(update, to_server);
        let up = connection.half;
        let path = up.going_up().filter(|_| to_server && !connection.is_reported)?;
        let down = self.downs.get(&path)?.key;
        let down = self.connections.get(&down).filter(|down| down.half.is_down_of(&up))?;
        let bytes_to_client = down.traffic.bytes_to_client;
        let connection = self.connections.get(&key)?;
        connection.is_reported = true;
        let traffic = Traffic { bytes_to_client, ..connection.traffic };
        Some(Finding {
            signature: &HALVES,
            subject: Subject::of(update.key, true),
            severity: Severity::Medium,
            score: 0.75,
            evidence: vec![Evidence::from("requests_without_end", 2.0, 2.0, "requests")],
            estimated_bytes: update.record.payload_bytes + bytes_to_client,
            traffic,
            tool: None,
        })
    }

    /// Another protocol in a body of a connection that was to carry messages only.
    fn body(&mut self, observation: &Observation<'_>, carried: Carried) -> Option<Finding> {
        for to_server in [true, false] {
            let Some(connection) = self.connections.get(&client_key(observation.key(), to_server)) else {
                continue;
            };
            // Without a request it may be the answer of a proxy.
            if connection.site == 0 || connection.used_for != Use::Messages || connection.is_reported {
                return None;
            }
            (connection.is_reported, connection.is_body) = (true, true);
            connection.traffic.add(to_server, observation.head.meta.wire_len, observation.time_ns());
            return Some(tunnel(connection, carried, Subject::of(observation.key(), to_server)));
        }
        None
    }
}

/// The connection's key as its client's packets have it, whichever side and direction the packet is.
fn client_key(key: &FlowKey, to_server: bool) -> FlowKey {
    let key = if to_server { *key } else { key.reversed() };
    FlowKey { flags: key.flags & !FlowKey::EGRESS, ..key }
}

fn asked_for(method: &[u8], message: &Message<'_>) -> Use {
    if method == b"CONNECT" {
        return Use::Asked(Inside::Connect);
    }
    match message.field(b"upgrade") {
        Some(upgrade) if upgrade.eq_ignore_ascii_case(b"websocket") => Use::Asked(Inside::WebSocket),
        Some(upgrade) if upgrade.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"TLS/")) => {
            Use::Asked(Inside::Tls)
        }
        Some(_) => Use::Asked(Inside::Other),
        None => Use::Messages,
    }
}

fn unusual_port(account: &Account, subject: Subject) -> Finding {
    let port = f64::from(subject.server_port);
    Finding {
        signature: &PORT,
        subject,
        severity: Severity::Info,
        score: 0.1,
        evidence: vec![Evidence { name: "server_port", value: port, threshold: None, unit: "port" }],
        estimated_bytes: 0,
        traffic: account.traffic,
        tool: None,
    }
}

fn tunnel(connection: &Connection, carried: Carried, subject: Subject) -> Finding {
    let is_proxy = connection.used_for == Use::Open(Inside::Connect);
    let context = |name, value: f64, unit| Evidence { name, value, threshold: None, unit };
    // SSH through a proxy is how administrators get out of networks that have one.
    let severity = match carried {
        Carried::Ciphertext => Severity::Medium,
        _ if connection.is_body => Severity::Medium,
        _ if is_proxy => Severity::Low,
        Carried::Http | Carried::Socks | Carried::OpenVpn => Severity::Medium,
        Carried::Tls | Carried::Ssh | Carried::Ip | Carried::WireGuard => Severity::High,
    };
    Finding {
        signature: &TUNNEL,
        subject,
        severity,
        score: match severity {
            Severity::High => 0.95,
            Severity::Medium => 0.8,
            _ => 0.3,
        },
        evidence: vec![
            Evidence { name: "carried_protocols", value: 1.0, threshold: Some(1.0), unit: "protocols" },
            context("unmasked_frames", connection.unmasked.into(), "frames"),
        ],
        estimated_bytes: connection.traffic.bytes_to_client + connection.traffic.bytes_to_server,
        traffic: connection.traffic,
        tool: Some(match carried {
            Carried::Ssh if is_proxy => "SSH through CONNECT",
            Carried::Ssh if connection.is_body => "SSH in HTTP bodies",
            Carried::Tls if connection.is_body => "TLS in HTTP bodies",
            carried => carried.name(),
        }),
    }
}

impl Detector for Http {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if observation.head.class() != Class::Tcp {
            return;
        }
        findings.extend(self.masquerade.observe(observation));
        let Some(payload) = observation.payload() else { return };
        if self.look_inside(observation, payload, findings) {
            return;
        }
        if let Body::Http(message) = &payload.body {
            self.message(observation, message, findings);
        } else if let Some(carried) = Carried::in_body(payload.message.bytes, payload.message.len) {
            findings.extend(self.body(observation, carried));
        }
    }

    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.masquerade.flow(update));
        if update.key.protocol == 6 {
            findings.extend(self.halves(update));
        }
    }

    fn tick(&mut self, now_ns: u64) {
        let since = now_ns.saturating_sub(self.thresholds.idle_ns);
        self.accounts.expire(since);
        self.connections.expire(since);
        self.downs.expire(since);
        self.masquerade.expire(since);
    }

    fn occupancy(&self) -> (usize, usize) {
        let tables = [
            self.accounts.occupancy(),
            self.connections.occupancy(),
            self.downs.occupancy(),
            self.masquerade.occupancy(),
        ];
        tables.iter().fold((0, 0), |(used, room), (u, r)| (used + u, room + r))
    }
}

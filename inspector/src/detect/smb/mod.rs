//! Named pipes between hosts that are each other's client: detector `smb`, observations only.
//!
//! Implants talk over SMB inside a network, host to host (the Regin platform did). Workstations are clients of
//! servers; two hosts that open `IPC$` on each other are peers. So do domain controllers and clusters, which is why
//! this is no alert. Most traffic is encrypted or behind the first four payloads that are seen of a connection, so
//! pipes' names rarely show.

use std::net::IpAddr;

use super::Detector;
use super::table::{Entry, Table};
use crate::dissect::payload::Body;
use crate::dissect::smb::Request;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::Observation;

/// Name of the detector.
pub const NAME: &str = "smb";

static PEERS: Signature = Signature {
    id: 9_103_201,
    rev: 1,
    detector: NAME,
    title: "Named pipes between two hosts that are each other's client",
    pattern: "none (observation)",
    attack: "T1570",
    hint: "Ordinary between servers; between workstations, find the programs that hold the pipes",
};

static GUID: Signature = Signature {
    id: 9_103_202,
    rev: 1,
    detector: NAME,
    title: "A named pipe or file with a GUID for a name",
    pattern: "none (observation)",
    attack: "T1570",
    hint: "Find the program that made it",
};

/// Limits of the detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Pairs idle for this long are forgotten, nanoseconds.
    pub idle_ns: u64,
    /// Most pairs kept; about 150 bytes each.
    pub capacity: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { idle_ns: 24 * 3600 * 1_000_000_000, capacity: 4096 }
    }
}

#[derive(Debug, Default)]
struct Pair {
    traffic: Traffic,
    /// Requests for `IPC$` of the host with the lower address, and of the other.
    opened: [u32; 2],
    is_reported: bool,
}

impl Entry for Pair {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

/// The detector.
#[derive(Debug)]
pub struct Smb {
    thresholds: Thresholds,
    pairs: Table<(IpAddr, IpAddr), Pair>,
}

impl Smb {
    /// A detector with an empty table.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        let pairs = Table::new(thresholds.capacity);
        Self { thresholds, pairs }
    }
}

impl Detector for Smb {
    fn name(&self) -> &'static str {
        NAME
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let head = &observation.head;
        let Some(Body::Smb(request)) = observation.payload().map(|payload| payload.body) else { return };
        let (client, server) = (head.src(), head.dst());
        let Some(pair) = self.pairs.entry((client.min(server), client.max(server)), Pair::default) else {
            return;
        };
        pair.traffic.add(true, head.meta.wire_len, observation.time_ns());
        let (signature, severity) = match request {
            Request::GuidName => (&GUID, Severity::Low),
            Request::Pipes => {
                let side = &mut pair.opened[usize::from(client > server)];
                *side = side.saturating_add(1);
                (&PEERS, Severity::Info)
            }
        };
        let [lower, higher] = pair.opened;
        let is_wanted = request == Request::GuidName || lower.min(higher) > 0;
        if !is_wanted || pair.is_reported {
            return;
        }
        pair.is_reported = true;
        let context =
            |name, value: u32| Evidence { name, value: value.into(), threshold: None, unit: "requests" };
        findings.push(Finding {
            signature,
            subject: Subject::of(observation.key(), true),
            severity,
            score: 0.2,
            evidence: vec![
                context("pipe_shares_opened_by_lower_address", lower),
                context("pipe_shares_opened_by_higher_address", higher),
            ],
            estimated_bytes: 0,
            traffic: pair.traffic,
            tool: None,
        });
    }

    fn tick(&mut self, now_ns: u64) {
        self.pairs.expire(now_ns.saturating_sub(self.thresholds.idle_ns));
    }

    fn occupancy(&self) -> (usize, usize) {
        self.pairs.occupancy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wire::Wire;
    use crate::dissect::smb::tests::request;

    fn bench() -> Wire<Smb> {
        Wire::to(445, Smb::new(Thresholds::default()))
    }

    #[test]
    fn peers_are_observed_and_clients_of_a_server_are_not() {
        let mut bench = bench();
        let open = request(3, "\\\\host\\IPC$");
        bench.connect();
        bench.send(true, &open);
        assert_eq!(bench.findings, []);
        bench.swap_hosts();
        bench.connect();
        bench.send(true, &open);
        assert_eq!(bench.severity(), Some(Severity::Info));
        assert_eq!(bench.alerts(), 0);
    }

    #[test]
    fn a_pipe_named_by_a_guid_is_observed() {
        let mut bench = bench();
        bench.connect();
        bench.send(true, &request(5, "44fda23a-1522-6f9e-d05d-1aa74a6b0d63"));
        assert_eq!(bench.severity(), Some(Severity::Low));
    }
}

//! A finding for tests.

use std::net::IpAddr;

use super::{Evidence, Finding, Severity, Signature, Subject, Traffic};

static SIGNATURE: Signature = Signature {
    id: 9_710_001,
    rev: 1,
    detector: "icmp-payload",
    title: "ICMP echo carries a tunnel",
    pattern: "E1.n1 Payload field",
    attack: "T1095",
    hint: "block ICMP echo to this host and look at the client",
};

/// An ICMP tunnel from 10.0.0.5 to 192.0.2.7 on interface 2, VLAN 5.
pub(crate) fn finding() -> Finding {
    Finding {
        signature: &SIGNATURE,
        subject: Subject {
            client: IpAddr::from([10, 0, 0, 5]),
            client_port: 77,
            server: IpAddr::from([192, 0, 2, 7]),
            server_port: 0,
            protocol: 1,
            icmp: Some((8, 0)),
            ifindex: 2,
            vlan: [5, 0],
            domain: None,
        },
        severity: Severity::High,
        score: 0.97,
        evidence: vec![
            Evidence { name: "reply_differs", value: 0.98, threshold: Some(0.5), unit: "ratio" },
            Evidence { name: "distinct_lengths", value: 41.0, threshold: None, unit: "lengths" },
        ],
        estimated_bytes: 1_234_567,
        traffic: Traffic {
            packets_to_server: 3_421,
            packets_to_client: 3_300,
            bytes_to_server: 900_000,
            bytes_to_client: 700_000,
            first_ns: 1_000_000_000,
            last_ns: 35_000_000_000,
        },
        tool: Some("ptunnel"),
    }
}

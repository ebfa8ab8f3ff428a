//! Knocks, and what else tries closed ports.

use super::*;
use crate::detect::shape::Numbers;
use crate::detect::wire::{ACK, CLIENT, SERVER, SYN, Wire, complete};

struct Door {
    wire: Wire<PortKnock>,
    from: u16,
}

impl Door {
    fn new() -> Self {
        Self { wire: Wire::new(PortKnock::new(Thresholds::default())), from: 40_000 }
    }

    /// A connection to a port of the server that is refused.
    fn refused(&mut self, port: u16) {
        self.from += 1;
        self.wire.tcp(true, [self.from, port], SYN, 1, &[]);
        self.wire.wait(10);
        self.wire.tcp(false, [self.from, port], flag::RST | ACK, 0, &[]);
    }

    /// The same on another host.
    fn refused_by(&mut self, host: u8, port: u16) {
        self.from += 1;
        let server = [SERVER[0], SERVER[1], SERVER[2], host];
        let segment = |[src, dst]: [[u8; 4]; 2], ports: [u16; 2], flags: u8| {
            let mut bytes = ports.map(u16::to_be_bytes).concat();
            bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0]);
            complete(src, dst, &mut bytes);
            bytes
        };
        self.wire.ip(CLIENT, server, 6, &segment([CLIENT, server], [self.from, port], SYN));
        self.wire.ip(server, CLIENT, 6, &segment([server, CLIENT], [port, self.from], flag::RST | ACK));
    }

    fn is_found(&self) -> bool {
        !self.wire.findings.is_empty()
    }
}

#[test]
fn sequences_of_new_ports_are_found() {
    for length in [3, 5, 8] {
        let (mut door, mut random) = (Door::new(), Numbers(1));
        for _ in 0..6 {
            for _ in 0..length {
                door.refused(u16::try_from(1_024 + random.below(60_000)).unwrap());
                door.wire.wait(400);
            }
            door.wire.wait(60_000);
        }
        assert!(door.is_found(), "{length}");
    }
}

#[test]
fn scans_are_silent() {
    let mut random = Numbers(2);
    let mut any_port = || u16::try_from(1 + random.below(65_000)).unwrap();
    let mut fast = Door::new();
    (0..1000).for_each(|_| fast.refused(any_port()));
    assert!(!fast.is_found());
    // nmap -T1 waits 15 s after each probe.
    let mut slow = Door::new();
    for _ in 0..200 {
        slow.refused(any_port());
        slow.wire.wait(15_000);
    }
    assert!(!slow.is_found());
    // Five ports a minute in order.
    let mut orderly = Door::new();
    for port in 0..60 {
        orderly.refused(7_000 + port);
        orderly.wire.wait(if port % 5 == 4 { 60_000 } else { 300 });
    }
    assert!(!orderly.is_found());
    // Five ports of each of many hosts, round after round.
    let mut wide = Door::new();
    for _ in 0..8 {
        for host in 1..20 {
            (0..5).for_each(|_| wide.refused_by(host, any_port()));
        }
        wide.wire.wait(60_000);
    }
    let hosts: std::collections::BTreeSet<_> = wide.wire.findings.iter().map(|f| f.subject.server).collect();
    assert!(hosts.is_empty(), "{hosts:?}");
}

#[test]
fn retries_of_services_that_are_down_are_silent() {
    let mut agent = Door::new();
    for _ in 0..50 {
        for port in [5_432, 6_379, 9_200, 11_211] {
            agent.refused(port);
        }
        agent.wire.wait(30_000);
    }
    assert!(!agent.is_found());
}

#[test]
fn connections_that_open_are_silent() {
    let (mut door, mut random) = (Door::new(), Numbers(3));
    // Passive FTP: a new port for each file, and it opens.
    for _ in 0..8 {
        for _ in 0..4 {
            let port = u16::try_from(30_000 + random.below(30_000)).unwrap();
            door.from += 1;
            door.wire.tcp(true, [door.from, port], SYN, 1, &[]);
            door.wire.tcp(false, [door.from, port], SYN | ACK, 1, &[]);
        }
        door.refused(113);
        door.wire.wait(60_000);
    }
    assert!(!door.is_found());
}

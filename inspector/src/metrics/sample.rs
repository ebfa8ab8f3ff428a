//! A snapshot for tests.

use std::time::Duration;

use bytemuck::Zeroable;
use inspector_common::{Account, Class, Direction, Tally};

use super::{Attachment, Build, DrainTimes, InterfaceAccount, MapUse, Snapshot, Stats, StatsError, TableUse};
use crate::findings::Severity;

/// Two interfaces, the second with a name that needs escapes.
pub(crate) fn snapshot() -> Snapshot {
    let mut account = Account::zeroed();
    account.packets[Class::Dns as usize] = 7;
    account.bytes[Class::Dns as usize] = 700;
    account.anomalies[0] = 3;
    account.tally(Tally::SampledOut);
    account.tally(Tally::HeadRingFull);
    let mut drains = DrainTimes::default();
    drains.record(Duration::from_millis(4));
    Snapshot {
        build: Build { version: "0.1.0".into(), revision: "abc".into(), kernel: "6.18.44".into() },
        attachments: vec![Attachment {
            interface: "eth0".into(),
            direction: Direction::Ingress,
            mode: "native",
            program_id: 42,
        }],
        accounts: vec![
            InterfaceAccount { interface: "eth0".into(), direction: Direction::Ingress, account },
            InterfaceAccount { interface: "a\"b\\c\n<d>".into(), direction: Direction::Egress, account },
        ],
        lost: [("sink", 5)].into(),
        flows: 12,
        maps: vec![MapUse { map: "FLOWS", entries: 12, capacity: 65_536 }],
        tables: vec![TableUse { table: "icmp-payload", entries: 1, capacity: 1_024 }],
        sampling_ratio: 0.25,
        drains,
        last_drain: Some(Duration::from_millis(1_767_323_045_250)),
        findings: [(("icmp-payload", Severity::High), 1)].into(),
        muted: [("icmp-payload", 9)].into(),
    }
}

/// Stats that are always these.
pub(crate) struct Fake {
    pub(crate) ready: bool,
    pub(crate) broken: bool,
}

impl Stats for Fake {
    fn snapshot(&self) -> Result<Snapshot, StatsError> {
        if self.broken {
            let source = std::io::ErrorKind::PermissionDenied.into();
            return Err(StatsError { what: "the map FLOWS", source });
        }
        Ok(snapshot())
    }

    fn is_ready(&self) -> bool {
        self.ready
    }
}

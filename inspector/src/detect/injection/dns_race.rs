//! One question of DNS that is answered twice, differently: somebody races the resolver.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::detect::table::{Entry, Table};
use crate::dissect::dns::{Message, Section, kind};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::Observation;

use super::NAME;

static RACE: Signature = Signature {
    id: 9_106_302,
    rev: 1,
    detector: NAME,
    title: "Two answers to one DNS query that share no address",
    pattern: "EN4 State/Value Modulation (user data)",
    attack: "T1557",
    hint: "Compare both answers with those of another resolver: the first to arrive may be forged",
};

/// Questions kept.
const CAPACITY: usize = 4096;
/// A question is open for this long, nanoseconds: resolvers' clients give up after 5 s (resolv.conf's default).
const OPEN_NS: u64 = 5_000_000_000;

/// Who asked whom, from which port, with which identifier.
type Key = (IpAddr, IpAddr, u16, u16);

#[derive(Debug)]
struct Race {
    first_ns: u64,
    queries: u32,
    /// Hashes of the addresses in the first answer; empty until it came.
    addresses: SmallVec<[u64; 2]>,
    traffic: Traffic,
}

impl Entry for Race {
    fn last_ns(&self) -> u64 {
        self.first_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

/// Open questions.
#[derive(Debug)]
pub(super) struct Races {
    open: Table<Key, Race>,
    expired_ns: u64,
}

impl Races {
    pub(super) fn new() -> Self {
        Self { open: Table::new(CAPACITY), expired_ns: 0 }
    }

    pub(super) fn occupancy(&self) -> (usize, usize) {
        self.open.occupancy()
    }

    /// A second answer that has no address in common with the first, to a query that was asked once. A query
    /// sent again may be answered from another place, which is ordinary.
    pub(super) fn observe(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
    ) -> Option<Finding> {
        let (now_ns, key) = (observation.time_ns(), observation.key());
        if now_ns.saturating_sub(self.expired_ns) >= OPEN_NS / 16 {
            self.expired_ns = now_ns;
            self.open.expire(now_ns.saturating_sub(OPEN_NS));
        }
        let (src, dst) = (observation.head.src(), observation.head.dst());
        let is_answer = message.is_response();
        let who = if is_answer { (dst, src, key.dst_port) } else { (src, dst, key.src_port) };
        let new =
            || Race { first_ns: now_ns, queries: 0, addresses: SmallVec::new(), traffic: Traffic::default() };
        let race = self.open.entry((who.0, who.1, who.2, message.id), new)?;
        if now_ns.saturating_sub(race.first_ns) > OPEN_NS {
            *race = new();
        }
        race.traffic.add(!is_answer, observation.head.meta.wire_len, now_ns);
        if !is_answer {
            race.queries += 1;
            return None;
        }
        let addresses = addresses(message);
        if race.addresses.is_empty() {
            race.addresses = addresses;
            return None;
        }
        let is_race = race.queries == 1
            && !addresses.is_empty()
            && addresses.iter().all(|address| !race.addresses.contains(address));
        is_race.then(|| finding(observation, race))
    }
}

/// Hashes of the addresses that an answer gives; few answers hold more than eight.
fn addresses(message: &Message<'_>) -> SmallVec<[u64; 2]> {
    let answers = message.records().filter(|record| record.section == Section::Answer);
    let addresses = answers.filter(|record| matches!(record.kind, kind::A | kind::AAAA));
    let hash = |bytes: &[u8]| bytes.iter().fold(7u64, |h, &b| h.wrapping_mul(0x100_0000_01b3) ^ u64::from(b));
    addresses.map(|record| hash(record.rdata)).take(8).collect()
}

fn finding(observation: &Observation<'_>, race: &Race) -> Finding {
    let race_ms = observation.time_ns().saturating_sub(race.first_ns) as f64 / 1e6;
    Finding {
        signature: &RACE,
        subject: Subject::of(observation.key(), false),
        severity: Severity::Low,
        score: 0.5,
        evidence: vec![
            Evidence { name: "answers", value: 2.0, threshold: Some(2.0), unit: "packets" },
            Evidence { name: "queries", value: race.queries.into(), threshold: None, unit: "packets" },
            Evidence { name: "since_query", value: race_ms, threshold: None, unit: "milliseconds" },
        ],
        estimated_bytes: 0,
        traffic: race.traffic,
        tool: None,
    }
}

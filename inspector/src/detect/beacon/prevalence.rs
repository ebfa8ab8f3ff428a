//! How many of the clients that are seen call a destination.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use foldhash::quality::FixedState;
use smallvec::SmallVec;

use super::Thresholds;
use crate::detect::table::{Entry, Table};

/// Clients of a destination that are told apart.
const KEPT: usize = 16;
/// Cells that all clients are counted in.
const CELLS: usize = 4096;

/// How many clients call a destination, and how many there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prevalence {
    pub(super) callers: f64,
    pub(super) clients: f64,
}

impl Prevalence {
    /// Whether a service that many use is more likely than many implants.
    pub(super) fn is_common(self, limits: &Thresholds) -> bool {
        self.callers >= limits.callers && self.callers >= limits.common * self.clients
    }
}

/// A service of a host, or a registered domain: server, port, protocol, hash of the domain.
pub(super) type Destination = (IpAddr, u16, u8, u64);

/// The first clients of a destination.
#[derive(Debug, Default)]
struct Callers {
    hashes: SmallVec<[u64; 2]>,
    last_ns: u64,
}

impl Entry for Callers {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        self.hashes.len() as u64
    }
}

/// What calls what.
#[derive(Debug)]
pub(super) struct Census {
    destinations: Table<Destination, Callers>,
    is_taken: Box<[bool]>,
    taken: usize,
}

impl Census {
    pub(super) fn new(capacity: usize) -> Self {
        Self { destinations: Table::new(capacity), is_taken: vec![false; CELLS].into(), taken: 0 }
    }

    /// Notes a call, and says how many call this destination.
    ///
    /// All clients are counted by linear counting: −m ln(share of m cells that are free). Whang et al., ACM Transactions
    /// on Database Systems 15 (1990). A destination's own stop at 16, which is enough to compare with few clients, and
    /// calls no destination common that less than half of 32 or more use.
    pub(super) fn note(&mut self, client: IpAddr, destination: Destination, now_ns: u64) -> Prevalence {
        let hash = FixedState::default().hash_one(client);
        let cell = usize::try_from(hash % CELLS as u64).unwrap_or(0);
        if let Some(is_taken @ false) = self.is_taken.get_mut(cell) {
            *is_taken = true;
            self.taken += 1;
        }
        let free = (CELLS - self.taken).max(1) as f64 / CELLS as f64;
        let clients = -(CELLS as f64) * free.ln();
        let Some(callers) = self.destinations.entry(destination, Callers::default) else {
            return Prevalence { callers: 0.0, clients };
        };
        callers.last_ns = now_ns;
        if callers.hashes.len() < KEPT && !callers.hashes.contains(&hash) {
            callers.hashes.push(hash);
        }
        Prevalence { callers: callers.hashes.len() as f64, clients }
    }

    pub(super) fn expire(&mut self, before_ns: u64) {
        self.destinations.expire(before_ns);
    }
}

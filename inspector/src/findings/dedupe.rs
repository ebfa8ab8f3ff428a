//! One finding for each pair and detector, however often the detector raises it.
//!
//! The first is reported. Repeats are counted and held back, until the severity rises above what was last
//! reported, the hold-off since then is over, or an alert has grown: it carries ten times what was last reported;
//! or half as much again, and nothing more was raised for a while, or the source has ended. So the last report of an
//! alert says what it came to, with a handful of reports from bytes to gigabytes. Observations and alerts share a
//! scope, so that what begins as an observation is reported again once it is an alert.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use super::hash::stable_hash;
use super::{Finding, Mute, Peer, Scope, Severity};

/// How long repeats of a reported finding are held back: 1 hour, in nanoseconds.
pub const HOLD_OFF_NS: u64 = 3_600_000_000_000;

/// An alert that carries this many times the bytes last reported is reported at once.
const GROWTH: u64 = 10;

/// What counts as last reported at least, bytes: growth below ten times this is no news.
const SMALL: u64 = 1_000;

/// After this long without being raised, an alert that has grown by half is reported: 2 minutes, in nanoseconds.
pub const SETTLED_NS: u64 = 120_000_000_000;

/// How many scopes are remembered; about 250 bytes each, and as much again where an alert was held back.
pub const CAPACITY: usize = 16_384;

/// Name of a scope, the same on every host: a hash over detector, client and peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub u64);

impl FindingId {
    /// The name of a scope.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        let address = |address: IpAddr| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let Scope { detector, client, peer } = scope;
        Self(match peer {
            Peer::Host(server) => {
                stable_hash(&[detector.as_bytes(), &address(*client), b"host", &address(*server)])
            }
            Peer::Domain(domain) => {
                stable_hash(&[detector.as_bytes(), &address(*client), b"domain", domain.as_bytes()])
            }
        })
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why a finding is reported now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is the first of its scope.
    First,
    /// Its severity is above what was last reported.
    Escalated,
    /// It goes on, and the hold-off is over.
    Continued,
    /// It carries much more than was last reported.
    Grown,
}

impl Occasion {
    /// The value of `covert.occasion`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Escalated => "escalated",
            Self::Continued => "continued",
            Self::Grown => "grown",
        }
    }
}

/// A finding that is to be written down. Times are nanoseconds of the source's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Name of the scope.
    pub id: FindingId,
    /// The finding.
    pub finding: Finding,
    /// Why it is reported now.
    pub occasion: Occasion,
    /// How often it was raised again and held back since it was first reported.
    pub repeats: u64,
    /// When it is reported.
    pub time_ns: u64,
    /// First packet of the scope's traffic.
    pub first_seen_ns: u64,
    /// Last packet of the scope's traffic.
    pub last_seen_ns: u64,
    /// What the packet that brought an alert to light holds, for people; text from the network.
    pub excerpt: Option<String>,
}

#[derive(Debug)]
struct Entry {
    /// Severity, time and bytes of the last report.
    severity: Severity,
    reported_ns: u64,
    reported_bytes: u64,
    repeats: u64,
    /// The last alert held back since then.
    held_back: Option<Box<Finding>>,
    first_seen_ns: u64,
    last_seen_ns: u64,
    /// When a finding last arrived: its place in the order of eviction.
    raised_ns: u64,
}

/// Remembers what was reported.
///
/// At most `capacity` scopes: a new one then displaces the one that was longest not raised, whose next finding
/// counts as a first one.
#[derive(Debug)]
pub struct Deduper {
    hold_off_ns: u64,
    capacity: usize,
    mutes: Vec<Mute>,
    entries: HashMap<FindingId, Entry>,
    by_age: BTreeSet<(u64, FindingId)>,
    /// Those of them whose last alert was held back.
    unsettled: BTreeSet<(u64, FindingId)>,
    reported: BTreeMap<(&'static str, Severity), u64>,
    held_back: BTreeMap<&'static str, u64>,
    evicted: u64,
}

impl Default for Deduper {
    fn default() -> Self {
        Self::new(HOLD_OFF_NS, CAPACITY)
    }
}

impl Deduper {
    /// Holds repeats back for `hold_off_ns` and remembers `capacity` scopes, one at least.
    #[must_use]
    pub fn new(hold_off_ns: u64, capacity: usize) -> Self {
        Self {
            hold_off_ns,
            capacity: capacity.max(1),
            mutes: Vec::new(),
            entries: HashMap::new(),
            by_age: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            reported: BTreeMap::new(),
            held_back: BTreeMap::new(),
            evicted: 0,
        }
    }

    /// Holds back for good what one of these is about.
    #[must_use]
    pub fn muting(self, mutes: Vec<Mute>) -> Self {
        Self { mutes, ..self }
    }

    /// Takes a finding that a detector raised at `now_ns` of the source's clock, and gives it back if it is to
    /// be reported.
    pub fn admit(&mut self, finding: Finding, now_ns: u64) -> Option<Report> {
        if self.mutes.iter().any(|mute| mute.covers(&finding)) {
            *self.held_back.entry(finding.signature.detector).or_default() += 1;
            return None;
        }
        let id = FindingId::of(&finding.scope());
        let (first_ns, last_ns) = seen(&finding, now_ns);
        let Some(entry) = self.entries.get_mut(&id) else {
            let entry = Entry {
                severity: finding.severity,
                reported_ns: now_ns,
                reported_bytes: finding.estimated_bytes,
                repeats: 0,
                held_back: None,
                first_seen_ns: first_ns,
                last_seen_ns: last_ns,
                raised_ns: now_ns,
            };
            self.insert(id, entry);
            return Some(self.report(id, finding, Occasion::First, now_ns, 0, (first_ns, last_ns)));
        };

        self.by_age.remove(&(entry.raised_ns, id));
        self.unsettled.remove(&(entry.raised_ns, id));
        entry.raised_ns = entry.raised_ns.max(now_ns);
        self.by_age.insert((entry.raised_ns, id));
        entry.first_seen_ns = entry.first_seen_ns.min(first_ns);
        entry.last_seen_ns = entry.last_seen_ns.max(last_ns);

        let grown = entry.reported_bytes.max(SMALL).saturating_mul(GROWTH);
        let occasion = if finding.severity > entry.severity {
            Occasion::Escalated
        } else if now_ns.saturating_sub(entry.reported_ns) >= self.hold_off_ns {
            Occasion::Continued
        } else if finding.severity.is_alert() && finding.estimated_bytes >= grown {
            Occasion::Grown
        } else {
            entry.repeats += 1;
            *self.held_back.entry(finding.signature.detector).or_default() += 1;
            // An observation on the way down says less than the alert before.
            if finding.severity.is_alert() {
                entry.held_back = Some(Box::new(finding));
            }
            if entry.held_back.is_some() {
                self.unsettled.insert((entry.raised_ns, id));
            }
            return None;
        };
        Some(self.again(id, finding, occasion, now_ns))
    }

    /// What is to be reported because nothing more was raised about it up to `now_ns`.
    pub fn settle(&mut self, now_ns: u64) -> Vec<Report> {
        self.settle_until(now_ns.saturating_sub(SETTLED_NS), now_ns)
    }

    /// What is to be reported because nothing more can be raised: the source ends.
    pub fn finish(&mut self, now_ns: u64) -> Vec<Report> {
        self.settle_until(u64::MAX, now_ns)
    }

    fn settle_until(&mut self, raised_ns: u64, now_ns: u64) -> Vec<Report> {
        let mut reports = Vec::new();
        while let Some(first) = self.unsettled.first().copied().filter(|(raised, _)| *raised <= raised_ns) {
            self.unsettled.remove(&first);
            let Some(entry) = self.entries.get_mut(&first.1) else { continue };
            let Some(finding) = entry.held_back.take() else { continue };
            if finding.estimated_bytes >= entry.reported_bytes.saturating_add(entry.reported_bytes / 2).max(1)
            {
                reports.push(self.again(first.1, *finding, Occasion::Grown, now_ns));
            }
        }
        reports
    }

    /// Reports a finding whose scope is known.
    fn again(&mut self, id: FindingId, finding: Finding, occasion: Occasion, now_ns: u64) -> Report {
        let seen = seen(&finding, now_ns);
        let (repeats, seen) = self.entries.get_mut(&id).map_or((0, seen), |entry| {
            entry.severity = finding.severity;
            entry.reported_ns = now_ns;
            entry.reported_bytes = finding.estimated_bytes;
            entry.held_back = None;
            (entry.repeats, (entry.first_seen_ns, entry.last_seen_ns))
        });
        self.report(id, finding, occasion, now_ns, repeats, seen)
    }

    /// Scopes remembered, and how many there is room for.
    #[must_use]
    pub fn occupancy(&self) -> (usize, usize) {
        (self.entries.len(), self.capacity)
    }

    /// Scopes forgotten for want of room.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Findings reported, by detector and severity.
    #[must_use]
    pub const fn reported(&self) -> &BTreeMap<(&'static str, Severity), u64> {
        &self.reported
    }

    /// Findings held back or muted, by detector.
    #[must_use]
    pub const fn held_back(&self) -> &BTreeMap<&'static str, u64> {
        &self.held_back
    }

    fn insert(&mut self, id: FindingId, entry: Entry) {
        if self.entries.len() >= self.capacity
            && let Some(oldest) = self.by_age.pop_first()
        {
            self.entries.remove(&oldest.1);
            self.unsettled.remove(&oldest);
            self.evicted += 1;
        }
        self.by_age.insert((entry.raised_ns, id));
        self.entries.insert(id, entry);
    }

    fn report(
        &mut self,
        id: FindingId,
        mut finding: Finding,
        occasion: Occasion,
        time_ns: u64,
        repeats: u64,
        (first_seen_ns, last_seen_ns): (u64, u64),
    ) -> Report {
        finding.evidence.sort_by_key(|evidence| !evidence.is_reason());
        *self.reported.entry((finding.signature.detector, finding.severity)).or_default() += 1;
        Report { id, finding, occasion, repeats, time_ns, first_seen_ns, last_seen_ns, excerpt: None }
    }
}

/// First and last packet of a finding's traffic; now, where the detector saw no packets of it.
fn seen(finding: &Finding, now_ns: u64) -> (u64, u64) {
    let traffic = &finding.traffic;
    if traffic.packets_to_server == 0 && traffic.packets_to_client == 0 {
        (now_ns, now_ns)
    } else {
        (traffic.first_ns, traffic.last_ns)
    }
}

#[cfg(test)]
mod tests;

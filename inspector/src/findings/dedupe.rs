//! One finding for each pair and detector, however often the detector raises it.
//!
//! The first is reported. Repeats are counted and held back, until the severity rises above what was last
//! reported or the hold-off since then is over. Observations and alerts share a scope, so that what begins as
//! an observation is reported again once it is an alert.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use super::hash::stable_hash;
use super::{Finding, Mute, Peer, Scope, Severity};

/// How long repeats of a reported finding are held back: 1 hour, in nanoseconds.
pub const HOLD_OFF_NS: u64 = 3_600_000_000_000;

/// How many scopes are remembered; about 250 bytes each.
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
}

impl Occasion {
    /// The value of `covert.occasion`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Escalated => "escalated",
            Self::Continued => "continued",
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
}

#[derive(Debug)]
struct Entry {
    /// Severity and time of the last report.
    severity: Severity,
    reported_ns: u64,
    repeats: u64,
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
                repeats: 0,
                first_seen_ns: first_ns,
                last_seen_ns: last_ns,
                raised_ns: now_ns,
            };
            self.insert(id, entry);
            return Some(self.report(id, finding, Occasion::First, now_ns, 0, (first_ns, last_ns)));
        };

        self.by_age.remove(&(entry.raised_ns, id));
        entry.raised_ns = entry.raised_ns.max(now_ns);
        self.by_age.insert((entry.raised_ns, id));
        entry.first_seen_ns = entry.first_seen_ns.min(first_ns);
        entry.last_seen_ns = entry.last_seen_ns.max(last_ns);

        let occasion = if finding.severity > entry.severity {
            Occasion::Escalated
        } else if now_ns.saturating_sub(entry.reported_ns) >= self.hold_off_ns {
            Occasion::Continued
        } else {
            entry.repeats += 1;
            *self.held_back.entry(finding.signature.detector).or_default() += 1;
            return None;
        };
        entry.severity = finding.severity;
        entry.reported_ns = now_ns;
        let (repeats, seen) = (entry.repeats, (entry.first_seen_ns, entry.last_seen_ns));
        Some(self.report(id, finding, occasion, now_ns, repeats, seen))
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
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.entries.remove(&oldest);
            self.evicted += 1;
        }
        self.by_age.insert((entry.raised_ns, id));
        self.entries.insert(id, entry);
    }

    fn report(
        &mut self,
        id: FindingId,
        finding: Finding,
        occasion: Occasion,
        time_ns: u64,
        repeats: u64,
        (first_seen_ns, last_seen_ns): (u64, u64),
    ) -> Report {
        *self.reported.entry((finding.signature.detector, finding.severity)).or_default() += 1;
        Report { id, finding, occasion, repeats, time_ns, first_seen_ns, last_seen_ns }
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
mod tests {
    use super::*;
    use crate::findings::sample::finding;

    const HOUR: u64 = HOLD_OFF_NS;

    fn from(client: u8) -> Finding {
        let mut finding = finding();
        finding.subject.client = IpAddr::from([10, 0, 0, client]);
        finding
    }

    #[test]
    fn reports_the_first_and_counts_the_rest() {
        let mut deduper = Deduper::new(HOUR, 8);
        let first = deduper.admit(from(1), 5).unwrap();
        assert_eq!((first.occasion, first.repeats, first.time_ns), (Occasion::First, 0, 5));
        for now in 6..16 {
            assert_eq!(deduper.admit(from(1), now), None);
        }
        assert_eq!(deduper.held_back().get("icmp-payload"), Some(&10));
        assert_eq!(deduper.reported().get(&("icmp-payload", Severity::High)), Some(&1));

        assert_eq!(deduper.admit(from(1), HOUR + 4), None);
        let again = deduper.admit(from(1), HOUR + 5).unwrap();
        assert_eq!((again.occasion, again.repeats, again.id), (Occasion::Continued, 11, first.id));
        assert_eq!(deduper.admit(from(1), HOUR + 6), None);
    }

    #[test]
    fn an_escalation_does_not_wait() {
        let mut deduper = Deduper::new(HOUR, 8);
        let mut low = from(1);
        low.severity = Severity::Low;
        let mut medium = from(1);
        medium.severity = Severity::Medium;
        assert!(deduper.admit(low.clone(), 0).is_some());
        assert_eq!(deduper.admit(medium.clone(), 1).unwrap().occasion, Occasion::Escalated);
        assert_eq!(deduper.admit(medium, 2), None);
        assert_eq!(deduper.admit(low, 3), None);
        assert_eq!(deduper.admit(from(1), 4).unwrap().occasion, Occasion::Escalated);
    }

    #[test]
    fn scopes_and_detectors_are_apart() {
        let mut deduper = Deduper::new(HOUR, 8);
        assert!(deduper.admit(from(1), 0).is_some());
        assert!(deduper.admit(from(2), 0).is_some());
        let mut other_port = from(1);
        other_port.subject.client_port = 9;
        assert_eq!(deduper.admit(other_port, 1), None);
        let mut domain = from(1);
        domain.subject.domain = Some("example.org".to_owned());
        assert!(deduper.admit(domain.clone(), 1).is_some());
        domain.subject.server = IpAddr::from([9, 9, 9, 9]);
        assert_eq!(deduper.admit(domain, 2), None);
    }

    #[test]
    fn memory_is_bounded_and_the_longest_silent_goes_first() {
        let mut deduper = Deduper::new(HOUR, 3);
        for client in 1..=3 {
            assert!(deduper.admit(from(client), client.into()).is_some());
        }
        assert_eq!(deduper.admit(from(1), 10), None);
        assert!(deduper.admit(from(4), 11).is_some());
        assert_eq!((deduper.occupancy(), deduper.evicted()), ((3, 3), 1));
        assert_eq!(deduper.admit(from(1), 12), None);
        assert_eq!(deduper.admit(from(2), 13).unwrap().occasion, Occasion::First);
        for round in 0..20_u64 {
            for client in 0..=255 {
                deduper.admit(from(client), 20 + round);
            }
        }
        assert_eq!(deduper.occupancy(), (3, 3));
        assert_eq!(deduper.by_age.len(), 3);
    }

    #[test]
    fn first_and_last_seen_span_all_repeats() {
        let mut deduper = Deduper::new(100, 3);
        let mut finding = from(1);
        (finding.traffic.first_ns, finding.traffic.last_ns) = (10, 20);
        deduper.admit(finding.clone(), 20);
        // The detector had to forget the pair in between.
        (finding.traffic.first_ns, finding.traffic.last_ns) = (300, 400);
        let report = deduper.admit(finding, 401).unwrap();
        assert_eq!((report.first_seen_ns, report.last_seen_ns), (10, 400));
    }

    #[test]
    fn time_that_runs_backwards_holds_back() {
        let mut deduper = Deduper::new(HOUR, 2);
        deduper.admit(from(1), HOUR * 3);
        assert_eq!(deduper.admit(from(1), 0), None);
    }

    #[test]
    fn ids_are_the_same_everywhere() {
        assert_eq!(FindingId::of(&finding().scope()).to_string(), "326889d4eec63934");
    }
}

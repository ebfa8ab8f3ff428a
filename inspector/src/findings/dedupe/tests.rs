//! When findings are reported, and when held back.

use super::*;
use crate::findings::Evidence;
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

fn carrying(bytes: u64) -> Finding {
    Finding { estimated_bytes: bytes, ..from(1) }
}

#[test]
fn growth_is_reported_at_each_tenfold() {
    let mut deduper = Deduper::new(HOUR, 8);
    let mut reported = Vec::new();
    for (now, bytes) in (0..).zip((120..200_000).step_by(20)) {
        let report = deduper.admit(carrying(bytes), now);
        reported.extend(report.map(|report| (report.occasion, report.finding.estimated_bytes)));
    }
    let grown = |bytes| (Occasion::Grown, bytes);
    assert_eq!(reported, [(Occasion::First, 120), grown(10_000), grown(100_000)]);
    let last = deduper.finish(100_000);
    assert_eq!(last.iter().map(|report| report.finding.estimated_bytes).collect::<Vec<_>>(), [199_980]);
    assert_eq!(last[0].repeats, 9_991);
    assert_eq!(deduper.finish(100_000), []);
}

#[test]
fn what_has_grown_by_half_is_reported_once_it_has_settled() {
    let mut deduper = Deduper::new(HOUR, 8);
    deduper.admit(carrying(1_000), 0);
    deduper.admit(carrying(1_400), 1);
    assert_eq!(deduper.settle(SETTLED_NS), []);
    assert_eq!(deduper.settle(1 + SETTLED_NS), []);
    deduper.admit(carrying(1_600), 2 + SETTLED_NS);
    assert_eq!(deduper.settle(1 + 2 * SETTLED_NS), []);
    let [report] = &deduper.settle(2 + 2 * SETTLED_NS)[..] else { panic!("not one report") };
    assert_eq!((report.occasion, report.finding.estimated_bytes), (Occasion::Grown, 1_600));
    assert_eq!(deduper.settle(HOUR), []);
}

#[test]
fn growth_of_observations_and_of_what_carries_nothing_is_no_news() {
    let mut deduper = Deduper::new(HOUR, 8);
    let low = |bytes| Finding { severity: Severity::Low, ..carrying(bytes) };
    deduper.admit(low(1), 0);
    assert_eq!(deduper.admit(low(1_000_000), 1), None);
    let nothing = || Finding { estimated_bytes: 0, ..from(2) };
    deduper.admit(nothing(), 2);
    assert_eq!(deduper.admit(nothing(), 3), None);
    assert_eq!(deduper.finish(4), []);
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
    assert_eq!((deduper.by_age.len(), deduper.unsettled.len()), (3, 0));
    for client in 1..=9 {
        for now in [50, 51] {
            deduper.admit(Finding { estimated_bytes: now, ..from(client) }, now);
        }
    }
    assert_eq!((deduper.by_age.len(), deduper.unsettled.len()), (3, 3));
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

#[test]
fn reasons_come_before_context() {
    let evidence = |name, threshold| Evidence { name, value: 1.0, threshold, unit: "packets" };
    let mut finding = from(1);
    finding.evidence =
        vec![evidence("a", None), evidence("b", Some(1.0)), evidence("c", None), evidence("d", Some(0.5))];
    let report = Deduper::default().admit(finding, 0).unwrap();
    let names: Vec<&str> = report.finding.evidence.iter().map(|evidence| evidence.name).collect();
    assert_eq!(names, ["b", "d", "a", "c"]);
}

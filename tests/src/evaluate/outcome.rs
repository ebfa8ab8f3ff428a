//! What became of one capture.

use std::path::Path;
use std::time::{Duration, Instant};

use inspector::analyse::analyse;
use inspector::capture::{CaptureError, CaptureReader, Problem};
use inspector::findings::Report;
use inspector_common::Sampler;

use super::workers::Stopped;
use crate::corpus::{Capture, Label};

/// How the replay of a capture ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All of it was read.
    Whole,
    /// It was read up to some damage.
    Damaged(String),
    /// It is no capture.
    Refused(String),
    /// There is no such file, or it cannot be read.
    Unreadable(String),
    /// inspector panicked.
    Panicked(String),
    /// inspector was not done in time.
    TimedOut(Duration),
}

/// A report, and the number of the packet that brought it.
#[derive(Clone, Debug)]
pub struct Found {
    /// From 1, as Wireshark counts.
    pub packet: u64,
    /// The report.
    pub report: Report,
}

impl Found {
    /// Whether it is an alert, not an observation.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.report.finding.severity.is_alert()
    }

    /// The detector that found it.
    #[must_use]
    pub fn detector(&self) -> &'static str {
        self.report.finding.signature.detector
    }
}

/// A capture, and what inspector made of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The capture.
    pub capture: Capture,
    /// Packets that were read.
    pub packets: u64,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub end: End,
    /// What was reported, in this order.
    pub findings: Vec<Found>,
}

impl Outcome {
    pub(super) fn new(capture: Capture, replay: Result<Replayed, Stopped>) -> Self {
        let stopped = |end| Replayed { packets: 0, took: Duration::ZERO, end, findings: Vec::new() };
        let Replayed { packets, took, end, findings } = replay.unwrap_or_else(|reason| match reason {
            Stopped::Panicked(text) => stopped(End::Panicked(text)),
            Stopped::TimedOut(limit) => stopped(End::TimedOut(limit)),
        });
        Self { capture, packets, took, end, findings }
    }

    /// The reports that are alerts.
    pub fn alerts(&self) -> impl Iterator<Item = &Found> {
        self.findings.iter().filter(|found| found.is_alert())
    }

    /// Whether there is an alert.
    #[must_use]
    pub fn is_alerted(&self) -> bool {
        self.alerts().next().is_some()
    }

    /// Why this outcome is a failure whatever was found: a panic, a time-out, or a capture that cannot be read and
    /// is not meant to be so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match &self.end {
            End::Whole | End::Damaged(_) => None,
            End::Refused(_) if self.capture.label == Label::Malformed => None,
            End::Refused(reason) | End::Unreadable(reason) => Some(reason.clone()),
            End::Panicked(text) => Some(format!("panicked: {text}")),
            End::TimedOut(limit) => Some(format!("not done after {} s", limit.as_secs_f64())),
        }
    }
}

/// What a replay leaves.
#[derive(Clone, Debug)]
pub(super) struct Replayed {
    packets: u64,
    took: Duration,
    end: End,
    findings: Vec<Found>,
}

/// Replays a capture as `inspector replay` does.
pub(super) fn replay(file: &Path) -> Replayed {
    let begun = Instant::now();
    let mut findings = Vec::new();
    let (packets, end) = match CaptureReader::open(file) {
        Ok(mut capture) => {
            let keep = |packet, report: &Report| findings.push(Found { packet, report: report.clone() });
            let analysis = analyse(&mut capture, Sampler::new(1, 0), keep);
            (capture.packets(), analysis.damage.map_or(End::Whole, |error| ended(&error)))
        }
        Err(error) => (0, ended(&error)),
    };
    Replayed { packets, took: begun.elapsed(), end, findings }
}

fn ended(error: &CaptureError) -> End {
    let reason = error.problem.to_string();
    match &error.problem {
        Problem::Open(_) => End::Unreadable(reason),
        Problem::Terminal | Problem::Empty | Problem::NotACapture(_) => End::Refused(reason),
        Problem::Damage { .. } => End::Damaged(reason),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::IpAddr;

    use inspector::findings::dedupe::FindingId;
    use inspector::findings::{Evidence, Finding, Occasion, Severity, Signature, Subject, Traffic};

    use super::super::{Evaluation, evaluate};
    use super::*;
    use crate::capture::{pcap, tunnels};
    use crate::lab::Scratch;

    /// A capture without a file.
    pub(in super::super) fn capture(path: &str, label: Label, channel: Option<&str>) -> Capture {
        let channel = channel.map(str::to_owned);
        Capture { path: path.to_owned(), file: path.into(), label, channel, note: "made up".to_owned() }
    }

    /// An outcome of 100 packets with reports of detectors at packets: alerts, but for `observation`.
    pub(in super::super) fn alerted(capture: Capture, reports: &[(&str, u64)]) -> Outcome {
        let findings = reports.iter().map(|(detector, packet)| found(detector, *packet)).collect();
        Outcome { capture, packets: 100, took: Duration::from_millis(5), end: End::Whole, findings }
    }

    /// What two threads made of these in a tenth of a second.
    pub(in super::super) fn evaluation(outcomes: Vec<Outcome>) -> Evaluation {
        Evaluation { outcomes, wall: Duration::from_millis(100), workers: 2 }
    }

    fn found(detector: &str, packet: u64) -> Found {
        let signature = Signature {
            id: 1,
            rev: 1,
            detector: detector.to_owned().leak(),
            title: "Something hides",
            pattern: "pattern",
            attack: "T0",
            hint: "look",
        };
        let subject = Subject {
            client: IpAddr::from([10, 0, 0, 5]),
            client_port: 53_000,
            server: IpAddr::from([192, 0, 2, 7]),
            server_port: 53,
            protocol: 17,
            icmp: None,
            ifindex: 0,
            vlan: [0, 0],
            domain: Some("evil\u{1b}.example".to_owned()),
        };
        let evidence = vec![
            Evidence { name: "name_bytes", value: 332.0, threshold: Some(300.0), unit: "bytes" },
            Evidence { name: "skew", value: 0.12345, threshold: None, unit: "" },
        ];
        let is_observation = detector == "observation";
        let finding = Finding {
            signature: Box::leak(Box::new(signature)),
            subject,
            severity: if is_observation { Severity::Info } else { Severity::Medium },
            score: 0.5,
            evidence,
            estimated_bytes: 10,
            traffic: Traffic::default(),
            tool: None,
        };
        let report = Report {
            id: FindingId(1),
            finding,
            occasion: Occasion::First,
            repeats: 0,
            time_ns: 0,
            first_seen_ns: 0,
            last_seen_ns: 0,
            excerpt: None,
        };
        Found { packet, report }
    }

    /// Evaluates files of these contents.
    fn outcomes(files: &[(&str, Vec<u8>)]) -> Vec<Outcome> {
        let folder = Scratch::new();
        let capture = |(name, bytes): &(&str, Vec<u8>)| {
            let file = folder.write(name, bytes).into();
            Capture { file, ..capture(name, Label::Malformed, None) }
        };
        let captures = files.iter().map(capture).collect();
        evaluate(captures, super::super::TIME_LIMIT).outcomes
    }

    #[test]
    fn the_packet_of_the_first_alert_counts_from_the_first_of_the_capture() {
        let frames = tunnels(1);
        let arp = [&[0xff; 12][..], &[8, 6], &[0; 28]].concat();
        let late = [vec![arp; 7], frames.clone()].concat();
        let first = |outcome: &Outcome| outcome.alerts().next().expect("a tunnel is found").packet;
        let outcomes = outcomes(&[("early", pcap(&frames)), ("late", pcap(&late))]);
        assert!((2..=30).contains(&first(&outcomes[0])), "{outcomes:?}");
        assert_eq!(first(&outcomes[1]), first(&outcomes[0]) + 7);
        assert_eq!((outcomes[0].packets, outcomes[1].packets), (30, 37));
        assert!(outcomes.iter().all(|outcome| outcome.end == End::Whole && outcome.failure().is_none()));
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let mut cut = pcap(&tunnels(1));
        cut.truncate(cut.len() - 100);
        let mut outcomes = outcomes(&[("cut", cut), ("text", b"no capture at all".to_vec())]);
        let missing = capture("/nowhere/missing.pcap", Label::Malformed, None);
        outcomes.extend(evaluate(vec![missing], super::super::TIME_LIMIT).outcomes);

        let [cut, text, missing] = &mut outcomes[..] else { panic!("three captures have three outcomes") };
        assert!(matches!(cut.end, End::Damaged(_)) && cut.is_alerted() && cut.packets == 29, "{cut:?}");
        assert!(matches!(text.end, End::Refused(_)) && text.failure().is_none(), "{text:?}");
        assert!(matches!(missing.end, End::Unreadable(_)) && missing.failure().is_some(), "{missing:?}");
        text.capture.label = Label::Benign;
        assert!(text.failure().is_some());
        assert!(cut.failure().is_none());
    }

    #[test]
    fn panics_and_time_outs_are_failures() {
        let outcome = |reason| Outcome::new(capture("a", Label::Malformed, None), Err(reason));
        let panicked = outcome(Stopped::Panicked("index 5".to_owned()));
        assert_eq!(panicked.failure().as_deref(), Some("panicked: index 5"));
        let late = outcome(Stopped::TimedOut(Duration::from_secs(3)));
        assert_eq!(late.failure().as_deref(), Some("not done after 3 s"));
    }
}

//! Reports as Suricata's EVE JSON, one object a line.
//!
//! Alerts (severity `high` and `medium`) are `event_type: "alert"` with everything that Filebeat, Wazuh,
//! Security Onion and the like read of one; what is ours stands in the object `covert`.
//!
//! Observations (`low` and `info`) are `event_type: "covert"` and have no object `alert`. Consumers choose by
//! `event_type` what to raise and pass by a type that they don't know, whereas Suricata's own types promise
//! an object each of a fixed shape (`anomaly` one about decoders), and `alert` with a low severity is still an
//! alert to everyone who counts.
//!
//! Ports are left out where there is none or the finding is about several, as Suricata leaves them out for
//! protocols without. Strings are plain ASCII with escapes, since names come out of packets and people read
//! such files on terminals. A number that is not finite appears as `null`.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::event::Event;
use super::{Context, Output, Sink, SinkError};
use crate::findings::Report;

/// Generator id of all alerts (`alert.gid`): not one of Suricata's (1 and 3) or of Snort's preprocessors.
pub const GID: u32 = 971;

/// Writes EVE JSON.
#[derive(Debug)]
pub struct Eve {
    output: Output,
    line: Vec<u8>,
}

impl Eve {
    /// Appends to a file; `-` is standard output.
    pub fn open(target: &Path) -> Result<Self, SinkError> {
        Ok(Self { output: Output::open(target)?, line: Vec::new() })
    }
}

impl Sink for Eve {
    fn write(&mut self, report: &Report, context: &Context) -> Result<(), SinkError> {
        self.line.clear();
        line(report, context, &mut self.line)
            .map_err(|error| SinkError::Write { name: "EVE JSON".into(), source: error.into() })?;
        self.output.write_line(&self.line)
    }

    fn reopen(&mut self) -> Result<(), SinkError> {
        self.output.reopen()
    }

    fn lost(&self) -> u64 {
        self.output.lost()
    }
}

/// Appends the object and its line feed.
fn line(report: &Report, context: &Context, line: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *line, Ascii);
    Event::new(report, context).serialize(&mut serializer)?;
    line.push(b'\n');
    Ok(())
}

/// Writes everything but printable ASCII as `\u` escapes.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c == ' ' || c.is_ascii_graphic() {
                write!(writer, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::{Value, json};

    use super::*;
    use crate::findings::{Deduper, Finding, Severity, sample};

    fn context() -> Context {
        Context {
            wall_offset_ns: 1_767_323_045_000_000_000,
            interfaces: [(2, "eth0".to_owned())].into(),
            sampling_ratio: 1.0,
        }
    }

    fn text(finding: Finding) -> String {
        let report = Deduper::default().admit(finding, 35_000_123_456).unwrap();
        let mut text = Vec::new();
        line(&report, &context(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn event(finding: Finding) -> Value {
        serde_json::from_str(&text(finding)).unwrap()
    }

    #[test]
    fn an_alert_is_what_eve_consumers_read() {
        let line = text(sample::finding());
        assert!(line.starts_with(r#"{"timestamp":"2026-01-02T03:04:40.000123+0000","flow_id":"#), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
        let mut event: Value = serde_json::from_str(&line).unwrap();
        assert!(event["flow_id"].take().as_u64().unwrap() < 1 << 53);
        assert_eq!(
            event,
            json!({
                "timestamp": "2026-01-02T03:04:40.000123+0000",
                "flow_id": null,
                "in_iface": "eth0",
                "event_type": "alert",
                "vlan": [5],
                "src_ip": "10.0.0.5",
                "dest_ip": "192.0.2.7",
                "proto": "ICMP",
                "icmp_type": 8,
                "icmp_code": 0,
                "community_id": crate::findings::community_id::of_subject(&sample::finding().subject),
                "alert": {
                    "action": "allowed",
                    "gid": 971,
                    "signature_id": 9_710_001,
                    "rev": 1,
                    "signature": "ICMP echo carries a tunnel",
                    "category": "Covert channel",
                    "severity": 1,
                },
                "flow": {
                    "pkts_toserver": 3_421,
                    "pkts_toclient": 3_300,
                    "bytes_toserver": 900_000,
                    "bytes_toclient": 700_000,
                    "start": "2026-01-02T03:04:06.000000+0000",
                },
                "covert": {
                    "id": crate::findings::dedupe::FindingId::of(&sample::finding().scope()).to_string(),
                    "detector": "icmp-payload",
                    "signature_id": 9_710_001,
                    "signature": "ICMP echo carries a tunnel",
                    "pattern": "E1.n1 Payload field",
                    "attack": "T1095",
                    "tool": "ptunnel",
                    "score": 0.97,
                    "severity": "high",
                    "evidence": [
                        {"name": "reply_differs", "value": 0.98, "threshold": 0.5, "unit": "ratio"},
                        {"name": "distinct_lengths", "value": 41.0, "unit": "lengths"},
                    ],
                    "estimated_bytes": 1_234_567,
                    "packets": 6_721,
                    "first_seen": "2026-01-02T03:04:06.000000+0000",
                    "last_seen": "2026-01-02T03:04:40.000000+0000",
                    "occasion": "first",
                    "repeats": 0,
                    "hint": "block ICMP echo to this host and look at the client",
                    "sampling_ratio": 1.0,
                },
            })
        );
    }

    #[test]
    fn an_observation_is_no_alert() {
        for severity in [Severity::Info, Severity::Low] {
            let event = event(Finding { severity, ..sample::finding() });
            assert_eq!(event["event_type"], "covert");
            assert_eq!(event.get("alert"), None);
            assert_eq!(event["covert"]["severity"], severity.name());
        }
        let medium = event(Finding { severity: Severity::Medium, ..sample::finding() });
        assert_eq!((&medium["event_type"], &medium["alert"]["severity"]), (&json!("alert"), &json!(2)));
    }

    #[test]
    fn ports_appear_where_there_are_some() {
        let mut finding = sample::finding();
        finding.subject.protocol = 17;
        finding.subject.icmp = None;
        finding.subject.client_port = 0;
        finding.subject.server_port = 53;
        finding.subject.vlan = [0; 2];
        finding.subject.domain = Some("t.example.org".to_owned());
        let several = event(finding.clone());
        assert_eq!((&several["proto"], &several["dest_port"]), (&json!("UDP"), &json!(53)));
        for absent in ["src_port", "community_id", "vlan", "icmp_type"] {
            assert_eq!(several.get(absent), None, "{absent}");
        }
        assert_eq!(several["covert"]["domain"], "t.example.org");
        finding.subject.client_port = 40_000;
        let one = event(finding);
        assert_eq!(one["src_port"], 40_000);
        assert!(one["community_id"].is_string());
    }

    #[test]
    fn flow_ids_are_stable_and_apart() {
        let id = |finding| event(finding)["flow_id"].as_u64().unwrap();
        assert_eq!(id(sample::finding()), id(Finding { score: 0.1, ..sample::finding() }));
        let mut other = sample::finding();
        other.subject.client = IpAddr::from([10, 0, 0, 6]);
        assert_ne!(id(sample::finding()), id(other));
    }

    #[test]
    fn names_from_packets_stay_inside_their_string() {
        let mut finding = sample::finding();
        let evil = "\"},\n\u{1b}[2J\u{9b}\u{7f}\u{202e}\\é\u{1f600}".to_owned();
        finding.subject.domain = Some(evil.clone());
        let line = text(finding);
        assert!(line.trim_end().bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["covert"]["domain"], evil);
    }

    #[test]
    fn numbers_are_json_whatever_a_detector_computed() {
        let mut finding = sample::finding();
        finding.score = f64::NAN;
        finding.evidence[0].value = f64::INFINITY;
        finding.evidence[0].threshold = Some(f64::NAN);
        finding.estimated_bytes = u64::MAX;
        finding.traffic.packets_to_server = u64::MAX;
        let event = event(finding);
        assert_eq!(event["covert"]["score"], 0.0);
        assert_eq!(event["covert"]["evidence"][0]["value"], Value::Null);
        assert_eq!(event["covert"]["packets"], u64::MAX);
    }

    #[test]
    fn writes_a_line_a_report() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let mut eve = Eve::open(&path).unwrap();
        let mut deduper = Deduper::new(0, 4);
        for now in 0..3 {
            eve.write(&deduper.admit(sample::finding(), now).unwrap(), &context()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 3);
        assert_eq!(eve.lost(), 0);
    }
}

//! An evaluation for programs.

use std::collections::BTreeMap;

use inspector::findings::{Evidence, Subject};
use serde_json::{Value, json};

use super::{Apart, ChannelRow, End, Evaluation, Floors, Found, LabelRow, Outcome, Summary, Verdict};
use crate::corpus::Label;

/// All of it, each capture too. Without floors to hold it against, `floors` is null.
#[must_use]
pub fn json(evaluation: &Evaluation, summary: &Summary<'_>, floors: Option<(&Floors, &Verdict)>) -> Value {
    let channels: BTreeMap<_, _> = summary.channels.iter().map(|(name, row)| (name, channel(row))).collect();
    let optional = summary.optional.iter().map(|((label, name), row)| {
        let mut row = channel(row);
        row["label"] = label.name().into();
        row["channel"] = (*name).into();
        row
    });
    let labels: BTreeMap<_, _> =
        summary.labels.iter().map(|(label, row)| (label.name(), counts(*row))).collect();
    json!({
        "packets": evaluation.packets(),
        "seconds": evaluation.wall.as_secs_f64(),
        "packets_per_second": evaluation.packets_per_second(),
        "workers": evaluation.workers,
        "channels": channels,
        "optional": optional.collect::<Vec<_>>(),
        "labels": labels,
        "misses": summary.misses.iter().map(|outcome| miss(outcome)).collect::<Vec<_>>(),
        "false_alerts": summary.false_alerts.iter().map(|outcome| false_alert(outcome)).collect::<Vec<_>>(),
        "failures": summary.failures.iter().map(|outcome| failure(outcome)).collect::<Vec<_>>(),
        "indistinguishable": summary.indistinguishable.iter().map(apart).collect::<Vec<_>>(),
        "disputed": summary.disputed.iter().map(apart).collect::<Vec<_>>(),
        "floors": floors.map(|(floors, verdict)| held(floors, verdict, summary)),
        "captures": evaluation.outcomes.iter().map(capture).collect::<Vec<_>>(),
    })
}

fn channel(row: &ChannelRow) -> Value {
    json!({
        "files": row.files,
        "detected": row.detected,
        "first_alert_packet": { "median": row.median_first_alert(), "max": row.max_first_alert() },
        "detectors": row.detectors,
    })
}

fn counts(row: LabelRow) -> Value {
    json!({ "files": row.files, "alerts": row.alerts })
}

fn miss(outcome: &Outcome) -> Value {
    let capture = &outcome.capture;
    json!({ "path": capture.path, "channel": capture.channel, "note": capture.note })
}

fn false_alert(outcome: &Outcome) -> Value {
    let alerts: Vec<_> = outcome.alerts().map(found).collect();
    json!({ "path": outcome.capture.path, "label": outcome.capture.label.name(), "alerts": alerts })
}

fn failure(outcome: &Outcome) -> Value {
    json!({ "path": outcome.capture.path, "reason": outcome.failure() })
}

fn apart(apart: &Apart<'_>) -> Value {
    json!({
        "path": apart.outcome.capture.path,
        "channel": apart.outcome.capture.channel,
        "alerted": apart.outcome.is_alerted(),
        "reason": apart.reason,
    })
}

fn held(floors: &Floors, verdict: &Verdict, summary: &Summary<'_>) -> Value {
    let detected: BTreeMap<_, _> =
        summary.channels.keys().map(|name| (name, floors.detected(name))).collect();
    let most = |label: Label| Some((label.name(), floors.most_alerts(label)?));
    let most_alerts: BTreeMap<_, _> = Label::ALL.into_iter().filter_map(most).collect();
    json!({
        "detected": detected,
        "most_alerts": most_alerts,
        "broken": verdict.broken,
        "hints": verdict.hints,
        "unchecked": verdict.unchecked,
    })
}

fn capture(outcome: &Outcome) -> Value {
    let (end, reason) = match &outcome.end {
        End::Whole => ("whole", None),
        End::Damaged(reason) => ("damaged", Some(reason.clone())),
        End::Refused(reason) => ("refused", Some(reason.clone())),
        End::Unreadable(reason) => ("unreadable", Some(reason.clone())),
        End::Panicked(reason) => ("panicked", Some(reason.clone())),
        End::TimedOut(_) => ("timed_out", outcome.failure()),
    };
    json!({
        "path": outcome.capture.path,
        "label": outcome.capture.label.name(),
        "channel": outcome.capture.channel,
        "note": outcome.capture.note,
        "packets": outcome.packets,
        "seconds": outcome.took.as_secs_f64(),
        "end": end,
        "reason": reason,
        "alerted": outcome.is_alerted(),
        "first_alert_packet": outcome.alerts().next().map(|found| found.packet),
        "findings": outcome.findings.iter().map(found).collect::<Vec<_>>(),
    })
}

fn found(found: &Found) -> Value {
    let finding = &found.report.finding;
    json!({
        "packet": found.packet,
        "detector": found.detector(),
        "title": finding.signature.title,
        "severity": finding.severity.name(),
        "score": finding.score,
        "occasion": found.report.occasion.name(),
        "repeats": found.report.repeats,
        "evidence": finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "subject": subject(&finding.subject),
        "estimated_bytes": finding.estimated_bytes,
        "tool": finding.tool,
    })
}

fn evidence(Evidence { name, value, threshold, unit }: &Evidence) -> Value {
    json!({ "name": name, "value": value, "threshold": threshold, "unit": unit })
}

fn subject(subject: &Subject) -> Value {
    let Subject { client, client_port, server, server_port, protocol, icmp, ifindex, vlan, domain } = subject;
    json!({
        "client": client,
        "client_port": client_port,
        "server": server,
        "server_port": server_port,
        "protocol": protocol,
        "icmp": icmp,
        "interface": ifindex,
        "vlan": vlan,
        "domain": domain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Label;
    use crate::evaluate::Exceptions;
    use crate::evaluate::outcome::tests::{alerted, evaluation};

    #[test]
    fn each_capture_comes_with_its_findings() {
        use crate::evaluate::outcome::tests::capture;
        let mut outcomes = vec![
            alerted(capture("a", Label::Covert, Some("ttl")), &[("observation", 2), ("dns-volume", 7)]),
            alerted(capture("b", Label::Covert, Some("ttl")), &[]),
            alerted(capture("c", Label::Benign, None), &[("dns-volume", 1)]),
            alerted(capture("d", Label::Gray, Some("psiphon")), &[]),
        ];
        outcomes[1].end = End::Panicked("index".to_owned());
        let evaluation = evaluation(outcomes);
        let exceptions = Exceptions::default();
        let summary = Summary::new(&evaluation, &exceptions);
        let json = json(&evaluation, &summary, None);
        for (pointer, value) in [
            ("/packets", json!(400)),
            ("/packets_per_second", json!(4000.0)),
            ("/channels/ttl/files", json!(2)),
            ("/channels/ttl/first_alert_packet/median", json!(7)),
            ("/channels/ttl/detectors/dns-volume", json!(1)),
            ("/optional/0/channel", json!("psiphon")),
            ("/labels/benign", json!({ "files": 1, "alerts": 1 })),
            ("/misses/0/note", json!("made up")),
            ("/false_alerts/0/alerts/0/evidence/0/threshold", json!(300.0)),
            ("/failures/0/reason", json!("panicked: index")),
            ("/floors", Value::Null),
            ("/captures/0/first_alert_packet", json!(7)),
            ("/captures/0/findings/0/severity", json!("info")),
            ("/captures/0/findings/1/subject/server", json!("192.0.2.7")),
            ("/captures/1/end", json!("panicked")),
            ("/captures/3/channel", json!("psiphon")),
        ] {
            assert_eq!(json.pointer(pointer), Some(&value), "{pointer} in {json:#}");
        }
    }

    #[test]
    fn floors_come_with_the_verdict() {
        use crate::evaluate::outcome::tests::capture;
        let text = "detected = { ttl = 2 }\n[alerts]\nbenign = 3\nevasive-benign = 0\ntunnel-declared = 0\nmalformed = 0\n";
        let floors: Floors = text.parse().unwrap();
        let evaluation = evaluation(vec![alerted(capture("a", Label::Covert, Some("ttl")), &[])]);
        let summary = Summary::new(&evaluation, &floors.exceptions);
        let verdict = floors.check(&summary, &[capture("a", Label::Covert, Some("ttl"))]);
        let json = json(&evaluation, &summary, Some((&floors, &verdict)));
        assert_eq!(json["floors"]["detected"]["ttl"], 2);
        assert_eq!(json["floors"]["most_alerts"]["benign"], 3);
        assert_eq!(json["floors"]["broken"], json!(["ttl: 0 of 1 detected, the floor is 2"]));
    }
}

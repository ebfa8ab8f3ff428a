//! The tables of docs/metrics.md and docs/flow-record.md say what the code does.
//!
//! The former are written by this test where `INSPECTOR_WRITE_DOCS` is set.
#![expect(clippy::expect_used, reason = "a test's helpers panic like the test itself")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use bytemuck::Zeroable as _;
use inspector::findings::Severity;
use inspector::metrics::exposition::{Format, encode};
use inspector::metrics::process::Process;
use inspector::metrics::{Attachment, Build, DrainTimes, InterfaceAccount, MapUse, Snapshot, TableUse};
use inspector_common::{Account, Anomaly, Class, Direction, FlowRecord, Origin, Packet, Tally, Wanted};

const METRICS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
const FLOW_RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/flow-record.md");

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let head = line(head.iter().map(ToString::to_string).collect());
    [head, rule].into_iter().chain(rows.into_iter().map(line)).collect()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn classes() -> String {
    let row = |class: &Class| {
        let packet = Packet {
            class: *class,
            payload_len: 1,
            ..Packet::unread(60, Origin::new(1, Direction::Ingress))
        };
        let flow = match (class.has_flow(), class.is_exempt_from_sampling()) {
            (false, _) => "none",
            (true, true) => "always kept",
            (true, false) => "sampled",
        };
        let heads = Wanted::by_class(&packet).map_or("", |_| "every packet");
        vec![code(class.name()), class.meaning().to_owned(), flow.to_owned(), heads.to_owned()]
    };
    table(&["class", "what falls in it", "flow", "head"], Class::ALL.iter().map(row))
}

fn anomalies() -> String {
    let row = |anomaly: &Anomaly| vec![code(anomaly.name()), anomaly.meaning().to_owned()];
    table(&["anomaly", "what is odd"], Anomaly::ALL.iter().map(row))
}

/// Reasons that are userspace's own, as [`snapshot`] has them.
const OF_USERSPACE: [(&str, &str); 1] =
    [("finding_unwritten", "A finding that its sink could not write: disk full, nobody reads any more.")];

fn reasons() -> String {
    let lost = Tally::ALL.iter().filter_map(|tally| Some((tally.lost_reason()?, tally.meaning())));
    let rows = lost.chain(OF_USERSPACE).map(|(reason, meaning)| vec![code(reason), meaning.to_owned()]);
    table(&["reason", "what was left out"], rows)
}

/// Numbers for every metric that there is.
fn snapshot() -> Snapshot {
    let mut account = Account::zeroed();
    account.inner[Class::Udp as usize] = 1;
    let direction = Direction::Ingress;
    let mut drains = DrainTimes::default();
    drains.record(Duration::from_millis(1));
    Snapshot {
        build: Build::default(),
        attachments: vec![Attachment { interface: String::new(), direction, mode: "native", program_id: 1 }],
        accounts: vec![InterfaceAccount { interface: String::new(), direction, account }],
        lost: OF_USERSPACE.iter().map(|(reason, _)| (*reason, 0)).collect(),
        flows: 0,
        maps: vec![MapUse { map: "FLOWS", entries: 0, capacity: 0 }],
        tables: vec![TableUse { table: "findings", entries: 0, capacity: 0 }],
        sampling_ratio: 1.0,
        drains,
        last_drain: Some(Duration::ZERO),
        findings: [(("icmp-payload", Severity::High), 1)].into(),
        muted: [("icmp-payload", 1)].into(),
    }
}

fn metrics() -> String {
    let text = encode(snapshot(), Process::read(), Format::Prometheus).expect("metrics can be written");
    let described = |keyword: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(keyword)?.trim_start().split_once(' '));
        lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let (help, kind) = (described("# HELP"), described("# TYPE"));
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let row = |name: &str| {
        let labels = text.lines().find_map(|line| {
            let labels = line.strip_prefix(name)?.strip_prefix('{')?.split_once('}')?.0;
            let label = |pair: &str| Some(code(pair.split_once('=')?.0));
            Some(labels.split(',').filter_map(label).collect::<Vec<_>>().join(", "))
        });
        vec![code(name), kind[name].clone(), labels.unwrap_or_default(), help[name].clone()]
    };
    table(&["metric", "type", "labels", "what it says"], names.map(row))
}

/// The document with a table in the place of the one of this name.
fn with_table(document: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no {begin:?} in {METRICS}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end:?} in {METRICS}"));
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn metrics_classes_anomalies_and_reasons_are_documented() {
    let document = fs::read_to_string(METRICS).expect("the document is there");
    let tables =
        [("metrics", metrics()), ("classes", classes()), ("anomalies", anomalies()), ("reasons", reasons())];
    let wanted =
        tables.iter().fold(document.clone(), |document, (name, table)| with_table(&document, name, table));
    if std::env::var_os("INSPECTOR_WRITE_DOCS").is_some() {
        return fs::write(METRICS, wanted).expect("the document can be written");
    }
    let differs = document.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    assert!(
        document == wanted,
        "docs/metrics.md is out of date (INSPECTOR_WRITE_DOCS=1 cargo test -p inspector-tests --test docs \
         writes it): {differs:?}"
    );
}

#[test]
fn every_field_of_a_flow_record_is_documented() {
    let document = fs::read_to_string(FLOW_RECORD).expect("the document is there");
    let record = format!("{:?}", FlowRecord::zeroed());
    let (_, fields) = record.split_once('{').expect("a struct is shown with its fields");
    let names: Vec<&str> =
        fields.split(", ").filter_map(|field| Some(field.split_once(':')?.0.trim())).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names.iter().filter(|name| !name.starts_with("reserved")) {
        assert!(document.contains(&code(name)), "docs/flow-record.md says nothing of {name}");
    }
    let size = format!("{} bytes", size_of::<FlowRecord>());
    assert!(document.contains(&size), "a record has {size}");
}

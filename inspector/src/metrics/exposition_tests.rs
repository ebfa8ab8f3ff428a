use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::metrics::sample;

fn text(format: Format) -> String {
    encode(sample::snapshot(), Process::read(), format).unwrap()
}

#[test]
fn prometheus_text_names_counters_in_full() {
    let text = text(Format::Prometheus);
    for line in [
        "# TYPE inspector_packets_total counter",
        "inspector_packets_total{interface=\"eth0\",direction=\"ingress\",class=\"dns\"} 7",
        "inspector_packets_total{interface=\"eth0\",direction=\"ingress\",class=\"tcp\"} 0",
        "inspector_bytes_total{interface=\"eth0\",direction=\"ingress\",class=\"dns\"} 700",
        "inspector_anomalies_total{interface=\"eth0\",direction=\"ingress\",anomaly=\"ip_length\"} 3",
        "inspector_packets_total{interface=\"a\\\"b\\\\c\\n<d>\",direction=\"egress\",class=\"dns\"} 7",
        "inspector_lost_total{reason=\"sampled_out\"} 2",
        "inspector_lost_total{reason=\"map_full\"} 0",
        "inspector_lost_total{reason=\"sink\"} 5",
        "# TYPE inspector_build_info gauge",
        "inspector_build_info{version=\"0.1.0\",revision=\"abc\",kernel=\"6.18.44\"} 1",
        "inspector_attach_info{interface=\"eth0\",direction=\"ingress\",mode=\"native\",program_id=\"42\"} 1",
        "inspector_sampling_ratio 0.25",
        "inspector_flows 12",
        "inspector_map_entries{map=\"FLOWS\"} 12",
        "inspector_map_capacity{map=\"FLOWS\"} 65536",
        "inspector_table_entries{table=\"icmp-payload\"} 1",
        "inspector_table_capacity{table=\"icmp-payload\"} 1024",
        "inspector_drain_duration_seconds_bucket{le=\"0.0025\"} 0",
        "inspector_drain_duration_seconds_bucket{le=\"0.005\"} 1",
        "inspector_drain_duration_seconds_bucket{le=\"+Inf\"} 1",
        "inspector_drain_duration_seconds_sum 0.004",
        "inspector_drain_duration_seconds_count 1",
        "inspector_last_drain_timestamp_seconds 1767323045.25",
        "inspector_findings_total{detector=\"icmp-payload\",severity=\"high\"} 1",
        "inspector_findings_muted_total{detector=\"icmp-payload\"} 9",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
}

#[test]
fn open_metrics_names_families_and_ends() {
    let text = text(Format::OpenMetrics);
    for line in [
        "# TYPE inspector_packets counter",
        "inspector_packets_total{interface=\"eth0\",direction=\"ingress\",class=\"dns\"} 7",
        "# TYPE inspector_build info",
        "inspector_build_info{version=\"0.1.0\",revision=\"abc\",kernel=\"6.18.44\"} 1",
        "# TYPE inspector_sampling_ratio gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn every_series_has_help_and_type_and_occurs_once() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = text(format);
        let mut series: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series)
            .collect();
        let total = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), total);
        assert_eq!(text.matches("# HELP").count(), text.matches("# TYPE").count());
    }
}

#[test]
fn nothing_attached_is_no_error() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = encode(Snapshot::default(), Process::default(), format).unwrap();
        assert!(text.contains("inspector_flows 0\n") && !text.contains("inspector_attach"), "{text}");
    }
}

#[test]
fn open_metrics_only_for_who_asks() {
    for (accept, format) in [
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Prometheus),
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::Prometheus),
        ("application/openmetrics-text", Format::OpenMetrics),
        (
            "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        ("application/openmetrics-text; q=0.2, text/plain; q=0.9", Format::Prometheus),
        ("application/openmetrics-text;q=0", Format::Prometheus),
        ("application/openmetrics-text;q=much", Format::Prometheus),
    ] {
        assert_eq!(Format::accepted(accept), format, "{accept}");
    }
}

/// promtool's linter, where it is installed (Debian: prometheus). It reads the Prometheus form only.
#[test]
fn promtool_has_nothing_to_say() {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = promtool.spawn() else {
        return skip("promtool_has_nothing_to_say", "promtool is not installed");
    };
    child.stdin.take().unwrap().write_all(text(Format::Prometheus).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("INSPECTOR_SKIP_LOG") {
        let mut log = OpenOptions::new().append(true).create(true).open(path).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }
}

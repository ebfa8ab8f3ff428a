//! Names, help and text form of the metrics.
//!
//! Base units, `_total` on counters, labels from bounded sets only. Series exist from the first scrape on with
//! the value 0, wherever their labels are known beforehand.

use std::fmt;

use inspector_common::{Anomaly, Class, Tally};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
    prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::Snapshot;
use super::process::Process;

/// A text form of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, version 0.0.4: what everything reads.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The form to answer with, by the request's `Accept` header: OpenMetrics where it is named and not liked
    /// less than plain text.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let quality = |wanted: &str| {
            let ranges = accept.split(',').map(|range| range.split(';').map(str::trim));
            let named = ranges.filter_map(|mut range| {
                range.next().filter(|name| name.eq_ignore_ascii_case(wanted))?;
                let quality = range.find_map(|parameter| parameter.strip_prefix("q="));
                Some(quality.map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0)))
            });
            named.fold(0.0, f32::max)
        };
        let open_metrics = quality("application/openmetrics-text");
        if open_metrics > 0.0 && open_metrics >= quality("text/plain") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The metrics as text.
pub fn encode(snapshot: Snapshot, process: Process, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { snapshot, process }));
    let mut text = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut text, &registry)?,
        Format::OpenMetrics => text::encode(&mut text, &registry)?,
    }
    Ok(text)
}

#[derive(Debug)]
struct Scrape {
    snapshot: Snapshot,
    process: Process,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut families = Families(encoder);
        identity(&mut families, &self.snapshot)?;
        traffic(&mut families, &self.snapshot)?;
        state(&mut families, &self.snapshot)?;
        findings(&mut families, &self.snapshot)?;
        process(&mut families, &self.process)
    }
}

fn identity(families: &mut Families, snapshot: &Snapshot) -> fmt::Result {
    let build = &snapshot.build;
    families.info(
        "inspector_build",
        "What runs, and on which kernel.",
        [[
            ("version", build.version.as_str()),
            ("revision", build.revision.as_str()),
            ("kernel", build.kernel.as_str()),
        ]],
    )?;
    let ids: Vec<_> = snapshot.attachments.iter().map(|attached| attached.program_id.to_string()).collect();
    families.info(
        "inspector_attach",
        "Programs attached, and how.",
        snapshot.attachments.iter().zip(&ids).map(|(attached, id)| {
            [
                ("interface", attached.interface.as_str()),
                ("direction", attached.direction.name()),
                ("mode", attached.mode),
                ("program_id", id.as_str()),
            ]
        }),
    )
}

fn traffic(families: &mut Families, snapshot: &Snapshot) -> fmt::Result {
    let accounts = || {
        snapshot.accounts.iter().map(|of| {
            ([("interface", of.interface.as_str()), ("direction", of.direction.name())], &of.account)
        })
    };
    let by_class = || {
        accounts().flat_map(|(labels, account)| {
            let counts = Class::ALL.iter().zip(account.packets.iter().zip(&account.bytes));
            counts.map(move |(class, counts)| ((labels, [("class", class.name())]), counts))
        })
    };
    families.counter(
        "inspector_packets",
        "Packets by class: every one, sampled or not.",
        by_class().map(|(labels, (packets, _))| (labels, *packets)),
    )?;
    families.counter(
        "inspector_bytes",
        "Bytes on the wire by class: of every packet, sampled or not.",
        by_class().map(|(labels, (_, bytes))| (labels, *bytes)),
    )?;
    families.counter(
        "inspector_inner_packets",
        "Packets inside encapsulations by class; those that carry them are in inspector_packets_total.",
        accounts().flat_map(|(labels, account)| {
            let counts = Class::ALL.iter().zip(&account.inner).filter(|(_, count)| **count > 0);
            counts.map(move |(class, count)| ((labels, [("class", class.name())]), *count))
        }),
    )?;
    families.counter(
        "inspector_anomalies",
        "Packets with a header oddity. Odd is not covert: each has a benign base rate.",
        accounts().flat_map(|(labels, account)| {
            let counts = Anomaly::ALL.iter().zip(&account.anomalies);
            counts.map(move |(anomaly, count)| ((labels, [("anomaly", anomaly.name())]), *count))
        }),
    )?;

    let mut lost = snapshot.lost.clone();
    for tally in Tally::ALL {
        if let Some(reason) = tally.lost_reason() {
            let sum: u64 = snapshot.accounts.iter().map(|of| of.account.tallied(*tally)).sum();
            *lost.entry(reason).or_default() += sum;
        }
    }
    families.counter(
        "inspector_lost",
        "What was left out of inspection, by reason; packets are counted all the same.",
        lost.iter().map(|(reason, count)| ([("reason", *reason)], *count)),
    )
}

fn state(families: &mut Families, snapshot: &Snapshot) -> fmt::Result {
    families.gauge(
        "inspector_sampling_ratio",
        "Share of flows that are looked at.",
        [(NONE, snapshot.sampling_ratio)],
    )?;
    families.gauge("inspector_flows", "Flows in the flow map.", [(NONE, snapshot.flows)])?;
    families.gauge(
        "inspector_map_entries",
        "Entries in use of a map in the kernel.",
        snapshot.maps.iter().map(|map| ([("map", map.map)], map.entries)),
    )?;
    families.gauge(
        "inspector_map_capacity",
        "Entries that fit into a map in the kernel.",
        snapshot.maps.iter().map(|map| ([("map", map.map)], map.capacity)),
    )?;
    families.gauge(
        "inspector_table_entries",
        "Entries in use of a table in userspace, most of them a detector's.",
        snapshot.tables.iter().map(|table| ([("table", table.table)], count(table.entries))),
    )?;
    families.gauge(
        "inspector_table_capacity",
        "Entries that fit into a table in userspace.",
        snapshot.tables.iter().map(|table| ([("table", table.table)], count(table.capacity))),
    )?;

    let drains = &snapshot.drains;
    let buckets: Vec<_> = drains.buckets().collect();
    families
        .0
        .encode_descriptor(
            "inspector_drain_duration_seconds",
            "How long it took to read the kernel's maps.",
            None,
            MetricType::Histogram,
        )?
        .encode_histogram::<NoLabelSet>(drains.sum().as_secs_f64(), drains.count(), &buckets, None)?;
    families.gauge(
        "inspector_last_drain_timestamp_seconds",
        "When the kernel's maps were last read, since the Unix epoch.",
        snapshot.last_drain.map(|time| (NONE, time.as_secs_f64())),
    )
}

fn findings(families: &mut Families, snapshot: &Snapshot) -> fmt::Result {
    families.counter(
        "inspector_findings",
        "Findings reported; medium and high ones are alerts.",
        snapshot.findings.iter().map(|((detector, severity), count)| {
            ([("detector", *detector), ("severity", severity.name())], *count)
        }),
    )?;
    families.counter(
        "inspector_findings_muted",
        "Findings held back as repeats, or muted.",
        snapshot.muted.iter().map(|(detector, count)| ([("detector", *detector)], *count)),
    )
}

fn process(families: &mut Families, process: &Process) -> fmt::Result {
    let Process { cpu_seconds, resident_bytes, virtual_bytes, open_fds, max_fds, start_seconds } = process;
    families.counter(
        "process_cpu_seconds",
        "Total user and system CPU time spent in seconds.",
        cpu_seconds.map(|value| (NONE, value)),
    )?;
    families.gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        start_seconds.map(|value| (NONE, value)),
    )?;
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Resident memory size in bytes.", resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory size in bytes.", virtual_bytes),
        ("process_open_fds", "Number of open file descriptors.", open_fds),
        ("process_max_fds", "Maximum number of open file descriptors.", max_fds),
    ] {
        families.gauge(name, help, value.map(|value| (NONE, value)))?;
    }
    Ok(())
}

/// No labels.
const NONE: [(&str, &str); 0] = [];

fn count(entries: usize) -> u64 {
    u64::try_from(entries).unwrap_or(u64::MAX)
}

/// Writes metrics of one name after the other. A name without series is left out.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn counter<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, series, |family, (labels, value)| {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, V, f64>(&value, None)
        })
    }

    fn gauge<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, series, |family, (labels, value)| {
            family.encode_family(&labels)?.encode_gauge(&value)
        })
    }

    fn info<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = L>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Info, series, |family, labels| family.encode_info(&labels))
    }

    fn family<S>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        series: impl IntoIterator<Item = S>,
        mut write: impl FnMut(&mut MetricEncoder<'_>, S) -> fmt::Result,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        series.try_for_each(|one| write(&mut family, one))
    }
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;

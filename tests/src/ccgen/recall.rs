//! How much of each technique is found: by embedding rate, by length of the flow, and by sampling of flows.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::io::Cursor;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use inspector::analyse::analyse;
use inspector::capture::CaptureReader;
use inspector_common::Sampler;

use super::{Frame, Technique};
use crate::capture::timed_pcap;

/// The detectors that alert on frames, of which one flow in `one_in` is looked at, chosen by `seed`.
#[must_use]
pub fn alerts(frames: &[Frame], one_in: u32, seed: u32) -> BTreeSet<&'static str> {
    let file = timed_pcap(frames.iter().map(|frame| (frame.time_us, &frame.bytes[..])));
    let mut capture =
        CaptureReader::new("generated", Cursor::new(file)).unwrap_or_else(|error| panic!("{error}"));
    let mut found = BTreeSet::new();
    let analysis = analyse(&mut capture, Sampler::new(one_in, seed), |_, report| {
        if report.finding.severity.is_alert() {
            found.insert(report.finding.signature.detector);
        }
    });
    assert!(analysis.damage.is_none(), "generated captures are whole");
    found
}

/// One column of the table: how the channel is embedded, and how it is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Setting {
    title: &'static str,
    /// So many times the packets that a technique takes.
    length: usize,
    /// Share of the client's packets that carry a symbol.
    rate: f64,
    /// One flow in so many is looked at.
    one_in: u32,
    /// Clients, each with a cover, a message and a choice of flows of its own.
    clients: u64,
}

const FLOWS: u64 = 20;
/// Of 20 clients, one flow in 64 is too often none.
const SAMPLED: u64 = 100;
const SHORT: usize = 1;
const LONG: usize = 10;

const SETTINGS: [Setting; 8] = [
    Setting { title: "100 %", length: SHORT, rate: 1.0, one_in: 1, clients: FLOWS },
    Setting { title: "10 %", length: SHORT, rate: 0.1, one_in: 1, clients: FLOWS },
    Setting { title: "1 %", length: SHORT, rate: 0.01, one_in: 1, clients: FLOWS },
    Setting { title: "10 % of ×10", length: LONG, rate: 0.1, one_in: 1, clients: FLOWS },
    Setting { title: "1 % of ×10", length: LONG, rate: 0.01, one_in: 1, clients: FLOWS },
    Setting { title: "1:4", length: SHORT, rate: 1.0, one_in: 4, clients: SAMPLED },
    Setting { title: "1:16", length: SHORT, rate: 1.0, one_in: 16, clients: SAMPLED },
    Setting { title: "1:64", length: SHORT, rate: 1.0, one_in: 64, clients: SAMPLED },
];

/// One technique's row: how many clients were found out, in the order of the settings, and by what.
#[derive(Clone, Debug, Default)]
struct Row {
    found: [u64; SETTINGS.len()],
    detectors: BTreeSet<&'static str>,
}

/// Recall of every technique, and alerts on the same covers without a channel.
#[derive(Clone, Debug)]
pub struct Recall {
    rows: Vec<Row>,
    covers: u64,
    false_alerts: u64,
}

impl Recall {
    /// Generates and analyses everything, on all CPUs. The same each time.
    #[must_use]
    pub fn measure() -> Self {
        let rows = in_parallel(Technique::ALL.len(), |number| row(Technique::ALL[number]));
        // The covers of all techniques are these two kinds.
        let kinds = [Technique::Ttl, Technique::TimingBer];
        let covers: Vec<_> = [(SHORT, SAMPLED), (LONG, FLOWS)]
            .into_iter()
            .flat_map(|(length, clients)| (0..clients).map(move |seed| (length, seed)))
            .flat_map(|(length, seed)| kinds.map(|kind| (kind, length, seed)))
            .collect();
        let loud = in_parallel(covers.len(), |number| {
            let (kind, length, seed) = covers[number];
            !alerts(&kind.cover().frames(kind.packets() * length, seed), 1, 0).is_empty()
        });
        let false_alerts = loud.iter().map(|is_loud| u64::from(*is_loud)).sum();
        Self { rows, covers: covers.len() as u64, false_alerts }
    }

    /// Covers without a channel on which something alerts.
    #[must_use]
    pub const fn false_alerts(&self) -> u64 {
        self.false_alerts
    }
}

fn row(technique: Technique) -> Row {
    let mut row = Row::default();
    for (seed, length) in (0..SAMPLED).flat_map(|seed| [(seed, SHORT), (seed, LONG)]) {
        let settings = SETTINGS.iter().zip(&mut row.found);
        let mut wanted = settings.filter(|(at, _)| at.length == length && seed < at.clients).peekable();
        if wanted.peek().is_none() {
            continue;
        }
        let cover = technique.cover().frames(technique.packets() * length, seed);
        for (setting, found) in wanted {
            let frames = technique.embed(&cover, setting.rate, seed);
            let detectors = alerts(&frames, setting.one_in, seed as u32);
            *found += u64::from(!detectors.is_empty());
            row.detectors.extend(detectors);
        }
    }
    row
}

/// What `work` makes of `0..pieces`, in this order, on all CPUs.
fn in_parallel<R: Send>(pieces: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.take_while(|number| *number < pieces).map(|number| (number, work(number))).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<(usize, R)>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

impl Display for Recall {
    /// The table, as Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<&str> = SETTINGS.iter().map(|setting| setting.title).collect();
        writeln!(
            f,
            "{} covers without a channel, {} of them with an alert.\n",
            self.covers, self.false_alerts
        )?;
        writeln!(f, "| technique | packets | {} | by |", titles.join(" | "))?;
        writeln!(f, "|---|--:|{}---|", "--:|".repeat(SETTINGS.len()))?;
        for (technique, row) in Technique::ALL.iter().zip(&self.rows) {
            write!(f, "| {} | {} |", technique.name(), technique.packets())?;
            for (found, setting) in row.found.iter().zip(SETTINGS) {
                write!(f, " {found}/{} |", setting.clients)?;
            }
            let detectors: Vec<&str> = row.detectors.iter().copied().collect();
            writeln!(f, " {} |", detectors.join(", "))?;
        }
        Ok(())
    }
}

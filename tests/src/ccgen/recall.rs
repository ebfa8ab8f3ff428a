//! How much of each technique is found: by embedding rate, by length of the flow, and by sampling of flows.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write as _};
use std::io::Cursor;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
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
    Setting { length: SHORT, rate: 1.0, one_in: 1, clients: FLOWS },
    Setting { length: SHORT, rate: 0.1, one_in: 1, clients: FLOWS },
    Setting { length: SHORT, rate: 0.01, one_in: 1, clients: FLOWS },
    Setting { length: LONG, rate: 0.1, one_in: 1, clients: FLOWS },
    Setting { length: LONG, rate: 0.01, one_in: 1, clients: FLOWS },
    Setting { length: SHORT, rate: 1.0, one_in: 4, clients: SAMPLED },
    Setting { length: SHORT, rate: 1.0, one_in: 16, clients: SAMPLED },
    Setting { length: SHORT, rate: 1.0, one_in: 64, clients: SAMPLED },
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
    /// Covers without a channel that have an alert.
    false_alerts: u64,
    covers: u64,
}

impl Recall {
    /// Generates and analyses everything, on all CPUs. The same each time.
    #[must_use]
    pub fn measure() -> Self {
        let rows = Mutex::new(vec![Row::default(); Technique::ALL.len()]);
        let covers = Mutex::new((0, 0));
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(&technique) = Technique::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (row, silent, loud) = row(technique);
                let at = Technique::ALL.iter().position(|other| *other == technique);
                let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                rows[at.expect("it is of the list")] = row;
                let mut covers = covers.lock().unwrap_or_else(PoisonError::into_inner);
                *covers = (covers.0 + silent + loud, covers.1 + loud);
            }
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            (0..threads).for_each(|_| {
                scope.spawn(work);
            });
        });
        let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (covers, false_alerts) = covers.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { rows, false_alerts, covers }
    }

    /// Techniques whose channels were not all found at the default rate.
    #[must_use]
    pub fn missed(&self) -> Vec<Technique> {
        let pairs = Technique::ALL.into_iter().zip(&self.rows);
        pairs.filter(|(_, row)| row.found[0] < FLOWS).map(|(technique, _)| technique).collect()
    }

    /// Covers without a channel on which something alerts.
    #[must_use]
    pub const fn false_alerts(&self) -> u64 {
        self.false_alerts
    }
}

/// A technique's row, and how many covers are silent and not. Covers come in two lengths, and each is judged once.
fn row(technique: Technique) -> (Row, u64, u64) {
    let mut row = Row::default();
    let (mut silent, mut loud) = (0, 0);
    for seed in 0..SAMPLED {
        for length in [SHORT, LONG] {
            let settings = SETTINGS.iter().zip(&mut row.found);
            let wanted: Vec<_> =
                settings.filter(|(at, _)| at.length == length && seed < at.clients).collect();
            if wanted.is_empty() {
                continue;
            }
            let cover = technique.cover().frames(technique.packets() * length, seed);
            let is_loud = !alerts(&cover, 1, 0).is_empty();
            (silent, loud) = (silent + u64::from(!is_loud), loud + u64::from(is_loud));
            for (setting, found) in wanted {
                let frames = technique.embed(&cover, setting.rate, seed);
                let detectors = alerts(&frames, setting.one_in, seed as u32);
                *found += u64::from(!detectors.is_empty());
                row.detectors.extend(detectors);
            }
        }
    }
    (row, silent, loud)
}

impl Display for Recall {
    /// The table, as Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} covers without a channel have {} alerts. Clients found out, of {FLOWS}, and of {SAMPLED} where flows \
             are sampled:\n",
            self.covers, self.false_alerts
        )?;
        let head = |text: fn(&Setting) -> String| {
            SETTINGS.iter().fold(String::new(), |mut line, setting| {
                let _ = write!(line, " {} |", text(setting));
                line
            })
        };
        let percent = |setting: &Setting| format!("{} % ×{}", setting.rate * 100.0, setting.length);
        let sampling = |setting: &Setting| format!("1:{}", setting.one_in);
        writeln!(f, "| technique | packets |{} by |", head(percent))?;
        writeln!(f, "|---|--:|{}---|", "--:|".repeat(SETTINGS.len()))?;
        writeln!(f, "| *flows looked at* | |{} |", head(sampling))?;
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

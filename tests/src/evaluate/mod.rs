//! How accurate the detectors are: every capture of a labelled corpus, replayed in this process and judged.
//!
//! [`evaluate`] replays, [`Summary`] counts, [`Floors`] holds the counts against what was reached before; `json`,
//! `markdown` and `text` write them down.

mod exceptions;
mod floors;
mod json;
mod markdown;
mod outcome;
mod selection;
mod summary;
mod text;
mod workers;

use std::cmp::Reverse;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub use exceptions::Exceptions;
pub use floors::{Floors, FloorsError, Verdict};
pub use json::json;
pub use markdown::{CORPUS, Markers, MarkersMissing, TECHNIQUES, insert, markdown};
pub use outcome::{End, Found, Outcome};
pub use selection::{Selection, SelectionError};
pub use summary::{Apart, ChannelRow, LabelRow, Summary};
pub use text::Text;

use crate::corpus::Capture;

/// How long one capture may take. The largest of the shared corpus takes a debug build less than 2 s.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Every capture's outcome.
#[derive(Debug)]
pub struct Evaluation {
    /// In the order of the captures.
    pub outcomes: Vec<Outcome>,
    /// How long it took.
    pub wall: Duration,
    /// On how many threads.
    pub workers: usize,
}

impl Evaluation {
    /// Packets of all captures.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.packets).sum()
    }

    /// Packets per second of wall time, on all threads together.
    #[must_use]
    pub fn packets_per_second(&self) -> f64 {
        self.packets() as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Replays captures on every CPU. One that panics, or is not done within `limit`, has that for its outcome.
#[must_use]
pub fn evaluate(captures: Vec<Capture>, limit: Duration) -> Evaluation {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let begun = Instant::now();
    // The largest first, so that no worker is left alone with it at the end.
    let size = |capture: &Capture| Reverse(fs::metadata(&capture.file).map_or(0, |file| file.len()));
    let mut places: Vec<usize> = (0..captures.len()).collect();
    places.sort_by_cached_key(|place| size(&captures[*place]));
    let files: Vec<PathBuf> = places.iter().map(|place| captures[*place].file.clone()).collect();
    let replays = workers::run(files.len(), workers, limit, move |piece| outcome::replay(&files[piece]));
    let wall = begun.elapsed();

    let mut replays: Vec<_> = places.into_iter().zip(replays).collect();
    replays.sort_by_key(|(place, _)| *place);
    let outcomes =
        captures.into_iter().zip(replays).map(|(capture, (_, replay))| Outcome::new(capture, replay));
    Evaluation { outcomes: outcomes.collect(), wall, workers }
}

/// The project's own floors.
#[must_use]
pub fn floors_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("accuracy.toml")
}

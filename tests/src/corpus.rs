//! The shared corpus of labelled captures, which lies beside the project.

use std::path::{Path, PathBuf};

/// A row of the corpus' `MANIFEST.tsv`.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Where it is.
    pub path: PathBuf,
    /// `covert`, `benign`, …
    pub label: String,
    /// What hides in it; `-` where nothing does.
    pub channel: String,
}

/// The corpus' folder: `INSPECTOR_CORPUS`, or `../shared/corpus` seen from the project's root.
#[must_use]
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("INSPECTOR_CORPUS").map_or_else(|| root.join("../shared/corpus"), PathBuf::from)
}

/// Every row of the manifest; `None` where there is no corpus.
#[must_use]
pub fn manifest() -> Option<Vec<Capture>> {
    let folder = folder();
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).ok()?;
    let capture = |row: &str| {
        let mut columns = row.split('\t');
        let (path, label, channel) = (columns.next()?, columns.next()?, columns.next()?);
        Some(Capture { path: folder.join(path), label: label.to_owned(), channel: channel.to_owned() })
    };
    Some(manifest.lines().skip(1).filter_map(capture).collect())
}

/// Every capture; `None` where there is no corpus.
#[must_use]
pub fn captures() -> Option<Vec<PathBuf>> {
    Some(manifest()?.into_iter().map(|capture| capture.path).collect())
}

//! Corpora of labelled captures. The shared one lies beside the project.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The list in a corpus' folder: a heading with [`COLUMNS`], then a capture a row.
const MANIFEST: &str = "MANIFEST.tsv";

/// What the manifest says of a capture, separated by tabs.
const COLUMNS: [&str; 7] = ["path", "label", "channel", "packets", "size", "source", "note"];

/// What is expected of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// An alert.
    Covert,
    /// Nearly like its cover: an alert is a bonus.
    CovertHard,
    /// Obfuscated proxies and the like: whether an alert is right depends on the network.
    Gray,
    /// No alert.
    Benign,
    /// No alert, though it is odd.
    EvasiveBenign,
    /// An observation, no alert.
    TunnelDeclared,
    /// No crash, and no alert that rests on garbage.
    Malformed,
}

impl Label {
    /// Every label, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Covert,
        Self::CovertHard,
        Self::Gray,
        Self::Benign,
        Self::EvasiveBenign,
        Self::TunnelDeclared,
        Self::Malformed,
    ];

    /// As the manifest calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Covert => "covert",
            Self::CovertHard => "covert-hard",
            Self::Gray => "gray",
            Self::Benign => "benign",
            Self::EvasiveBenign => "evasive-benign",
            Self::TunnelDeclared => "tunnel-declared",
            Self::Malformed => "malformed",
        }
    }

    /// Whether an alert on such a capture is a false one.
    #[must_use]
    pub const fn forbids_alerts(self) -> bool {
        match self {
            Self::Covert | Self::CovertHard | Self::Gray => false,
            Self::Benign | Self::EvasiveBenign | Self::TunnelDeclared | Self::Malformed => true,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A row of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The manifest's path: its name in tables and lists.
    pub path: String,
    /// Where the file is.
    pub file: PathBuf,
    /// What is expected of it.
    pub label: Label,
    /// What hides in it; `None` where nothing does.
    pub channel: Option<String>,
    /// How it was made, or what is in it.
    pub note: String,
}

/// Why a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// There is none, or it cannot be read.
    #[error("{}: {source}; name a folder of captures that has a {MANIFEST}", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no manifest.
    #[error("{}: the heading has to be {}, separated by tabs", path.display(), COLUMNS.join(", "))]
    Heading {
        /// The manifest.
        path: PathBuf,
    },
    /// A row is no capture's.
    #[error("{}, line {line}: {} columns and a known label are needed", path.display(), COLUMNS.len())]
    Row {
        /// The manifest.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
}

/// The shared corpus' folder: `INSPECTOR_CORPUS`, or `../shared/corpus` seen from the project's root.
#[must_use]
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("INSPECTOR_CORPUS").map_or_else(|| root.join("../shared/corpus"), PathBuf::from)
}

/// Every capture of the corpus in a folder, in the manifest's order.
///
/// # Errors
/// Where the manifest is missing or not as it should be.
pub fn manifest(folder: &Path) -> Result<Vec<Capture>, CorpusError> {
    let path = folder.join(MANIFEST);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(CorpusError::Read { path, source }),
    };
    let mut lines = text.lines();
    if lines.next().is_none_or(|heading| !heading.split('\t').eq(COLUMNS)) {
        return Err(CorpusError::Heading { path });
    }
    let row =
        |(line, text)| capture(folder, text).ok_or_else(|| CorpusError::Row { path: path.clone(), line });
    (2..).zip(lines).map(row).collect()
}

/// A row as a capture; `None` where it is none.
fn capture(folder: &Path, row: &str) -> Option<Capture> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [path, label, channel, _packets, _size, _source, note] = columns[..] else { return None };
    Some(Capture {
        path: path.to_owned(),
        file: folder.join(path),
        label: Label::ALL.into_iter().find(|known| known.name() == label)?,
        channel: (channel != "-").then(|| channel.to_owned()),
        note: note.to_owned(),
    })
}

/// Every capture of the shared corpus; `None` where there is no such corpus.
#[must_use]
pub fn shared() -> Option<Vec<Capture>> {
    let folder = folder();
    let exists = folder.join(MANIFEST).exists();
    exists.then(|| manifest(&folder).unwrap_or_else(|error| panic!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Capture>, CorpusError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST), text).unwrap();
        manifest(folder.path())
    }

    #[test]
    fn a_row_is_a_capture() {
        let heading = COLUMNS.join("\t");
        let text =
            format!("{heading}\na/b.pcap\tcovert\tttl\t7\t99\tgenerated\tby hand\nc.pcap\tgray\t-\t\t\t\t\n");
        let captures = read(&text).unwrap();
        let [first, second] = &captures[..] else { panic!("{captures:?}") };
        assert_eq!(
            (first.path.as_str(), first.label, first.note.as_str()),
            ("a/b.pcap", Label::Covert, "by hand")
        );
        assert_eq!((first.channel.as_deref(), second.channel.as_deref()), (Some("ttl"), None));
        assert!(first.file.ends_with("a/b.pcap") && first.file.is_absolute());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let heading = COLUMNS.join("\t");
        let unknown = format!("{heading}\na\tbenign\t-\t\t\t\t\nb\tharmless\t-\t\t\t\t\n");
        assert!(read(&unknown).unwrap_err().to_string().contains("line 3"));
        assert!(read(&format!("{heading}\na\tbenign\t-\n")).unwrap_err().to_string().contains("line 2"));
        assert!(matches!(read("path,label\n"), Err(CorpusError::Heading { .. })));
        assert!(matches!(read(""), Err(CorpusError::Heading { .. })));
        assert!(matches!(manifest(Path::new("/nowhere")), Err(CorpusError::Read { .. })));
    }
}

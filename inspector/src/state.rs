//! What detectors know that survives a restart: one JSON file.
//!
//! `{"inspector_state": 1, "detectors": {"beacon": …}}`, with times of the wall clock. It is written beside its place and
//! then renamed, so that there is always a whole one. One that cannot be understood is renamed too, out of the way of the
//! next: to lose it costs the hours until beacons are known again, and nothing else.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::Engine;

/// Version of the file's schema.
const VERSION: u32 = 1;

/// Largest file that is read, bytes: four times what full tables take.
const MAX_BYTES: u64 = 128 << 20;

/// What keeps the state from being read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is there, but cannot be read.
    #[error("cannot read the state in {path} ({source}); allow it, or choose another file with --state")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error(
        "cannot write the state to {path} ({source}); beacons will have to be learnt anew after a restart, unless the \
         folder is writable"
    )]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It could not be understood, and is now called otherwise.
    #[error("the state in {path} is of no use ({why}): it is {aside} now, and beacons are learnt anew")]
    SetAside {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
        /// Its new name.
        aside: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    inspector_state: u32,
    detectors: Map<String, Value>,
}

/// The file.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The state in `path`, which need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Gives the engine what the file holds; nothing where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or was set aside. The engine then knows nothing of it.
    pub fn restore(&self, engine: &mut Engine, wall_offset_ns: i64) -> Result<(), StateError> {
        let Some(bytes) = self.read()? else { return Ok(()) };
        let why = match serde_json::from_slice::<Contents>(&bytes) {
            Ok(Contents { inspector_state: VERSION, detectors }) => {
                match engine.restore(detectors, wall_offset_ns) {
                    Ok(()) => return Ok(()),
                    Err(error) => error.to_string(),
                }
            }
            Ok(Contents { inspector_state, .. }) => {
                format!("it has version {inspector_state} where this program writes {VERSION}")
            }
            Err(error) => error.to_string(),
        };
        Err(self.set_aside(why))
    }

    fn read(&self) -> Result<Option<Vec<u8>>, StateError> {
        let failed = |source| StateError::Read { path: self.path.display().to_string(), source };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(self.set_aside(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        Ok(Some(bytes))
    }

    fn set_aside(&self, why: String) -> StateError {
        let aside = beside(&self.path, ".unusable");
        let path = self.path.display().to_string();
        match fs::rename(&self.path, &aside) {
            Ok(()) => StateError::SetAside { path, why, aside: aside.display().to_string() },
            Err(source) => StateError::Write { path: aside.display().to_string(), source },
        }
    }

    /// Writes what the engine's detectors keep.
    ///
    /// # Errors
    /// The file cannot be written; what was there before stays.
    pub fn save(&self, engine: &Engine, wall_offset_ns: i64) -> Result<(), StateError> {
        let contents = Contents { inspector_state: VERSION, detectors: engine.save(wall_offset_ns) };
        self.write(&contents)
            .map_err(|source| StateError::Write { path: self.path.display().to_string(), source })
    }

    fn write(&self, contents: &Contents) -> io::Result<()> {
        let new = beside(&self.path, ".new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(contents)?)?;
        file.sync_data()?;
        fs::rename(&new, &self.path)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_and_a_file_that_is_not_there_is_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(&folder.path().join("state.json"));
        let mut engine = Engine::default();
        file.restore(&mut engine, 0).unwrap();
        file.save(&engine, 0).unwrap();
        file.restore(&mut engine, 0).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let lost = StateFile::new(&folder.path().join("nowhere/state.json"));
        assert!(matches!(lost.save(&engine, 0), Err(StateError::Write { .. })));
        assert!(matches!(
            StateFile::new(folder.path()).restore(&mut engine, 0),
            Err(StateError::Read { .. })
        ));
    }

    #[test]
    fn what_cannot_be_understood_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let bad = [
            "",
            "{",
            "[]",
            r#"{"inspector_state":2,"detectors":{}}"#,
            r#"{"inspector_state":1,"detectors":{"beacon":[{"pair":1}]}}"#,
            r#"{"inspector_state":1,"detectors":{},"more":1}"#,
        ];
        for text in bad {
            fs::write(&path, text).unwrap();
            let error = StateFile::new(&path).restore(&mut Engine::default(), 0).unwrap_err();
            assert!(matches!(error, StateError::SetAside { .. }), "{text}: {error}");
            assert!(!path.exists());
            assert_eq!(fs::read_to_string(folder.path().join("state.json.unusable")).unwrap(), text);
        }
    }
}

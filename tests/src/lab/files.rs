//! Files to carry, and a server that hands them out and takes them in.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{Namespace, Process};

/// Where the server listens.
pub const PORT: &str = "8000";

/// Serves a folder by GET, and stores what PUT sends.
const SERVER: &str = include_str!("files.py");

/// Python needs its time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of files over HTTP, on every address of its namespace.
#[derive(Debug)]
pub struct FileServer {
    folder: TempDir,
    _process: Process,
}

impl FileServer {
    /// Starts it.
    pub fn start(namespace: &Namespace) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let root = folder.path().to_str().expect("temporary folders have plain names");
        let mut process = namespace.spawn(&["python3", "-u", "-c", SERVER, root, PORT]);
        process.wait_for_output("ready", PATIENCE);
        Self { folder, _process: process }
    }

    /// Puts a file of random bytes there to be fetched.
    pub fn offer(&self, name: &str, size: u64) -> Vec<u8> {
        random_file(&self.path(name), size)
    }

    /// Where a file lies, offered or taken in.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Writes a file of random bytes.
pub fn random_file(path: &Path, size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let random = fs::File::open("/dev/urandom").expect("there is randomness");
    random.take(size).read_to_end(&mut bytes).expect("there is enough of it");
    fs::write(path, &bytes).expect("a file can be written");
    bytes
}

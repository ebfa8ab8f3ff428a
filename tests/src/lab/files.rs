//! Files to carry, and a server that hands them out and takes them in.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use super::{Namespace, Process, Scratch};

/// Where the server listens.
pub const PORT: &str = "8000";

/// Serves a folder by GET, and stores what PUT sends.
const SERVER: &str = include_str!("files.py");

/// Python needs its time to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of files over HTTP, on every address of its namespace.
#[derive(Debug)]
pub struct FileServer {
    /// What it hands out and takes in.
    pub folder: Scratch,
    _process: Process,
}

impl FileServer {
    /// Starts it.
    pub fn start(namespace: &Namespace) -> Self {
        let folder = Scratch::new();
        let root = folder.path("");
        let mut process = namespace.spawn(&["python3", "-u", "-c", SERVER, &root, PORT]);
        process.wait_for_output("ready", PATIENCE);
        Self { folder, _process: process }
    }
}

/// Random bytes, for a file that nothing can compress or guess.
pub fn random(size: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let random = File::open("/dev/urandom").expect("there is randomness");
    random.take(size).read_to_end(&mut bytes).expect("there is enough of it");
    bytes
}

//! A folder that goes away with its owner.

use std::fs;

use tempfile::TempDir;

/// A temporary folder.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new one, empty.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    /// The path of a file in it, to be put on a command line.
    pub fn path(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_str().expect("temporary folders have plain names").to_owned()
    }

    /// Writes a file in it, and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file can be written there");
        path
    }

    /// What a file in it holds; nothing if it isn't there.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

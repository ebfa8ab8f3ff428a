//! A file or standard output that takes whole lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::SinkError;

/// Where lines go. Each is handed to the system in one write, so that whatever ends the process leaves whole
/// lines behind.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// `None`: standard output.
    path: Option<PathBuf>,
    name: Box<str>,
    /// The last line was cut short: the next one begins on a line of its own.
    torn: bool,
    /// The last write failed, and the user was told.
    failing: bool,
    lost: u64,
}

impl Output {
    /// Opens a file for appending, and makes it where there is none; `-` is standard output.
    pub fn open(target: &Path) -> Result<Self, SinkError> {
        if target == Path::new("-") {
            let name = "standard output";
            let stdout = io::stdout().as_fd().try_clone_to_owned();
            let file = stdout.map_err(|source| SinkError::Open { name: name.into(), source })?.into();
            return Ok(Self { file, path: None, name: name.into(), torn: false, failing: false, lost: 0 });
        }
        let name: Box<str> = target.display().to_string().into();
        let file = append(target).map_err(|source| SinkError::Open { name: name.clone(), source })?;
        Ok(Self { file, path: Some(target.to_owned()), name, torn: false, failing: false, lost: 0 })
    }

    /// Opens the file anew by its name. Where that fails, the old one stays in use.
    pub fn reopen(&mut self) -> Result<(), SinkError> {
        if let Some(path) = &self.path {
            self.file = append(path).map_err(|source| SinkError::Open { name: self.name.clone(), source })?;
            self.torn = false;
        }
        Ok(())
    }

    /// Writes one line, which ends with its line feed. See [`super::Sink::write`] about errors.
    pub fn write_line(&mut self, line: &[u8]) -> Result<(), SinkError> {
        let result = if self.torn { self.write_all(&[b"\n", line].concat()) } else { self.write_all(line) };
        let told = self.failing;
        self.failing = result.is_err();
        let Err(source) = result else { return Ok(()) };
        self.lost += 1;
        let error = SinkError::of(&self.name, source);
        if told && !error.is_closed() { Ok(()) } else { Err(error) }
    }

    /// Lines that could not be written.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn write_all(&mut self, mut line: &[u8]) -> io::Result<()> {
        while !line.is_empty() {
            match self.file.write(line) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    line = line.get(written..).unwrap_or_default();
                    self.torn = !line.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn appends_and_reopens_after_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("eve.json"), folder.path().join("eve.json.1"));
        fs::write(&path, "before\n").unwrap();
        let mut output = Output::open(&path).unwrap();
        output.write_line(b"one\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        output.write_line(b"two\n").unwrap();
        output.reopen().unwrap();
        output.write_line(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn says_once_that_the_disk_is_full_and_counts() {
        let mut output = Output::open(Path::new("/dev/full")).unwrap();
        let error = output.write_line(b"one\n").unwrap_err();
        assert!(matches!(error, SinkError::Full { .. }), "{error}");
        assert!(output.write_line(b"two\n").is_ok());
        assert_eq!(output.lost(), 2);
    }

    #[test]
    fn a_torn_line_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eve.json");
        let mut output = Output::open(&path).unwrap();
        output.write_all(b"{\"half\":").unwrap();
        output.torn = true;
        output.write_line(b"{}\n").unwrap();
        output.write_line(b"{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"half\":\n{}\n{}\n");
    }

    #[test]
    fn a_reader_that_went_away_is_told_from_a_fault() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut output =
            Output { file, path: None, name: "pipe".into(), torn: false, failing: false, lost: 0 };
        assert!(output.write_line(b"one\n").unwrap_err().is_closed());
        assert!(output.write_line(b"two\n").unwrap_err().is_closed());
    }

    #[test]
    fn names_a_file_that_cannot_be_opened() {
        let error = Output::open(Path::new("/nowhere/eve.json")).unwrap_err().to_string();
        assert!(error.starts_with("cannot open /nowhere/eve.json for findings (No such file"), "{error}");
    }
}

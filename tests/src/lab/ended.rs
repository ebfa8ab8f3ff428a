//! What is left of a process that has ended.

use std::process::Command;
use std::time::Duration;

use super::{Event, Process, eve};

/// For commands that end by themselves.
const PATIENCE: Duration = Duration::from_secs(20);

/// An exit code, and everything that was written.
#[derive(Debug)]
pub struct Ended {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::of_process(Process::spawn(command))
    }

    /// Waits for the end of a process.
    pub fn of_process(mut process: Process) -> Self {
        let code = process.wait(PATIENCE).code();
        Self { code, stdout: process.stdout(), stderr: process.stderr() }
    }

    /// Panics unless the command could not run, and said so in one sentence that has all these words.
    pub fn assert_refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one sentence: {self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {:?}", self.stderr);
        }
    }

    /// The findings on standard output, which must hold nothing else.
    pub fn events(&self) -> Vec<Event> {
        assert!(self.stdout.is_empty() || self.stdout.ends_with('\n'), "a line is cut short: {self:?}");
        eve::parse(&self.stdout)
    }
}

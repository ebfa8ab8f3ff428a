//! Processes whose output goes to files, and that end when their owner does.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{Scratch, until};

/// A running process. Dropping it kills it and everything it has started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    shown: String,
    folder: Scratch,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts a command with no input and its output in files.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_into(command, None)
    }

    /// The same with standard output going elsewhere.
    pub fn spawn_into(command: &mut Command, stdout: Option<Stdio>) -> Self {
        let folder = Scratch::new();
        let file = |name| File::create(folder.path(name)).expect("a file can be made there");
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let first_lines =
            words.map(|word| word.to_string_lossy().lines().next().unwrap_or_default().to_owned());
        let shown = first_lines.collect::<Vec<_>>().join(" ");
        command
            .stdin(Stdio::null())
            .stdout(stdout.unwrap_or_else(|| file("stdout").into()))
            .stderr(file("stderr"))
            .process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        Self { child, shown, folder, status: None }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.output("stdout")
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.output("stderr")
    }

    fn output(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.folder.read(name)).into_owned()
    }

    /// Its status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.status = self.status.or_else(|| self.child.try_wait().expect("a child can be waited for"));
        self.status
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.shown);
        until(&what, limit, || self.ended())
    }

    /// Waits until its output has a text in it, and panics if it ends without.
    pub fn wait_for_output(&mut self, text: &str, limit: Duration) {
        let what = format!("{text:?} in the output of {}", self.shown);
        until(&what, limit, || {
            let ended = self.ended();
            let is_there = self.stdout().contains(text) || self.stderr().contains(text);
            assert!(is_there || ended.is_none(), "{} ended ({ended:?}) without {text:?}", self.shown);
            is_there.then_some(())
        });
    }

    /// Sends a signal, such as `TERM`, to the process itself.
    pub fn signal(&self, name: &str) {
        send(name, &self.id().to_string());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            // Its whole group: what it started goes with it.
            send("KILL", &format!("-{}", self.id()));
            // Already gone, or gone now.
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            report(&self.shown, &self.stdout(), &self.stderr());
        }
    }
}

/// The end of the output of a process, for whoever reads the report of a failed test.
#[expect(clippy::print_stderr, reason = "a failed test tells what its tools said")]
fn report(shown: &str, stdout: &str, stderr: &str) {
    let tail = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    };
    eprintln!("--- {shown}\n{}\n{}", tail(stdout), tail(stderr));
}

/// By the shell, since the standard library has no signals.
fn send(signal: &str, target: &str) {
    let status =
        Command::new("sh").args(["-c", r#"kill -s "$0" -- "$1" 2>/dev/null"#, signal, target]).status();
    // A process that is gone needs no signal.
    let _ = status;
}

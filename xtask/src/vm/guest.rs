//! A guest from power on to power off, in qemu.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::initramfs;
use super::report::Report;
use super::store::{Stored, create_anew};

/// The longest that a guest may take: thirty times what one takes, emulated, with another beside it.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long qemu may take to end once the guest has said its last word.
const FAREWELL: Duration = Duration::from_secs(30);

/// Lines of the console that are shown of a guest that failed.
const LAST_WORDS: usize = 50;

/// What guests have in common.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) qemu: PathBuf,
    /// Runs guests on the processor itself.
    pub(crate) has_kvm: bool,
    /// What is run in a guest.
    pub(crate) program: PathBuf,
    /// Where each guest has a folder.
    pub(crate) folder: PathBuf,
}

/// A guest that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) report: Report,
    /// From power on to the first line of the report.
    pub(crate) boot: Option<Duration>,
    /// What is wrong, a line each.
    pub(crate) problems: Vec<String>,
    /// What the kernel and the guest's program wrote.
    pub(crate) console: PathBuf,
    /// The end of it.
    pub(crate) last_words: String,
}

impl Host {
    /// Boots a kernel and waits until the guest is done, or patience is.
    pub(crate) fn run(&self, kernel: &Stored) -> Result<Ended, Error> {
        let folder = self.folder.join(kernel.kernel.name());
        create_anew(&folder)?;
        let initramfs = folder.join("initramfs.cpio");
        fs::write(&initramfs, initramfs::build(&self.program, &kernel.modules)?)
            .map_err(|error| Error::File { path: initramfs.clone(), error })?;
        let start = Instant::now();
        let mut qemu = self.qemu(&kernel.image, &initramfs, &folder)?;
        let (mut report, mut boot, mut is_late) = (Report::default(), None, false);
        let lines = lines_of(&mut qemu);
        loop {
            let deadline =
                if report.has_ended() { FAREWELL } else { PATIENCE.saturating_sub(start.elapsed()) };
            match lines.recv_timeout(deadline) {
                Ok(line) => report.take(&line),
                Err(RecvTimeoutError::Timeout) => {
                    is_late = true;
                    break;
                }
                // qemu has ended.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if report.release.is_some() {
                boot.get_or_insert_with(|| start.elapsed());
            }
        }
        // Neither fails for a process that has ended.
        let _ = qemu.kill();
        let _ = qemu.wait();

        let mut problems = report.problems();
        if is_late {
            let when = if report.has_ended() { "did not switch itself off" } else { "was still running" };
            problems.push(format!("the guest {when} after {} s, and was ended", start.elapsed().as_secs()));
        }
        let console = folder.join("console.log");
        let last_words = last_words(&console);
        Ok(Ended { report, boot, problems, console, last_words })
    }

    /// The kernel's console goes to a file, the second serial port to standard output. Two of the four
    /// processors are left off: what is kept for each possible processor has to be read for those too.
    fn qemu(&self, image: &Path, initramfs: &Path, folder: &Path) -> Result<Child, Error> {
        let accelerator =
            if self.has_kvm { ["-accel", "kvm", "-cpu", "host"] } else { ["-accel", "tcg", "-cpu", "max"] };
        let errors = folder.join("qemu.log");
        let errors = File::create(&errors).map_err(|error| Error::File { path: errors, error })?;
        Command::new(&self.qemu)
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(accelerator)
            .args(["-smp", "4", "-m", "768"])
            .args(["-serial", "file:console.log", "-serial", "stdio"])
            .arg("-kernel")
            .arg(image)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", "console=ttyS0 panic=-1 maxcpus=2"])
            // A path in an option would have its commas taken for separators.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| Error::Spawn { command: self.qemu.display().to_string(), error })
    }
}

/// The lines of a process's standard output, until it ends.
fn lines_of(process: &mut Child) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    if let Some(output) = process.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
    }
    lines
}

fn last_words(console: &Path) -> String {
    let console = fs::read(console).unwrap_or_default();
    let console = String::from_utf8_lossy(&console);
    let lines: Vec<&str> = console.lines().map(str::trim_end).collect();
    lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
}

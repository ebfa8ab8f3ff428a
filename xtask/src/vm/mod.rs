//! `cargo xtask vm-test`: the data plane on the kernels of Debian's releases, each in a virtual machine.
//!
//! A kernel comes from Debian's archive ([`apt`], [`index`], [`store`]). It boots with one program, which is linked
//! into an [`initramfs`] with the modules it needs and reports over a serial port ([`guest`], [`report`]).

mod apt;
mod cpio;
mod error;
mod guest;
mod index;
mod initramfs;
mod kernel;
mod line;
mod module;
mod report;
mod run;
mod store;
mod table;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use clap::ValueEnum as _;

use crate::{setup, workspace};
pub(crate) use error::Error;
use guest::{Ended, Host};
pub(crate) use kernel::Kernel;
use store::Stored;

/// Most guests at once: each has two processors.
const AT_ONCE: usize = 2;

/// What `vm-test` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Request {
    /// Kernels to try [default: all]
    #[arg(value_enum)]
    kernels: Vec<Kernel>,
    /// Look in the archive for newer kernels than those kept in .tools/kernels
    #[arg(long)]
    renew: bool,
    /// Let the processor run the guests (faster; not every machine can)
    #[arg(long)]
    kvm: bool,
}

/// Tries kernels and prints the table.
pub(crate) fn run(root: &Path, request: &Request) -> Result<ExitCode, crate::error::Error> {
    let Request { kernels, renew, kvm } = request;
    let kernels = if kernels.is_empty() { Kernel::value_variants() } else { kernels };
    setup::ensure(root, setup::Part::Guests)?;
    let host = host(root, *kvm)?;
    let mut stored = Vec::new();
    for kernel in kernels {
        stored.push(store::get(root, *kernel, *renew)?);
    }
    let guests = boot(&host, &stored)?;
    println!("{}", table::table(&guests));
    for (kernel, ended) in &guests {
        show_problems(*kernel, ended);
    }
    let is_good = guests.iter().all(|(_, ended)| ended.problems.is_empty());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of a kernel among the project's tests.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// It could not be tried here, for this reason.
    Skipped(String),
}

/// Tries kernels as one part of many tests: what the machine lacks for it is a reason to skip.
pub(crate) fn try_here(
    root: &Path,
    kernels: &[Kernel],
) -> Result<Vec<(Kernel, Outcome)>, crate::error::Error> {
    if let Err(error) = setup::ensure(root, setup::Part::Guests) {
        eprintln!("{error}");
    }
    let host = match host(root, false) {
        Ok(host) => host,
        Err(crate::error::Error::Guests(lack)) => {
            return Ok(kernels.iter().map(|kernel| (*kernel, Outcome::Skipped(lack.to_string()))).collect());
        }
        Err(error) => return Err(error),
    };
    let (mut stored, mut outcomes) = (Vec::new(), Vec::new());
    for kernel in kernels {
        match store::get(root, *kernel, false) {
            Ok(found) => stored.push(found),
            Err(error) => outcomes.push((*kernel, Outcome::Skipped(error.to_string()))),
        }
    }
    let guests = boot(&host, &stored)?;
    if !guests.is_empty() {
        println!("{}", table::table(&guests));
    }
    for (kernel, ended) in guests {
        show_problems(kernel, &ended);
        outcomes.push((kernel, if ended.problems.is_empty() { Outcome::Passed } else { Outcome::Failed }));
    }
    Ok(outcomes)
}

/// What all guests need: qemu, and the program, built afresh.
fn host(root: &Path, has_kvm: bool) -> Result<Host, crate::error::Error> {
    if workspace::host().arch != "x86_64" {
        return Err(Error::OtherArchitecture.into());
    }
    let qemu = qemu(root).ok_or(Error::NoQemu)?;
    let mut build = workspace::cargo(root);
    workspace::succeed(build.args(["build", "--package", "inspector-tests", "--bin", "vm"]))?;
    let target = workspace::target_dir(root);
    Ok(Host { qemu, has_kvm, program: target.join("debug/vm"), folder: target.join("vm") })
}

fn qemu(root: &Path) -> Option<PathBuf> {
    let folders = setup::needs::command_path(root).into_iter();
    folders.map(|folder| folder.join("qemu-system-x86_64")).find(|path| path.is_file())
}

/// Runs all guests, a few at a time, and gives them in the order of the kernels.
fn boot(host: &Host, kernels: &[Stored]) -> Result<Vec<(Kernel, Ended)>, Error> {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get).min(AT_ONCE);
    let queue = Mutex::new(kernels.iter().enumerate());
    let work = || {
        let mut ended = Vec::new();
        // The lock is held for the length of one call only.
        let next = || queue.lock().ok().and_then(|mut queue| queue.next());
        while let Some((place, stored)) = next() {
            eprintln!("booting {} ({})", stored.kernel, stored.release);
            ended.push((place, stored.kernel, host.run(stored)));
        }
        ended
    };
    let mut ended: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    ended.sort_by_key(|(place, ..)| *place);
    ended.into_iter().map(|(_, kernel, ended)| Ok((kernel, ended?))).collect()
}

fn show_problems(kernel: Kernel, ended: &Ended) {
    for problem in &ended.problems {
        println!("FAIL {kernel}: {problem}");
    }
    if !ended.problems.is_empty() {
        println!("the end of {}:\n{}", ended.console.display(), ended.last_words);
    }
}

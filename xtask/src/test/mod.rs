//! `cargo xtask test`: every check and every test of the project, and one line that sums them up.

mod tally;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use crate::bpf::Toolchain;
use crate::error::Error;
use crate::vm::{self, Kernel};
use crate::{bpf, setup, workspace};
use tally::Tally;

/// Tests append `SKIP name: reason` to the file that this variable names, since cargo hides what passing tests
/// print.
const SKIP_LOG: &str = "INSPECTOR_SKIP_LOG";

/// Kernels that the data plane is tried on besides the host's: the oldest supported, and the current stable one.
const KERNELS: [Kernel; 2] = [Kernel::Bullseye, Kernel::Trixie];

/// Runs all checks even if one fails, so that one run shows everything. With a filter, which goes to `cargo test`,
/// runs the tests alone.
pub(crate) fn run(root: &Path, filter: &[String]) -> Result<ExitCode, Error> {
    setup::ensure(root, setup::Part::Tests)?;
    let mut failed = if filter.is_empty() { failing_checks(root)? } else { Vec::new() };

    eprintln!("==> tests");
    let (mut tally, status) = cargo_test(root, filter)?;
    // A test binary that does not build, or dies, leaves no line to count.
    if !status.success() && tally.failed == 0 {
        failed.push(format!("cargo test ({status})"));
    }
    if filter.is_empty() {
        eprintln!("==> other kernels");
        match vm::try_here(root, &KERNELS) {
            Ok(outcomes) => {
                for (kernel, outcome) in outcomes {
                    tally.guest(kernel.name(), outcome);
                }
            }
            Err(error) => failed.push(format!("other kernels: {error}")),
        }
    }
    Ok(conclude(&tally, &failed))
}

/// The names of the checks, other than tests, that fail.
fn failing_checks(root: &Path) -> Result<Vec<String>, Error> {
    let toolchain = Toolchain::find(root)?;
    let mut failed = Vec::new();
    let mut check = |name: &str, command: &mut Command| {
        eprintln!("==> {name}");
        if let Err(error) = workspace::succeed(command) {
            eprintln!("error: {error}");
            failed.push(name.to_owned());
        }
    };
    check("rustfmt", workspace::cargo(root).args(["fmt", "--all", "--check"]));
    check(
        "clippy on the host's crates",
        workspace::cargo(root)
            .args(["clippy", "--workspace", "--exclude", "inspector-ebpf", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    );
    check(
        "clippy on the BPF programs",
        bpf::object::cargo(root, &toolchain, &workspace::host(), "clippy").args(["--", "-D", "warnings"]),
    );
    Ok(failed)
}

/// Streams `cargo test` while counting.
fn cargo_test(root: &Path, filter: &[String]) -> Result<(Tally, ExitStatus), Error> {
    let skip_log = workspace::target_dir(root).join("skipped-tests.log");
    fs::write(&skip_log, "").map_err(|error| Error::Write { path: skip_log.clone(), error })?;

    let spawn_error = |error| Error::Spawn { command: "cargo test".to_owned(), error };
    let mut tests = workspace::cargo(root)
        .args(["test", "--workspace", "--exclude", "inspector-ebpf", "--no-fail-fast"])
        .args(filter)
        .env(SKIP_LOG, &skip_log)
        .env("PATH", env::join_paths(setup::needs::command_path(root)).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(spawn_error)?;
    let mut tally = Tally::default();
    if let Some(output) = tests.stdout.take() {
        let mut stdout = std::io::stdout().lock();
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(spawn_error)?;
            let line = String::from_utf8_lossy(&line);
            // Nobody may be reading any more; the result still counts.
            let _ = writeln!(stdout, "{line}");
            tally.count(&line);
        }
    }
    let status = tests.wait().map_err(spawn_error)?;
    tally.skip(&fs::read_to_string(&skip_log).unwrap_or_default());
    Ok((tally, status))
}

/// Says what failed and what was skipped, and ends with the summary alone on its line.
fn conclude(tally: &Tally, failed_checks: &[String]) -> ExitCode {
    let ran = tally.passed() + tally.failed > 0;
    for check in failed_checks {
        println!("FAIL {check}");
    }
    for line in tally.skip_lines() {
        println!("{line}");
    }
    if !ran {
        println!("FAIL no test ran");
    }
    let failed = tally.failed + failed_checks.len() + usize::from(!ran);
    println!("{} passed, {failed} failed, {} skipped", tally.passed(), tally.skipped());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! `cargo xtask evaluate`: how accurate the detectors are on a corpus of labelled captures.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::{setup, workspace};

/// Builds the harness, optimised a little, since it is built as often as it is run, and runs it with these
/// arguments.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode, Error> {
    setup::ensure(root, setup::Part::Bpf)?;
    let mut build = workspace::cargo(root);
    let harness = ["--package", "inspector-tests", "--bin", "evaluate"];
    workspace::succeed(build.args(["build", "--profile", "evaluate"]).args(harness))?;
    let mut command = Command::new(workspace::target_dir(root).join("evaluate/evaluate"));
    let status = command.args(arguments).status();
    let status = status.map_err(|error| Error::Spawn { command: "the evaluation".to_owned(), error })?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

//! `cargo xtask evaluate`: how accurate the detectors are on a corpus of labelled captures.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::{setup, workspace};

/// A profile of its own, made for editing detectors; the reasons are in Cargo.toml.
const PROFILE: &str = "evaluate";

/// Builds the harness and becomes it, in the folder that the user is in. Returns only if that failed.
pub(crate) fn run(root: &Path, flags: &[String]) -> Result<(), Error> {
    setup::ensure(root, setup::Part::Bpf)?;
    let mut build = workspace::cargo(root);
    let what = ["--package", "inspector-tests", "--bin", "evaluate"];
    workspace::succeed(build.args(["build", "--profile", PROFILE]).args(what))?;

    let binary = workspace::target_dir(root).join(PROFILE).join("evaluate");
    let error = Command::new(&binary).args(flags).exec();
    Err(Error::Spawn { command: binary.display().to_string(), error })
}

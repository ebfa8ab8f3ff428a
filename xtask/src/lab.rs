//! Binaries of the tests' crate, which play in network namespaces and call what setup brings.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::{setup, workspace};

/// Builds inspector and such a binary, and becomes the binary as root, so that Ctrl-C reaches it. Returns only if
/// that failed.
pub(crate) fn run(root: &Path, binary: &str, flags: &[String]) -> Result<(), Error> {
    setup::ensure(root, setup::Part::All)?;
    let mut build = workspace::cargo(root);
    let packages = ["--package", "inspector", "--package", "inspector-tests"];
    let binaries = ["--bin", "inspector", "--bin", binary];
    workspace::succeed(build.args(["build", "--release"]).args(packages).args(binaries))?;

    // sudo sets a PATH of its own, without the commands that setup has unpacked.
    let path = env::join_paths(setup::needs::command_path(root)).unwrap_or_default();
    let mut command = Command::new(if setup::is_root() { "env" } else { "sudo" });
    if !setup::is_root() {
        command.args(["--", "env"]);
    }
    let mut assignment = OsString::from("PATH=");
    assignment.push(path);
    command.arg(assignment).arg(workspace::target_dir(root).join("release").join(binary)).args(flags);
    let error = command.exec();
    Err(Error::Spawn { command: command.get_program().to_string_lossy().into_owned(), error })
}

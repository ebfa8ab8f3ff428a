//! Where the project and its products are, and its cargo.

use std::env;
use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bpf::object::Target;
use crate::error::Error;

/// The project's folder, whatever folder `cargo xtask` was called in.
pub(crate) fn root() -> Result<PathBuf, Error> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).ok_or(Error::NoWorkspace)
}

/// The machine that the tasks run on.
pub(crate) fn host() -> Target {
    Target { arch: ARCH.to_owned(), big_endian: cfg!(target_endian = "big") }
}

pub(crate) fn target_dir(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// The cargo that runs this task.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

pub(crate) fn succeed(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|error| Error::Spawn { command: shown(command), error })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: shown(command), status }) }
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

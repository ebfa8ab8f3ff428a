//! What can stop a task, as the one sentence that the user reads.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

use crate::bpf::ToolchainError;
use crate::bpf::object::BuildError;
use crate::vm;

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("xtask was built outside of the workspace: run it as `cargo xtask` in the project's folder")]
    NoWorkspace,

    #[error(transparent)]
    Toolchain(#[from] ToolchainError),

    #[error(transparent)]
    Build(#[from] BuildError),

    #[error(transparent)]
    Guests(#[from] vm::Error),

    #[error("cannot start `{command}`: {error}")]
    Spawn { command: String, error: io::Error },

    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },

    #[error(
        "setup could not bring {what} ({status}): the messages above say why, and setup can be run again"
    )]
    SetupStep { what: String, status: ExitStatus },

    #[error("setup brought {what} but still misses it: is something else of that name first in PATH?")]
    SetupStuck { what: String },

    #[error(
        "this machine lacks what follows, and setup {}; run these lines in the project's folder, then `cargo xtask \
         setup` again:\n{steps}",
        if *is_root { "does not know how to install it here" } else { "cannot install it without root" }
    )]
    CannotInstall { steps: String, is_root: bool },

    #[error("`{command}` failed ({status}): its messages above say why")]
    Failed { command: String, status: ExitStatus },
}

//! What can stop a task, as the one sentence that the user reads.

use thiserror::Error;

use crate::bpf::{BuildError, ToolchainError};

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("xtask was built outside of the workspace: run it as `cargo xtask` in the project's folder")]
    NoWorkspace,
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error(transparent)]
    Build(#[from] BuildError),
}

//! What keeps a kernel from being tried, as the sentence that the user reads.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

use super::kernel::Kernel;

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("kernels are tried on x86_64 hosts only: their guests run a program of the host")]
    OtherArchitecture,

    #[error("qemu-system-x86_64 is not installed: run `cargo xtask setup`")]
    NoQemu,

    #[error("kernel {kernel} cannot be fetched from deb.debian.org ({source})")]
    Fetch { kernel: Kernel, source: Box<Error> },

    #[error("no suite of Debian's has it any more: looked in {suites}")]
    NoKernel { suites: String },

    #[error("its packages hold no {what}")]
    NotInPackages { what: &'static str },

    #[error("its packages hold no module {name}, which the checks need")]
    NoModule { name: String },

    #[error("cannot start `{command}`: {error}")]
    Spawn { command: String, error: io::Error },

    #[error("`{command}` failed, {status}: {reason}")]
    Command { command: String, status: ExitStatus, reason: String },

    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
}

//! Where the project and its products are.

use std::env::consts::ARCH;
use std::path::{Path, PathBuf};

use crate::bpf::Target;
use crate::error::Error;

/// The project's folder, whatever folder `cargo xtask` was called in.
pub(crate) fn root() -> Result<PathBuf, Error> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).ok_or(Error::NoWorkspace)
}

/// The machine that the tasks run on.
pub(crate) fn host() -> Target {
    Target { arch: ARCH.to_owned(), big_endian: cfg!(target_endian = "big") }
}

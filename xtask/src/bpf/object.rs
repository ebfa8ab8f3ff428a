//! The inner cargo: from a binary of `inspector-ebpf` to a BPF object.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::Toolchain;
use super::compiler::Origin;

/// The machine that will load the object. BPF has its byte order, and `aya-ebpf` picks the layout of the
/// registers after its architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As in `target_arch`, e.g. `x86_64`.
    pub(crate) arch: String,
    pub(crate) big_endian: bool,
}

impl Target {
    pub(crate) fn triple(&self) -> &'static str {
        if self.big_endian { "bpfeb-unknown-none" } else { "bpfel-unknown-none" }
    }
}

/// Why there is no object.
#[derive(Debug)]
pub(crate) enum BuildError {
    Spawn { cargo: PathBuf, error: io::Error },
    Failed(ExitStatus),
    Missing(PathBuf),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { cargo, error } => {
                write!(f, "cannot start {} to build inspector-ebpf: {error}", cargo.display())
            }
            Self::Failed(status) => {
                write!(f, "inspector-ebpf did not build ({status}): the compiler's messages above say where")
            }
            Self::Missing(path) => write!(
                f,
                "cargo built inspector-ebpf but left no object at {}: remove that folder and build again",
                path.display()
            ),
        }
    }
}

impl std::error::Error for BuildError {}

/// Where the BPF build keeps its files: its own folder, since the inner cargo would wait for ever for the lock
/// that the outer one holds on the host's.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir)).join("bpf")
}

/// Builds the object of a binary, or finds it fresh, and returns its path.
pub(crate) fn build(
    root: &Path,
    toolchain: &Toolchain,
    target: &Target,
    binary: &str,
) -> Result<PathBuf, BuildError> {
    let mut command = cargo(root, toolchain, target, "build");
    command.args(["--bin", binary]);
    // A build script's stdout is read by cargo, and build-ebpf's stdout is the path alone.
    let status = command
        .stdout(Stdio::from(io::stderr()))
        .status()
        .map_err(|error| BuildError::Spawn { cargo: toolchain.compiler.cargo.clone(), error })?;
    if !status.success() {
        return Err(BuildError::Failed(status));
    }
    let object = target_dir(root).join(target.triple()).join("release").join(binary);
    if object.is_file() { Ok(object) } else { Err(BuildError::Missing(object)) }
}

/// `cargo VERB` for the BPF crate, unaffected by whatever cargo runs around it.
pub(crate) fn cargo(root: &Path, toolchain: &Toolchain, target: &Target, verb: &str) -> Command {
    let Toolchain { compiler, linker } = toolchain;
    // A cargo looks for its clippy in the user's PATH, where it may be another compiler's: call the one beside it.
    let program = match verb {
        "clippy" => compiler.cargo.with_file_name("cargo-clippy"),
        _ => compiler.cargo.clone(),
    };
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| belongs_to_outer_cargo(name)) {
        command.env_remove(name);
    }
    command
        .current_dir(root)
        .stdin(Stdio::null())
        .args([verb, "--release", "--package", "inspector-ebpf"])
        .args(["--target", target.triple()])
        .arg("--target-dir")
        .arg(target_dir(root))
        .env("CARGO", &compiler.cargo)
        .env("RUSTC", &compiler.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(target, &linker.path));
    match compiler.origin {
        Origin::Nightly => command.args(["-Z", "build-std=core"]),
        // aya-ebpf uses feature(asm_experimental_arch), which a stable compiler refuses otherwise.
        Origin::Debian => command.env("RUSTC_BOOTSTRAP", "1"),
    };
    command
}

fn rustflags(target: &Target, linker: &Path) -> OsString {
    let mut flags = OsString::from(format!("--cfg=bpf_target_arch=\"{}\"", target.arch));
    // Debug information is what bpf-linker makes BTF from. Headers are not aligned in a frame, and every
    // kernel that inspector runs on allows the access; without the feature each byte is loaded by itself. Unless
    // told otherwise the linker has LLVM call functions that set and copy memory byte by byte. Instructions of 32 bits
    // (v3) are known from Linux 5.1 on.
    for flag in [
        "-Cdebuginfo=2",
        "-Clink-arg=--btf",
        "-Clink-arg=--cpu-features=+allows-misaligned-mem-access",
        "-Ctarget-cpu=v3",
        "-Clink-arg=--disable-expand-memcpy-in-order",
    ] {
        flags.push("\x1f");
        flags.push(flag);
    }
    flags.push("\x1f-Clinker=");
    flags.push(linker);
    flags
}

/// Variables that describe the outer build (package, profile, flags, wrappers such as clippy's) and would bend
/// the inner one. What describes the user's cargo, such as its home, proxy and registries, stays.
pub(crate) fn belongs_to_outer_cargo(name: &OsStr) -> bool {
    const USERS_OWN: [&str; 8] = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_BUILD_JOBS",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    const FOREIGN: [&str; 9] = [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "CLIPPY_",
        "LD_LIBRARY_PATH",
        "DEP_",
        "__CARGO",
    ];
    /// Set for build scripts. Some crates' own build scripts watch them, and would be run anew each time that the
    /// caller changes between build script and xtask.
    const BUILD_SCRIPTS: [&str; 7] =
        ["HOST", "TARGET", "OUT_DIR", "OPT_LEVEL", "DEBUG", "PROFILE", "NUM_JOBS"];
    let name = name.to_string_lossy();
    if BUILD_SCRIPTS.contains(&name.as_ref()) {
        return true;
    }
    FOREIGN.iter().any(|prefix| name.starts_with(prefix))
        && !USERS_OWN.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::{Target, belongs_to_outer_cargo, rustflags};

    #[test]
    fn byte_order_chooses_the_triple() {
        let target = |big_endian| Target { arch: "s390x".to_owned(), big_endian };
        assert_eq!(target(false).triple(), "bpfel-unknown-none");
        assert_eq!(target(true).triple(), "bpfeb-unknown-none");
    }

    #[test]
    fn flags_are_separated_as_cargo_wants_them() {
        let target = Target { arch: "x86_64".to_owned(), big_endian: false };
        let flags = rustflags(&target, Path::new("/a folder/bpf-linker"));
        let flags: Vec<&str> = flags.to_str().unwrap().split('\x1f').collect();
        assert_eq!(flags.first(), Some(&"--cfg=bpf_target_arch=\"x86_64\""));
        assert!(flags.contains(&"-Clink-arg=--btf"));
        assert_eq!(flags.last(), Some(&"-Clinker=/a folder/bpf-linker"));
    }

    #[test]
    fn the_outer_build_is_forgotten_and_the_users_settings_are_kept() {
        for gone in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_DEBUG",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "HOST",
        ] {
            assert!(belongs_to_outer_cargo(OsStr::new(gone)), "{gone}");
        }
        for kept in
            ["CARGO_HOME", "RUSTUP_HOME", "CARGO_HTTP_PROXY", "CARGO_TERM_COLOR", "PATH", "RUST_BACKTRACE"]
        {
            assert!(!belongs_to_outer_cargo(OsStr::new(kept)), "{kept}");
        }
    }
}

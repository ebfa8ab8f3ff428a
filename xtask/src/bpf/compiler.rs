//! Rust compilers that can build for a BPF target.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A `rustc` that can produce `core` for BPF, with the `cargo` that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    pub(crate) origin: Origin,
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    /// Major version of the LLVM that writes the bitcode; `bpf-linker` must have the same.
    pub(crate) llvm_major: u32,
}

/// Where `core` for the BPF target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A rustup nightly with rust-src: cargo compiles `core` (`-Z build-std=core`).
    Nightly,
    /// Debian's `rustc-web`, for which `libstd-rust-web-dev-bpf` ships a compiled `core`.
    Debian,
}

impl Compiler {
    /// The usable compilers of this machine, the preferred one first. Asks each only when it is its turn.
    pub(crate) fn installed() -> impl Iterator<Item = Self> {
        [Self::nightly as fn() -> Option<Self>, Self::debian].into_iter().filter_map(|probe| probe())
    }

    fn nightly() -> Option<Self> {
        // RUSTUP_AUTO_INSTALL: a probe must not download a toolchain.
        let sysroot = stdout_of(
            Command::new("rustup")
                .args(["run", "nightly", "rustc", "--print", "sysroot"])
                .env("RUSTUP_AUTO_INSTALL", "0"),
        )?;
        let sysroot = Path::new(sysroot.trim());
        if !sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").is_file() {
            return None;
        }
        Self::in_folder(Origin::Nightly, &sysroot.join("bin"))
    }

    fn debian() -> Option<Self> {
        let core = Path::new("/usr/lib/rustlib/bpfel-unknown-none/lib");
        let has_core = core.read_dir().ok()?.flatten().any(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("libcore-")
        });
        if !has_core {
            return None;
        }
        Self::in_folder(Origin::Debian, Path::new("/usr/bin"))
    }

    fn in_folder(origin: Origin, bin: &Path) -> Option<Self> {
        let (rustc, cargo) = (bin.join("rustc"), bin.join("cargo"));
        if !cargo.is_file() {
            return None;
        }
        let llvm_major = llvm_major(&stdout_of(Command::new(&rustc).arg("-vV"))?)?;
        Some(Self { origin, rustc, cargo, llvm_major })
    }
}

/// Reads the LLVM major version from the output of `rustc -vV`.
fn llvm_major(verbose_version: &str) -> Option<u32> {
    let version = verbose_version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.trim().split('.').next()?.parse().ok()
}

fn stdout_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::llvm_major;

    #[test]
    fn llvm_major_is_read_from_verbose_version() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\nbinary: rustc\n\
                    host: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(llvm_major(text), Some(22));
    }

    #[test]
    fn llvm_major_of_another_backend_is_unknown() {
        assert_eq!(llvm_major("rustc 1.96.0\nrelease: 1.96.0\n"), None);
        assert_eq!(llvm_major("LLVM version: unknown\n"), None);
    }
}

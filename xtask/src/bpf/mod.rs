//! How BPF objects are built, once, for two kinds of callers: `cargo xtask build-ebpf`, and the build scripts of
//! the crates that carry an object, which include this module and `embed.rs` by path. Hence nothing but `std` here.

pub(crate) mod compiler;
pub(crate) mod linker;
pub(crate) mod object;

use std::fmt;
use std::path::Path;

use compiler::Compiler;
use linker::Linker;

/// A compiler and a linker that fit each other: the linker reads the bitcode that the compiler's LLVM writes.
#[derive(Debug)]
pub(crate) struct Toolchain {
    pub(crate) compiler: Compiler,
    pub(crate) linker: Linker,
}

/// Why this machine cannot build BPF yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolchainError {
    NoCompiler,
    NoLinker { llvm_major: u32 },
}

impl fmt::Display for ToolchainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCompiler => write!(
                f,
                "no Rust compiler for BPF on this machine (neither a rustup nightly with rust-src nor Debian's \
                 rustc-web with libstd-rust-web-dev-bpf): run `cargo xtask setup`"
            ),
            Self::NoLinker { llvm_major } => {
                write!(f, "no bpf-linker for LLVM {llvm_major} in .tools or in PATH: run `cargo xtask setup`")
            }
        }
    }
}

impl std::error::Error for ToolchainError {}

impl Toolchain {
    /// The first compiler, in order of preference, that has its linker.
    pub(crate) fn find(root: &Path) -> Result<Self, ToolchainError> {
        let mut error = ToolchainError::NoCompiler;
        for compiler in Compiler::installed() {
            let llvm_major = compiler.llvm_major;
            if let Some(linker) = Linker::find(root, llvm_major) {
                return Ok(Self { compiler, linker });
            }
            if error == ToolchainError::NoCompiler {
                error = ToolchainError::NoLinker { llvm_major };
            }
        }
        Err(error)
    }
}

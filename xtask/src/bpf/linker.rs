//! `bpf-linker`, and whether the one that is there fits a compiler.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A `bpf-linker` whose LLVM can read what the compiler writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linker {
    pub(crate) path: PathBuf,
}

impl Linker {
    /// The folder that `cargo xtask setup` installs into. It is named after LLVM since the linker itself doesn't
    /// tell which LLVM it holds, and a linker of another major version fails with "Invalid record".
    pub(crate) fn folder(root: &Path, llvm_major: u32) -> PathBuf {
        root.join(".tools").join(format!("llvm-{llvm_major}"))
    }

    /// The project's own linker, else a fitting one in PATH.
    pub(crate) fn find(root: &Path, llvm_major: u32) -> Option<Self> {
        let own = Self::folder(root, llvm_major).join("bin/bpf-linker");
        if own.is_file() {
            return Some(Self { path: own });
        }
        let path = env::split_paths(&env::var_os("PATH")?)
            .map(|folder| folder.join("bpf-linker"))
            .find(|candidate| candidate.is_file())?;
        fits(&fs::read(&path).ok()?, llvm_major).then_some(Self { path })
    }
}

/// A dynamically linked `bpf-linker` names its LLVM (`libLLVM.so.22.1`, older `libLLVM-19.so.1`). A static one
/// names none and is taken as it is: its owner chose it for this machine's compiler.
fn fits(executable: &[u8], llvm_major: u32) -> bool {
    let names: Vec<&[u8]> = [b"libLLVM.so.".as_slice(), b"libLLVM-"]
        .into_iter()
        .flat_map(|prefix| executable.windows(prefix.len() + 2).filter_map(move |w| w.strip_prefix(prefix)))
        .filter(|major| major.iter().all(u8::is_ascii_digit))
        .collect();
    names.is_empty() || names.iter().any(|major| **major == *llvm_major.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_dynamic_linker_fits_its_own_llvm_only() {
        let elf = b"\x7fELF..libz.so.1\0libLLVM.so.22.1\0libc.so.6\0";
        assert!(fits(elf, 22));
        assert!(!fits(elf, 23));
        assert!(fits(b"\0libLLVM-19.so.1\0", 19));
        assert!(!fits(b"\0libLLVM-19.so.1\0", 22));
    }

    #[test]
    fn a_static_linker_is_taken_as_it_is() {
        assert!(fits(b"\x7fELF..libLLVM-C.so\0", 22));
    }
}

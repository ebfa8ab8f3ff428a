//! What this machine is and has.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Part;
use super::needs::{self, Need};
use crate::bpf::Toolchain;
use crate::bpf::compiler::{Compiler, Origin};

/// Everything that the plan depends on.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) distribution: Distribution,
    pub(crate) is_root: bool,
    pub(crate) bpf: Bpf,
    pub(crate) missing: Vec<&'static Need>,
    pub(crate) components: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// A release of Debian whose archives have all that is needed: 12 or 13.
    Debian(u32),
    /// Anything else, by the name it calls itself.
    Other(String),
}

/// How far the BPF toolchain is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bpf {
    /// Complete, or not asked for.
    Ready,
    NoCompiler,
    NoLinker {
        compiler: Compiler,
        has_llvm: bool,
    },
}

/// rustfmt or clippy, absent beside a cargo that should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) owner: Owner,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A rustup toolchain.
    Rustup(String),
    /// Debian's rustc-web.
    Debian,
}

impl Facts {
    pub(crate) fn gather(root: &Path, part: Part) -> Self {
        let toolchain = Toolchain::find(root).ok();
        let bpf = if toolchain.is_some() { Bpf::Ready } else { bpf_without_linker() };
        let folders = needs::command_path(root);
        let missing = match part {
            Part::Bpf => Vec::new(),
            Part::Tests => needs::missing(&needs::TESTS, &folders),
            Part::Guests => needs::missing(&needs::GUESTS, &folders),
            Part::All => {
                [&needs::TESTS[..], &needs::GUESTS].map(|list| needs::missing(list, &folders)).concat()
            }
        };
        let components = match part {
            Part::Bpf | Part::Guests => Vec::new(),
            Part::Tests | Part::All => {
                let bpf_cargo = match (&toolchain, &bpf) {
                    (Some(toolchain), _) => Some(&toolchain.compiler),
                    (None, Bpf::NoLinker { compiler, .. }) => Some(compiler),
                    (None, _) => None,
                };
                components(bpf_cargo)
            }
        };
        Self {
            distribution: Distribution::parse(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
            is_root: is_root(),
            bpf,
            missing,
            components,
        }
    }
}

/// Whether this process may do everything; /proc/self belongs to the effective user.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

impl Distribution {
    fn parse(os_release: &str) -> Self {
        let value = |key: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
            Some(line.trim_matches('"'))
        };
        match (value("ID"), value("VERSION_ID")) {
            (Some("debian"), Some("12")) => Self::Debian(12),
            (Some("debian"), Some("13")) => Self::Debian(13),
            _ => Self::Other(value("PRETTY_NAME").unwrap_or("an unknown system").to_owned()),
        }
    }
}

/// The first compiler whose linker can be built here. A nightly may be ahead of the LLVM that the system offers.
fn bpf_without_linker() -> Bpf {
    for compiler in Compiler::installed() {
        let has_llvm = llvm_headers(compiler.llvm_major).exists();
        if has_llvm || compiler.origin == Origin::Debian || is_in_archive(compiler.llvm_major) {
            return Bpf::NoLinker { compiler, has_llvm };
        }
    }
    Bpf::NoCompiler
}

/// Only the development package, which bpf-linker links with, has the C headers.
fn llvm_headers(major: u32) -> PathBuf {
    PathBuf::from(format!("/usr/lib/llvm-{major}/include/llvm-c"))
}

fn is_in_archive(llvm_major: u32) -> bool {
    Command::new("apt-cache")
        .args(["show", &format!("llvm-{llvm_major}-dev")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The checks need rustfmt and clippy beside the host's cargo, and clippy beside the BPF one.
fn components(bpf: Option<&Compiler>) -> Vec<Component> {
    let host = env::var_os("CARGO").map_or_else(|| PathBuf::from("/usr/bin/cargo"), PathBuf::from);
    let host_owner = match env::var("RUSTUP_TOOLCHAIN") {
        Ok(toolchain) => Owner::Rustup(toolchain),
        Err(_) => Owner::Debian,
    };
    let mut absent = Vec::new();
    let mut check = |cargo: &Path, file: &str, name: &'static str, owner: &Owner| {
        let component = Component { name, owner: owner.clone() };
        if !cargo.with_file_name(file).is_file() && !absent.contains(&component) {
            absent.push(component);
        }
    };
    check(&host, "rustfmt", "rustfmt", &host_owner);
    check(&host, "clippy-driver", "clippy", &host_owner);
    match bpf {
        Some(Compiler { origin: Origin::Nightly, cargo, .. }) => {
            check(cargo, "clippy-driver", "clippy", &Owner::Rustup("nightly".to_owned()));
        }
        Some(Compiler { origin: Origin::Debian, cargo, .. }) => {
            check(cargo, "clippy-driver", "clippy", &Owner::Debian);
        }
        // What setup will install.
        None => check(Path::new("/usr/bin/cargo"), "clippy-driver", "clippy", &Owner::Debian),
    }
    absent
}

#[cfg(test)]
mod tests {
    use super::Distribution;

    #[test]
    fn distributions_are_told_apart() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID=\"13\"\nID=debian\n";
        assert_eq!(Distribution::parse(debian), Distribution::Debian(13));
        let older = "PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nVERSION_ID=\"11\"\nID=debian\n";
        assert_eq!(
            Distribution::parse(older),
            Distribution::Other("Debian GNU/Linux 11 (bullseye)".to_owned())
        );
        let ubuntu = "PRETTY_NAME=\"Ubuntu 24.04 LTS\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n";
        assert_eq!(Distribution::parse(ubuntu), Distribution::Other("Ubuntu 24.04 LTS".to_owned()));
        assert_eq!(Distribution::parse(""), Distribution::Other("an unknown system".to_owned()));
    }
}

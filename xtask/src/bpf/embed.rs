//! For build scripts, which include this file and `mod.rs` by path: builds a BPF object and tells the crate where
//! it is.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bpf;

/// Builds a binary of `inspector-ebpf`, and hands the path of a copy to the crate in an environment variable.
pub(crate) fn object(binary: &str, variable: &str) -> ExitCode {
    match build(binary, variable) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn build(binary: &str, variable: &str) -> Result<(), Box<dyn Error>> {
    let root = workspace()?;
    for path in ["inspector-ebpf", "inspector-common", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    for variable in ["PATH", "CARGO_TARGET_DIR"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let toolchain = bpf::Toolchain::find(&root)?;
    for tool in [&toolchain.compiler.rustc, &toolchain.linker.path] {
        println!("cargo::rerun-if-changed={}", tool.display());
    }

    let target = bpf::object::Target {
        arch: env::var("CARGO_CFG_TARGET_ARCH")?,
        big_endian: env::var("CARGO_CFG_TARGET_ENDIAN")? == "big",
    };
    let built = bpf::object::build(&root, &toolchain, &target, binary)?;
    // A copy, since the next build of another checkout or architecture may overwrite the shared one.
    let object = PathBuf::from(env::var("OUT_DIR")?).join(binary).with_extension("bpf.o");
    fs::copy(&built, &object)
        .map_err(|error| format!("cannot copy {} to {}: {error}", built.display(), object.display()))?;
    println!("cargo::rustc-env={variable}={}", object.display());
    Ok(())
}

fn workspace() -> Result<PathBuf, Box<dyn Error>> {
    let manifest = env::var("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).parent().ok_or("this crate has no workspace folder around it")?;
    Ok(root.to_owned())
}

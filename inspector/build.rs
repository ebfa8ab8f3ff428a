//! Builds the BPF object and hands its path to the crate as `INSPECTOR_BPF_OBJECT`, so that the loader carries
//! the programs that belong to it.

#[path = "../xtask/src/bpf/mod.rs"]
mod bpf;
#[path = "../xtask/src/bpf/embed.rs"]
mod embed;

use std::process::ExitCode;

fn main() -> ExitCode {
    embed::object("inspector", "INSPECTOR_BPF_OBJECT")
}

//! Builds the BPF programs of the bench and hands their path to the crate as `INSPECTOR_PACE_OBJECT`.

#[path = "../xtask/src/bpf/mod.rs"]
mod bpf;
#[path = "../xtask/src/bpf/embed.rs"]
mod embed;

use std::process::ExitCode;

fn main() -> ExitCode {
    embed::object("pace", "INSPECTOR_PACE_OBJECT")
}

//! Half a minute of inspector at work: two real tunnels carry a file each, next to ordinary traffic, between
//! network namespaces that are made for it and go away with it. `cargo xtask demo` builds and runs it.

mod ordinary;
mod screen;
mod stage;
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use inspector_tests::lab::{interrupt, missing};

/// What it calls, other than what everything in the lab calls.
const TOOLS: [&str; 10] = [
    "iodine",
    "iodined",
    "ifconfig",
    "ptunnel-ng",
    "stdbuf",
    "ping",
    "dnsmasq",
    "dig",
    "python3",
    "sha256sum",
];

fn main() -> ExitCode {
    let _files = match interrupt::prepare("demo") {
        Ok(files) => files,
        Err(error) => {
            eprintln!("demo: no temporary folder can be made ({error}); look at TMPDIR");
            return ExitCode::FAILURE;
        }
    };
    if let Some(reason) = missing(&TOOLS) {
        eprintln!("demo: {reason}; `cargo xtask demo` sees to that");
        return ExitCode::FAILURE;
    }
    // A panic unwinds through the owners of all namespaces and processes, which clean up.
    match catch_unwind(AssertUnwindSafe(stage::play)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

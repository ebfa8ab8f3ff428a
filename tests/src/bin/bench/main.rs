//! What inspector costs: a packet in the kernel, its maps and programs, its userspace, and what is left of a link's
//! throughput. `cargo xtask bench` builds and runs it; docs/performance.md explains the method.

mod cost;
mod drain;
mod footprint;
mod options;
#[cfg(test)]
mod pace_tests;
mod packets;
mod place;
mod plan;
mod replay;
mod report;
mod running;
mod scenario;
mod stack;
mod statistics;
mod throughput;

use std::process::ExitCode;

use clap::Parser as _;
use inspector_tests::failure as error;
use inspector_tests::kernel::pace;
use inspector_tests::lab::interrupt;

fn main() -> ExitCode {
    let options = options::Options::parse();
    let _files = match interrupt::prepare("bench") {
        Ok(files) => files,
        Err(error) => {
            eprintln!("bench: no temporary folder can be made ({error}); look at TMPDIR");
            return ExitCode::FAILURE;
        }
    };
    match plan::run(&options).and_then(|report| options.write(&report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

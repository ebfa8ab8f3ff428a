//! The `inspector` binary: parse the command line, run.

use std::process::ExitCode;

use clap::Parser as _;
use inspector::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}

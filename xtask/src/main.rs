//! `cargo xtask`: everything that is done to this project other than compiling it.

mod bpf;
mod error;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Set up, build, run and test inspector")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the BPF object and print its path
    BuildEbpf,
}

fn main() -> ExitCode {
    let Cli { task } = Cli::parse();
    let result = match task {
        Task::BuildEbpf => build_ebpf().map(|object| println!("{}", object.display())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build_ebpf() -> Result<PathBuf, Error> {
    let root = workspace::root()?;
    let toolchain = bpf::Toolchain::find(&root)?;
    Ok(bpf::build(&root, &toolchain, &workspace::host())?)
}

//! `cargo xtask`: everything that is done to this project other than compiling it.

mod bpf;
mod demo;
mod error;
mod evaluate;
mod run;
mod setup;
mod test;
mod workspace;

use std::path::Path;
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
    /// Install what the other tasks need, or show how
    Setup,
    /// Build the BPF object and print its path
    BuildEbpf,
    /// Build the loader and run it as root, on the interfaces with a default route unless told otherwise
    Run {
        /// Flags of `inspector run`
        #[arg(last = true)]
        flags: Vec<String>,
    },
    /// Show inspector at work: covert channels and ordinary traffic between network namespaces, in half a minute
    Demo,
    /// Count what the detectors find in a corpus of labelled captures; --help shows the filters
    #[command(disable_help_flag = true)]
    Evaluate {
        /// Filters and flags
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<String>,
    },
    /// Run every check and test; with arguments for `cargo test`, only the tests
    Test {
        /// Arguments of `cargo test`
        #[arg(last = true)]
        filter: Vec<String>,
    },
}

fn main() -> ExitCode {
    let Cli { task } = Cli::parse();
    match workspace::root().and_then(|root| perform(&task, &root)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: &Task, root: &Path) -> Result<ExitCode, Error> {
    match task {
        Task::Setup => {
            let changed = setup::ensure(root, setup::Part::All)?;
            println!("setup: {}", if changed { "done" } else { "nothing to do" });
        }
        Task::BuildEbpf => {
            setup::ensure(root, setup::Part::Bpf)?;
            let toolchain = bpf::Toolchain::find(root)?;
            println!("{}", bpf::object::build(root, &toolchain, &workspace::host())?.display());
        }
        Task::Run { flags } => run::run(root, flags)?,
        Task::Demo => demo::run(root)?,
        Task::Evaluate { flags } => evaluate::run(root, flags)?,
        Task::Test { filter } => return test::run(root, filter),
    }
    Ok(ExitCode::SUCCESS)
}

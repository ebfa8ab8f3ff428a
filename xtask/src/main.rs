//! `cargo xtask`: everything that is done to this project other than compiling it.

mod bpf;
mod error;
mod evaluate;
mod lab;
mod run;
mod setup;
mod test;
mod vm;
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
    /// Judge a corpus of labelled captures, and hold the result against tests/accuracy.toml
    #[command(disable_help_flag = true)]
    Evaluate {
        /// Flags of the evaluation; --help lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure what inspector costs; `bench --help` lists its flags
    #[command(disable_help_flag = true)]
    Bench {
        /// Flags of the bench
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<String>,
    },
    /// Run every check and test; with arguments for `cargo test`, only the tests
    Test {
        /// Arguments of `cargo test`
        #[arg(last = true)]
        filter: Vec<String>,
    },
    /// Boot Debian's kernels in qemu, and load, attach and try the programs on each
    VmTest(vm::Request),
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
            let object = bpf::object::build(root, &toolchain, &workspace::host(), "inspector")?;
            println!("{}", object.display());
        }
        Task::Run { flags } => run::run(root, flags)?,
        Task::Demo => lab::run(root, "demo", &[])?,
        Task::Evaluate { arguments } => return evaluate::run(root, arguments),
        Task::Bench { flags } => lab::run(root, "bench", flags)?,
        Task::Test { filter } => return test::run(root, filter),
        Task::VmTest(request) => return vm::run(root, request),
    }
    Ok(ExitCode::SUCCESS)
}

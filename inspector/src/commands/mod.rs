//! What each subcommand does, and the exit codes.

pub mod config;
pub mod doctor;
pub mod outputs;
pub mod replay;
pub mod run;
mod stats;
mod summary;

use std::process::ExitCode;

/// Ran to the end, findings or not.
pub const OK: u8 = 0;
/// Ran, but some input was damaged.
pub const DAMAGED: u8 = 1;
/// Could not run.
pub const FAILED: u8 = 2;

/// Says on stderr why the command could not run.
fn fail(error: &dyn std::error::Error) -> ExitCode {
    complain(error);
    ExitCode::from(FAILED)
}

/// Says on stderr what went wrong.
#[expect(clippy::print_stderr, reason = "this is where failures reach the user")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("inspector: {error}");
}

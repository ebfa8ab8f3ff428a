//! Commands that are only of interest when they fail.

use std::process::{Command, Stdio};

use super::error::Error;

/// What a command writes; where it fails, what it says first of errors (apt marks them so), or last.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::Spawn { command: name.clone(), error })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let first_error = lines.clone().find(|line| line.starts_with("E: "));
    let reason = first_error.or_else(|| lines.next_back()).unwrap_or("it says no reason");
    Err(Error::Command { command: name, status: output.status, reason: reason.to_owned() })
}

//! Commands that are only of interest when they fail.

use std::process::{Command, Stdio};

use super::error::Error;

/// What a command writes; where it fails, its last words.
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
    let reason = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says no reason");
    Err(Error::Command { command: name, status: output.status, reason: reason.to_owned() })
}

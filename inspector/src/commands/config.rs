//! `inspector config`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::{OK, fail};
use crate::cli::ConfigCommand;
use crate::config::{self, ConfigError};
use crate::detect::dns;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot write the configuration ({0}); this is a fault of inspector")]
    Format(#[from] toml::ser::Error),
    #[error("cannot write to stdout ({0})")]
    Write(#[from] io::Error),
}

/// Runs the command.
#[must_use]
pub fn run(command: &ConfigCommand) -> ExitCode {
    match answer(command) {
        Ok(()) => ExitCode::from(OK),
        // Whoever read it has read enough.
        Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(OK),
        Err(error) => fail(&error),
    }
}

fn answer(command: &ConfigCommand) -> Result<(), Error> {
    let mut output = io::stdout().lock();
    match command {
        ConfigCommand::Check(settings) => {
            settings.over_config()?;
        }
        ConfigCommand::Show(settings) => {
            write!(output, "{}", toml::to_string(&settings.over_config()?)?)?;
        }
        ConfigCommand::Default => write!(output, "{}", config::DEFAULT)?,
        ConfigCommand::Suffixes => write!(output, "{}", dns::BUILT_IN)?,
    }
    Ok(())
}

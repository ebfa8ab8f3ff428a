//! `cargo xtask run`: the loader, fresh from the source, on this machine's interfaces.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::{setup, workspace};

/// Builds the loader and becomes it, so that signals reach it and its exit code is what the shell sees. Returns
/// only if that failed.
pub(crate) fn run(root: &Path, flags: &[String]) -> Result<(), Error> {
    setup::ensure(root, setup::Part::Bpf)?;
    let mut build = workspace::cargo(root);
    workspace::succeed(build.args(["build", "--release", "--package", "inspector"]))?;

    let binary = workspace::target_dir(root).join("release/inspector");
    let mut command = if setup::is_root() {
        Command::new(&binary)
    } else {
        let mut sudo = Command::new("sudo");
        // sudo clears the environment, in which the loader's settings may be.
        let settings: Vec<String> =
            env::vars().map(|(name, _)| name).filter(|name| name.starts_with("INSPECTOR_")).collect();
        if !settings.is_empty() {
            sudo.arg(format!("--preserve-env={}", settings.join(",")));
        }
        sudo.arg("--").arg(&binary);
        sudo
    };
    command.arg("run").args(flags);
    if !says_where(flags) {
        command.args(["--interface", "auto"]);
    }
    let error = command.exec();
    Err(Error::Spawn { command: command.get_program().to_string_lossy().into_owned(), error })
}

/// Whether the flags choose the interfaces, by themselves or by a configuration file.
fn says_where(flags: &[String]) -> bool {
    flags.iter().any(|flag| {
        let name = flag.split_once('=').map_or(flag.as_str(), |(name, _)| name);
        matches!(name, "--interface" | "--config") || (flag.starts_with("-i") && !flag.starts_with("--"))
    })
}

#[cfg(test)]
mod tests {
    use super::says_where;

    fn says(flags: &[&str]) -> bool {
        says_where(&flags.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn interfaces_are_recognised_in_every_spelling() {
        for flags in [&["-i", "eth0"][..], &["-ieth0"], &["--interface", "eth0"], &["--interface=wan*"]] {
            assert!(says(flags), "{flags:?}");
        }
        assert!(says(&["--config", "inspector.toml"]));
    }

    #[test]
    fn other_flags_leave_the_choice_to_the_default() {
        assert!(!says(&[]));
        assert!(!says(&["--mode", "generic", "--duration=10s", "--interval", "1s"]));
    }
}

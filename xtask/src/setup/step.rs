//! One step of a setup: shell lines that are either run or shown, so that what is shown is what would run.

use std::env;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bpf::object::belongs_to_outer_cargo;
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it brings, for people.
    pub(crate) what: String,
    /// Run by `sh -e` in the project's folder.
    pub(crate) lines: Vec<String>,
    pub(crate) needs_root: bool,
    /// On a system that setup knows too little about.
    by_hand: bool,
}

impl Step {
    pub(crate) fn as_root(what: &str, lines: Vec<String>) -> Self {
        Self { what: what.to_owned(), lines, needs_root: true, by_hand: false }
    }

    pub(crate) fn as_user(what: &str, lines: Vec<String>) -> Self {
        Self { what: what.to_owned(), lines, needs_root: false, by_hand: false }
    }

    pub(crate) fn by_hand(what: &str, lines: Vec<String>) -> Self {
        Self { what: what.to_owned(), lines, needs_root: false, by_hand: true }
    }

    pub(crate) fn can_run(&self, is_root: bool) -> bool {
        !self.by_hand && (is_root || !self.needs_root)
    }

    pub(crate) fn run(&self, root: &Path) -> Result<(), Error> {
        let mut shell = Command::new("sh");
        for (name, _) in env::vars_os().filter(|(name, _)| belongs_to_outer_cargo(name)) {
            shell.env_remove(name);
        }
        let status = shell
            .args(["-ec", &self.lines.join("\n")])
            .current_dir(root)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            // Stdout belongs to the task that setup runs for, such as the path that build-ebpf prints.
            .stdout(Stdio::from(io::stderr()))
            .status()
            .map_err(|error| Error::Spawn { command: "sh".to_owned(), error })?;
        if status.success() { Ok(()) } else { Err(Error::SetupStep { what: self.what.clone(), status }) }
    }

    /// The step as somebody would type it.
    pub(crate) fn shown(&self, is_root: bool) -> String {
        let sudo = if self.needs_root && !is_root { "sudo " } else { "" };
        let lines = self.lines.iter().map(|line| format!("    {sudo}{line}"));
        [format!("  # {}", self.what)].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn only_root_runs_roots_steps() {
        let step = Step::as_root("lists", vec!["apt-get update".to_owned()]);
        assert!(step.can_run(true));
        assert!(!step.can_run(false));
        assert_eq!(step.shown(false), "  # lists\n    sudo apt-get update");
        assert_eq!(step.shown(true), "  # lists\n    apt-get update");
    }
}

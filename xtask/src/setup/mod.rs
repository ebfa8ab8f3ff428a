//! `cargo xtask setup`: from a bare machine to one where every other task works.

mod facts;
pub(crate) mod needs;
mod plan;
mod step;

use std::path::Path;

use crate::error::Error;
use facts::Facts;
pub(crate) use facts::is_root;

/// How much of the setup a task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What builds the BPF object.
    Bpf,
    /// That, and what the tests and the demo call.
    Tests,
    /// What builds the BPF object, and what runs virtual machines.
    Guests,
    /// Everything.
    All,
}

/// Does what is still to be done, one step at a time: each may show what the next has to be. Returns whether
/// anything was. Where a step cannot be run, runs none and shows them all.
pub(crate) fn ensure(root: &Path, part: Part) -> Result<bool, Error> {
    let mut last = None;
    loop {
        let facts = Facts::gather(root, part);
        let mut steps = plan::plan(&facts);
        if steps.is_empty() {
            return Ok(last.is_some());
        }
        if !steps.iter().all(|step| step.can_run(facts.is_root)) {
            let steps: Vec<String> = steps.iter().map(|step| step.shown(facts.is_root)).collect();
            return Err(Error::CannotInstall { steps: steps.join("\n"), is_root: facts.is_root });
        }
        let step = steps.remove(0);
        if last.as_ref() == Some(&step) {
            return Err(Error::SetupStuck { what: step.what });
        }
        eprintln!("setup: {}", step.what);
        step.run(root)?;
        last = Some(step);
    }
}

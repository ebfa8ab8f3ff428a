//! Running the loaded programs without an interface (`BPF_PROG_TEST_RUN`): for tests that hold the
//! kernel against the host build, and for benchmarks.

use std::io;

use aya::programs::{TestRun as _, TestRunOptions};
use inspector_common::{FlowKey, FlowRecord};

use super::DataPlane;
use super::attach::{self, cause};
use super::error::DataplaneError;

/// The least that the kernel takes for a test run: an Ethernet header.
pub const MIN_FRAME: usize = 14;

/// The most that fits into one buffer, beside the headroom and the tail room that the kernel keeps.
pub const MAX_PLAIN_FRAME: usize = 3_400;

/// What a loaded program is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramFacts {
    /// Its name.
    pub name: &'static str,
    /// Instructions that the verifier went through; `None` before Linux 5.16.
    pub verified_instructions: Option<u32>,
}

impl DataPlane {
    /// Names of the programs that the kernel took.
    #[must_use]
    pub fn programs(&self) -> &[&'static str] {
        &self.variants
    }

    /// Runs a program on one frame, as if the loopback interface of this namespace had received it,
    /// and gives the program's return value.
    ///
    /// # Errors
    /// `EINVAL` for frames that are too short or too long for the program.
    pub fn test_run(&mut self, program: &'static str, frame: &[u8]) -> io::Result<u32> {
        let program = attach::program(&mut self.ebpf, program).map_err(io::Error::other)?;
        let options = TestRunOptions { data_in: Some(frame), ..TestRunOptions::new() };
        program.test_run(options).map(|result| result.return_value).map_err(cause)
    }

    /// The record of one flow.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn flow(&self, key: &FlowKey) -> io::Result<Option<FlowRecord>> {
        self.flows.get(key)
    }

    /// What the loaded programs are like.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn program_facts(&mut self) -> Result<Vec<ProgramFacts>, DataplaneError> {
        let Self { ebpf, variants, .. } = self;
        let facts = |name: &&'static str| {
            let info = attach::program(ebpf, name)?.info();
            let info =
                info.map_err(|source| DataplaneError::Program { program: name, source: cause(source) })?;
            Ok(ProgramFacts { name, verified_instructions: info.verified_instruction_count() })
        };
        variants.iter().map(facts).collect()
    }
}

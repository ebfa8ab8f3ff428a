//! Running the loaded programs without an interface (`BPF_PROG_TEST_RUN`): for tests that hold the
//! kernel against the host build, and for benchmarks.

use std::io;

use aya::programs::{TestRun as _, TestRunOptions};
use inspector_common::{FlowKey, FlowRecord, SeriesSlot};

use super::DataPlane;
use super::attach::{self, cause};
use super::egress;
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
    pub fn programs(&self) -> Vec<&'static str> {
        let egress = self.has_egress.then_some(egress::PROGRAM);
        self.variants.iter().copied().chain(egress).collect()
    }

    /// Runs a program on one frame, as if the loopback interface of this namespace had received or sent
    /// it, and gives the program's return value.
    ///
    /// # Errors
    /// `EINVAL` for frames that are too short or too long for the program.
    pub fn test_run(&mut self, program: &'static str, frame: &[u8]) -> io::Result<u32> {
        let options = TestRunOptions { data_in: Some(frame), ..TestRunOptions::new() };
        let result = if program == egress::PROGRAM {
            egress::program(&mut self.ebpf).map_err(io::Error::other)?.test_run(options)
        } else {
            attach::program(&mut self.ebpf, program).map_err(io::Error::other)?.test_run(options)
        };
        result.map(|result| result.return_value).map_err(cause)
    }

    /// The record of one flow.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn flow(&self, key: &FlowKey) -> io::Result<Option<FlowRecord>> {
        self.flows.get(key)
    }

    /// One slot of the series.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn series_slot(&self, index: u32) -> io::Result<SeriesSlot> {
        self.series.slot(index)
    }

    /// What the loaded programs are like.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn program_facts(&mut self) -> Result<Vec<ProgramFacts>, DataplaneError> {
        let programs = self.programs();
        let facts = |name: &&'static str| {
            let info = if *name == egress::PROGRAM {
                egress::program(&mut self.ebpf)?.info()
            } else {
                attach::program(&mut self.ebpf, name)?.info()
            };
            let info =
                info.map_err(|source| DataplaneError::Program { program: name, source: cause(source) })?;
            Ok(ProgramFacts { name, verified_instructions: info.verified_instruction_count() })
        };
        programs.iter().map(facts).collect()
    }
}

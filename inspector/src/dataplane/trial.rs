//! Running the loaded programs without an interface (`BPF_PROG_TEST_RUN`): for tests that hold the
//! kernel against the host build, and for benchmarks.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::{fs, io};

use aya::maps::{HashMap, Map, MapData, MapInfo, MapType};
use aya::programs::{Program, ProgramFd, ProgramInfo, TestRun as _, TestRunOptions};
use bytemuck::Zeroable as _;
use inspector_common::{Account, FlowKey, FlowRecord, SeriesSlot};

use super::attach::{self, cause};
use super::egress;
use super::error::DataplaneError;
use super::sys::{MapValue, RingPositions};
use super::{DataPlane, Drained, FLOWS_MAP, Hooks, OBJECT, Settings};
use crate::observation::Event;

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

/// What a program is attached to, and so which programs may tail-call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// XDP, frames in several buffers.
    XdpFrags,
    /// XDP, frames in one buffer.
    Xdp,
    /// TC.
    Tc,
}

/// A loaded program, for other programs to call.
#[derive(Debug)]
pub struct Subject {
    /// Its name in the object.
    pub name: String,
    /// Where it runs.
    pub hook: Hook,
    /// Its descriptor.
    pub fd: ProgramFd,
    /// Instructions that the verifier went through; `None` before Linux 5.16.
    pub verified_instructions: Option<u32>,
    /// Bytes of machine code; 0 where the kernel interprets.
    pub jited_bytes: u32,
}

/// A map of the loaded programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapFacts {
    /// Its name, cut to 15 bytes by the kernel.
    pub name: String,
    /// Bytes that the kernel accounts to it (`memlock` in its descriptor's fdinfo).
    pub bytes: u64,
}

/// The data plane as a benchmark wants it: attached to nothing, its heads thrown away instead of read.
pub struct Trial {
    plane: DataPlane,
    maps: Vec<MapInfo>,
    rings: Vec<(RingPositions, usize)>,
}

impl Trial {
    /// Loads every program of the object, and gives those that the kernel took.
    ///
    /// # Errors
    /// As for [`DataPlane::load`].
    pub async fn load(settings: &Settings) -> Result<(Self, Vec<Subject>), DataplaneError> {
        let mut plane = DataPlane::load(settings)?;
        plane.attach(&[], Hooks::default()).await?;
        let (subjects, map_numbers) = subjects(&mut plane)?;
        let maps = map_numbers.into_iter().map(MapInfo::from_id).collect::<Result<Vec<_>, _>>();
        let maps = maps.map_err(|source| map_error("of a program", source))?;
        let mut rings = Vec::new();
        for map in maps.iter().filter(|map| matches!(map.map_type(), Ok(MapType::RingBuf))) {
            let fd = map.fd().map_err(|source| map_error("of a ring", source))?;
            let positions = RingPositions::map(fd.as_fd());
            let positions = positions.map_err(|source| DataplaneError::Descriptor { source })?;
            rings.push((positions, map.max_entries() as usize));
        }
        Ok((Self { plane, maps, rings }, subjects))
    }

    /// The data plane itself. Whoever reads heads from it must not have them discarded.
    pub const fn plane(&mut self) -> &mut DataPlane {
        &mut self.plane
    }

    /// Empties each ring that is more than half full, as a reader would that costs nothing. Not sooner, since a
    /// program may wake its reader whenever that has caught up.
    pub fn discard_heads(&self) {
        for (positions, size) in &self.rings {
            if positions.unread() > size / 2 {
                positions.discard();
            }
        }
    }

    /// Every map that a program uses.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn maps(&self) -> io::Result<Vec<MapFacts>> {
        let facts = |map: &MapInfo| {
            let fd = map.fd().map_err(io::Error::other)?;
            let facts = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd()))?;
            let bytes = facts.lines().find_map(|line| line.strip_prefix("memlock:"));
            let bytes =
                bytes.and_then(|bytes| bytes.trim().parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
            Ok(MapFacts { name: map.name_as_str().unwrap_or_default().to_owned(), bytes })
        };
        self.maps.iter().map(facts).collect()
    }

    /// The counters of all packets so far.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn account(&self) -> io::Result<Account> {
        let mut sum = Account::zeroed();
        for interface in self.plane.accounts().read().map_err(io::Error::other)? {
            sum.merge(&interface.account);
        }
        Ok(sum)
    }

    /// Fills the flow map with made-up flows, as many as it has room for, each of which counts as changed at every
    /// drain.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn fill_flows(&mut self) -> io::Result<()> {
        let flows = self.maps.iter().find(|map| map.name_as_str() == Some(FLOWS_MAP));
        let flows = flows.ok_or(io::ErrorKind::NotFound)?;
        let data = MapData::from_id(flows.id()).map_err(io::Error::other)?;
        let mut flows: HashMap<MapData, MapValue<FlowKey>, MapValue<FlowRecord>> =
            Map::HashMap(data).try_into().map_err(io::Error::other)?;
        let record = FlowRecord { last_ns: u64::MAX, ..FlowRecord::zeroed() };
        for number in 0..self.plane.flow_capacity() {
            let mut key = FlowKey::zeroed();
            key.src[12..].copy_from_slice(&number.to_be_bytes());
            flows.insert(MapValue(key), MapValue(record), 0).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// As [`DataPlane::drain`].
    ///
    /// # Errors
    /// What the kernel said.
    pub fn drain(&mut self, sink: impl FnMut(Event<'_>)) -> io::Result<Drained> {
        self.plane.drain(sink)
    }

    /// The BPF object that is loaded.
    #[must_use]
    pub const fn object() -> &'static [u8] {
        OBJECT
    }
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial").field("plane", &self.plane).finish_non_exhaustive()
    }
}

/// The programs that the kernel takes, XDP first, and the numbers of all their maps.
fn subjects(plane: &mut DataPlane) -> Result<(Vec<Subject>, BTreeSet<u32>), DataplaneError> {
    let (mut subjects, mut maps) = (Vec::new(), BTreeSet::new());
    for (name, program) in plane.ebpf.programs_mut() {
        let hook = match program {
            Program::Xdp(_) if name.ends_with("frags") => Hook::XdpFrags,
            Program::Xdp(_) => Hook::Xdp,
            Program::SchedClassifier(_) => Hook::Tc,
            _ => continue,
        };
        let Ok(fd) = program.fd() else {
            // Refused by this kernel, for which there are several variants.
            continue;
        };
        let failed = |source| DataplaneError::Program { program: "of a trial", source };
        let fd = fd.try_clone().map_err(failed)?;
        let info: ProgramInfo = program.info().map_err(|source| failed(cause(source)))?;
        maps.extend(info.map_ids().map_err(|source| failed(cause(source)))?.unwrap_or_default());
        subjects.push(Subject {
            name: name.to_owned(),
            hook,
            fd,
            verified_instructions: info.verified_instruction_count(),
            jited_bytes: info.size_jitted(),
        });
    }
    subjects.sort_by_key(|subject| subject.hook);
    Ok((subjects, maps))
}

fn map_error(map: &'static str, source: aya::maps::MapError) -> DataplaneError {
    DataplaneError::Map { map, source: Box::new(source) }
}

//! The data plane: loads and attaches the BPF programs, and reads what they leave in their maps.
//!
//! Nothing else in inspector knows aya or the kernel.

mod accounts;
mod attach;
mod error;
mod flows;
mod heads;
mod interface;
mod privilege;
mod sys;
mod trial;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aya::maps::Map;
use aya::util::KernelVersion;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use aya_log::EbpfLogger;
use inspector_common::flow::FLOW_ENTRIES;
use inspector_common::head::HeadLimits;
use inspector_common::{FlowKey, FlowRecord, HeadBudget, HeadMeta, Sampler};
use log::Log;
use tracing::info;

pub use accounts::Accounts;
pub use attach::Mode;
pub use error::DataplaneError;
pub use interface::{Interface, resolve};
pub use trial::{Hook, MAX_PLAIN_FRAME, MIN_FRAME, MapFacts, ProgramFacts, Subject, Trial};

use crate::metrics::Attachment;
use attach::Attached;
use flows::Flows;
use heads::Heads;
use sys::MapValue;

/// The BPF object, built by the build script.
static OBJECT: &[u8] = include_bytes_aligned!(env!("INSPECTOR_BPF_OBJECT"));

/// The oldest kernel that has all that no fallback replaces: BPF ring buffers, links for XDP.
const OLDEST_KERNEL: KernelVersion = KernelVersion::new(5, 10, 0);

/// Name of the flow map.
pub const FLOWS_MAP: &str = "FLOWS";

/// What the programs are told at load time.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which flows are kept.
    pub sampler: Sampler,
    /// Most heads a window and CPU, by group.
    pub head_limits: HeadLimits,
    /// Entries of the flow map; `None` for the object's own size.
    pub flow_entries: Option<u32>,
    /// Bytes of the ring of heads, a power of two; `None` for the object's own size.
    pub ring_bytes: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sampler: Sampler::new(1, 0),
            head_limits: HeadBudget::DEFAULT_LIMITS,
            flow_entries: None,
            ring_bytes: None,
        }
    }
}

/// The loaded programs and their maps.
pub struct DataPlane {
    ebpf: Ebpf,
    heads: Heads,
    flows: Flows,
    flow_capacity: u32,
    accounts: Accounts,
    /// Programs that the kernel took.
    variants: Vec<&'static str>,
    attached: Vec<Attached>,
    logger: EbpfLogger<&'static dyn Log>,
}

impl DataPlane {
    /// Loads the object into the kernel; attaches nothing yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// Missing privilege, a kernel that is too old, or one that refuses.
    pub fn load(settings: &Settings) -> Result<Self, DataplaneError> {
        if KernelVersion::current().is_ok_and(|current| current < OLDEST_KERNEL) {
            return Err(DataplaneError::KernelTooOld { release: kernel_release() });
        }
        privilege::check()?;
        let Settings { sampler, head_limits, flow_entries, ring_bytes } = settings;
        let (sampler, head_limits) = (MapValue(*sampler), MapValue(*head_limits));
        let mut loader = EbpfLoader::new();
        loader.override_global("SAMPLER", &sampler, true).override_global("HEAD_LIMITS", &head_limits, true);
        if let Some(entries) = flow_entries {
            loader.map_max_entries(FLOWS_MAP, *entries);
        }
        if let Some(bytes) = ring_bytes {
            loader.map_max_entries("HEADS", *bytes);
        }
        let mut ebpf =
            loader.load(OBJECT).map_err(|source| DataplaneError::Load { source: Box::new(source) })?;
        // Before any map is taken out: the programs hold on to their maps from then on.
        let variants = attach::load(&mut ebpf)?;
        let logger = EbpfLogger::init(&mut ebpf).map_err(|_| DataplaneError::Object { what: "the log" })?;
        let heads = Heads::new(take(&mut ebpf, "HEADS")?)?;
        let flow_map = take(&mut ebpf, FLOWS_MAP)?;
        let flows = Flows::new(flow_map)?;
        let accounts = Accounts::new(take(&mut ebpf, "ACCOUNTS")?)?;
        let flow_capacity = flow_entries.unwrap_or(FLOW_ENTRIES);
        Ok(Self { ebpf, heads, flows, flow_capacity, accounts, variants, attached: Vec::new(), logger })
    }

    /// Attaches to every interface, or to none: the first refusal detaches what was attached.
    ///
    /// # Errors
    /// A refusal, by cause.
    pub async fn attach(&mut self, interfaces: &[Interface], mode: Mode) -> Result<(), DataplaneError> {
        self.accounts.enter(take(&mut self.ebpf, "INTERFACES")?, interfaces)?;
        for interface in interfaces {
            match attach::attach(&mut self.ebpf, &self.variants, interface, mode).await {
                Ok(attached) => {
                    let Attached { interface, mode, program_id, .. } = &attached;
                    info!(interface = interface.name, mode, program_id, "attached");
                    self.attached.push(attached);
                }
                Err(error) => {
                    self.detach();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Detaches every program. The maps can still be read.
    pub fn detach(&mut self) {
        for attached in self.attached.drain(..) {
            attach::detach(&mut self.ebpf, attached);
        }
    }

    /// Gives up the privileges that only attaching took.
    pub fn drop_privileges(&self) {
        privilege::drop_all_but_bpf();
    }

    /// What is attached where, for the metrics.
    #[must_use]
    pub fn attachments(&self) -> Vec<Attachment> {
        let attachment = |attached: &Attached| Attachment {
            interface: attached.interface.name.clone(),
            direction: inspector_common::Direction::Ingress,
            mode: attached.mode,
            program_id: attached.program_id,
        };
        self.attached.iter().map(attachment).collect()
    }

    /// The exact counters; may be read from any thread.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    /// Entries that the flow map has room for.
    #[must_use]
    pub const fn flow_capacity(&self) -> u32 {
        self.flow_capacity
    }

    /// Waits until heads have piled up in the ring; a reader polls besides, since the kernel only
    /// wakes it when there are many.
    ///
    /// # Errors
    /// What the system said of the ring's descriptor.
    pub async fn heads_piled_up(&mut self) -> std::io::Result<()> {
        self.heads.piled_up().await
    }

    /// Gives the heads in the ring to `each`, at most `limit`, and says how many there were.
    pub fn read_heads(&mut self, limit: usize, each: impl FnMut(&HeadMeta, &[u8])) -> usize {
        self.logger.flush();
        self.heads.read(limit, each)
    }

    /// Gives every entry of the flow map to `each`.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn drain_flows(&mut self, each: impl FnMut(&FlowKey, &FlowRecord)) -> std::io::Result<()> {
        self.flows.drain(each)
    }
}

impl std::fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataPlane").field("attached", &self.attached).finish_non_exhaustive()
    }
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, DataplaneError> {
    ebpf.take_map(name).ok_or(DataplaneError::Object { what: name })
}

/// The kernel's release, as `uname -r` prints it.
#[must_use]
pub fn kernel_release() -> String {
    sys::kernel_release()
}

/// The time of the clock that packets are stamped with, nanoseconds.
#[must_use]
pub fn now_ns() -> u64 {
    sys::monotonic_ns()
}

/// Nanoseconds from the clock that packets are stamped with to the Unix epoch, as of now. Wall time
/// steps, so this is taken anew at each drain.
#[must_use]
pub fn wall_offset_ns() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let offset = i128::try_from(wall.as_nanos()).unwrap_or(0) - i128::from(now_ns());
    i64::try_from(offset).unwrap_or(0)
}

//! The data plane: loads and attaches the BPF programs, and reads what they leave in their maps.
//!
//! Nothing else in inspector knows aya or the kernel.

mod accounts;
mod attach;
mod egress;
mod error;
pub mod features;
mod flows;
mod heads;
mod interface;
mod known;
pub mod link;
mod part;
pub mod privilege;
mod seats;
mod series;
mod sys;
mod trial;
pub mod watch;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aya::maps::{Array, Map, MapData};
use aya::util::KernelVersion;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use aya_log::EbpfLogger;
use inspector_common::flow::FLOW_ENTRIES;
use inspector_common::{Control, Direction, Features, HeadMeta, Sampler};
use log::Log;
use tracing::info;

pub use accounts::Accounts;
pub use attach::Mode;
pub use egress::Egress;
pub use error::DataplaneError;
pub use interface::{Interface, resolve};
pub use part::Part;
pub use trial::{Hook, MAX_PLAIN_FRAME, MIN_FRAME, MapFacts, ProgramFacts, Subject, Trial};

use crate::aging::Patience;
use crate::metrics::Attachment;
use crate::observation::{Event, FlowUpdate};
use accounts::Slots;
use attach::Attached;
use features::Feature;
use flows::Flows;
use heads::Heads;
use known::Known;
use series::SeriesMap;
use sys::MapValue;

/// The BPF object, built by the build script.
static OBJECT: &[u8] = include_bytes_aligned!(env!("INSPECTOR_BPF_OBJECT"));

/// The oldest kernel that has all that no fallback replaces: BPF ring buffers, links for XDP.
const OLDEST_KERNEL: KernelVersion = KernelVersion::new(5, 10, 0);

/// How far the programs' clock lags behind at most, nanoseconds: the longest tick of a kernel (100 Hz), and one more, since
/// the kernel counts a tick shortly before its clock goes on.
const LAG_NS: u64 = 20_000_000;

/// Bytes of the smallest ring buffer: a page, of whichever size.
const SMALLEST_RING: u32 = 64 << 10;

/// Name of the flow map.
pub const FLOWS_MAP: &str = "FLOWS";

/// What the programs are told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// What the programs go by; the sampler may be changed later: see [`DataPlane::set_sampler`].
    pub control: Control,
    /// Entries of the flow map; `None` for the object's own size.
    pub flow_entries: Option<u32>,
    /// Bytes of the ring of heads, a power of two; `None` for the object's own size.
    pub ring_bytes: Option<u32>,
    /// Whether the program for what leaves is loaded.
    pub egress: Egress,
}

/// Where on an interface to attach.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hooks {
    /// How to attach to what arrives.
    pub mode: Mode,
    /// Whether to attach to what leaves.
    pub egress: Egress,
}

/// What a drain found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Flows in the map.
    pub flows: u64,
    /// Flows among them that were over, and were removed.
    pub removed: u64,
}

/// The loaded programs and their maps.
pub struct DataPlane {
    ebpf: Ebpf,
    heads: Heads,
    flows: Flows,
    known: Known,
    flow_capacity: u32,
    series: SeriesMap,
    accounts: Accounts,
    slots: Slots,
    sampler: Array<MapData, MapValue<Sampler>>,
    drained_ns: u64,
    last_drain: Drained,
    /// Programs that the kernel took.
    variants: Vec<&'static str>,
    has_egress: bool,
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
        let Settings { control, flow_entries, ring_bytes, egress } = settings;
        let has_coarse_clock = u32::from(features::has(Feature::CoarseClock));
        let mut loader = EbpfLoader::new();
        let (limits, features) = (MapValue(control.limits), MapValue(control.features));
        loader
            .override_global("HAS_COARSE_CLOCK", &has_coarse_clock, true)
            .override_global("LIMITS", &limits, true)
            .override_global("FEATURES", &features, true)
            .override_global("SERIES_MIN_GAP", &control.series_min_gap_ns, true);
        if let Some(entries) = flow_entries {
            loader.map_max_entries(FLOWS_MAP, *entries);
        }
        if let Some(bytes) = ring_bytes {
            loader.map_max_entries("HEADS", *bytes);
        }
        // What is never written to need take no memory.
        if !control.features.has(Features::HEADS) {
            loader.map_max_entries("HEADS", SMALLEST_RING);
        }
        if !control.features.has(Features::SERIES) {
            loader.map_max_entries("SERIES", 1);
        }
        let mut ebpf =
            loader.load(OBJECT).map_err(|source| DataplaneError::Load { source: Box::new(source) })?;
        // Before any map is taken out: the programs hold on to their maps from then on.
        let variants = attach::load(&mut ebpf)?;
        let has_egress = *egress == Egress::Auto && egress::load(&mut ebpf)?;
        let logger = EbpfLogger::init(&mut ebpf).map_err(|_| DataplaneError::Object { what: "the log" })?;
        let map_error = |source| DataplaneError::Map { map: "SAMPLER", source: Box::new(source) };
        let mut plane = Self {
            heads: Heads::new(take(&mut ebpf, "HEADS")?)?,
            flows: Flows::new(take(&mut ebpf, FLOWS_MAP)?)?,
            known: Known::new(take(&mut ebpf, "KNOWN")?)?,
            flow_capacity: flow_entries.unwrap_or(FLOW_ENTRIES),
            series: SeriesMap::new(take(&mut ebpf, "SERIES")?)?,
            accounts: Accounts::new(take(&mut ebpf, "ACCOUNTS")?)?,
            slots: Slots::new(take(&mut ebpf, "INTERFACES")?)?,
            sampler: take(&mut ebpf, "SAMPLER")?.try_into().map_err(map_error)?,
            drained_ns: 0,
            last_drain: Drained::default(),
            ebpf,
            variants,
            has_egress,
            attached: Vec::new(),
            logger,
        };
        plane.set_sampler(control.sampler)?;
        Ok(plane)
    }

    /// Changes which flows are kept, from the next packet on.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn set_sampler(&mut self, sampler: Sampler) -> Result<(), DataplaneError> {
        let result = self.sampler.set(0, MapValue(sampler), 0);
        result.map_err(|source| DataplaneError::Map { map: "SAMPLER", source: Box::new(source) })
    }

    /// Attaches to every one of these interfaces, or to none: the first refusal detaches what this call
    /// attached.
    ///
    /// # Errors
    /// A refusal, by cause.
    pub async fn attach(&mut self, interfaces: &[Interface], hooks: Hooks) -> Result<(), DataplaneError> {
        self.slots.enter(&self.accounts, interfaces)?;
        let before = self.attached.len();
        for interface in interfaces {
            match attach::attach(&mut self.ebpf, &self.variants, interface, hooks.mode).await {
                Ok(mut attached) => {
                    let Attached { interface, mode, program_id, .. } = &attached;
                    info!(interface = interface.name, mode, program_id, "attached");
                    if hooks.egress == Egress::Auto && self.has_egress {
                        attached.egress = egress::attach(&mut self.ebpf, interface);
                    }
                    self.attached.push(attached);
                }
                Err(error) => {
                    for attached in self.attached.split_off(before) {
                        attach::detach(&mut self.ebpf, attached);
                    }
                    for interface in interfaces {
                        self.slots.forget(interface.index)?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Lets go of an interface that is gone, by its index. Its counters stay, and go on if it comes back.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn forget(&mut self, index: u32) -> Result<(), DataplaneError> {
        self.slots.forget(index)?;
        while let Some(at) = self.attached.iter().position(|attached| attached.interface.index == index) {
            attach::detach(&mut self.ebpf, self.attached.remove(at));
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
        privilege::drop_what_running_does_not_take();
    }

    /// What is attached where, for the metrics.
    #[must_use]
    pub fn attachments(&self) -> Vec<Attachment> {
        self.attached.iter().flat_map(attachments_of).collect()
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

    /// Gives the flows that had packets since the last drain and what was added to the series, and removes flows that
    /// are over from the map.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn drain(&mut self, mut sink: impl FnMut(Event<'_>)) -> std::io::Result<Drained> {
        let now_ns = now_ns();
        let since_ns = self.drained_ns.saturating_sub(LAG_NS);
        self.drained_ns = now_ns;
        let patience = Patience::with(self.last_drain.flows, u64::from(self.flow_capacity));
        let (mut flows, mut over, mut slots) = (0, Vec::new(), Vec::new());
        self.flows.drain(|key, record| {
            flows += 1;
            let is_final = patience.is_over(record, now_ns);
            if is_final {
                over.push(*key);
            } else {
                self.known.found(key);
            }
            if record.last_ns >= since_ns {
                if let Some(slot) = record.series.checked_sub(1) {
                    slots.push(slot);
                }
                sink(Event::Flow(FlowUpdate { key, record, is_final }));
            }
        })?;
        self.flows.remove(&over)?;
        self.known.age()?;
        slots.sort_unstable();
        slots.dedup();
        self.series.read(&slots, &mut sink)?;
        sink(Event::Time(now_ns));
        self.last_drain = Drained { flows, removed: over.len() as u64 };
        Ok(self.last_drain)
    }
}

fn attachments_of(attached: &Attached) -> Vec<Attachment> {
    let Attached { interface, mode, program_id, egress, .. } = attached;
    let attachment = |direction, mode, program_id| Attachment {
        interface: interface.name.clone(),
        direction,
        mode,
        program_id,
    };
    let ingress = attachment(Direction::Ingress, *mode, *program_id);
    let egress = egress.as_ref().map(|egress| attachment(Direction::Egress, egress.mode, egress.program_id));
    std::iter::once(ingress).chain(egress).collect()
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

//! The loaded BPF program and the host build, fed the same frames and held against each other.

pub mod frames;
pub mod pace;

use std::time::{Duration, Instant};

use bytemuck::Zeroable as _;
use inspector::dataplane::{DataPlane, Hooks, MAX_PLAIN_FRAME, MIN_FRAME, Settings};
use inspector::observation::Event;
use inspector::replay::Replay;
use inspector_common::series::SERIES_ENTRIES;
use inspector_common::{
    Account, Control, Direction, Features, FlowKey, FlowRecord, HeadGroup, HeadMeta, Origin, Packet, Sampler,
    SeriesEntry, SliceFrame, Start, classify, classify_inner,
};

/// A test run counts as received on the loopback interface of the namespace.
pub const LOOPBACK: u32 = 1;

/// The kernel's return value for a received packet that goes on its way.
pub const XDP_PASS: u32 = 2;

/// Verified instructions that a program may take, on any kernel. Kernels differ by tens of per cent, and their limit
/// is a million.
pub const MAX_VERIFIED: u32 = 60_000;

/// The same for one that is sent: `TC_ACT_UNSPEC`.
pub const TC_NEXT: u32 = u32::MAX;

/// The program for what is sent.
pub const EGRESS: &str = "inspector_egress";

/// All programs.
pub const PROGRAMS: [&str; 3] = ["inspector_frags", "inspector_plain", EGRESS];

/// Flows after which both sides start afresh, well before the kernel's map begins to evict.
const MAX_FLOWS: usize = 20_000;

/// Time after which both sides start afresh: a flow that is silent for 10 s loses its series, on the kernel's clock
/// alone, since the host's stands still.
const MAX_AGE: Duration = Duration::from_secs(5);

type Head = (HeadMeta, Vec<u8>);

/// Both builds of the classifier, side by side.
#[derive(Debug)]
pub struct Twin {
    program: &'static str,
    settings: Settings,
    loaded: Instant,
    kernel: DataPlane,
    host: Replay,
}

impl Twin {
    /// Loads `program`; every head is let through and every flow that goes on for a while gets a series,
    /// so that these can be compared too.
    pub async fn load(program: &'static str, sampler: Sampler) -> Self {
        Self::with(program, sampler, Features::ALL).await
    }

    /// The same, with some things left out.
    pub async fn with(program: &'static str, sampler: Sampler, features: Features) -> Self {
        let limits = [u32::MAX; HeadGroup::SLOTS];
        let control = Control { sampler, series_min_gap_ns: 0, limits, features };
        let settings = Settings { control, ..Settings::default() };
        let (loaded, kernel) = (Instant::now(), load(&settings).await);
        Self { program, settings, loaded, kernel, host: Replay::new(control) }
    }

    /// Whether the kernel can be given this frame in a test run.
    #[must_use]
    pub fn takes(&self, frame: &[u8]) -> bool {
        let longest = if self.program == "inspector_frags" { 9_000 } else { MAX_PLAIN_FRAME };
        let shortest = if self.program == EGRESS { shortest_sent(frame) } else { MIN_FRAME };
        (shortest..=longest).contains(&frame.len())
    }

    fn origin(&self) -> Origin {
        let is_egress = self.program == EGRESS;
        Origin::new(LOOPBACK, if is_egress { Direction::Egress } else { Direction::Ingress })
    }

    /// Feeds one frame to both, and panics unless class, anomalies, every counter, flow key, flow
    /// record, series and head of the packet and of what it carries are equal but for time.
    pub async fn compare(&mut self, bytes: &[u8], context: &str) {
        let frame = SliceFrame::new(bytes, 0);
        let mut host_heads = Vec::new();
        self.host.packet(&frame, Start::Ethernet, self.origin(), 0, &mut |event| {
            if let Event::Head(meta, bytes) = event {
                host_heads.push(without_time(meta, bytes));
            }
        });
        let verdict =
            self.kernel.test_run(self.program, bytes).unwrap_or_else(|error| panic!("{context}: {error}"));
        let expected = if self.program == EGRESS { TC_NEXT } else { XDP_PASS };
        assert_eq!(verdict, expected, "{context}: not passed on");

        let mut kernel_heads: Vec<Head> = Vec::new();
        self.kernel.read_heads(usize::MAX, |meta, bytes| kernel_heads.push(without_time(meta, bytes)));
        assert_eq!(kernel_heads, host_heads, "{context}: heads differ\n{bytes:02x?}");
        assert_eq!(account(&self.kernel), *self.host.account(), "{context}: counters differ\n{bytes:02x?}");

        let mut packet = classify(&frame, Start::Ethernet, self.origin());
        self.compare_flow(&packet, context);
        if packet.inner.offset != 0 && self.settings.control.features.has(Features::INNER) {
            classify_inner(&mut packet, &frame);
            self.compare_flow(&packet, context);
        }

        if self.host.live_flows() > MAX_FLOWS || self.loaded.elapsed() > MAX_AGE {
            self.loaded = Instant::now();
            self.kernel = load(&self.settings).await;
            self.host = Replay::new(self.settings.control);
        }
    }

    fn compare_flow(&self, packet: &Packet, context: &str) {
        let kernel_flow = self.kernel.flow(&packet.key).expect("the flow map can be read");
        let host_flow = self.host.flow_record(&packet.key).copied();
        assert_eq!(kernel_flow.map(timeless), host_flow.map(timeless), "{context}: flow records differ");
        if let Some(slot) = host_flow.and_then(|record| record.series.checked_sub(1)) {
            let kernel = self.kernel.series_slot(slot).expect("the series can be read");
            let host = self.host.series_slot(slot).expect("the slot is there");
            let series = |slot: &inspector_common::SeriesSlot| -> (FlowKey, u64, Vec<SeriesEntry>) {
                let (_, first, second) = slot.since(slot.written.saturating_sub(SERIES_ENTRIES as u64));
                let timeless = |entry: &SeriesEntry| SeriesEntry { gap_us: 0, ..*entry };
                (slot.owner, slot.written, first.iter().chain(second).map(timeless).collect())
            };
            assert_eq!(series(&kernel), series(host), "{context}: series differ");
        }
    }
}

/// The least that the kernel takes as a sent frame in a test run: with the header that it names.
fn shortest_sent(frame: &[u8]) -> usize {
    match frame.get(12..14) {
        Some([0x08, 0x00]) => MIN_FRAME + 20,
        Some([0x86, 0xdd]) => MIN_FRAME + 40,
        _ => MIN_FRAME,
    }
}

/// The data plane, attached to nothing.
pub async fn load(settings: &Settings) -> DataPlane {
    let mut plane = DataPlane::load(settings).expect("root can load the programs");
    plane.attach(&[], Hooks::default()).await.expect("attaching to nothing works");
    plane
}

/// The counters of packets from interfaces that nobody entered, which test runs count as.
#[must_use]
pub fn account(plane: &DataPlane) -> Account {
    let accounts = plane.accounts().read().expect("the counters can be read");
    accounts.first().map_or_else(Account::zeroed, |first| first.account)
}

fn without_time(meta: &HeadMeta, bytes: &[u8]) -> Head {
    (HeadMeta { time_ns: 0, ..*meta }, bytes.to_vec())
}

fn timeless(record: FlowRecord) -> FlowRecord {
    FlowRecord { first_ns: 0, last_ns: 0, ..record }
}

/// `CAP_NET_ADMIN` and `CAP_BPF` in a capability mask.
const NET_ADMIN: u64 = 1 << 12;
const BPF: u64 = 1 << 39;

/// Why these tests cannot run here, if they can't.
#[must_use]
pub fn missing() -> Option<&'static str> {
    // Reading the capability sets says nothing of seccomp or lockdown, so the load itself is the judge of those.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (effective & NET_ADMIN == 0 || effective & BPF == 0).then_some("loading BPF programs takes root")
}

//! The loaded BPF program and the host build, fed the same frames and held against each other.

pub mod frames;

use bytemuck::Zeroable as _;
use inspector::dataplane::{DataPlane, MAX_PLAIN_FRAME, MIN_FRAME, Mode, Settings};
use inspector::replay::Replay;
use inspector_common::{
    Account, Direction, FlowRecord, HeadGroup, HeadMeta, Sampler, SliceFrame, Start, classify,
};

/// A test run counts as received on the loopback interface of the namespace.
pub const LOOPBACK: u32 = 1;

/// The kernel's return value for a packet that goes on its way.
pub const XDP_PASS: u32 = 2;

/// Verified instructions that a program may take, on any kernel. Kernels differ by tens of per cent, and their limit
/// is a million.
pub const MAX_VERIFIED: u32 = 60_000;

/// Flows after which both sides start afresh, well before the kernel's map begins to evict.
const MAX_FLOWS: usize = 20_000;

type Head = (HeadMeta, Vec<u8>);

/// Both builds of the classifier, side by side.
#[derive(Debug)]
pub struct Twin {
    program: &'static str,
    settings: Settings,
    kernel: DataPlane,
    host: Replay,
}

impl Twin {
    /// Loads `program`; every head is let through, so that heads can be compared too.
    pub async fn load(program: &'static str, sampler: Sampler) -> Self {
        let settings = Settings { sampler, head_limits: [u32::MAX; HeadGroup::SLOTS], ..Settings::default() };
        Self { program, settings, kernel: load(&settings).await, host: Replay::new(sampler) }
    }

    /// Whether the kernel can be given this frame in a test run.
    #[must_use]
    pub fn takes(&self, frame: &[u8]) -> bool {
        let longest = if self.program == "inspector_plain" { MAX_PLAIN_FRAME } else { 9_000 };
        (MIN_FRAME..=longest).contains(&frame.len())
    }

    /// Feeds one frame to both, and panics unless class, anomalies, every counter, flow key, flow
    /// record and head are equal but for time.
    pub async fn compare(&mut self, bytes: &[u8], context: &str) {
        let frame = SliceFrame::new(bytes, 0);
        let mut host_head = None;
        self.host.packet(&frame, Start::Ethernet, LOOPBACK, 0, &mut |meta, bytes| {
            host_head = Some(without_time(meta, bytes));
        });
        let verdict =
            self.kernel.test_run(self.program, bytes).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(verdict, XDP_PASS, "{context}: not passed on");

        let mut kernel_head: Option<Head> = None;
        let heads =
            self.kernel.read_heads(usize::MAX, |meta, bytes| kernel_head = Some(without_time(meta, bytes)));
        assert!(heads <= 1, "{context}: {heads} heads of one frame");
        assert_eq!(kernel_head, host_head, "{context}: heads differ\n{bytes:02x?}");
        assert_eq!(account(&self.kernel), *self.host.account(), "{context}: counters differ\n{bytes:02x?}");

        let packet = classify(&frame, Start::Ethernet, LOOPBACK, Direction::Ingress);
        let kernel_flow = self.kernel.flow(&packet.key).expect("the flow map can be read").map(timeless);
        let host_flow = self.host.flow(&packet.key).copied().map(timeless);
        assert_eq!(kernel_flow, host_flow, "{context}: flow records differ\n{bytes:02x?}");

        if self.host.flow_count() > MAX_FLOWS {
            self.kernel = load(&self.settings).await;
            self.host = Replay::new(self.settings.sampler);
        }
    }
}

/// The data plane, attached to nothing.
pub async fn load(settings: &Settings) -> DataPlane {
    let mut plane = DataPlane::load(settings).expect("root can load the programs");
    plane.attach(&[], Mode::Auto).await.expect("attaching to nothing works");
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

//! Floods of new flows: those that were there before stay, and every packet of the flood is accounted for.
#![expect(clippy::expect_used, reason = "a test's helpers panic like the test itself")]

use std::time::Instant;

use inspector::dataplane::{Hook, Settings, Trial, features, now_ns};
use inspector::replay::Replay;
use inspector_common::head::WINDOW_NS;
use inspector_common::{
    Account, Budget, Class, Control, Direction, FlowKey, FlowRecord, HeadGroup, Origin, Sampler, SliceFrame,
    Start, Tally, classify,
};
use inspector_tests::kernel::frames::{Transport, one_of_many};
use inspector_tests::kernel::pace::Pace;
use inspector_tests::kernel::{EGRESS, LOOPBACK, PROGRAMS, TC_NEXT, XDP_PASS};
use inspector_tests::lab::{Namespace, missing};
use inspector_tests::skip;

/// Flows that are there before the flood.
const ESTABLISHED: u16 = 1_000;

/// Packets of each of them before it.
const EARLIER: u64 = 4;

/// Packets that are put into the kernel at a time: those of a drain's interval at a link's worst.
const ROUND: u64 = 500_000;

/// Packets of one pass over what the pacing program holds, and of one system call.
const PASS: usize = 20_000;
const AT_ONCE: u32 = 500;

/// Entries of the flow map by default.
const CAPACITY: u64 = inspector_common::flow::FLOW_ENTRIES as u64;

/// What a flood did.
struct Outcome {
    account: Account,
    /// Heads that userspace has read.
    heads: u64,
    /// Established flows that are in the sample.
    kept: u64,
    /// Packets of established flows, and heads that these are to have.
    established: Account,
    /// The longest that the flood can have taken, in windows of the budgets.
    windows: u64,
}

impl Outcome {
    fn tallied(&self, tally: Tally) -> u64 {
        self.account.tallied(tally)
    }

    /// New flows of the flood that got an entry.
    fn entered(&self) -> u64 {
        self.tallied(Tally::FlowInserted) - self.kept
    }

    fn wanted_heads(&self) -> u64 {
        [Tally::HeadSubmitted, Tally::HeadOverBudget, Tally::HeadRingFull]
            .map(|t| self.tallied(t))
            .iter()
            .sum()
    }

    /// The most that a budget a window allows. It is each CPU's, and the test may move from one to another.
    fn most(&self, budget: u32) -> u64 {
        let cpus = std::thread::available_parallelism().expect("the system knows its CPUs");
        self.windows * u64::from(budget) * cpus.get() as u64
    }

    /// What holds for every flood.
    fn assert_adds_up(&self, program: &str, packets: u64) {
        let Self { account, heads, established, .. } = self;
        assert_eq!(account.seen, packets + established.seen, "{program}");
        assert!(account.is_consistent(), "{program}: {account:?}");
        assert_eq!(self.tallied(Tally::FlowUpdated), established.tallied(Tally::FlowUpdated), "{program}");
        assert_eq!(self.tallied(Tally::HeadSubmitted), *heads, "{program}: heads are lost without trace");
    }

    /// The first packet of every flow that gets an entry wants a head: datagrams for their payload, SYNs always. So
    /// does every datagram with the port of DNS, which a few in a million have by chance.
    fn assert_heads_of_entered(&self, program: &str) {
        let wanted = self.wanted_heads() - self.established.tallied(Tally::HeadSubmitted);
        let by_chance = self.account.packets_of(Class::Dns);
        assert!(
            (self.entered()..=self.entered() + by_chance).contains(&wanted),
            "{program}: {wanted} wanted heads"
        );
    }
}

/// Floods a program with packets like `kinds`, each with a tuple of its own, while flows that were there before go on.
/// Panics unless each of them is where it was, with all its packets.
fn flood(
    program: &'static str,
    settings: &Settings,
    kinds: &[Transport],
    packets: u64,
    drains: bool,
) -> Outcome {
    let namespace = Namespace::new("flood");
    namespace.ip("link add idle0 type veth peer name idle1");
    namespace.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be had");
        let (mut trial, subjects) =
            runtime.block_on(Trial::load(settings)).expect("root can load the programs");
        let subject = subjects.iter().find(|subject| subject.name == program).expect("the kernel takes it");
        let hook = subject.hook;
        let mut pace = Pace::load(hook, "idle0").unwrap_or_else(|error| panic!("{error}"));
        let frames: Vec<_> = kinds.iter().map(|kind| one_of_many(0, *kind)).cycle().take(PASS).collect();
        pace.fill(&frames, true).expect("the frames fit");
        pace.aim(&subject.fd).expect("the program can be called");
        let _runtime = runtime.enter();

        let mut flows = Established::new(settings.control, hook);
        (0..EARLIER).for_each(|_| flows.go_on(&mut trial, program));
        let before = flows.records(&mut trial);
        let begun = now_ns();
        let mut heads = 0;
        for _ in 0..packets / ROUND {
            for _ in 0..ROUND / PASS as u64 {
                let read = || {
                    if drains {
                        heads += read_heads(&mut trial);
                    }
                };
                pace.pass(AT_ONCE, read).expect("the flood can be let loose");
            }
            flows.go_on(&mut trial, program);
            if drains {
                trial.drain(|_| ()).expect("the maps can be read");
            }
        }
        assert_eq!(pace.missed().expect("the state can be read"), 0);
        let windows = (now_ns() - begun) / WINDOW_NS + 2;
        heads += read_heads(&mut trial);
        flows.assert_stayed(&before, &flows.records(&mut trial), program);
        let (kept, established) = (before.len() as u64, *flows.host.account());
        Outcome {
            account: trial.account().expect("the counters can be read"),
            heads,
            kept,
            established,
            windows,
        }
    })
}

fn read_heads(trial: &mut Trial) -> u64 {
    trial.plane().read_heads(usize::MAX, |_, _| ()) as u64
}

/// Flows that were there before, and what the host build makes of their packets.
struct Established {
    frames: Vec<Vec<u8>>,
    keys: Vec<FlowKey>,
    host: Replay,
    origin: Origin,
}

impl Established {
    fn new(control: Control, hook: Hook) -> Self {
        let direction = if hook == Hook::Tc { Direction::Egress } else { Direction::Ingress };
        let origin = Origin::new(LOOPBACK, direction);
        let kind = |number| if number % 2 == 0 { Transport::Tcp } else { Transport::Udp };
        let frames: Vec<_> = (0..ESTABLISHED).map(|number| one_of_many(number, kind(number))).collect();
        let key = |frame: &Vec<u8>| classify(&SliceFrame::new(frame, 0), Start::Ethernet, origin).key;
        let keys = frames.iter().map(key).collect();
        Self { frames, keys, host: Replay::new(control), origin }
    }

    /// A packet of each.
    fn go_on(&mut self, trial: &mut Trial, program: &'static str) {
        let next = if program == EGRESS { TC_NEXT } else { XDP_PASS };
        for frame in &self.frames {
            assert_eq!(trial.plane().test_run(program, frame).expect("a frame fits"), next);
            self.host.packet(&SliceFrame::new(frame, 0), Start::Ethernet, self.origin, 0, &mut |_| ());
        }
    }

    /// Those that are in the flow map.
    fn records(&self, trial: &mut Trial) -> Vec<(FlowKey, FlowRecord)> {
        let record =
            |key: &FlowKey| Some((*key, trial.plane().flow(key).expect("the flow map can be read")?));
        self.keys.iter().filter_map(record).collect()
    }

    fn assert_stayed(
        &self,
        before: &[(FlowKey, FlowRecord)],
        after: &[(FlowKey, FlowRecord)],
        program: &str,
    ) {
        assert!(before.len() > 50, "{program}: few flows to look at");
        assert_eq!(before.len(), after.len(), "{program}: flows were pushed out");
        for ((key, before), (_, after)) in before.iter().zip(after) {
            assert_eq!(before.first_ns, after.first_ns, "{program}: began anew: {key:?}");
            let host = self.host.flow_record(key).expect("the host keeps it too");
            assert_eq!((after.packets, after.bytes), (host.packets, host.bytes), "{program}: {key:?}");
        }
    }
}

/// Why floods cannot be made here, if they can't.
fn hindrance() -> Option<String> {
    let reason = missing(&[]);
    reason.or_else(|| {
        let has = features::probe().has(features::Feature::XdpLoadBytes);
        (!has).then(|| "the pacing programs take Linux 5.18".to_owned())
    })
}

const NEW_FLOWS: [Transport; 2] = [Transport::Udp, Transport::Syn];

/// Everything at its defaults, and userspace at its work.
#[test]
fn ten_million_new_flows_push_out_none() {
    if let Some(reason) = hindrance() {
        return skip("ten_million_new_flows_push_out_none", &reason);
    }
    for (program, packets) in PROGRAMS.into_iter().zip([10_000_000, 2_000_000, 2_000_000]) {
        let begun = Instant::now();
        let outcome = flood(program, &Settings::default(), &NEW_FLOWS, packets, true);
        outcome.assert_adds_up(program, packets);
        let [gated, full] = [Tally::FlowGated, Tally::FlowMapFull].map(|tally| outcome.tallied(tally));
        println!(
            "{program}: {} entered, {gated} gated, {full} found the map full, {} heads, {:?}",
            outcome.entered(),
            outcome.heads,
            begun.elapsed()
        );
        assert_eq!(outcome.entered() + gated + full, packets, "{program}");
        let admitted = outcome.entered() + full;
        assert!(
            admitted <= outcome.most(Budget::DEFAULT_LIMITS[HeadGroup::COUNT]),
            "{program}: {admitted} admitted"
        );
        outcome.assert_heads_of_entered(program);
    }
}

/// No budgets, and no userspace: the flow map and the ring fill up.
fn everything_full(one_in: u32) -> Settings {
    let control = Control {
        sampler: Sampler::new(one_in, 5),
        limits: [u32::MAX; HeadGroup::SLOTS],
        ..Control::default()
    };
    Settings { control, ring_bytes: Some(4096), ..Settings::default() }
}

#[test]
fn with_map_and_ring_full_nothing_is_lost_without_trace() {
    const PACKETS: u64 = 1_000_000;
    if let Some(reason) = hindrance() {
        return skip("with_map_and_ring_full_nothing_is_lost_without_trace", &reason);
    }
    for program in PROGRAMS {
        let outcome = flood(program, &everything_full(1), &NEW_FLOWS, PACKETS, false);
        outcome.assert_adds_up(program, PACKETS);
        assert_eq!(outcome.tallied(Tally::FlowInserted), CAPACITY, "{program}: no entry is left unused");
        assert_eq!(outcome.entered() + outcome.tallied(Tally::FlowMapFull), PACKETS, "{program}");
        assert_eq!(outcome.tallied(Tally::FlowGated) + outcome.tallied(Tally::SampledOut), 0, "{program}");
        outcome.assert_heads_of_entered(program);
        assert!(outcome.tallied(Tally::HeadRingFull) > 0, "{program}");
    }
}

#[test]
fn sampled_floods_add_up_too() {
    const PACKETS: u64 = 1_000_000;
    const ONE_IN: u32 = 8;
    if let Some(reason) = hindrance() {
        return skip("sampled_floods_add_up_too", &reason);
    }
    for program in PROGRAMS {
        let outcome = flood(program, &everything_full(ONE_IN), &NEW_FLOWS, PACKETS, false);
        outcome.assert_adds_up(program, PACKETS);
        let left_out = outcome.tallied(Tally::SampledOut) - outcome.established.tallied(Tally::SampledOut);
        assert_eq!(outcome.entered() + outcome.tallied(Tally::FlowMapFull) + left_out, PACKETS, "{program}");
        // Nine standard deviations of so many tosses.
        let share = left_out as f64 / PACKETS as f64;
        assert!((share - (1.0 - 1.0 / f64::from(ONE_IN))).abs() < 0.003, "{program}: {share} left out");
        assert_eq!(outcome.tallied(Tally::FlowInserted), CAPACITY, "{program}");
        outcome.assert_heads_of_entered(program);
        assert!(outcome.tallied(Tally::HeadRingFull) > 0, "{program}");
    }
}

/// DNS is looked at whatever is sampled, under its own budget, and each message wants a head.
#[test]
fn a_dns_flood_spends_the_budget_of_dns_alone() {
    const PACKETS: u64 = 1_000_000;
    const BUDGET: u32 = 16;
    if let Some(reason) = hindrance() {
        return skip("a_dns_flood_spends_the_budget_of_dns_alone", &reason);
    }
    let mut limits = Budget::DEFAULT_LIMITS;
    (limits[HeadGroup::Dns as usize], limits[HeadGroup::COUNT]) = (BUDGET, u32::MAX);
    for (program, one_in) in PROGRAMS.into_iter().zip([1, 8, 16]) {
        let control = Control { sampler: Sampler::new(one_in, 5), limits, ..Control::default() };
        let settings = Settings { control, ..Settings::default() };
        let outcome = flood(program, &settings, &[Transport::Dns], PACKETS, true);
        outcome.assert_adds_up(program, PACKETS);
        let established = &outcome.established;
        assert_eq!(outcome.tallied(Tally::SampledOut), established.tallied(Tally::SampledOut), "{program}");
        assert_eq!(outcome.entered() + outcome.tallied(Tally::FlowMapFull), PACKETS, "{program}");
        assert_eq!(outcome.wanted_heads(), established.tallied(Tally::HeadSubmitted) + PACKETS, "{program}");
        let of_dns = outcome.heads.saturating_sub(established.tallied(Tally::HeadSubmitted));
        assert!(of_dns <= outcome.most(BUDGET), "{program}: {of_dns} heads are more than the budget");
    }
}

//! Frames of every class, sent over a wire: what the kernel accumulates of them against what the host build does.

use inspector::dataplane::{Egress, Hooks, Mode};
use inspector::observation::Event;
use inspector::replay::Replay;
use inspector_common::{Direction, FlowKey, FlowRecord, HeadMeta, Origin, SeriesEntry, SliceFrame, Start};
use inspector_tests::kernel::frames::well_formed;
use inspector_tests::lab::Wire;

use crate::lab::{ETH, Lab};
use crate::machine;
use crate::watch::{Watch, control};

/// Frames sent at once: fewer than a veth pair holds (256).
const BURST: usize = 32;

const INGRESS_ONLY: Hooks = Hooks { mode: Mode::Auto, egress: Egress::Off };

/// What arrives at a veth, in its driver.
pub(crate) async fn native_is_as_on_the_host() {
    let lab = Lab::new().await;
    let wire = lab.in_peer(async || Wire::on(ETH)).await;
    compare(Watch::on(&[ETH], INGRESS_ONLY).await, ETH, Direction::Ingress, &wire).await;
}

/// What arrives at loopback, in the network stack.
pub(crate) async fn generic_is_as_on_the_host() {
    let _lab = Lab::new().await;
    compare(Watch::on(&["lo"], INGRESS_ONLY).await, "lo", Direction::Ingress, &Wire::on("lo")).await;
}

/// What leaves by a veth.
pub(crate) async fn egress_is_as_on_the_host() {
    let _lab = Lab::new().await;
    compare(Watch::on(&[ETH], Hooks::default()).await, ETH, Direction::Egress, &Wire::on(ETH)).await;
}

/// What accumulates, but for time, in the order in which it came or by key.
#[derive(Debug, Default)]
struct Accumulated {
    heads: Vec<(HeadMeta, Vec<u8>)>,
    flows: Vec<(FlowKey, FlowRecord)>,
    series: Vec<(FlowKey, Vec<SeriesEntry>)>,
}

impl Accumulated {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Head(meta, bytes) => self.heads.push((HeadMeta { time_ns: 0, ..*meta }, bytes.to_vec())),
            Event::Flow(flow) => {
                let record = FlowRecord { first_ns: 0, last_ns: 0, ..*flow.record };
                self.flows.push((*flow.key, record));
            }
            Event::Series(series) => {
                let timeless = |entry: &SeriesEntry| SeriesEntry { gap_us: 0, ..*entry };
                self.series.push((*series.key, series.entries.iter().map(timeless).collect()));
            }
            Event::Time(_) => {}
        }
    }

    fn sort(&mut self) {
        self.flows.sort_by_key(|(key, _)| bytemuck::bytes_of(key).to_vec());
        self.series.sort_by_key(|(key, _)| bytemuck::bytes_of(key).to_vec());
    }
}

/// Sends every frame from each processor in turn, and panics unless kernel and host build have the same accounts,
/// heads, flow records and series of them.
async fn compare(mut watch: Watch, interface: &str, direction: Direction, wire: &Wire) {
    let cpus = machine::online_cpus();
    assert!(cpus.len() < machine::possible_cpus().len(), "some processors are to be off");
    let origin = Origin::new(watch.index(interface), direction);
    let mut host = Replay::new(control());
    let (mut expected, mut found) = (Accumulated::default(), Accumulated::default());
    for cpu in cpus {
        machine::run_on(cpu);
        for burst in well_formed().chunks(BURST) {
            for frame in burst {
                wire.send(frame);
                let frame = SliceFrame::new(frame, 0);
                host.packet(&frame, Start::Ethernet, origin, 0, &mut |event| expected.take(event));
            }
            let seen = host.account().seen;
            watch.account_once(interface, direction, |account| account.seen >= seen).await;
            watch.heads().iter().for_each(|(meta, bytes)| found.take(Event::Head(meta, bytes)));
        }
    }
    host.drain(&mut |event| expected.take(event));
    watch.drain(|event| found.take(event));
    assert_eq!(watch.account(interface, direction), *host.account(), "counters differ");
    expected.sort();
    found.sort();
    assert_same("heads", &found.heads, &expected.heads);
    assert_same("flows", &found.flows, &expected.flows);
    assert_same("series", &found.series, &expected.series);
}

/// Says the first difference alone: there may be hundreds.
fn assert_same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{what} differ");
    }
    assert_eq!(found.len(), expected.len(), "number of {what}");
    assert!(!expected.is_empty(), "there are {what}");
}

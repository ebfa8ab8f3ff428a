//! Frames of every class, sent over a wire: the kernel's counters, heads and flows against the host build's.

use std::fs;

use inspector::dataplane::Mode;
use inspector::replay::Replay;
use inspector_common::{FlowRecord, HeadMeta, SliceFrame, Start};
use inspector_tests::kernel::frames::well_formed;

use crate::lab::{ETH, Lab};
use crate::line::Line;
use crate::report::Report;
use crate::watch::{Watch, interfaces, settings};
use crate::wire::Wire;
use crate::{log, machine};

/// Frames sent at once: fewer than a veth pair holds (256).
const BURST: usize = 32;

type Head = (HeadMeta, Vec<u8>);

/// In the driver of a veth and, since loopback has no driver that would take it, in the network stack there.
pub(crate) async fn are_accounted_as_on_the_host(report: &mut Report) {
    let lab = Lab::new().await;
    let mut watch = Watch::on(&[ETH, "lo"], Mode::Auto).await;
    for attachment in watch.plane.attachments() {
        report.say(&Line::Attached {
            interface: attachment.interface,
            direction: attachment.direction.name().to_owned(),
            mode: attachment.mode.to_owned(),
        });
    }
    assert_eq!([ETH, "lo"].map(|interface| watch.mode(interface)), ["native", "generic"]);
    let said = log::take();
    let warnings: Vec<&String> = said.iter().filter(|line| line.starts_with("WARN")).collect();
    assert!(matches!(warnings[..], [only] if only.contains("lo: native mode refused")), "{warnings:?}");

    let wire = lab.in_peer(async || Wire::on(ETH)).await;
    compare(&mut watch, ETH, &wire).await;
    compare(&mut watch, "lo", &Wire::on("lo")).await;
}

/// Sends every frame from each processor in turn, and panics unless kernel and host build have the same accounts,
/// heads and flow records of them.
async fn compare(watch: &mut Watch, interface: &str, wire: &Wire) {
    let cpus = machine::online_cpus();
    assert!(cpus.len() < machine::possible_cpus().len(), "some processors are to be off");
    let index = watch.index(interface);
    let mut host = Replay::new(settings().sampler);
    let (mut host_heads, mut heads): (Vec<Head>, Vec<Head>) = (Vec::new(), Vec::new());
    for cpu in cpus {
        machine::run_on(cpu);
        for burst in well_formed().chunks(BURST) {
            for frame in burst {
                wire.send(frame);
                let frame = SliceFrame::new(frame, 0);
                host.packet(&frame, Start::Ethernet, index, 0, &mut |meta, bytes| {
                    host_heads.push(timeless_head(meta, bytes));
                });
            }
            let seen = host.account().seen;
            watch.account_once(interface, |account| account.seen >= seen).await;
            heads.extend(watch.heads(interface).iter().map(|(meta, bytes)| timeless_head(meta, bytes)));
        }
    }
    assert_eq!(watch.account(interface), *host.account(), "{interface}: counters differ");
    assert_eq!(heads.len(), host_heads.len(), "{interface}: number of heads");
    for (head, host_head) in heads.iter().zip(&host_heads) {
        assert_eq!(head, host_head, "{interface}: heads differ");
    }
    let flows = watch.flows(interface);
    assert_eq!(flows.len(), host.flow_count(), "{interface}: number of flows");
    for (key, record) in &flows {
        let host_record = host.flow(key).map(timeless_flow);
        assert_eq!(Some(timeless_flow(record)), host_record, "{interface}: records of {key:?} differ");
    }
}

fn timeless_head(meta: &HeadMeta, bytes: &[u8]) -> Head {
    (HeadMeta { time_ns: 0, ..*meta }, bytes.to_vec())
}

fn timeless_flow(record: &FlowRecord) -> FlowRecord {
    FlowRecord { first_ns: 0, last_ns: 0, ..*record }
}

/// No program stays on an interface, and the process holds nothing of the kernel's.
pub(crate) async fn nothing_is_left_after_detaching() {
    let _lab = Lab::new().await;
    let mut watch = Watch::on(&[ETH, "lo"], Mode::Auto).await;
    assert!(programs_on_interfaces().await.iter().all(Option::is_some));
    assert!(bpf_descriptors() > 0);
    watch.plane.detach();
    assert_eq!(programs_on_interfaces().await, [None, None]);
    drop(watch);
    assert_eq!(bpf_descriptors(), 0);
}

async fn programs_on_interfaces() -> Vec<Option<u32>> {
    interfaces(&[ETH, "lo"]).await.iter().map(|interface| interface.xdp_program).collect()
}

/// Programs, maps and links that this process holds open.
fn bpf_descriptors() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").expect("proc is mounted");
    let targets = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("bpf")).count()
}

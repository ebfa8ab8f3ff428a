//! Where the programs attach, and what is left of them afterwards.

use std::fs;

use inspector::dataplane::Hooks;
use inspector_common::Direction;

use crate::features::Evidence;
use crate::lab::{ETH, Lab};
use crate::line::Line;
use crate::report::Report;
use crate::watch::{Watch, interfaces};
use crate::{features, log};

const BOTH: [&str; 2] = [ETH, "lo"];

/// In the driver of a veth and, since loopback has no driver that would take it, in the network stack there; the
/// kernel has every feature that its version promises.
pub(crate) async fn by_the_best_way(report: &mut Report) {
    let _lab = Lab::new().await;
    let mut watch = Watch::on(&BOTH, Hooks::default()).await;
    let attachments = watch.plane.attachments();
    for attachment in &attachments {
        report.say(&Line::Attached {
            interface: attachment.interface.clone(),
            direction: attachment.direction.name().to_owned(),
            mode: attachment.mode.to_owned(),
        });
    }
    let programs = watch.plane.program_facts().expect("loaded programs can be asked");
    let modes = attachments.iter().map(|attachment| attachment.mode).collect();
    features::report(&Evidence { programs, modes }, report);

    assert_eq!(BOTH.map(|interface| watch.mode(interface, Direction::Ingress)), ["native", "generic"]);
    for interface in BOTH {
        assert_ne!(watch.mode(interface, Direction::Egress), "not attached", "what leaves by {interface}");
    }
    let said = log::take();
    let warnings: Vec<&String> = said.iter().filter(|line| line.starts_with("WARN")).collect();
    assert!(matches!(warnings[..], [only] if only.contains("lo: native mode refused")), "{warnings:?}");
}

/// No program stays on an interface, and the process holds nothing of the kernel's.
pub(crate) async fn leaves_nothing_behind() {
    let lab = Lab::new().await;
    let mut watch = Watch::on(&BOTH, Hooks::default()).await;
    assert!(programs_on_interfaces().await.iter().all(Option::is_some));
    assert!(bpf_descriptors() > 0);
    watch.plane.detach();
    assert_eq!(programs_on_interfaces().await, [None, None]);
    for interface in BOTH {
        assert_eq!(lab.egress_filters(interface).await, 0, "filters on {interface}");
    }
    drop(watch);
    assert_eq!(bpf_descriptors(), 0);
}

async fn programs_on_interfaces() -> Vec<Option<u32>> {
    interfaces(&BOTH).await.iter().map(|interface| interface.xdp_program).collect()
}

/// Programs, maps and links that this process holds open.
fn bpf_descriptors() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").expect("proc is mounted");
    let targets = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("bpf")).count()
}

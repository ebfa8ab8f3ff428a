//! A host and an interface that nothing is wrong with, for tests to spoil.

use super::host::{Cpus, Host, Memlock};
use crate::dataplane::features::{Feature, Features, Support};
use crate::dataplane::link::{Device, Layer, Link, Offloads, XdpSupport};

pub(super) fn host() -> Host {
    Host {
        release: "6.1.0".to_owned(),
        cpus: Some(Cpus { online: 2, possible: 8 }),
        missing_capabilities: Some(Vec::new()),
        may_raise_limits: true,
        memlock: Some(Memlock::Bytes(65_536)),
        has_seccomp_filter: Some(false),
        lockdown: Some("none".to_owned()),
        unprivileged_bpf_disabled: Some(2),
        times_programs: Some(false),
        has_bpffs: Some(true),
        is_in_user_namespace: Some(false),
        has_jit: Some(true),
        features: features(Support::Present, &[]),
        load: Ok(vec!["inspector_frags", "inspector_plain"]),
    }
}

/// The same verdict on every feature but these.
pub(super) fn features(support: Support, exceptions: &[(Feature, Support)]) -> Features {
    Features::new(|feature| {
        exceptions.iter().find(|(each, _)| *each == feature).map_or(support, |(_, exception)| *exception)
    })
}

pub(super) fn link(name: &str, index: u32) -> Link {
    Link {
        name: name.to_owned(),
        index,
        kind: None,
        layer: Layer::Ethernet,
        mtu: 1500,
        is_up: true,
        has_carrier: true,
        master: None,
        lower: None,
        programs: Vec::new(),
        device: Device {
            driver: Some("ice".to_owned()),
            offloads: Some(Offloads::default()),
            queues: None,
            xdp: Some(XdpSupport { native: true, multi_buffer: true }),
        },
    }
}

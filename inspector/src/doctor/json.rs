//! The report for programs: one JSON object.

use serde::Serialize;

use super::{Check, Interface, Report, Verdict};
use crate::dataplane::features::Support;
use crate::dataplane::link::{Layer, Offloads, Place};

/// The report as an object. Fields that could not be found out are `null`.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    version: &'static str,
    verdict: Verdict,
    host: HostJson<'a>,
    interfaces: Vec<InterfaceJson<'a>>,
    unresolved: Vec<UnresolvedJson<'a>>,
}

#[derive(Debug, Serialize)]
struct HostJson<'a> {
    kernel: &'a str,
    architecture: &'static str,
    cpus_online: Option<usize>,
    cpus_possible: Option<usize>,
    features: Vec<FeatureJson>,
    checks: &'a [Check],
}

#[derive(Debug, Serialize)]
struct FeatureJson {
    name: &'static str,
    /// `null`: the kernel did not let it be tried.
    present: Option<bool>,
    since: String,
    required: bool,
    without: &'static str,
}

#[derive(Debug, Serialize)]
struct InterfaceJson<'a> {
    name: &'a str,
    index: u32,
    driver: Option<&'a str>,
    kind: Option<&'a str>,
    ethernet: bool,
    mtu: u32,
    up: bool,
    carrier: bool,
    native_xdp: Option<bool>,
    multi_buffer: Option<bool>,
    lro: Option<bool>,
    gro_hw: Option<bool>,
    gro: Option<bool>,
    rx_vlan: Option<bool>,
    programs: Vec<ProgramJson<'a>>,
    checks: &'a [Check],
}

#[derive(Debug, Serialize)]
struct ProgramJson<'a> {
    id: u32,
    name: Option<&'a str>,
    mode: &'static str,
}

#[derive(Debug, Serialize)]
struct UnresolvedJson<'a> {
    name: &'a str,
    checks: [&'a Check; 1],
}

impl<'a> Json<'a> {
    /// The object of a report.
    #[must_use]
    pub fn new(report: &'a Report) -> Self {
        let Report { host, checks, interfaces, unresolved } = report;
        let features = host.features.iter().map(|(feature, support)| {
            let (major, minor) = feature.since();
            FeatureJson {
                name: feature.name(),
                present: match support {
                    Support::Present => Some(true),
                    Support::Missing => Some(false),
                    Support::Refused(_) => None,
                },
                since: format!("{major}.{minor}"),
                required: feature.is_required(),
                without: feature.without(),
            }
        });
        let unresolved =
            unresolved.iter().map(|each| UnresolvedJson { name: &each.name, checks: [&each.check] });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            verdict: report.verdict(),
            host: HostJson {
                kernel: &host.release,
                architecture: std::env::consts::ARCH,
                cpus_online: host.cpus.map(|cpus| cpus.online),
                cpus_possible: host.cpus.map(|cpus| cpus.possible),
                features: features.collect(),
                checks,
            },
            interfaces: interfaces.iter().map(InterfaceJson::new).collect(),
            unresolved: unresolved.collect(),
        }
    }
}

impl<'a> InterfaceJson<'a> {
    fn new(interface: &'a Interface) -> Self {
        let Interface { link, checks } = interface;
        let offload = |choose: fn(&Offloads) -> bool| link.device.offloads.as_ref().map(choose);
        let programs = link.programs.iter().map(|program| ProgramJson {
            id: program.id,
            name: program.name.as_deref(),
            mode: match program.place {
                Place::Native => "native",
                Place::Generic => "generic",
                Place::Offloaded => "offloaded",
            },
        });
        Self {
            name: &link.name,
            index: link.index,
            driver: link.device.driver.as_deref(),
            kind: link.kind.as_deref(),
            ethernet: link.layer != Layer::Other,
            mtu: link.mtu,
            up: link.is_up,
            carrier: link.has_carrier,
            native_xdp: link.device.xdp.map(|xdp| xdp.native),
            multi_buffer: link.device.xdp.map(|xdp| xdp.multi_buffer),
            lro: offload(|offloads| offloads.lro.is_on),
            gro_hw: offload(|offloads| offloads.gro_hw.is_on),
            gro: offload(|offloads| offloads.gro.is_on),
            rx_vlan: offload(|offloads| offloads.rx_vlan.is_on),
            programs: programs.collect(),
            checks,
        }
    }
}

//! What an interface's state means for inspector, and what to do about it.

use super::check::{Check, Level};
use crate::dataplane::features::{Feature, Features, Support};
use crate::dataplane::link::{Layer, Link, Offload, Place, XdpProgram, max_plain_mtu};

/// Drivers that run XDP programs on every kernel that inspector runs on. Kernels before 6.3 cannot be asked
/// (from the kernel's sources at 5.10; ethtool's names).
const NATIVE_DRIVERS: [&str; 23] = [
    "bnxt_en",
    "cpsw",
    "ena",
    "fsl_dpaa2_eth",
    "hv_netvsc",
    "i40e",
    "ice",
    "igb",
    "ixgbe",
    "ixgbevf",
    "mlx4_en",
    "mlx5_core",
    "mvneta",
    "mvpp2",
    "netsec",
    "nfp",
    "nicvf",
    "qede",
    "sfc",
    "tun",
    "veth",
    "vif",
    "virtio_net",
];

/// Where the interface stands.
pub(super) struct Surroundings<'a> {
    /// What the kernel can do.
    pub features: &'a Features,
    /// Every interface of the namespace.
    pub links: &'a [Link],
    /// Indexes of those that are looked at.
    pub chosen: &'a [u32],
}

impl Surroundings<'_> {
    fn name(&self, index: u32) -> Option<&str> {
        self.links.iter().find(|link| link.index == index).map(|link| link.name.as_str())
    }

    /// Names of the parts of a bond or bridge.
    fn parts(&self, master: u32) -> Vec<&str> {
        self.links.iter().filter(|link| link.master == Some(master)).map(|link| link.name.as_str()).collect()
    }

    fn has_vlans(&self, lower: u32) -> bool {
        self.links.iter().any(|link| link.lower == Some(lower) && link.kind.as_deref() == Some("vlan"))
    }
}

/// Where a program would run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Native,
    Generic,
    Unknown,
}

/// Everything that was looked at, the decisive first.
pub(super) fn checks(link: &Link, around: &Surroundings<'_>) -> Vec<Check> {
    let (mode, support) = support(link, around);
    let (mode, mtu) = mtu(link, mode, around.features);
    let mut checks = vec![programs(link), support];
    checks.extend([mtu, queues(link), state(link), layer(link)].into_iter().flatten());
    checks.extend(merging(link, mode));
    checks.extend([vlan(link, around), veth(link, mode), twice(link, around)].into_iter().flatten());
    checks
}

fn programs(link: &Link) -> Check {
    let Some(program) = link.programs.first() else {
        return Check::new("programs", Level::Ok, "no other XDP program");
    };
    let name = program.name.as_deref().unwrap_or("its name takes CAP_SYS_ADMIN");
    let whose = if name.starts_with("inspector_") { "another inspector" } else { "somebody else's program" };
    let place = match program.place {
        Place::Native => "in the driver",
        Place::Generic => "in the network stack",
        Place::Offloaded => "on the card",
    };
    let says = format!("{whose} is attached {place}: {} ({name})", program.id);
    Check::new("programs", Level::Stop, says).remedy(detach(link, program, name))
}

/// How the owner, or an operator who knows what it is, gets it off.
fn detach(link: &Link, program: &XdpProgram, name: &str) -> String {
    let flag = match program.place {
        Place::Native => "xdpdrv",
        Place::Generic => "xdpgeneric",
        Place::Offloaded => "xdpoffload",
    };
    let by_netlink = format!("`ip link set dev {} {flag} off`", link.name);
    if name.starts_with("inspector_") {
        return "stop it first: one XDP program fits on an interface".to_owned();
    }
    if name == "xdp_dispatcher" {
        return format!("unload what libxdp's dispatcher runs by `xdp-loader unload {} --all`", link.name);
    }
    match program.links.as_deref() {
        Some([]) => format!("have its owner stop, or detach it by {by_netlink}"),
        Some([id]) => format!("have its owner stop, or detach it by `bpftool link detach id {id}`"),
        Some(_) => "have its owner stop, or detach the link that `bpftool link` lists for it".to_owned(),
        None => {
            format!("have its owner stop, or detach it by {by_netlink} (`bpftool link` if a link holds it)")
        }
    }
}

/// Whether the driver runs programs.
fn support(link: &Link, around: &Surroundings<'_>) -> (Mode, Check) {
    let check = |level, says: &str| Check::new("native XDP", level, says);
    let driver = link.device.driver.as_deref().unwrap_or_default();
    match link.device.xdp {
        Some(xdp) if xdp.native && xdp.multi_buffer => {
            (Mode::Native, check(Level::Ok, "the driver runs programs, on frames of several buffers too"))
        }
        Some(xdp) if xdp.native => {
            (Mode::Native, check(Level::Ok, "the driver runs programs, on frames of one buffer"))
        }
        Some(_) => (Mode::Generic, without_native(link, around)),
        None if link.layer == Layer::Loopback || is_stacked(link) => {
            (Mode::Generic, without_native(link, around))
        }
        None if NATIVE_DRIVERS.contains(&driver) => (
            Mode::Native,
            check(Level::Ok, "the driver is known to run programs (kernels before 6.3 cannot be asked)"),
        ),
        None => {
            let says =
                "kernels before 6.3 cannot be asked; attaching tells, and `--mode auto` falls back by itself";
            (Mode::Unknown, check(Level::Unknown, says))
        }
    }
}

/// Virtual interfaces have no driver of their own to run programs in, but for these (bonds since 5.15).
fn is_stacked(link: &Link) -> bool {
    link.kind.as_deref().is_some_and(|kind| !["veth", "tun", "bond"].contains(&kind))
}

fn without_native(link: &Link, around: &Surroundings<'_>) -> Check {
    let says =
        "none: programs run in the network stack (generic mode), slower, and on packets that were merged";
    let check = |level| Check::new("native XDP", level, says);
    match (link.layer, link.kind.as_deref()) {
        (Layer::Loopback, _) => {
            Check::new("native XDP", Level::Ok, "none, as ever on loopback: generic mode")
        }
        (_, Some("bridge" | "bond" | "team")) => {
            let parts = around.parts(link.index);
            match parts[..] {
                [] => check(Level::Note),
                _ => check(Level::Warn)
                    .remedy(format!("watch what it consists of instead: -i {}", parts.join(" -i "))),
            }
        }
        (_, Some(_)) => match link.lower.and_then(|lower| around.name(lower)) {
            Some(lower) => check(Level::Warn).remedy(format!(
                "watch the interface below it instead, where VLAN tags are read too: -i {lower}"
            )),
            None => check(Level::Note),
        },
        _ => check(Level::Warn).remedy("accept it, or use a card whose driver has XDP"),
    }
}

/// Whether frames of the interface's size go into a program in the driver.
fn mtu(link: &Link, mode: Mode, features: &Features) -> (Mode, Option<Check>) {
    let (mtu, most) = (link.mtu, max_plain_mtu());
    let check = |level, says: String| Some(Check::new("MTU", level, format!("{mtu} bytes {says}")));
    if mode == Mode::Generic {
        return (mode, None);
    }
    if mtu <= most {
        return (mode, check(Level::Ok, "fit one buffer".to_owned()));
    }
    let lower = format!(
        "lower it by `ip link set dev {} mtu 1500` if nothing needs it, or accept generic mode",
        link.name
    );
    let falls_back = |why: &str| {
        let says =
            format!("are more than the {most} of one buffer, and {why}: it falls back to generic mode");
        check(Level::Warn, says).map(|check| check.remedy(lower.as_str()))
    };
    let driver = link.device.xdp.map(|xdp| xdp.multi_buffer);
    match (features.support(Feature::XdpFrags), driver) {
        (Support::Missing, _) => (Mode::Generic, falls_back("this kernel has no multi-buffer XDP")),
        (_, Some(false)) => (Mode::Generic, falls_back("the driver takes no more")),
        (Support::Present, Some(true)) => {
            (mode, check(Level::Ok, "take several buffers, which kernel and driver can do".to_owned()))
        }
        _ => {
            let says = format!(
                "are more than the {most} of one buffer; whether several can be had, attaching tells"
            );
            (Mode::Unknown, check(Level::Unknown, says))
        }
    }
}

/// Only ENA is known to need free queues (amzn-drivers#240): XDP takes as many transmit queues again.
fn queues(link: &Link) -> Option<Check> {
    let queues = link.device.queues.filter(|_| link.device.driver.as_deref() == Some("ena"))?;
    let half = queues.most / 2;
    (queues.combined > half && half > 0).then(|| {
        let says = format!(
            "{} of {} are in use, but this driver has XDP only with half of them",
            queues.combined, queues.most
        );
        let remedy = format!("lower them by `ethtool -L {} combined {half}`", link.name);
        Check::new("queues", Level::Warn, says).remedy(remedy)
    })
}

fn state(link: &Link) -> Option<Check> {
    if !link.is_up {
        let remedy = format!("bring it up by `ip link set dev {} up`", link.name);
        return Some(Check::new("state", Level::Warn, "down: nothing arrives").remedy(remedy));
    }
    (!link.has_carrier)
        .then(|| Check::new("state", Level::Note, "no carrier: nothing arrives until the other end is there"))
}

fn layer(link: &Link) -> Option<Check> {
    match link.layer {
        Layer::Ethernet => None,
        Layer::Loopback => {
            let says = "packets are as large as their senders wrote them, never cut to a wire's size";
            Some(Check::new("frames", Level::Note, says))
        }
        Layer::Other => Some(
            Check::new(
                "frames",
                Level::Warn,
                "no Ethernet header, which inspector begins to read at: it understands nothing here",
            )
            .remedy("watch the Ethernet interface that these packets come in by"),
        ),
    }
}

/// Whatever puts packets together before a program sees them.
fn merging(link: &Link, mode: Mode) -> Vec<Check> {
    let Some(offloads) = link.device.offloads.filter(|_| link.layer == Layer::Ethernet) else {
        return Vec::new();
    };
    let early = "packets are merged before XDP, so sizes and gaps are wrong, and drivers may refuse XDP";
    let late = "generic mode sees packets merged by the network stack, so sizes and gaps are wrong";
    let mut checks = Vec::new();
    let mut add = |name, switch, offload: Offload, says: &str| {
        if offload.is_on {
            checks.push(
                Check::new(name, Level::Warn, format!("on: {says}")).remedy(turn_off(link, switch, offload)),
            );
        }
    };
    add("LRO", "lro", offloads.lro, early);
    add("GRO_HW", "rx-gro-hw", offloads.gro_hw, early);
    // Bridges and VLANs get packets that were merged below them, where the remedy of the line on XDP leads.
    if mode == Mode::Generic && !matches!(link.kind.as_deref(), Some("bridge" | "bond" | "team" | "vlan")) {
        add("GRO", "gro", offloads.gro, late);
    }
    checks
}

fn turn_off(link: &Link, switch: &str, offload: Offload) -> String {
    if offload.is_changeable || switch == "gro" {
        format!("turn it off by `ethtool -K {} {switch} off`", link.name)
    } else {
        "the driver has it fixed: turn it off where the card is set up (hypervisor or firmware)".to_owned()
    }
}

fn vlan(link: &Link, around: &Surroundings<'_>) -> Option<Check> {
    let offload = link.device.offloads?.rx_vlan;
    if !offload.is_on || link.layer != Layer::Ethernet {
        return None;
    }
    let (level, says) = if around.has_vlans(link.index) {
        (
            Level::Warn,
            "the card takes VLAN tags off before XDP sees them, so the VLANs here cannot be told apart",
        )
    } else {
        (Level::Note, "VLAN tags, where there are any, are taken off before XDP sees them")
    };
    let remedy = if link.kind.as_deref() == Some("veth") {
        "turn it off where the frames are sent: `ethtool -K PEER txvlan off`".to_owned()
    } else {
        turn_off(link, "rxvlan", offload)
    };
    Some(Check::new("VLAN offload", level, says).remedy(remedy))
}

/// Measured on Linux 6.18: one TCP connection falls from 15 to 4 Gbit/s, and in generic mode its packets are
/// seen at 64 KiB each. Reported as 45 to 8 Gbit/s (xdp-tutorial#292).
fn veth(link: &Link, mode: Mode) -> Option<Check> {
    let is_veth = link.kind.as_deref() == Some("veth") && mode == Mode::Native;
    is_veth.then(|| {
        let says = "while a program is in its driver, the other end sends bulk TCP packet by packet, at about a quarter of its speed";
        Check::new("veth", Level::Note, says).remedy(
            "where that matters watch the hardware interface instead; --mode generic costs less, but sees packets before they are cut to size",
        )
    })
}

fn twice(link: &Link, around: &Surroundings<'_>) -> Option<Check> {
    let above =
        link.master.filter(|master| around.chosen.contains(master)).and_then(|master| around.name(master))?;
    let says = format!("what comes in here is counted again on {above}");
    Some(Check::new("counted twice", Level::Note, says).remedy("name only one of them"))
}

#[cfg(test)]
#[path = "interface_checks_tests.rs"]
mod tests;

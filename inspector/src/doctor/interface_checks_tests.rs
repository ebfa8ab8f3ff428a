//! Each thing that can be wrong with an interface, and what is said of it.

use super::*;
use crate::dataplane::link::{Device, Offloads, Queues, XdpSupport};
use crate::doctor::sample;

/// The checks of the first of these links, all of which are looked at.
fn of(links: &[Link], features: &Features) -> Vec<Check> {
    let chosen: Vec<u32> = links.iter().map(|link| link.index).collect();
    checks(&links[0], &Surroundings { features, links, chosen: &chosen })
}

/// Level, text and remedy of a check of the first of these links, which is there once.
fn about(links: &[Link], features: &Features, name: &str) -> Option<(Level, String, String)> {
    let mut checks = of(links, features).into_iter().filter(|check| check.name == name);
    let found = checks.next().map(|check| (check.level, check.says, check.remedy.unwrap_or_default()));
    assert!(checks.next().is_none(), "{name} is there twice");
    found
}

fn present() -> Features {
    sample::features(Support::Present, &[])
}

fn frags(support: Support) -> Features {
    sample::features(Support::Present, &[(Feature::XdpFrags, support)])
}

fn with_device(device: Device) -> Link {
    Link { device, ..sample::link("eth0", 2) }
}

fn xdp(native: bool, multi_buffer: bool) -> Device {
    Device { xdp: Some(XdpSupport { native, multi_buffer }), ..sample::link("x", 1).device }
}

#[test]
fn nothing_is_wrong_with_a_sound_interface() {
    let checks = of(&[sample::link("eth0", 2)], &present());
    assert!(checks.iter().all(|check| check.level == Level::Ok && check.remedy.is_none()), "{checks:?}");
}

#[test]
fn a_foreign_program_stops_it_and_the_remedy_fits_how_it_is_attached() {
    let remedy = |name: Option<&str>, place, links: Option<&[u32]>| {
        let program =
            XdpProgram { id: 42, place, name: name.map(str::to_owned), links: links.map(<[u32]>::to_vec) };
        let link = Link { programs: vec![program], ..sample::link("eth0", 2) };
        let (level, says, remedy) = about(&[link], &present(), "programs").unwrap();
        assert_eq!(level, Level::Stop);
        assert!(says.contains("42 ("), "{says}");
        remedy
    };
    assert!(remedy(Some("fw"), Place::Native, Some(&[])).contains("`ip link set dev eth0 xdpdrv off`"));
    assert!(remedy(Some("fw"), Place::Generic, Some(&[])).contains("eth0 xdpgeneric off`"));
    assert!(remedy(Some("fw"), Place::Offloaded, Some(&[])).contains("eth0 xdpoffload off`"));
    assert!(remedy(Some("fw"), Place::Native, Some(&[7])).contains("`bpftool link detach id 7`"));
    assert!(remedy(Some("fw"), Place::Native, Some(&[7, 8])).contains("bpftool link"));
    assert!(remedy(None, Place::Native, None).contains("if a link holds it"));
    assert!(remedy(Some("xdp_dispatcher"), Place::Native, Some(&[7])).contains("xdp-loader unload eth0"));
    assert!(remedy(Some("inspector_frags"), Place::Native, Some(&[7])).contains("stop it first"));
}

#[test]
fn what_an_mtu_takes_is_up_to_kernel_and_driver() {
    let most = max_plain_mtu();
    let level = |mtu, device, features| {
        about(&[Link { mtu, ..with_device(device) }], &features, "MTU").map(|(level, ..)| level)
    };
    assert_eq!(level(most, xdp(true, false), frags(Support::Missing)), Some(Level::Ok));
    assert_eq!(level(most + 1, xdp(true, true), present()), Some(Level::Ok));
    assert_eq!(level(most + 1, xdp(true, false), present()), Some(Level::Warn));
    assert_eq!(level(most + 1, xdp(true, true), frags(Support::Missing)), Some(Level::Warn));
    assert_eq!(level(most + 1, xdp(true, true), frags(Support::Refused(libc::EPERM))), Some(Level::Unknown));
    // Kernels before 6.3 don't tell of the driver, and generic mode takes frames of any size.
    let unknown = || Device { xdp: None, ..xdp(true, true) };
    assert_eq!(level(most + 1, unknown(), present()), Some(Level::Unknown));
    assert_eq!(level(most + 1, unknown(), frags(Support::Missing)), Some(Level::Warn));
    assert_eq!(level(most + 1, xdp(false, false), present()), None);
}

#[test]
fn without_native_support_it_points_to_where_there_is() {
    let none = |kind: &str, index| Link {
        kind: Some(kind.to_owned()),
        device: xdp(false, false),
        ..sample::link(kind, index)
    };
    let part = Link { master: Some(1), ..sample::link("eth1", 2) };
    let (level, _, remedy) = about(&[none("bridge", 1), part], &present(), "native XDP").unwrap();
    assert_eq!(level, Level::Warn);
    assert!(remedy.ends_with("-i eth1"), "{remedy}");

    let vlan = Link { lower: Some(2), ..none("vlan", 1) };
    let (level, _, remedy) = about(&[vlan, sample::link("eth0", 2)], &present(), "native XDP").unwrap();
    assert_eq!(level, Level::Warn);
    assert!(remedy.ends_with("-i eth0"), "{remedy}");

    let hardware = with_device(xdp(false, false));
    assert_eq!(about(&[hardware], &present(), "native XDP").unwrap().0, Level::Warn);
    let loopback = Link { layer: Layer::Loopback, device: xdp(false, false), ..sample::link("lo", 1) };
    assert_eq!(about(&[loopback], &present(), "native XDP").unwrap().0, Level::Ok);
}

#[test]
fn kernels_that_cannot_be_asked_leave_the_drivers_name() {
    let level = |driver: &str, kind: Option<&str>| {
        let device = Device { driver: Some(driver.to_owned()), xdp: None, ..Device::default() };
        let link = Link { kind: kind.map(str::to_owned), ..with_device(device) };
        about(&[link], &present(), "native XDP").unwrap().0
    };
    assert_eq!(level("ixgbe", None), Level::Ok);
    assert_eq!(level("veth", Some("veth")), Level::Ok);
    assert_eq!(level("e1000e", None), Level::Unknown);
    assert_eq!(level("bonding", Some("bond")), Level::Unknown);
    assert_eq!(level("802.1Q VLAN Support", Some("vlan")), Level::Note);
}

#[test]
fn what_merges_packets_is_named_with_the_switch() {
    let on = |is_changeable| Offload { is_on: true, is_changeable };
    let remedy = |offloads, native, name| {
        let link = with_device(Device { offloads: Some(offloads), ..xdp(native, native) });
        let found = about(&[link], &present(), name)?;
        assert_eq!(found.0, Level::Warn);
        Some(found.2)
    };
    let lro = Offloads { lro: on(true), ..Offloads::default() };
    assert!(remedy(lro, true, "LRO").unwrap().contains("`ethtool -K eth0 lro off`"));
    let hardware = Offloads { gro_hw: on(false), ..Offloads::default() };
    assert!(remedy(hardware, true, "GRO_HW").unwrap().contains("hypervisor"));
    // In front of native XDP nothing is merged by the network stack.
    let gro = Offloads { gro: on(false), ..Offloads::default() };
    assert_eq!(remedy(gro, true, "GRO"), None);
    assert!(remedy(gro, false, "GRO").unwrap().contains("`ethtool -K eth0 gro off`"));
}

#[test]
fn hidden_tags_matter_where_there_are_vlans() {
    let rx_vlan = Offload { is_on: true, is_changeable: true };
    let offloads = Some(Offloads { rx_vlan, ..Offloads::default() });
    let link = with_device(Device { offloads, ..xdp(true, true) });
    let (level, _, remedy) = about(std::slice::from_ref(&link), &present(), "VLAN offload").unwrap();
    assert_eq!(level, Level::Note);
    assert!(remedy.contains("`ethtool -K eth0 rxvlan off`"), "{remedy}");
    let vlan = Link { kind: Some("vlan".to_owned()), lower: Some(2), ..sample::link("eth0.5", 3) };
    assert_eq!(about(&[link, vlan], &present(), "VLAN offload").unwrap().0, Level::Warn);
}

#[test]
fn ena_needs_half_of_its_queues() {
    let found = |driver: &str, combined| {
        let device = Device {
            driver: Some(driver.to_owned()),
            queues: Some(Queues { combined, most: 8 }),
            ..xdp(true, false)
        };
        about(&[with_device(device)], &present(), "queues").map(|(_, _, remedy)| remedy)
    };
    assert!(found("ena", 5).unwrap().contains("`ethtool -L eth0 combined 4`"));
    assert_eq!(found("ena", 4), None);
    assert_eq!(found("ice", 8), None);
}

#[test]
fn state_frames_and_double_counting_are_told() {
    let about = |link: Link, name| {
        let bridge = sample::link("br0", 9);
        about(&[link, bridge], &present(), name)
    };
    let link = || sample::link("eth0", 2);
    let (level, _, remedy) = about(Link { is_up: false, ..link() }, "state").unwrap();
    assert_eq!(level, Level::Warn);
    assert!(remedy.contains("`ip link set dev eth0 up`"));
    assert_eq!(about(Link { has_carrier: false, ..link() }, "state").unwrap().0, Level::Note);
    assert_eq!(about(Link { layer: Layer::Other, ..link() }, "frames").unwrap().0, Level::Warn);
    let (level, says, _) = about(Link { master: Some(9), ..link() }, "counted twice").unwrap();
    assert_eq!(level, Level::Note);
    assert!(says.contains("br0"), "{says}");
    assert_eq!(about(Link { master: Some(10), ..link() }, "counted twice"), None);
}

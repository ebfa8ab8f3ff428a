//! Interfaces that go, return and change while they are watched, and kinds of them.

use std::time::Duration;

use inspector_tests::lab::{Ended, Event, Inspector, Namespace, Network, missing, until};
use inspector_tests::skip;

/// For what takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

fn ping(from: &Namespace, count: u64, size: u32, address: &str) {
    let (count, size) = (count.to_string(), size.to_string());
    from.run(&["ping", "-q", "-c", &count, "-i", "0.05", "-w", "20", "-s", &size, address]);
}

/// Waits until it has said something on stderr.
fn said(inspector: &Inspector<'_>, what: &str) {
    let told = format!("inspector to say {what:?}");
    until(&told, PATIENCE, || inspector.process.stderr().contains(what).then_some(()));
}

fn is_attached(inspector: &Inspector<'_>, interface: &str) -> bool {
    inspector.metrics().value("inspector_attach_info", &[("interface", interface)]).is_some()
}

#[test]
fn an_interface_that_returns_is_watched_again_and_goes_on_counting() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("an_interface_that_returns_is_watched_again_and_goes_on_counting", &reason);
    }
    let network = Network::routed();
    let router = network.router();
    let inspector = Inspector::watch(router, &["lan", "wan"]);
    ping(&network.client.namespace, 5, 56, network.server.address);
    router.ip("link del lan");
    said(&inspector, "lan is gone; it is watched again when it returns");
    until("lan to be let go of", PATIENCE, || (!is_attached(&inspector, "lan")).then_some(()));
    assert!(is_attached(&inspector, "wan") && inspector.get("/-/ready").is_some());
    assert_eq!(inspector.metrics().packets("lan", "icmp_echo"), 5, "what was counted stays");

    network.reconnect_client("lan", None);
    until("lan to be attached to", PATIENCE, || is_attached(&inspector, "lan").then_some(()));
    assert!(router.xdp_program("lan").is_some());
    ping(&network.client.namespace, 7, 56, network.server.address);
    let metrics = inspector.metrics();
    assert_eq!(["lan", "wan"].map(|interface| metrics.packets(interface, "icmp_echo")), [12, 12]);
    assert!(!inspector.stop().iter().any(Event::is_alert));
}

/// As when a container ends: its end of the pair takes the host's with it.
#[test]
fn the_namespace_at_the_other_end_is_deleted() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("the_namespace_at_the_other_end_is_deleted", &reason);
    }
    let Network { client, server, .. } = Network::direct();
    let inspector = Inspector::watch(&server.namespace, &["eth0"]);
    ping(&client.namespace, 5, 56, server.address);
    drop(client);
    said(&inspector, "eth0 is gone");
    assert!(inspector.get("/-/ready").is_some());
    assert_eq!(inspector.metrics().packets("eth0", "icmp_echo"), 5);
    inspector.process.signal("INT");
    let ended = Ended::of_process(inspector.process);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("ERROR") && !ended.stderr.contains("panicked"), "{ended:?}");
}

/// Its name is taken away, as by `ip netns del`; it lives on with the processes in it.
#[test]
fn its_own_namespace_is_deleted() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("its_own_namespace_is_deleted", &reason);
    }
    let Network { client, server, .. } = Network::direct();
    let inspector = Inspector::watch(&server.namespace, &["eth0"]);
    server.namespace.delete_name();
    ping(&client.namespace, 5, 56, server.address);
    inspector.process.signal("INT");
    let ended = Ended::of_process(inspector.process);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let echo = ended.stderr.lines().find(|line| line.contains("icmp_echo")).unwrap_or_default();
    assert_eq!(echo.split_whitespace().nth(1), Some("5"), "{ended:?}");
    until("the namespace to go", PATIENCE, || {
        (!client.namespace.succeeds(&["ip", "link", "show", "dev", "eth0"])).then_some(())
    });
}

#[test]
fn an_mtu_that_changes_is_no_matter() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("an_mtu_that_changes_is_no_matter", &reason);
    }
    for mode in ["native", "generic"] {
        let network = Network::direct();
        let namespace = &network.server.namespace;
        let inspector = Inspector::ready(namespace, &["-i", "eth0", "--mode", mode]);
        let program = namespace.xdp_program("eth0");
        let mut bytes = 0;
        for (mtu, before, size) in [(9_000, 1_500, 8_900), (1_400, 9_000, 1_300)] {
            for side in [&network.client, &network.server] {
                side.namespace.ip(&format!("link set eth0 mtu {mtu}"));
            }
            said(&inspector, &format!("eth0: its MTU is {mtu} now, it was {before}"));
            ping(&network.client.namespace, 5, size, network.server.address);
            // Payload, ICMP, IP and Ethernet, in one frame.
            bytes += 5 * u64::from(size + 8 + 20 + 14);
            let labels = [("direction", "ingress"), ("class", "icmp_echo")];
            assert_eq!(inspector.metrics().value("inspector_bytes_total", &labels), Some(bytes), "{mode}");
        }
        assert_eq!(namespace.xdp_program("eth0"), program, "{mode}: another program");
        assert!(!inspector.stop().iter().any(Event::is_alert));
    }
}

/// On the ports of a bridge each packet counts where it comes in; the bridge itself sees what is for its host.
#[test]
fn a_bridge_and_its_ports() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("a_bridge_and_its_ports", &reason);
    }
    let switch = Namespace::new("switch");
    switch.ip("link add br0 type bridge");
    let hosts = ["10.77.0.1", "10.77.0.2"].map(|address| {
        let host = Namespace::new("host");
        let port = format!("port{}", address.rsplit('.').next().unwrap_or_default());
        switch.ip(&format!("link add {port} type veth peer name eth0 netns {}", host.name()));
        switch.ip(&format!("link set {port} master br0 up"));
        host.ip(&format!("addr add {address}/24 dev eth0"));
        host.ip("link set eth0 up");
        host
    });
    switch.ip("addr add 10.77.0.9/24 dev br0");
    switch.ip("link set br0 up");
    until("the bridge to forward", PATIENCE, || {
        hosts[0].succeeds(&["ping", "-q", "-c", "1", "-W", "1", "10.77.0.2"]).then_some(())
    });

    let inspector = Inspector::watch(&switch, &["port1", "port2", "br0"]);
    ping(&hosts[0], 5, 56, "10.77.0.2");
    ping(&hosts[0], 3, 56, "10.77.0.9");
    let metrics = inspector.metrics();
    let echoes = |direction: &str| {
        ["port1", "port2", "br0"].map(|interface| {
            let labels = [("interface", interface), ("direction", direction), ("class", "icmp_echo")];
            metrics.value("inspector_packets_total", &labels).unwrap_or(0)
        })
    };
    assert_eq!(echoes("ingress"), [5 + 3, 5, 3]);
    assert_eq!(echoes("egress"), [5 + 3, 5, 3]);
    assert!(!inspector.stop().iter().any(Event::is_alert));
}

/// In the network stack, where the tag is gone. `cargo xtask vm-test` looks at it on kernels that have such devices.
#[test]
fn a_vlan_device() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("a_vlan_device", &reason);
    }
    let network = Network::direct();
    let sides = [&network.client, &network.server];
    for (side, address) in sides.into_iter().zip(["10.78.0.1", "10.78.0.2"]) {
        if !side
            .namespace
            .succeeds(&["ip", "link", "add", "link", "eth0", "name", "vlan7", "type", "vlan", "id", "7"])
        {
            return skip("a_vlan_device", "this kernel has no VLAN devices");
        }
        side.namespace.ip(&format!("addr add {address}/24 dev vlan7"));
        side.namespace.ip("link set vlan7 up");
    }
    let inspector = Inspector::watch(&network.server.namespace, &["eth0", "vlan7"]);
    ping(&network.client.namespace, 5, 56, "10.78.0.2");
    let metrics = inspector.metrics();
    assert_eq!(["eth0", "vlan7"].map(|interface| metrics.packets(interface, "icmp_echo")), [5, 5]);
    assert_eq!(
        metrics.value("inspector_attach_info", &[("interface", "vlan7"), ("mode", "generic")]),
        Some(1)
    );
}

//! The metrics are well-formed and count every packet.

use inspector_tests::lab::{Inspector, Network, Scratch, missing};
use inspector_tests::skip;

#[test]
fn promtool_finds_no_fault() {
    if let Some(reason) = missing(&["promtool", "ping"]) {
        return skip("promtool_finds_no_fault", &reason);
    }
    let network = Network::routed();
    let inspector = Inspector::watch(network.router(), &["lan", "wan"]);
    network.client.run(&["ping", "-q", "-c", "3", "-i", "0.1", network.server.address]);
    let folder = Scratch::new();
    let metrics = inspector.metrics().0;
    assert!(metrics.contains("inspector_build_info{"), "{metrics}");
    let file = folder.write("metrics", metrics);
    let checked = network.router().run(&["sh", "-c", r#"promtool check metrics < "$0" 2>&1"#, &file]);
    assert!(checked.is_empty(), "{checked}");
}

#[test]
fn every_packet_counts_once_where_it_came_in() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("every_packet_counts_once_where_it_came_in", &reason);
    }
    let network = Network::routed();
    let inspector = Inspector::watch(network.router(), &["lan", "wan"]);
    let ping = |count: &str, address: &str| {
        network.client.run(&["ping", "-q", "-c", count, "-i", "0.05", address]);
    };
    let echoes = || {
        let metrics = inspector.metrics();
        ["lan", "wan"].map(|interface| metrics.packets(interface, "icmp_echo"))
    };
    assert_eq!(echoes(), [0, 0]);
    // Requests come in by lan, replies by wan.
    ping("10", network.server.address);
    assert_eq!(echoes(), [10, 10]);
    // These go no further than the router.
    ping("7", "10.77.1.1");
    assert_eq!(echoes(), [17, 10]);
    ping("4", network.server.address6);
    let metrics = inspector.metrics();
    assert_eq!(["lan", "wan"].map(|interface| metrics.packets(interface, "icmpv6_echo")), [4, 4]);
    assert_eq!(echoes(), [17, 10]);
}

#[test]
fn pages_for_probes_and_people() {
    if let Some(reason) = missing(&[]) {
        return skip("pages_for_probes_and_people", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    let inspector = Inspector::ready(namespace, &["-i", "eth0", "--web.telemetry-path", "/numbers"]);
    for path in ["/-/healthy", "/-/ready"] {
        assert!(inspector.get(path).is_some(), "{path}");
    }
    let page = inspector.get("/").unwrap_or_default();
    for part in ["<h1>inspector</h1>", "href=\"/numbers\"", "<td>eth0</td><td>ingress</td><td>native</td>"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(inspector.get("/metrics").is_none());
    let words = ["curl", "-s", "-H", "Accept: application/openmetrics-text", "http://127.0.0.1:9971/numbers"];
    let open = namespace.run(&words);
    assert!(open.ends_with("# EOF\n"), "{open}");
}

//! Where the program attaches: in the driver, or in the network stack.

use inspector_tests::lab::covert::whisper;
use inspector_tests::lab::{Ended, Inspector, Namespace, Network, missing, run};
use inspector_tests::skip;

/// Panics unless inspector runs on the interface in a mode, by its own account and by the kernel's.
fn assert_mode(namespace: &Namespace, interface: &str, inspector: &Inspector<'_>, mode: &str) {
    let said = format!("{interface} ({mode} XDP, program ");
    assert!(inspector.process.stderr().contains(&said), "{said:?} is not in {}", inspector.process.stderr());
    let labels = [("interface", interface), ("mode", mode)];
    assert_eq!(inspector.metrics().value("inspector_attach_info", &labels), Some(1));
    let link = namespace.ip(&format!("link show dev {interface}"));
    assert_eq!(link.contains("xdpgeneric"), mode == "generic", "{link}");
}

#[test]
fn veth_is_native_unless_told_otherwise() {
    if let Some(reason) = missing(&[]) {
        return skip("veth_is_native_unless_told_otherwise", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    for (flag, mode) in [("auto", "native"), ("native", "native"), ("generic", "generic")] {
        let inspector = Inspector::ready(namespace, &["-i", "eth0", "--mode", flag]);
        assert_mode(namespace, "eth0", &inspector, mode);
        assert!(!inspector.process.stderr().contains("WARN"), "{}", inspector.process.stderr());
        assert!(inspector.stop().is_empty());
    }
}

/// Counted all the same, but its content doesn't leave the kernel.
#[test]
fn what_is_left_out_is_not_looked_at() {
    if let Some(reason) = missing(&["python3"]) {
        return skip("what_is_left_out_is_not_looked_at", &reason);
    }
    let network = Network::direct();
    let namespace = &network.server.namespace;
    let inspector = Inspector::ready(namespace, &["-i", "eth0", "--without", "heads,series,inner"]);
    whisper(&network.client.namespace, network.server.address);
    assert!(inspector.metrics().packets("eth0", "icmp_echo") > 0);
    assert!(inspector.stop().is_empty(), "there is nothing to judge a payload by");
}

#[test]
fn large_frames_do_not_keep_it_out_of_the_driver() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("large_frames_do_not_keep_it_out_of_the_driver", &reason);
    }
    let network = Network::direct();
    for side in [&network.client, &network.server] {
        side.namespace.ip("link set eth0 mtu 9000");
    }
    let namespace = &network.server.namespace;
    let inspector = Inspector::ready(namespace, &["-i", "eth0", "--mode", "native"]);
    assert_mode(namespace, "eth0", &inspector, "native");
    network.client.run(&["ping", "-q", "-c", "5", "-i", "0.1", "-s", "8900", network.server.address]);
    let labels = [("interface", "eth0"), ("direction", "ingress"), ("class", "icmp_echo")];
    let metrics = inspector.metrics();
    assert_eq!(metrics.value("inspector_packets_total", &labels), Some(5));
    // Payload, ICMP, IP and Ethernet, across all buffers of a frame.
    assert_eq!(metrics.value("inspector_bytes_total", &labels), Some(5 * (8900 + 8 + 20 + 14)));
}

#[test]
fn without_native_support_it_falls_back_and_says_so() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("without_native_support_it_falls_back_and_says_so", &reason);
    }
    let namespace = Namespace::new("host");
    namespace.ip("link add br0 type bridge");
    namespace.ip("link set br0 up");
    for interface in ["lo", "br0"] {
        let refused = Ended::of(&mut run(&namespace, &["-i", interface, "--mode", "native"]));
        refused.assert_refused(&[interface, "native", "--mode generic"]);

        let inspector = Inspector::watch(&namespace, &[interface]);
        assert_mode(&namespace, interface, &inspector, "generic");
        let warning = format!("{interface}: native mode refused");
        let said = inspector.process.stderr();
        let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARN")).collect();
        assert!(matches!(warnings[..], [line] if line.contains(&warning)), "{said}");
        if interface == "lo" {
            namespace.run(&["ping", "-q", "-c", "5", "-i", "0.1", "127.0.0.1"]);
            // Requests and replies both come in here.
            assert_eq!(inspector.metrics().packets("lo", "icmp_echo"), 10);
        }
        let events = inspector.stop();
        // The test's own look at the metrics is HTTP on an unusual port: an observation.
        assert!(!events.iter().any(inspector_tests::lab::Event::is_alert), "{events:?}");
    }
}

//! Ordinary traffic raises no alert, from wherever it is seen.

use std::time::Duration;

use inspector_tests::lab::files::{FileServer, PORT, random};
use inspector_tests::lab::honest::{Clocks, Resolver, lease_addresses};
use inspector_tests::lab::{Network, Scratch, Views, missing, until};
use inspector_tests::skip;

/// Has the three views look at some traffic; panics at an alert, or if a view has not seen that many packets of
/// each class, by whatever interface.
fn assert_silent(network: &Network, classes: &[(&str, u64)], traffic: impl FnOnce()) {
    let views = Views::of(network);
    traffic();
    for (class, packets) in classes {
        views.assert_seen(class, *packets);
    }
    for (place, observation) in views.stop_silent() {
        println!("{place}: {}", observation.0);
    }
}

#[test]
fn ping() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("ping", &reason);
    }
    let network = Network::routed();
    let ping = |flags: &[&str], address| {
        let words = [&["ping", "-q", "-w", "20"], flags, &[address]].concat();
        network.client.run(&words);
    };
    assert_silent(&network, &[("icmp_echo", 60), ("icmpv6_echo", 30)], || {
        for address in [network.server.address, network.server.address6] {
            ping(&["-c", "20", "-i", "0.1"], address);
            ping(&["-c", "20", "-i", "0.1", "-s", "1400"], address);
        }
        ping(&["-c", "10", "-i", "0.1", "-p", "ff00"], network.server.address);
        // Floods for two seconds.
        network.client.namespace.run(&["ping", "-q", "-f", "-w", "2", network.server.address]);
    });
}

#[test]
fn dns_look_ups() {
    if let Some(reason) = missing(&["dnsmasq", "dig"]) {
        return skip("dns_look_ups", &reason);
    }
    let network = Network::routed();
    let address = network.server.address;
    let resolver = Resolver::start(&network.server.namespace, address);
    assert_silent(&network, &[("dns", 100)], || {
        resolver.look_up_everything(&network.client, address);
    });
}

#[test]
fn http_downloads() {
    if let Some(reason) = missing(&["python3"]) {
        return skip("http_downloads", &reason);
    }
    let network = Network::routed();
    let files = FileServer::start(&network.server.namespace);
    let offered = random(2_000_000);
    files.folder.write("page", &offered);
    assert_silent(&network, &[("tcp", 100)], || {
        let here = Scratch::new();
        let page = here.path("page");
        for host in [network.server.address.to_owned(), format!("[{}]", network.server.address6)] {
            let url = format!("http://{host}:{PORT}/page");
            network.client.run(&["curl", "--silent", "--fail", "--max-time", "30", "--output", &page, &url]);
            assert!(here.read("page") == offered, "{url}: other bytes arrived");
        }
    });
}

#[test]
fn iperf3() {
    if let Some(reason) = missing(&["iperf3"]) {
        return skip("iperf3", &reason);
    }
    let network = Network::routed();
    let address = network.server.address;
    let mut server = network.server.namespace.spawn(&["iperf3", "--server", "--forceflush"]);
    server.wait_for_output("Server listening", Duration::from_secs(20));
    assert_silent(&network, &[("tcp", 1_000), ("udp", 1_000)], || {
        let run = |flags: &[&str]| {
            network.client.run(&[&["iperf3", "--client", address, "--time", "2"], flags].concat());
        };
        run(&[]);
        run(&["--reverse"]);
        run(&["--udp", "--bitrate", "20M"]);
        run(&["--udp", "--bitrate", "20M", "--reverse"]);
    });
}

#[test]
fn network_time() {
    if let Some(reason) = missing(&["chronyd"]) {
        return skip("network_time", &reason);
    }
    let network = Network::routed();
    let (client, server) = (&network.client.namespace, &network.server.namespace);
    let views = Views::of(&network);
    let clocks = Clocks::start(client, server, network.server.address);
    for (place, inspector) in &views.places {
        until(&format!("the {place} to see 40 packets of NTP"), Duration::from_secs(30), || {
            let seen = inspector.metrics().value("inspector_packets_total", &[("class", "udp")]);
            (seen >= Some(40)).then_some(())
        });
    }
    drop(clocks);
    views.stop_silent();
}

#[test]
fn dhcp_leases() {
    if let Some(reason) = missing(&["dnsmasq", "busybox"]) {
        return skip("dhcp_leases", &reason);
    }
    let network = Network::direct();
    assert_silent(&network, &[("udp", 20)], || {
        let names = ["laptop-1", "laptop-2", "printer", "phone-of-anna", "meeting-room"];
        lease_addresses(&network, &names);
    });
}

//! What says what it is, is an observation at most, from wherever the traffic is seen.

use inspector_tests::lab::files::{FileServer, random};
use inspector_tests::lab::honest::{OpenVpn, OpenVpnWay, Shell};
use inspector_tests::lab::{Network, Scratch, Views, missing};
use inspector_tests::skip;

/// Downloads through the tunnel and pings through it; no view may raise an alert, and each must say what it is where
/// it has a header that tells. With a static key there is none, and tests of randomness fail by chance.
fn openvpn(test: &str, way: OpenVpnWay, detector: Option<&str>) {
    if let Some(reason) = missing(&["openvpn", "openssl", "python3", "ping"]) {
        return skip(test, &reason);
    }
    let network = Network::routed();
    let (client, server) = (&network.client.namespace, &network.server.namespace);
    let files = FileServer::start(server);
    let offered = random(150_000);
    files.folder.write("file", &offered);

    let transport = if matches!(way, OpenVpnWay::Tcp443) { "tcp" } else { "udp" };
    let views = Views::of(&network);
    let tunnel = OpenVpn::open(way, client, server, network.server.address);
    client.run(&["ping", "-q", "-c", "10", "-i", "0.2", "10.80.0.1"]);
    let here = Scratch::new();
    let curl = ["curl", "--silent", "--fail", "--max-time", "30", "--output"];
    client.run(&[&curl[..], &[&here.path("file"), &tunnel.url("file")]].concat());
    assert!(here.read("file") == offered, "other bytes arrived");

    for (place, inspector) in &views.places {
        println!("{place}\n{}", inspector.process.stdout());
    }
    let places: Vec<_> = views.places.iter().map(|(place, _)| *place).collect();
    views.assert_seen(transport, 100);
    let observations = views.stop_silent();
    for (place, detector) in places.into_iter().filter_map(|place| Some((place, detector?))) {
        let is_said = observations.iter().any(|(seen, event)| *seen == place && event.detector() == detector);
        assert!(is_said, "{place} says nothing of it: {observations:#?}");
    }
}

#[test]
fn openvpn_over_udp() {
    openvpn("openvpn_over_udp", OpenVpnWay::Udp, Some("declared-tunnel"));
}

#[test]
fn openvpn_over_tcp_443() {
    openvpn("openvpn_over_tcp_443", OpenVpnWay::Tcp443, Some("declared-tunnel"));
}

#[test]
fn openvpn_with_a_static_key() {
    openvpn("openvpn_with_a_static_key", OpenVpnWay::StaticKey, None);
}

#[test]
fn ssh() {
    if let Some(reason) = missing(&["dropbear", "dropbearkey", "ssh", "ssh-keygen", "scp", "bash"]) {
        return skip("ssh", &reason);
    }
    let network = Network::routed();
    let (client, server) = (&network.client.namespace, &network.server.namespace);
    let views = Views::of(&network);
    let shell = Shell::start(client, server, network.server.address);
    let here = Scratch::new();
    shell.copy(&here.write("file", random(500_000)));
    shell.type_commands(&[
        "uname -a",
        "ls -l /usr/share",
        "ps aux | head",
        "cat /etc/services",
        "id",
        "date",
    ]);
    views.assert_seen("tcp", 100);
    views.stop_silent();
}

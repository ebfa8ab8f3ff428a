//! Files carried over real tunnels are flagged, from wherever the traffic is seen.

use std::time::{Duration, Instant};

use inspector_tests::lab::covert::{Iodine, Ptunnel};
use inspector_tests::lab::files::{FileServer, random};
use inspector_tests::lab::{Network, Scratch, Transfer, Views, Way, missing};
use inspector_tests::skip;

/// From the start of the tunnel, set-up included, to the alert.
const LIMIT: Duration = Duration::from_secs(15);

/// Bytes carried: a small document.
const SIZE: u64 = 150_000;

/// Carries a file through a tunnel, and panics unless it arrives intact and each view has an alert of the
/// detector, and of no other, in time.
fn assert_flagged<T>(detector: &str, way: Way, open: impl Fn(&Network) -> (String, T)) {
    let network = Network::routed();
    let files = FileServer::start(&network.server.namespace);
    let views = Views::of(&network);
    let here = Scratch::new();
    let (from, to) = match way {
        Way::Out => (&here, &files.folder),
        Way::In => (&files.folder, &here),
    };
    let carried = random(SIZE);
    from.write("file", &carried);

    let begun = Instant::now();
    let client = &network.client.namespace;
    let transfer = Transfer::begin(client, way, &here.path("file"), || open(&network));
    for (place, inspector) in &views.places {
        let alert = inspector.alert(detector, LIMIT.saturating_sub(begun.elapsed()));
        println!("{place}: {detector} after {:.1} s", begun.elapsed().as_secs_f64());
        assert_eq!(alert.text("/event_type"), "alert");
    }
    transfer.finish();
    assert!(to.read("file") == carried, "other bytes arrived");

    for (place, alert) in views.stop() {
        assert_eq!(alert.detector(), detector, "{place}: {}", alert.0);
        let [source, destination] = ["/src_ip", "/dest_ip"].map(|pointer| alert.text(pointer));
        assert_eq!((source, destination), (network.client.address, network.server.address), "{place}");
    }
}

fn iodine(test: &str, query: &str, way: Way) {
    if let Some(reason) = missing(&["iodine", "iodined", "ifconfig", "python3"]) {
        return skip(test, &reason);
    }
    assert_flagged("dns-volume", way, |Network { client, server, .. }| {
        let tunnel = Iodine::open(&client.namespace, &server.namespace, server.address, query);
        (tunnel.url("file"), tunnel)
    });
}

fn ptunnel(test: &str, way: Way) {
    if let Some(reason) = missing(&["ptunnel-ng", "stdbuf", "python3"]) {
        return skip(test, &reason);
    }
    assert_flagged("icmp-payload", way, |Network { client, server, .. }| {
        let tunnel = Ptunnel::open(&client.namespace, &server.namespace, server.address);
        (tunnel.url("file"), tunnel)
    });
}

#[test]
fn iodine_with_null_records_in() {
    iodine("iodine_with_null_records_in", "NULL", Way::In);
}

#[test]
fn iodine_with_txt_records_out() {
    iodine("iodine_with_txt_records_out", "TXT", Way::Out);
}

#[test]
fn ptunnel_in() {
    ptunnel("ptunnel_in", Way::In);
}

#[test]
fn ptunnel_out() {
    ptunnel("ptunnel_out", Way::Out);
}

//! Files carried over real tunnels are flagged, from wherever the traffic is seen.

use std::time::{Duration, Instant};

use inspector_tests::lab::covert::{Iodine, PATIENT, Ptunnel};
use inspector_tests::lab::files::{FileServer, random};
use inspector_tests::lab::{Network, Scratch, Views, missing};
use inspector_tests::skip;

/// From the start of the transfer to the alert.
const LIMIT: Duration = Duration::from_secs(15);

/// For a transfer to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes carried: a small document.
const SIZE: u64 = 150_000;

/// Which way the file goes.
#[derive(Clone, Copy)]
enum Way {
    /// From the client to the server: data that leaves.
    Out,
    /// From the server to the client: tools that come in.
    In,
}

/// Carries a file through a tunnel, and panics unless it arrives intact and each view has an alert of the
/// detector, and of no other, in time.
fn assert_flagged(
    network: &Network,
    files: &FileServer,
    way: Way,
    detector: &str,
    url: &str,
    views: Views<'_>,
) {
    let here = Scratch::new();
    let carried = random(SIZE);
    let flag = match way {
        Way::Out => {
            here.write("file", &carried);
            "--upload-file"
        }
        Way::In => {
            files.folder.write("file", &carried);
            "--output"
        }
    };
    let begun = Instant::now();
    let mut transfer = network.client.namespace.spawn(&[PATIENT, &[flag, &here.path("file"), url]].concat());
    for (place, inspector) in &views.places {
        let alert = inspector.alert(detector, LIMIT.saturating_sub(begun.elapsed()));
        println!("{place}: {detector} after {:.1} s", begun.elapsed().as_secs_f64());
        assert_eq!(alert.text("/event_type"), "alert");
    }
    assert!(transfer.wait(PATIENCE).success(), "the transfer failed: {}", transfer.stderr());
    let there = match way {
        Way::Out => &files.folder,
        Way::In => &here,
    };
    assert!(there.read("file") == carried, "other bytes arrived");

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
    let network = Network::routed();
    let files = FileServer::start(&network.server.namespace);
    let views = Views::of(&network);
    let tunnel =
        Iodine::open(&network.client.namespace, &network.server.namespace, network.server.address, query);
    assert_flagged(&network, &files, way, "dns-volume", &tunnel.url("file"), views);
}

fn ptunnel(test: &str, way: Way) {
    if let Some(reason) = missing(&["ptunnel-ng", "python3"]) {
        return skip(test, &reason);
    }
    let network = Network::routed();
    let files = FileServer::start(&network.server.namespace);
    let views = Views::of(&network);
    let tunnel = Ptunnel::open(&network.client.namespace, &network.server.namespace, network.server.address);
    assert_flagged(&network, &files, way, "icmp-payload", &tunnel.url("file"), views);
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

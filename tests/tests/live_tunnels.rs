//! What real tools carry covertly is flagged, from wherever the traffic is seen.

use std::time::{Duration, Instant};

use inspector_tests::lab::covert::{
    Iodine, Tunnel, converse, dns2tcp, icmptx, obfs4, ptunnel, ptunnel_ng, udptunnel,
};
use inspector_tests::lab::files::{FileServer, random};
use inspector_tests::lab::{Namespace, Network, Scratch, Transfer, Views, Way, missing};
use inspector_tests::skip;

/// From the start of the tunnel, set-up included, to the alert.
const LIMIT: Duration = Duration::from_secs(15);

/// Bytes carried: a small document.
const SIZE: u64 = 150_000;

/// Panics unless each view has an alert of the detector, and of no other, in time, about client and server, and says
/// in the end that at least so many bytes were carried. `carry` makes the traffic, and calls what it is given to wait
/// for the alerts while its tunnel is up.
fn assert_flagged(network: &Network, detector: &str, bytes: u64, carry: impl FnOnce(&dyn Fn())) {
    let views = Views::of(network);
    let begun = Instant::now();
    carry(&|| {
        for (place, inspector) in &views.places {
            let alert = inspector.alert(detector, LIMIT.saturating_sub(begun.elapsed()));
            println!("{place}: {detector} after {:.1} s", begun.elapsed().as_secs_f64());
            assert_eq!(alert.text("/event_type"), "alert");
        }
    });
    for (place, inspector) in &views.places {
        println!("{place}\n{}", inspector.process.stdout());
    }
    let places: Vec<_> = views.places.iter().map(|(place, _)| *place).collect();
    let findings = views.stop();
    let alerts: Vec<_> = findings.into_iter().filter(|(_, event)| event.is_alert()).collect();
    for (place, alert) in &alerts {
        assert_eq!(alert.detector(), detector, "{place}: {}", alert.0);
        let [source, destination] = ["/src_ip", "/dest_ip"].map(|pointer| alert.text(pointer));
        assert_eq!((source, destination), (network.client.address, network.server.address), "{place}");
    }
    for place in places {
        let of_place = alerts.iter().filter(|(seen, _)| *seen == place);
        let carried = of_place.filter_map(|(_, alert)| alert.0.pointer("/covert/estimated_bytes")?.as_u64());
        let most = carried.max().unwrap_or_default();
        println!("{place}: {most} bytes in the end");
        assert!(most >= bytes, "{place}: {most} bytes in the end");
    }
}

/// Carries a file through a tunnel; panics unless it arrives intact and is flagged.
fn carried(
    test: &str,
    tools: &[&str],
    detector: &str,
    way: Way,
    open: impl Fn(&Namespace, &Namespace, &str) -> Tunnel,
) {
    if let Some(reason) = missing(&[&["python3"], tools].concat()) {
        return skip(test, &reason);
    }
    let network = Network::routed();
    let (client, server) = (&network.client.namespace, &network.server.namespace);
    let files = FileServer::start(server);
    let here = Scratch::new();
    let (from, to) = match way {
        Way::Out => (&here, &files.folder),
        Way::In => (&files.folder, &here),
    };
    let file = random(SIZE);
    from.write("file", &file);
    // What is new of it, of which DNS shows five bits in eight; and pushed when it has doubled at the latest.
    assert_flagged(&network, detector, SIZE / 4, |wait_for_alerts| {
        let open = || open(client, server, network.server.address);
        let transfer = Transfer::begin(client, way, &here.path("file"), "file", open);
        wait_for_alerts();
        transfer.finish();
        assert!(to.read("file") == file, "other bytes arrived");
    });
}

fn iodine(test: &str, mode: Iodine, way: Way) {
    carried(test, &["iodine", "iodined", "ifconfig"], "dns-volume", way, |client, server, address| {
        mode.open(client, server, address)
    });
}

#[test]
fn iodine_with_null_records_in() {
    iodine("iodine_with_null_records_in", Iodine::Queries("NULL"), Way::In);
}

#[test]
fn iodine_with_txt_records_out() {
    iodine("iodine_with_txt_records_out", Iodine::Queries("TXT"), Way::Out);
}

#[test]
fn iodine_raw_out() {
    iodine("iodine_raw_out", Iodine::Raw, Way::Out);
}

#[test]
fn dns2tcp_in() {
    carried("dns2tcp_in", &["dns2tcpc", "dns2tcpd"], "dns-volume", Way::In, dns2tcp);
}

#[test]
fn ptunnel_ng_in() {
    carried("ptunnel_ng_in", &["ptunnel-ng", "stdbuf"], "icmp-payload", Way::In, ptunnel_ng);
}

#[test]
fn ptunnel_ng_out() {
    carried("ptunnel_ng_out", &["ptunnel-ng", "stdbuf"], "icmp-payload", Way::Out, ptunnel_ng);
}

#[test]
fn ptunnel_out() {
    carried("ptunnel_out", &["ptunnel", "stdbuf"], "icmp-payload", Way::Out, ptunnel);
}

#[test]
fn icmptx_in() {
    carried("icmptx_in", &["icmptx"], "icmp-payload", Way::In, icmptx);
}

#[test]
fn obfs4_both_ways() {
    if let Some(reason) = missing(&["obfs4proxy", "python3"]) {
        return skip("obfs4_both_ways", &reason);
    }
    let network = Network::routed();
    let (client, server) = (&network.client.namespace, &network.server.namespace);
    let files = FileServer::start(server);
    let page = random(4_000);
    files.folder.write("page", &page);
    assert_flagged(&network, "custom-protocol", 10_000, |wait_for_alerts| {
        let tunnel = obfs4(client, server, network.server.address);
        // As somebody who reads: a connection with many requests, thrice, for random bytes fail a test of
        // randomness now and then.
        let proxy = tunnel.proxy.iter().map(String::as_str);
        let curl = ["curl", "--silent", "--fail", "--max-time", "20", "--rate", "10/s"];
        let curl: Vec<&str> = curl.into_iter().chain(proxy).collect();
        let url = tunnel.url("page?[1-30]");
        let readers = [Scratch::new(), Scratch::new(), Scratch::new()].map(|here| {
            let path = here.path("page#1");
            (client.spawn(&[&curl[..], &["--output", &path, &url]].concat()), here)
        });
        for (mut reader, here) in readers {
            assert!(reader.wait(LIMIT).success(), "{}", reader.stderr());
            assert!((1..=30).all(|n| here.read(&format!("page{n}")) == page), "other bytes arrived");
        }
        wait_for_alerts();
    });
}

#[test]
fn udptunnel_both_ways() {
    if let Some(reason) = missing(&["udptunnel", "python3"]) {
        return skip("udptunnel_both_ways", &reason);
    }
    let network = Network::routed();
    let (client, server) = (&network.client.namespace, &network.server.namespace);
    assert_flagged(&network, "tls", 1_000, |wait_for_alerts| {
        let _tunnel = udptunnel(client, server, network.server.address);
        converse(client, server);
        wait_for_alerts();
    });
}

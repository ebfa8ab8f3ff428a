//! Fewer flows are looked at while the data plane cannot keep up, and it shows in the metrics and in findings.

use std::time::Duration;

use inspector_tests::kernel::frames::{Transport, one_of_many};
use inspector_tests::kernel::pace::Pace;
use inspector_tests::lab::covert::whisper;
use inspector_tests::lab::{Inspector, Network, missing, until};
use inspector_tests::skip;
use serde_json::Value;

/// Flows that are new, one packet each, before the ratio is looked at again.
const AT_ONCE: u32 = 200_000;

/// The flow map takes 15,000 new flows a second and CPU, so it is full after 4 s, and after two drains more than that
/// fewer are looked at. All of it is much later on a machine that is too busy to send a flood.
const PATIENCE: Duration = Duration::from_secs(100);

/// From the first packet of a channel to its alert.
const ALERT: Duration = Duration::from_secs(20);

#[test]
fn a_flood_steps_the_sampling_down_and_what_is_rare_is_still_looked_at() {
    if let Some(reason) = missing(&["python3"]) {
        return skip("a_flood_steps_the_sampling_down_and_what_is_rare_is_still_looked_at", &reason);
    }
    let network = Network::direct();
    let client = &network.client.namespace;
    client.ip("link add idle0 type veth peer name idle1");
    let inspector = Inspector::ready(&network.server.namespace, &["-i", "eth0", "--egress", "off"]);
    // On a busy machine it may not get to answer in the middle of a flood.
    let ratio = || {
        let metrics = inspector.get("/metrics")?;
        let ratio = metrics.lines().find_map(|line| line.strip_prefix("inspector_sampling_ratio "));
        ratio.and_then(|ratio| ratio.parse::<f64>().ok())
    };
    assert!(until("the metrics", PATIENCE, ratio) >= 1.0);

    let frames: Vec<_> = (0..1_000).map(|_| one_of_many(0, Transport::Udp)).collect();
    let out = client.index("eth0");
    let sent = client.inside(|| {
        let mut pace = Pace::emitter(out, "idle0").unwrap_or_else(|error| panic!("{error}"));
        pace.fill(&frames, true).unwrap_or_else(|error| panic!("{error}"));
        let mut sent = 0;
        until("fewer flows to be looked at", PATIENCE, || {
            sent += pace.emit(None, AT_ONCE).unwrap_or_else(|error| panic!("{error}"));
            ratio().filter(|ratio| *ratio < 1.0)
        });
        sent
    });
    println!("{sent} packets sent");
    let said = inspector.process.stderr();
    assert!(said.contains("looking at one flow in 2 now"), "{said}");
    whisper(client, network.server.address);
    let alert = inspector.alert("icmp-payload", ALERT);
    let number = |pointer: &str| alert.0.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let recorded = number("/covert/sampling_ratio");
    assert!(recorded < 1.0, "{}", alert.0);
    // ICMP is exempt, so what was seen is all there was, and it is not scaled.
    let carried = number("/flow/bytes_toserver") + number("/flow/bytes_toclient");
    assert!(number("/covert/estimated_bytes") <= carried, "{}", alert.0);
    inspector.stop();
}

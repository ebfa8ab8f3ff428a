//! Captures of tunnels from the corpus raise the right alert first.

use std::process::Command;

use inspector_tests::corpus::{Capture, manifest};
use inspector_tests::lab::{Ended, binary};
use inspector_tests::skip;

/// How many captures of a channel are tried: the whole corpus is `cargo xtask evaluate`'s.
const CAPTURES: usize = 5;

fn first_alert(test: &str, channel: &str, detector: &str) {
    let Some(captures) = manifest() else {
        return skip(test, "there is no corpus");
    };
    let fits = |capture: &&Capture| capture.label == "covert" && capture.channel == channel;
    let fitting: Vec<&Capture> = captures.iter().filter(fits).take(CAPTURES).collect();
    assert!(!fitting.is_empty(), "the corpus has no {channel}");
    for Capture { path, .. } in fitting {
        let ended = Ended::of(Command::new(binary()).args(["replay", "--eve", "-"]).arg(path));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let events = ended.events();
        let first = events.first().unwrap_or_else(|| panic!("nothing found in {}", path.display()));
        let facts = (first.text("/event_type"), first.detector());
        assert_eq!(facts, ("alert", detector), "{}: {}", path.display(), first.0);
    }
}

#[test]
fn icmp_tunnels() {
    first_alert("icmp_tunnels", "icmp-tunnel", "icmp-payload");
}

#[test]
fn dns_tunnels() {
    first_alert("dns_tunnels", "iodine", "dns-volume");
}

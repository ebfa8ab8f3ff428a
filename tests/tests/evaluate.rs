//! `cargo xtask evaluate`: exit codes and files, on a corpus of two captures.

use std::process::Command;

use inspector_tests::capture::{pcap, tunnels};
use inspector_tests::lab::{Ended, Scratch};
use serde_json::Value;

const NO_ALERTS: &str = "[alerts]\nbenign = 0\nevasive-benign = 0\ntunnel-declared = 0\nmalformed = 0\n";

/// A corpus with a tunnel and a capture without a packet, and floors for it.
struct Corpus {
    folder: Scratch,
    floors: String,
}

impl Corpus {
    /// So many captures of channel `icmp-tunnel` have to be detected.
    fn new(floor: usize) -> Self {
        let folder = Scratch::new();
        folder.write("tunnel.pcap", pcap(&tunnels(1)));
        folder.write("nothing.pcap", pcap(&[]));
        let manifest = "path\tlabel\tchannel\tpackets\tsize\tsource\tnote\n\
                        tunnel.pcap\tcovert\ticmp-tunnel\t30\t\tmade up\tdata in pings\n\
                        nothing.pcap\tbenign\t-\t0\t\tmade up\tno packet\n";
        folder.write("MANIFEST.tsv", manifest);
        let floors = format!("{NO_ALERTS}[detected]\nicmp-tunnel = {floor}\n");
        let floors = folder.write("floors.toml", floors);
        Self { folder, floors }
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.folder.read(name)).into_owned()
    }

    fn evaluate(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
        command.args(["--corpus", &self.folder.path(""), "--floors", &self.floors]).args(arguments);
        Ended::of(&mut command)
    }
}

#[test]
fn what_was_reached_before_is_a_success() {
    let ended = Corpus::new(1).evaluate(&[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(
        ended.stdout.contains("detected 1 of 1; false alerts 0 of 1; 2 captures with 30 packets"),
        "{ended:?}"
    );
}

#[test]
fn a_broken_floor_is_a_failure() {
    let corpus = Corpus::new(2);
    let ended = corpus.evaluate(&[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("icmp-tunnel: 1 of 1 detected, the floor is 2"), "{ended:?}");
    // The floor is of all detectors together.
    assert_eq!(corpus.evaluate(&["--detector", "icmp-payload"]).code, Some(0));
}

#[test]
fn a_capture_that_is_not_there_is_a_failure_and_ends_nothing() {
    let corpus = Corpus::new(1);
    std::fs::remove_file(corpus.folder.path("nothing.pcap")).expect("it was there");
    let ended = corpus.evaluate(&[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("FAILED  nothing.pcap: ") && ended.stdout.contains("detected 1 of 1"),
        "{ended:?}"
    );
    assert_eq!(corpus.evaluate(&["tunnel"]).code, Some(0));
}

#[test]
fn what_cannot_be_evaluated_is_said_in_a_sentence() {
    let corpus = Corpus::new(1);
    corpus.folder.write("floors.toml", "[detected]\nicmp = 1\n[alerts]\nbening = 0\n");
    for (arguments, part) in [
        (&["tunnel"][..], "bening"),
        (&["--timeout", "soon"], "number of seconds"),
        (&["--label", "bening", "--no-floors"], "cannot be used with"),
    ] {
        let ended = corpus.evaluate(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(part) && ended.stdout.is_empty(), "{part} is not in {ended:?}");
    }
    std::fs::remove_file(corpus.folder.path("MANIFEST.tsv")).expect("it was there");
    corpus.folder.write("floors.toml", NO_ALERTS);
    let ended = corpus.evaluate(&[]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{ended:?}");
    assert!(ended.stderr.contains("MANIFEST.tsv"), "{ended:?}");
}

#[test]
fn json_stands_alone_on_stdout_or_in_a_file() {
    let corpus = Corpus::new(1);
    let ended = corpus.evaluate(&["--json", "-"]);
    let json: Value = serde_json::from_str(&ended.stdout).expect("stdout is JSON");
    assert_eq!(json["captures"].as_array().map(Vec::len), Some(2), "{json:#}");
    assert_eq!(json["captures"][0]["findings"][0]["detector"], "icmp-payload", "{json:#}");
    assert!(ended.stderr.contains("detected 1 of 1"), "{ended:?}");

    let file = corpus.folder.path("out.json");
    assert_eq!(corpus.evaluate(&["--json", &file]).code, Some(0));
    let written: Value = serde_json::from_str(&corpus.text("out.json")).expect("the file is JSON");
    assert_eq!(written["channels"], json["channels"]);
}

#[test]
fn tables_go_between_the_markers_of_a_document() {
    let corpus = Corpus::new(1);
    let document = corpus
        .folder
        .write("accuracy.md", "before\n<!-- evaluate: begin -->\n<!-- evaluate: end -->\nafter\n");
    assert_eq!(corpus.evaluate(&["--markdown", &document]).code, Some(0));
    let text = corpus.text("accuracy.md");
    assert!(
        text.starts_with("before\n") && text.ends_with("after\n") && text.contains("| icmp-tunnel | 1 | 1 |")
    );

    let document = corpus.folder.write("other.md", "no markers\n");
    let ended = corpus.evaluate(&["--markdown", &document]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(corpus.text("other.md"), "no markers\n");
}

#[test]
fn findings_are_shown_on_request() {
    let corpus = Corpus::new(1);
    assert!(!corpus.evaluate(&["tunnel"]).stdout.contains("10.0.0.1"));
    let shown = corpus.evaluate(&["--findings", "tunnel"]).stdout;
    assert!(shown.starts_with("tunnel.pcap  [covert icmp-tunnel] 30 packets\n"), "{shown}");
    assert!(shown.contains("icmp-payload") && shown.contains("10.0.0.1 → 192.0.2.1"), "{shown}");
}

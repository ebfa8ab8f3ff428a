//! The bench runs, and says in JSON what it has measured. How fast anything is, is not tested.

use std::process::Command;

use inspector_tests::lab::missing;
use inspector_tests::skip;
use serde_json::Value;

#[test]
fn the_bench_writes_json() {
    if let Some(reason) = missing(&[]) {
        return skip("the_bench_writes_json", &reason);
    }
    let wanted = ["icmp", "flood-empty", "programs", "maps", "drain"];
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--quick", "--rounds", "3", "--json", "-"])
        .args(wanted.iter().flat_map(|part| ["--only", part]))
        .output()
        .expect("the bench can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON and nothing else");
    assert_eq!(report["skipped"], Value::Array(Vec::new()));

    let figures = report["figures"].as_array().expect("there are figures");
    let of = |section: &str| figures.iter().filter(|figure| figure["section"] == section).collect::<Vec<_>>();
    for cost in of("cost") {
        for number in ["/value/median", "/null/median", "/control", "/noise"] {
            assert!(cost.pointer(number).is_some_and(Value::is_f64), "{number} in {cost}");
        }
        assert!(cost["control"].as_f64() > Some(0.0), "{cost}");
    }
    // Of each program: ICMP, and the two floods that begin with empty maps.
    let programs = of("program").iter().filter(|figure| figure["name"] == "verified instructions").count();
    assert!(programs >= 1);
    assert_eq!(of("cost").len(), 3 * programs, "{figures:?}");
    assert!(of("maps").iter().any(|figure| figure["name"] == "FLOWS"));
    assert_eq!(of("userspace").len(), 1, "the drain");
}

#[test]
fn a_capture_that_is_none_is_refused_in_one_sentence() {
    if let Some(reason) = missing(&[]) {
        return skip("a_capture_that_is_none_is_refused_in_one_sentence", &reason);
    }
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--packets", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .expect("the bench can be run");
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.starts_with("bench: opening the packets failed:"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

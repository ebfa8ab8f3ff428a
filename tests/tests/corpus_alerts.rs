//! The corpus of captures is judged at least as well as it was before: the floors of `accuracy.toml` hold.

use std::fmt::Write as _;

use inspector_tests::evaluate::{self, Floors, Summary, TIME_LIMIT};
use inspector_tests::{corpus, skip};

#[test]
fn the_floors_hold() {
    let folder = corpus::folder();
    if !folder.join("MANIFEST.tsv").is_file() {
        return skip("the_floors_hold", "the corpus of captures is not there");
    }
    let floors = Floors::read(&evaluate::floors_file()).expect("the project's floors can be read");
    let captures = corpus::manifest(&folder).expect("the corpus has a manifest");
    let evaluation = evaluate::evaluate(captures.clone(), TIME_LIMIT);
    let summary = Summary::new(&evaluation, &floors.exceptions);
    let verdict = floors.check(&summary, &captures);
    let mut broken = String::new();
    for floor in &verdict.broken {
        let _ = writeln!(broken, "{floor}");
    }
    assert!(
        broken.is_empty() && summary.failures.is_empty(),
        "{broken}{} captures failed",
        summary.failures.len()
    );
}

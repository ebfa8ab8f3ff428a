//! The detectors are as accurate on the shared corpus as they were: the floors of `tests/accuracy.toml` hold.

use inspector_tests::corpus::shared;
use inspector_tests::evaluate::{Floors, Summary, TIME_LIMIT, Text, evaluate, floors_file};
use inspector_tests::skip;

#[test]
fn the_floors_hold() {
    let floors = Floors::read(&floors_file()).unwrap_or_else(|error| panic!("{error}"));
    let Some(corpus) = shared() else {
        return skip("the_floors_hold", "the corpus of captures is not there");
    };
    let evaluation = evaluate(corpus.clone(), TIME_LIMIT);
    let summary = Summary::new(&evaluation, &floors.exceptions);
    let verdict = floors.check(&summary, &corpus);
    let held = Some((&floors, &verdict));
    let text =
        Text { evaluation: &evaluation, summary: &summary, floors: held, findings: None, colour: false };
    assert!(verdict.broken.is_empty() && summary.failures.is_empty(), "`cargo xtask evaluate` says:\n{text}");
    assert_eq!(verdict.unchecked, 0);
}

//! The programs by themselves: whether the kernel takes them, what they cost its verifier, and whether they run.

use inspector::dataplane::{DataPlane, Hooks, ProgramFacts, kernel_release};
use inspector_tests::kernel::MAX_VERIFIED;
use inspector_tests::kernel::frames::well_formed;

use crate::features::{may_refuse, version};
use crate::line::Line;
use crate::log;
use crate::report::Report;
use crate::watch::load;

/// The least that every program takes in a test run: where the frame names a network header, that has to be there.
const SHORTEST: usize = 60;

/// Every program loads, or is one that this kernel may refuse; none is over its budget.
pub(crate) fn load_within_budget(report: &mut Report) {
    let programs = load().program_facts().expect("loaded programs can be asked");
    let refusals = refusals();
    for ProgramFacts { name, verified_instructions } in &programs {
        report.say(&Line::Program { name: (*name).to_owned(), verified: *verified_instructions });
    }
    for name in &refusals {
        report.say(&Line::Refused { name: name.clone() });
    }
    assert!(!programs.is_empty(), "no program was taken");
    let release = kernel_release();
    for program in &refusals {
        assert!(may_refuse(version(&release), program), "{release} refused {program}; the console says why");
    }
    for ProgramFacts { name, verified_instructions } in &programs {
        let verified = verified_instructions.unwrap_or(0);
        assert!(verified <= MAX_VERIFIED, "{name}: {verified} instructions verified, {MAX_VERIFIED} allowed");
    }
}

/// The programs that the loader says were refused.
fn refusals() -> Vec<String> {
    const REFUSED: &str = "the kernel refused the program ";
    let lines = log::take();
    let name = |line: &String| line.split_once(REFUSED)?.1.split(' ').next().map(str::to_owned);
    lines.iter().filter_map(name).collect()
}

/// Each program runs and counts, whether or not it is the one that gets attached here.
pub(crate) async fn count_test_runs() {
    let mut plane = load();
    plane.attach(&[], Hooks::default()).await.expect("attaching to nothing works");
    let mut frames = well_formed();
    frames.retain(|frame| frame.len() >= SHORTEST);
    for program in plane.programs() {
        let before = seen(&plane);
        for frame in &frames {
            plane.test_run(program, frame).unwrap_or_else(|error| panic!("{program}: {error}"));
        }
        let counted = seen(&plane) - before;
        assert_eq!(usize::try_from(counted), Ok(frames.len()), "{program} counted {counted} frames");
    }
}

/// Packets of all interfaces, known or not.
fn seen(plane: &DataPlane) -> u64 {
    let accounts = plane.accounts().read().expect("the counters can be read");
    accounts.iter().map(|interface| interface.account.seen).sum()
}

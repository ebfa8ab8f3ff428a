//! The programs by themselves: whether the kernel takes them, what they cost its verifier, and whether they run.

use inspector::dataplane::{DataPlane, Mode, ProgramFacts, kernel_release};
use inspector_common::Account;
use inspector_tests::kernel::MAX_VERIFIED;
use inspector_tests::kernel::frames::well_formed;

use crate::features::{self, FEATURES, Version};
use crate::line::Line;
use crate::log;
use crate::report::Report;
use crate::watch::settings;

/// Every program loads, or is one that this kernel may refuse; none is over its budget; the kernel has every feature
/// that its version promises.
pub(crate) fn load_within_budget(report: &mut Report) {
    let mut plane = DataPlane::load(&settings()).unwrap_or_else(|error| panic!("{error}"));
    let programs = plane.program_facts().expect("loaded programs can be asked");
    let refusals = refusals();
    tell(report, &programs, &refusals);

    let release = kernel_release();
    let kernel = features::version(&release).expect("a release begins with two numbers");
    assert!(!programs.is_empty(), "no program was taken");
    for program in &refusals {
        assert!(features::may_refuse(kernel, program), "{release} refused {program}; the console says why");
    }
    for ProgramFacts { name, verified_instructions } in &programs {
        let verified = verified_instructions.unwrap_or(0);
        assert!(verified <= MAX_VERIFIED, "{name}: {verified} instructions verified, {MAX_VERIFIED} allowed");
    }
    assert_no_feature_is_overlooked(kernel, &programs);
}

fn tell(report: &mut Report, programs: &[ProgramFacts], refusals: &[String]) {
    for ProgramFacts { name, verified_instructions } in programs {
        report.say(&Line::Program { name: (*name).to_owned(), verified: *verified_instructions });
    }
    for name in refusals {
        report.say(&Line::Refused { name: name.clone() });
    }
    for feature in &FEATURES {
        let (name, is_present) = (feature.name.to_owned(), feature.is_present(programs));
        report.say(&Line::Feature { name, is_present });
    }
}

fn assert_no_feature_is_overlooked(kernel: Version, programs: &[ProgramFacts]) {
    for feature in FEATURES.iter().filter(|feature| kernel >= feature.since) {
        assert!(feature.is_present(programs), "{} is reported missing, but {kernel:?} has it", feature.name);
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
    let mut plane = DataPlane::load(&settings()).unwrap_or_else(|error| panic!("{error}"));
    plane.attach(&[], Mode::Auto).await.expect("attaching to nothing works");
    let frames = well_formed();
    for program in plane.programs().to_vec() {
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
    accounts.iter().map(|interface| interface.account).map(|Account { seen, .. }| seen).sum()
}

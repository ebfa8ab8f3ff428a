//! What the kernel has of what inspector uses where it can: as the probe says, as the version promises, and as the
//! loader made use of it.
//!
//! A feature reported missing on a kernel that has it fails the check. A new [`Feature`] is covered by itself; what
//! shows in the programs or where they attach gets a line in [`assert_used`].

use inspector::dataplane::features::{Feature, Features, Support, probe};
use inspector::dataplane::{ProgramFacts, kernel_release};

use crate::line::Line;
use crate::report::Report;

/// Major and minor number of a kernel.
pub(crate) type Version = (u32, u32);

/// Programs that kernels without a feature are free to refuse.
const NEEDS: [(&str, Feature); 1] = [("inspector_frags", Feature::XdpFrags)];

/// The first kernel that tells how many instructions it verified.
const COUNTS_INSTRUCTIONS: Version = (5, 16);

/// What was seen of the programs that were loaded and attached.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) programs: Vec<ProgramFacts>,
    /// In which programs are attached, as the metrics have them.
    pub(crate) modes: Vec<&'static str>,
}

/// Tells which features there are, and panics if one is not where it ought to be, or is there and not used.
pub(crate) fn check(evidence: &Evidence, report: &mut Report) {
    let features = probe();
    for (feature, support) in features.iter() {
        let (name, is_present) = (feature.name().to_owned(), support == Support::Present);
        report.say(&Line::Feature { name, is_present });
    }
    let release = kernel_release();
    for (feature, support) in features.iter() {
        let name = feature.name();
        assert!(!matches!(support, Support::Refused(_)), "{name} could not be tried: {support:?}");
        let is_promised = version(&release) >= feature.since();
        assert!(support == Support::Present || !is_promised, "{name} is said to be missing in {release}");
    }
    assert_used(&features, evidence);
    let counts = evidence.programs.iter().all(|program| program.verified_instructions.is_some());
    assert!(counts || version(&release) < COUNTS_INSTRUCTIONS, "{release} counts verified instructions");
}

/// Panics unless the loader used what there is, and only that.
fn assert_used(features: &Features, Evidence { programs, modes }: &Evidence) {
    for (name, feature) in NEEDS {
        let is_loaded = programs.iter().any(|program| program.name == name);
        assert_eq!(is_loaded, features.has(feature), "{name} needs {}", feature.name());
    }
    assert_eq!(modes.contains(&"tcx"), features.has(Feature::Tcx), "{modes:?}");
}

/// Whether a kernel may refuse a program.
pub(crate) fn may_refuse(kernel: Version, program: &str) -> bool {
    NEEDS.iter().any(|(name, feature)| *name == program && kernel < feature.since())
}

/// The version in a release such as `5.10.0-46-cloud-amd64`.
pub(crate) fn version(release: &str) -> Version {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut number = || numbers.next().and_then(Result::ok).expect("a release begins with two numbers");
    (number(), number())
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn versions_are_read_off_releases() {
        assert_eq!(version("5.10.0-46-cloud-amd64"), (5, 10));
        assert_eq!(version("6.12.118+deb13-cloud-amd64"), (6, 12));
        assert_eq!(version("7.0-rc3"), (7, 0));
    }

    #[test]
    fn only_kernels_before_a_feature_may_refuse_its_program() {
        assert!(may_refuse((5, 10), "inspector_frags"));
        assert!(!may_refuse((5, 18), "inspector_frags"));
        assert!(!may_refuse((5, 10), "inspector_plain"));
    }

    #[test]
    fn what_is_there_has_to_be_used() {
        let evidence = |name, mode| Evidence {
            programs: vec![ProgramFacts { name, verified_instructions: None }],
            modes: vec!["native", mode],
        };
        let all = Features::new(|_| Support::Present);
        let none = Features::new(|_| Support::Missing);
        let holds = |features: Features, evidence: Evidence| {
            catch_unwind(move || assert_used(&features, &evidence)).is_ok()
        };
        assert!(holds(all, evidence("inspector_frags", "tcx")));
        assert!(holds(none, evidence("inspector_plain", "tc")));
        assert!(!holds(all, evidence("inspector_plain", "tcx")), "the program was left out");
        assert!(!holds(all, evidence("inspector_frags", "tc")), "TCX was left out");
        assert!(!holds(none, evidence("inspector_plain", "tcx")), "TCX was overlooked");
    }
}

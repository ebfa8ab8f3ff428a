//! What inspector uses and not every kernel since 5.10 has, and since when they do.
//!
//! A feature reported missing on a kernel that has it is a fault of the probe, or of the loader's: it fails the
//! check. A new feature is a line in [`FEATURES`].

use inspector::dataplane::{ProgramFacts, kernel_release};

use crate::line::Line;
use crate::report::Report;

/// Major and minor number of a kernel.
pub(crate) type Version = (u32, u32);

/// Something that a kernel has or lacks.
#[derive(Debug)]
struct Feature {
    name: &'static str,
    /// The first kernel that has it.
    since: Version,
    sign: Sign,
}

/// What tells.
#[derive(Debug)]
enum Sign {
    /// The kernel takes this program, and is free to refuse it before.
    Takes(&'static str),
    /// The kernel tells how many instructions it verified.
    CountsInstructions,
    /// A program is attached in this mode.
    AttachesBy(&'static str),
}

const FEATURES: [Feature; 3] = [
    Feature { name: "instruction counts", since: (5, 16), sign: Sign::CountsInstructions },
    Feature { name: "multi-buffer XDP", since: (5, 18), sign: Sign::Takes("inspector_frags") },
    Feature { name: "TCX", since: (6, 6), sign: Sign::AttachesBy("tcx") },
];

/// What was seen of the programs that were loaded and attached.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) programs: Vec<ProgramFacts>,
    /// In which programs are attached, as the metrics have them.
    pub(crate) modes: Vec<&'static str>,
}

impl Feature {
    fn is_present(&self, Evidence { programs, modes }: &Evidence) -> bool {
        match self.sign {
            Sign::Takes(name) => programs.iter().any(|program| program.name == name),
            Sign::CountsInstructions => {
                programs.iter().all(|program| program.verified_instructions.is_some())
            }
            Sign::AttachesBy(mode) => modes.contains(&mode),
        }
    }
}

/// Tells which features there are, and panics if one is not where it ought to be.
pub(crate) fn report(evidence: &Evidence, report: &mut Report) {
    for feature in &FEATURES {
        let (name, is_present) = (feature.name.to_owned(), feature.is_present(evidence));
        report.say(&Line::Feature { name, is_present });
    }
    let release = kernel_release();
    for feature in FEATURES.iter().filter(|feature| version(&release) >= feature.since) {
        assert!(feature.is_present(evidence), "{} is reported missing, but {release} has it", feature.name);
    }
}

/// Whether a kernel may refuse a program.
pub(crate) fn may_refuse(kernel: Version, program: &str) -> bool {
    let needs = |feature: &Feature| matches!(feature.sign, Sign::Takes(name) if name == program);
    FEATURES.iter().any(|feature| kernel < feature.since && needs(feature))
}

/// The version in a release such as `5.10.0-46-cloud-amd64`.
pub(crate) fn version(release: &str) -> Version {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut number = || numbers.next().and_then(Result::ok).expect("a release begins with two numbers");
    (number(), number())
}

#[cfg(test)]
mod tests {
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
    fn features_are_told_by_their_signs() {
        let programs = vec![ProgramFacts { name: "inspector_plain", verified_instructions: Some(3) }];
        let evidence = Evidence { programs, modes: vec!["native", "tcx"] };
        assert_eq!(FEATURES.map(|feature| feature.is_present(&evidence)), [true, false, true]);
    }
}

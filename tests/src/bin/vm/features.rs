//! What inspector uses and not every kernel since 5.10 has, and since when they do.
//!
//! A feature reported missing on a kernel that has it is a fault of the probe, or of the loader's: it fails the
//! check. A new feature is a line here.

use inspector::dataplane::ProgramFacts;

/// Major and minor number of a kernel.
pub(crate) type Version = (u32, u32);

/// Something that a kernel has or lacks.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// The first kernel that has it.
    pub(crate) since: Version,
    pub(crate) sign: Sign,
}

/// What tells.
#[derive(Debug)]
pub(crate) enum Sign {
    /// The kernel takes this program, and is free to refuse it before.
    Takes(&'static str),
    /// The kernel tells how many instructions it verified.
    CountsInstructions,
}

pub(crate) const FEATURES: [Feature; 2] = [
    Feature { name: "multi-buffer", since: (5, 18), sign: Sign::Takes("inspector_frags") },
    Feature { name: "instruction-count", since: (5, 16), sign: Sign::CountsInstructions },
];

impl Feature {
    /// Whether the programs that were taken show it.
    pub(crate) fn is_present(&self, programs: &[ProgramFacts]) -> bool {
        match self.sign {
            Sign::Takes(name) => programs.iter().any(|program| program.name == name),
            Sign::CountsInstructions => {
                programs.iter().all(|program| program.verified_instructions.is_some())
            }
        }
    }
}

/// Whether a kernel may refuse a program.
pub(crate) fn may_refuse(kernel: Version, program: &str) -> bool {
    FEATURES
        .iter()
        .any(|feature| kernel < feature.since && matches!(feature.sign, Sign::Takes(name) if name == program))
}

/// The version in a release such as `5.10.0-46-cloud-amd64`.
pub(crate) fn version(release: &str) -> Option<Version> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_off_releases() {
        assert_eq!(version("5.10.0-46-cloud-amd64"), Some((5, 10)));
        assert_eq!(version("6.12.118+deb13-cloud-amd64"), Some((6, 12)));
        assert_eq!(version("7.0-rc3"), Some((7, 0)));
        assert_eq!(version("unknown"), None);
    }

    #[test]
    fn only_kernels_before_a_feature_may_refuse_its_program() {
        assert!(may_refuse((5, 10), "inspector_frags"));
        assert!(!may_refuse((5, 18), "inspector_frags"));
        assert!(!may_refuse((5, 10), "inspector_plain"));
    }

    #[test]
    fn a_program_that_was_refused_shows_a_feature_missing() {
        let programs = [ProgramFacts { name: "inspector_plain", verified_instructions: Some(3) }];
        assert_eq!(FEATURES.map(|feature| feature.is_present(&programs)), [false, true]);
    }
}

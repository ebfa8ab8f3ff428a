//! What can be left out on request.

use inspector_common::Features;

/// A part of the inspection that is for some detectors only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// First bytes of packets: without them no content leaves the kernel, and none is judged
    Heads,
    /// Gaps and lengths packet by packet: without them timing is not judged
    Series,
    /// What encapsulations carry: without it they are not opened
    Inner,
}

impl Part {
    /// Everything but these.
    #[must_use]
    pub fn all_but(parts: &[Self]) -> Features {
        parts.iter().fold(Features::ALL, |features, part| {
            features.without(match part {
                Self::Heads => Features::HEADS,
                Self::Series => Features::SERIES,
                Self::Inner => Features::INNER,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_a_feature() {
        assert_eq!(Part::all_but(&[]), Features::ALL);
        let features = Part::all_but(&[Part::Heads, Part::Inner]);
        assert!(features.has(Features::SERIES));
        assert!(!features.has(Features::HEADS) && !features.has(Features::INNER));
        assert_eq!(Part::all_but(&[Part::Series]), Features::ALL.without(Features::SERIES));
    }
}

//! What the programs go by.

use bytemuck::{Pod, Zeroable};

use crate::series::SERIES_MIN_GAP_NS;
use crate::{Budget, Limits, Sampler};

/// The settings of an accumulation, in the kernel or over a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Which flows are kept. In the kernel this one can be changed while the programs run.
    pub sampler: Sampler,
    /// Least mean gap of flows with a series, nanoseconds.
    pub series_min_gap_ns: u64,
    /// Most heads and new flows a window and CPU.
    pub limits: Limits,
    /// What is done beside counting, classifying and flow records.
    pub features: Features,
}

/// What can be left out. In the kernel it is a constant to the verifier, which drops what is never run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Features(u32);

impl Features {
    /// Heads are handed to userspace. Without them no byte of a packet leaves the kernel.
    pub const HEADS: Self = Self(1);
    /// Candidate flows get a series.
    pub const SERIES: Self = Self(2);
    /// What an encapsulation carries is a packet of its own.
    pub const INNER: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(Self::HEADS.0 | Self::SERIES.0 | Self::INNER.0);

    /// Whether a feature is there.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, feature: Self) -> bool {
        self.0 & feature.0 == feature.0
    }

    /// All but these.
    #[must_use]
    pub const fn without(self, features: Self) -> Self {
        Self(self.0 & !features.0)
    }
}

impl Default for Control {
    fn default() -> Self {
        Self {
            sampler: Sampler::new(1, 0),
            series_min_gap_ns: SERIES_MIN_GAP_NS,
            limits: Budget::DEFAULT_LIMITS,
            features: Features::ALL,
        }
    }
}

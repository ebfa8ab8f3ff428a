//! What the programs go by.

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
}

impl Default for Control {
    fn default() -> Self {
        Self {
            sampler: Sampler::new(1, 0),
            series_min_gap_ns: SERIES_MIN_GAP_NS,
            limits: Budget::DEFAULT_LIMITS,
        }
    }
}

//! What the loader may change while the programs run.

use bytemuck::{Pod, Zeroable};

use crate::series::SERIES_MIN_GAP_NS;
use crate::{Budget, Limits, Sampler};

/// The settings in force, as the single entry of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Control {
    /// Which flows are kept.
    pub sampler: Sampler,
    /// Least mean gap of flows with a series, nanoseconds.
    pub series_min_gap_ns: u64,
    /// Most heads and new flows a window and CPU.
    pub limits: Limits,
}

const _: () = assert!(size_of::<Control>() == 48);

impl Default for Control {
    fn default() -> Self {
        Self {
            sampler: Sampler::new(1, 0),
            series_min_gap_ns: SERIES_MIN_GAP_NS,
            limits: Budget::DEFAULT_LIMITS,
        }
    }
}

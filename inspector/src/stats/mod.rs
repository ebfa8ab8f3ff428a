//! Statistics of series, one a file: formula, reference, and a value from elsewhere in its test.

pub mod dispersion;
pub mod entropy;
pub mod humps;
pub mod low_bits;
pub mod modes;
pub mod range;
pub mod regularity;
pub mod resultant;
pub mod schedule;
pub mod share;
pub mod similarity;
pub mod spread;
pub mod threshold;
pub mod von_neumann;

//! Statistics of series, one a file: formula, reference, and a value computed by hand in its test.

pub mod entropy;
pub mod modes;
pub mod resultant;
pub mod spread;
pub mod von_neumann;

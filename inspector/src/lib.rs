//! The library behind the `inspector` binary.
//!
//! Data flows one way: a source (the kernel's maps, or a capture file) gives heads and flow records;
//! [`dissect`] reads the heads, [`detect`] judges them, [`findings`] keeps the verdicts few, and the
//! sinks write them down. Nothing right of the source knows where packets come from or what time
//! it is: time is a parameter.

pub mod aging;
pub mod analyse;
pub mod capture;
mod checksum;
pub mod cli;
pub mod commands;
pub mod config;
mod copies;
pub mod dataplane;
pub mod detect;
pub mod dissect;
pub mod doctor;
pub mod engine;
pub mod findings;
mod hash;
pub mod metrics;
pub mod network;
pub mod observation;
pub mod replay;
pub mod sampling;
mod series;
pub mod sinks;
pub mod state;
pub mod stats;

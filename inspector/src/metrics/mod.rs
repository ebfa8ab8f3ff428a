//! Numbers for Prometheus: read from where they are kept at each scrape, never cached.
//!
//! Whoever keeps the numbers implements [`Stats`]; [`exposition`] gives a [`Snapshot`] its names and its text
//! form; [`server`] answers HTTP.

pub mod exposition;
mod page;
pub mod process;
pub mod server;
mod snapshot;

pub use server::{bind, serve};
pub use snapshot::{
    Attachment, Build, DrainTimes, InterfaceAccount, MapUse, Snapshot, Stats, StatsError, TableUse,
};

#[cfg(test)]
pub(crate) mod sample;

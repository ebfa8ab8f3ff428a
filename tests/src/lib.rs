//! What the end-to-end tests share.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "tests panic, so that the stack trace survives"
)]

pub mod capture;
pub mod ccgen;
pub mod corpus;
pub mod evaluate;
pub mod failure;
pub mod kernel;
pub mod lab;
mod skip;

pub use skip::skip;

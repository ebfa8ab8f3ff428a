//! A laboratory of network namespaces: real tools, real traffic, and the inspector looking at it.
//!
//! Each test builds a [`Network`] of its own, so that tests run in parallel and nothing they do reaches the
//! host's interfaces. Whatever is started in it dies with it, also when the test panics or is killed.
#![allow(
    clippy::must_use_candidate,
    reason = "tools are run for their effects, and a guard says itself what it guards"
)]

pub mod covert;
mod ended;
pub mod eve;
pub mod files;
pub mod foreign;
pub mod honest;
mod inspector;
pub mod interrupt;
mod metrics;
mod namespace;
mod network;
mod process;
mod requirements;
mod scratch;
mod transfer;
mod views;
mod wait;
mod wire;

pub use ended::Ended;
pub use eve::Event;
pub use inspector::{Inspector, binary, public_binary, run};
pub use metrics::Metrics;
pub use namespace::{Namespace, remove_all};
pub use network::{Network, Side};
pub use process::Process;
pub use requirements::missing;
pub use scratch::Scratch;
pub use transfer::{Transfer, Way};
pub use views::Views;
pub use wait::until;
pub use wire::Wire;

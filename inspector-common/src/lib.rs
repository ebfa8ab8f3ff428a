//! What the kernel and userspace share, and nothing else.
//!
//! One classifier, two hosts: [`classify`] reads a [`Frame`] and says what it is. The BPF program
//! implements [`Frame`] over `data..data_end`, replay over a slice, so live traffic and a capture
//! give the same class, the same [`FlowKey`] and the same [`FlowRecord`], byte for byte.
//!
//! Everything here is `no_std`, free of allocation, panics and unbounded loops: the BPF verifier
//! has to accept it.
#![no_std]
#![expect(
    clippy::inline_always,
    reason = "the verifier follows a call per packet path better than a call graph"
)]

pub mod account;
pub mod anomaly;
pub mod class;
pub mod control;
pub mod flow;
pub mod frame;
pub mod head;
mod labelled;
pub mod parse;
pub mod sample;
pub mod series;

pub use account::{Account, InterfaceSlot, Tally};
pub use anomaly::{Anomalies, Anomaly};
pub use class::Class;
pub use control::{Control, Features};
pub use flow::{Direction, FlowKey, FlowRecord, Step};
pub use frame::{Frame, SliceFrame};
pub use head::{Budget, HeadGroup, HeadMeta, HeadRecord, Limits, Wanted};
pub use parse::{Origin, Packet, Start, Tunnel, classify, classify_inner, classify_into};
pub use sample::Sampler;
pub use series::{SeriesEntry, SeriesSlot};

//! Messages that follow each other in one connection, or in datagrams, seconds and more apart.
//!
//! Heads show few of them, so they are told from what a flow's record has more than before. Keep-alives are such messages,
//! and some are jittered by their specification (BGP, STUN, RIP, Teredo, messengers over TLS): what is of a known protocol, or
//! goes to a known service, is an observation at most.

use std::net::IpAddr;

use inspector_common::FlowKey;
use inspector_common::parse::flag;

use super::judge::is_service;
use super::rhythm::Rhythm;
use super::{Pair, Thresholds};
use crate::detect::table::Table;
use crate::dissect::payload::Payload;
use crate::observation::FlowUpdate;

/// A connection is judged by its messages from this age on, nanoseconds: most end before.
const OLD_NS: u64 = 60_000_000_000;
/// Messages after which a flow that is too busy for a rhythm begins anew, so that it gives way to others.
const BUSY: usize = 16;

/// Ports whose protocols are jittered by specification, or send by timers of their own.
const TIMED: &[u16] = &[
    67, 68, 123, 137, 138, 161, 162, 179, 319, 320, 500, 520, 521, 546, 547, 639, 646, 1900, 1985, 3222,
    3478, 3479, 3544, 3702, 3784, 4500, 4784, 5060, 5061, 5349, 5353, 5355, 6696, 7946, 8301, 8302, 19302,
];

/// What sends such messages: a pair, and of connections the client's port.
type Stream = (Pair, u16);

/// The messages of all flows.
#[derive(Debug)]
pub(super) struct Streams(Table<Stream, Rhythm>);

impl Streams {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Table::new(capacity))
    }

    /// A payload that shows what its flow is.
    pub(super) fn observe(&mut self, key: &FlowKey, payload: &Payload<'_>, now_ns: u64) {
        let pair = Pair::of(key, is_to_server(key));
        if is_timed(&pair) || is_service(pair.port) || payload.protocol().is_none() {
            return;
        }
        if let Some(rhythm) = self.0.entry(stream(pair, key), Rhythm::default) {
            rhythm.is_known = true;
            rhythm.traffic.last_ns = rhythm.traffic.last_ns.max(now_ns);
        }
    }

    /// What a client's direction of a flow has carried by now; its rhythm, where there is one message more.
    pub(super) fn message(&mut self, update: &FlowUpdate<'_>, limits: &Thresholds) -> Option<&Rhythm> {
        let (key, record) = (update.key, update.record);
        if record.payload_packets == 0 || update.is_final || !is_to_server(key) {
            return None;
        }
        let pair = Pair::of(key, true);
        if is_timed(&pair) {
            return None;
        }
        let age_ns = record.last_ns.saturating_sub(record.first_ns);
        if pair.protocol == 6 && age_ns < OLD_NS && record.tcp_flags & flag::SYN != 0 {
            return None;
        }
        let rhythm = self.0.entry(stream(pair, key), Rhythm::default)?;
        if !rhythm.begin_flow_message(key.src_port, record) {
            return None;
        }
        let mean_ns = rhythm.span_ns() / rhythm.calls.len().max(1) as u64;
        if rhythm.calls.len() >= BUSY && mean_ns as f64 / 1e9 < limits.interval_s / 2.0 {
            rhythm.calls.clear();
        }
        Some(rhythm)
    }

    pub(super) fn expire(&mut self, before_ns: u64) {
        self.0.expire(before_ns);
    }

    pub(super) fn occupancy(&self) -> (usize, usize) {
        self.0.occupancy()
    }
}

/// Datagrams may come from a port each; of connections, each has a rhythm of its own.
fn stream(pair: Pair, key: &FlowKey) -> Stream {
    let client_port = if is_to_server(key) { key.src_port } else { key.dst_port };
    (pair, if pair.protocol == 6 { client_port } else { 0 })
}

/// Servers have the lower port.
const fn is_to_server(key: &FlowKey) -> bool {
    key.dst_port <= key.src_port
}

fn is_timed(pair: &Pair) -> bool {
    let is_group = match pair.server {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    };
    is_group || pair.port == 53 || TIMED.contains(&pair.port)
}

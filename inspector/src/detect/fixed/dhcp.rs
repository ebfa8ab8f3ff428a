//! DHCP's options and fields of text as carriers.
//!
//! What a client says of itself, and a server of the network, is the same in every message; few options change
//! from message to message by their meaning. A channel that makes up a hardware address for each message would be
//! a new client each time: for those only values count that are random throughout and new among all clients.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use inspector_common::FlowKey;

use super::{OPTIONS, Thresholds, evidence, finding};
use crate::detect::noise;
use crate::detect::novelty::Recent;
use crate::detect::table::{Entry, Table};
use crate::dissect::dhcp::Message;
use crate::findings::{Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// Fields that are no options, as codes that options can't have: boot file and server names share one, padding of the
/// hardware address has the other.
const NAMES: u8 = 0;
const PADDING: u8 = 255;

/// Options that change by their meaning: requested address, lease times, message type, server, sizes, message text,
/// renewal, client times and addresses that servers hand out, authentication, agent information, lease queries, overload.
const fn changes(code: u8) -> bool {
    matches!(code, 50..=54 | 56..=59 | 82 | 90 | 91 | 92 | 118 | 151..=157 | 1..=6 | 28)
}

/// One option of one client or server, or of all whose address changes.
#[derive(Clone, Debug)]
pub(super) struct Options {
    traffic: Traffic,
    recent: Recent,
    values: u32,
    messages: u32,
    bytes: u64,
}

/// Looks at the options of a message.
pub(super) fn observe(
    table: &mut Table<(u64, u8), Options>,
    head: &Head<'_>,
    message: &Message<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    let hasher = FixedState::default();
    // A server's answers differ from client to client, a relay's address stands for many clients.
    let one = hasher.hash_one((message.is_request, message.hardware, key.src));
    let all = hasher.hash_one((message.is_request, key.src, key.ifindex, key.vlan));
    let names = message.names.into_iter().map(|name| (NAMES, name));
    let padding = [(PADDING, message.hardware_padding)];
    let fields = message.options().filter(|(code, _)| !changes(*code)).chain(names).chain(padding);
    for (code, value) in fields {
        if value.iter().all(|byte| *byte == 0) {
            continue;
        }
        let mut look = |scope, least| {
            let entry = table.entry((scope, code), Options::new)?;
            entry.add(head, value, message.is_request);
            entry.judge(key, code, message.is_request, least, t)
        };
        findings.extend(look(one, t.option_values));
        if is_opaque(value) {
            findings.extend(look(all, t.option_values_opaque));
        }
    }
}

/// Whether a value is neither text nor made of parts: random throughout.
fn is_opaque(value: &[u8]) -> bool {
    noise::is_uniform(value) && !is_list(value)
}

/// A list of code, length and value that ends where the value does, as vendors' options are.
fn is_list(mut rest: &[u8]) -> bool {
    while let [_, len, after @ ..] = rest {
        match after.get(usize::from(*len)..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    rest.is_empty()
}

impl Options {
    fn new() -> Self {
        Self { traffic: Traffic::default(), recent: Recent::default(), values: 0, messages: 0, bytes: 0 }
    }

    fn add(&mut self, head: &Head<'_>, value: &[u8], is_request: bool) {
        self.traffic.add(is_request, head.meta.wire_len, head.meta.time_ns);
        self.messages = self.messages.saturating_add(1);
        if self.recent.is_new(value) {
            self.values = self.values.saturating_add(1);
            self.bytes += u64::try_from(value.len()).unwrap_or(0);
        }
    }

    fn judge(
        &self,
        key: &FlowKey,
        code: u8,
        is_request: bool,
        least: u32,
        t: &Thresholds,
    ) -> Option<Finding> {
        // Values that come back are a host's states, not messages.
        if self.values < least || self.bytes < t.option_bytes || self.values * 2 < self.messages {
            return None;
        }
        let severity = if self.values >= 4 * least { Severity::High } else { Severity::Medium };
        let measured = vec![
            evidence("different_values", f64::from(self.values), Some(f64::from(least)), "messages"),
            evidence("value_bytes", self.bytes as f64, Some(t.option_bytes as f64), "bytes"),
            evidence("messages", f64::from(self.messages), None, "messages"),
            evidence("option", f64::from(code), None, "code"),
        ];
        Some(finding(&OPTIONS, Subject::of(key, is_request), severity, measured, self.bytes, self.traffic))
    }
}

impl Entry for Options {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.values > 1)
    }
}

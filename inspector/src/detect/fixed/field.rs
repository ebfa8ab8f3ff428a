//! A field that says the same in every message of its sender, whatever the protocol: what if it does not?

use inspector_common::FlowKey;

use super::{evidence, finding};
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::findings::{Finding, Severity, Signature, Subject, Traffic};
use crate::observation::Head;

/// From when on values of a field are reported: how many different ones, and bytes in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enough {
    pub(super) values: u32,
    pub(super) bytes: u64,
}

/// The values of one field of one sender.
#[derive(Clone, Debug)]
pub(super) struct Field {
    traffic: Traffic,
    recent: Recent,
    values: u32,
    messages: u32,
    bytes: u64,
}

impl Field {
    pub(super) fn new() -> Self {
        Self { traffic: Traffic::default(), recent: Recent::default(), values: 0, messages: 0, bytes: 0 }
    }

    pub(super) fn add(&mut self, head: &Head<'_>, value: &[u8], is_request: bool) {
        self.traffic.add(is_request, head.meta.wire_len, head.meta.time_ns);
        self.messages = self.messages.saturating_add(1);
        if self.recent.is_new(value) {
            self.values = self.values.saturating_add(1);
            self.bytes += u64::try_from(value.len()).unwrap_or(0);
        }
    }

    /// The finding, from `enough` on; `code` says which field it is.
    pub(super) fn judge(
        &self,
        signature: &'static Signature,
        key: &FlowKey,
        (code, is_request): (u16, bool),
        enough: Enough,
    ) -> Option<Finding> {
        // Values that come back are a host's states, not messages.
        if self.values < enough.values || self.bytes < enough.bytes || self.values * 2 < self.messages {
            return None;
        }
        let severity = if self.values >= 4 * enough.values { Severity::High } else { Severity::Medium };
        let measured = vec![
            evidence("different_values", f64::from(self.values), Some(f64::from(enough.values)), "messages"),
            evidence("value_bytes", self.bytes as f64, Some(enough.bytes as f64), "bytes"),
            evidence("messages", f64::from(self.messages), None, "messages"),
            evidence("field", f64::from(code), None, "code"),
        ];
        Some(finding(signature, Subject::of(key, is_request), severity, measured, self.bytes, self.traffic))
    }
}

impl Entry for Field {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.values > 1)
    }
}

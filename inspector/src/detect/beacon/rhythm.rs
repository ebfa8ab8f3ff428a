//! When one side called the other, and how much was said.

use inspector_common::FlowRecord;

use crate::detect::table::Entry;
use crate::findings::Traffic;

/// Calls that are kept.
const KEPT: usize = 128;
/// Calls closer together are one: a page fetched over several connections, A and AAAA of one name.
const ONE_CALL_NS: u64 = 1_000_000_000;

/// One call: when it began and what it carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) begin_ns: u64,
    pub(super) sent: u64,
    pub(super) got: u64,
}

/// The calls of a pair.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    pub(super) calls: Vec<Call>,
    /// Port of the client in the last call, or hash of the last name.
    last: u64,
    /// Hashes of the names asked for.
    names: Vec<u64>,
    pub(super) new_names: u32,
    pub(super) questions: u32,
    pub(super) traffic: Traffic,
}

impl Entry for Rhythm {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        self.calls.len() as u64
    }
}

impl Rhythm {
    /// Notes the beginning of a connection; whether it is a call by itself.
    pub(super) fn begin_call(&mut self, client_port: u16, now_ns: u64) -> bool {
        let is_repeat = self.last == u64::from(client_port) + 1;
        self.last = u64::from(client_port) + 1;
        !is_repeat && self.begin(now_ns, 0)
    }

    /// Notes a question of DNS of `len` bytes.
    pub(super) fn begin_question(&mut self, name: u64, now_ns: u64, len: u32) -> bool {
        let is_new = !self.names.contains(&name);
        self.traffic.add(true, len, now_ns);
        if self.last == name {
            return false;
        }
        self.last = name;
        if !self.begin(now_ns, u64::from(len)) {
            return false;
        }
        self.questions += 1;
        self.new_names += u32::from(is_new);
        if self.names.len() >= KEPT {
            self.names.remove(0);
        }
        self.names.push(name);
        true
    }

    fn begin(&mut self, now_ns: u64, sent: u64) -> bool {
        if self.calls.is_empty() {
            self.traffic.first_ns = now_ns;
        }
        self.traffic.last_ns = self.traffic.last_ns.max(now_ns);
        if self.calls.last().is_some_and(|call| now_ns.saturating_sub(call.begin_ns) < ONE_CALL_NS) {
            return false;
        }
        if self.calls.len() >= KEPT {
            self.calls.remove(0);
        }
        self.calls.push(Call { begin_ns: now_ns, sent, got: 0 });
        true
    }

    /// Notes what the connection from this port of the client has carried so far.
    pub(super) fn size_call(&mut self, client_port: u16, to_server: bool, record: &FlowRecord) {
        if self.last != u64::from(client_port) + 1 {
            return;
        }
        let Some(call) = self.calls.last_mut() else { return };
        if to_server {
            self.traffic.packets_to_server += record.packets * u64::from(call.sent == 0);
            self.traffic.bytes_to_server += record.payload_bytes.saturating_sub(call.sent);
            call.sent = record.payload_bytes;
        } else {
            self.traffic.packets_to_client += record.packets * u64::from(call.got == 0);
            self.traffic.bytes_to_client += record.payload_bytes.saturating_sub(call.got);
            call.got = record.payload_bytes;
        }
    }

    /// Seconds between calls.
    pub(super) fn intervals(&self) -> Vec<f64> {
        let gap = |pair: &[Call]| match pair {
            [a, b] => b.begin_ns.saturating_sub(a.begin_ns) as f64 / 1e9,
            _ => 0.0,
        };
        self.calls.windows(2).map(gap).collect()
    }
}

//! When one side called the other, and how much was said.

use inspector_common::FlowRecord;
use inspector_common::parse::flag;
use smallvec::SmallVec;

use crate::detect::table::Entry;
use crate::findings::Traffic;

/// Calls that are kept.
pub(super) const KEPT: usize = 128;
/// Calls closer together are one: a page fetched over several connections, A and AAAA of one name.
const ONE_CALL_NS: i64 = 1_000_000_000;

/// Where the last call lies further ahead than this, the clock was set back since: nothing can be said of intervals.
const CLOCK_SET_NS: i64 = 60_000_000_000;

/// One call: when it began and what it carried.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Call {
    /// Nanoseconds; of the wall clock in a file, else of the source's clock. Negative: before that clock began.
    pub(super) begin_ns: i64,
    pub(super) sent: u64,
    pub(super) got: u64,
    /// TCP flags of all that each side sent; none of a client whose SYN is repeated.
    pub(super) client_flags: u8,
    pub(super) server_flags: u8,
    /// Whether nobody watched between the call before and this one.
    pub(super) is_after_break: bool,
}

impl Call {
    /// Whether the server took the connection and the client then said nothing at all, not even that it won't.
    pub(super) fn is_half_open(&self) -> bool {
        self.client_flags == flag::SYN && self.server_flags == flag::SYN | flag::ACK
    }
}

/// The calls of a pair.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    pub(super) calls: SmallVec<[Call; 1]>,
    /// Calls that there were, also those that are no longer kept.
    pub(super) count: u32,
    /// Port of the client in the last call, or hash of the last name.
    pub(super) last: u64,
    /// Hashes of the names asked for.
    pub(super) names: SmallVec<[u64; 2]>,
    pub(super) new_names: u32,
    pub(super) questions: u32,
    pub(super) traffic: Traffic,
    /// What the connection had carried when the last call began.
    pub(super) base: [u64; 2],
    /// Whether the next call comes after a break.
    pub(super) is_after_break: bool,
    /// Whether its messages are of a known protocol.
    pub(super) is_known: bool,
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
        if is_repeat {
            return false;
        }
        self.base = [0; 2];
        self.begin(now_ns, 0)
    }

    /// Notes a request in a connection that may have carried others; whether it is a call by itself.
    pub(super) fn begin_request(&mut self, client_port: u16, now_ns: u64) -> bool {
        let is_open = self.last == u64::from(client_port) + 1;
        self.last = u64::from(client_port) + 1;
        let carried = self.calls.last().map_or([0; 2], |call| [call.sent, call.got]);
        let is_call = self.begin(now_ns, 0);
        if is_call && is_open {
            self.base = [self.base[0] + carried[0], self.base[1] + carried[1]];
        } else if !is_open {
            self.base = [0; 2];
        }
        is_call
    }

    /// Notes a message without a connection, of `len` bytes; whether it is a call by itself.
    pub(super) fn begin_message(&mut self, now_ns: u64, len: u32) -> bool {
        self.traffic.add(true, len, now_ns);
        self.begin(now_ns, u64::from(len))
    }

    /// Notes what the flow from this port of the client has carried so far; whether there is a message more that is a call by
    /// itself. A flow that was silent for minutes begins anew.
    pub(super) fn begin_flow_message(&mut self, client_port: u16, record: &FlowRecord) -> bool {
        let is_same = self.last == u64::from(client_port) + 1 && record.first_ns <= self.traffic.last_ns;
        let before = if is_same { self.base[0] } else { 0 };
        self.last = u64::from(client_port) + 1;
        self.base[0] = record.payload_bytes;
        let more = record.payload_bytes.saturating_sub(before);
        more > 0 && self.begin_message(record.last_ns, u32::try_from(more).unwrap_or(u32::MAX))
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
        let begin_ns = i64::try_from(now_ns).unwrap_or(i64::MAX);
        if self.calls.last().is_some_and(|call| call.begin_ns.saturating_sub(begin_ns) > CLOCK_SET_NS) {
            self.calls.clear();
        }
        if self.calls.last().is_some_and(|call| begin_ns.saturating_sub(call.begin_ns) < ONE_CALL_NS) {
            return false;
        }
        if self.calls.len() >= KEPT {
            self.calls.remove(0);
        }
        let is_after_break = std::mem::take(&mut self.is_after_break);
        self.calls.push(Call { begin_ns, sent, is_after_break, ..Call::default() });
        self.count = self.count.saturating_add(1);
        true
    }

    /// Notes what the connection from this port of the client has carried so far.
    pub(super) fn size_call(&mut self, client_port: u16, to_server: bool, record: &FlowRecord) {
        if self.last != u64::from(client_port) + 1 {
            return;
        }
        let Some(call) = self.calls.last_mut() else { return };
        // Of a connection that was silent for minutes the record began anew, with this call.
        if i64::try_from(record.first_ns).is_ok_and(|first_ns| first_ns >= call.begin_ns) {
            self.base[usize::from(!to_server)] = 0;
        }
        if to_server {
            self.traffic.packets_to_server += record.packets * u64::from(call.sent == 0);
            let sent = said(record).saturating_sub(self.base[0]);
            self.traffic.bytes_to_server += sent.saturating_sub(call.sent);
            let is_repeated = record.tcp_flags == flag::SYN && record.packets > 1;
            (call.sent, call.client_flags) = (sent, if is_repeated { 0 } else { record.tcp_flags });
        } else {
            self.traffic.packets_to_client += record.packets * u64::from(call.got == 0);
            let got = said(record).saturating_sub(self.base[1]);
            self.traffic.bytes_to_client += got.saturating_sub(call.got);
            (call.got, call.server_flags) = (got, record.tcp_flags);
        }
    }

    /// Seconds between calls, but for those that nobody watched between.
    pub(super) fn intervals(&self) -> Vec<f64> {
        gaps(&self.calls).collect()
    }

    /// How long the calls span, nanoseconds.
    pub(super) fn span_ns(&self) -> u64 {
        let (first, last) = (self.calls.first(), self.calls.last());
        let span = first.zip(last).map_or(0, |(first, last)| last.begin_ns.saturating_sub(first.begin_ns));
        u64::try_from(span).unwrap_or(0)
    }
}

/// Gaps between calls, but for those that nobody watched between, seconds.
pub(super) fn gaps(calls: &[Call]) -> impl Iterator<Item = f64> {
    calls.windows(2).filter_map(|pair| match pair {
        [a, b] if !b.is_after_break => Some(b.begin_ns.saturating_sub(a.begin_ns) as f64 / 1e9),
        _ => None,
    })
}

/// Bytes of payload that a side has sent. Where some came again or are missing, in TCP, as its sequence numbers have it: what
/// networks repeat and lose says nothing of what was said.
fn said(record: &FlowRecord) -> u64 {
    if record.retransmissions == 0 && record.sequence_gaps == 0 {
        return record.payload_bytes;
    }
    let of_flags = |bit: u8| u32::from(record.tcp_flags & bit != 0);
    let numbers = record.next_seq.wrapping_sub(record.first_seq);
    let bytes = numbers.wrapping_sub(of_flags(flag::SYN) + of_flags(flag::FIN));
    // They wrap, and a reset's or a keep-alive's may be before the first.
    if record.payload_bytes < 1 << 31 && bytes < 1 << 31 { bytes.into() } else { record.payload_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable as _;

    #[test]
    fn what_came_again_or_is_missing_was_said_once() {
        let tcp_flags = flag::SYN | flag::ACK | flag::FIN;
        let (first_seq, next_seq) = (u32::MAX - 99, 402);
        let whole = FlowRecord { tcp_flags, first_seq, next_seq, payload_bytes: 500, ..FlowRecord::zeroed() };
        assert_eq!(said(&whole), 500);
        assert_eq!(said(&FlowRecord { retransmissions: 1, payload_bytes: 1000, ..whole }), 500);
        assert_eq!(said(&FlowRecord { sequence_gaps: 1, payload_bytes: 100, ..whole }), 500);
    }
}

//! NTP's fields as carriers.
//!
//! Which source a sender follows (reference id) changes when the source does; when its clock was last set (reference
//! time) goes forward with time; what the path to the root adds (root delay, dispersion) is under 16 seconds
//! (RFC 5905, MAXDISP). Fields that carry data do none of that. What is random by design is left alone: the transmit
//! time of clients that hide their clock, and NTS's fields and codes (RFC 8915).

use inspector_common::FlowKey;

use super::{CLOCK, Thresholds, evidence, finding};
use crate::detect::novelty::Recent;
use crate::detect::table::Entry;
use crate::dissect::ntp::Message;
use crate::findings::{Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// Seconds that a reference time may be off what the one before and the time since make likely: servers behind a
/// load balancer were set at different times, within a day unless they are lost.
const SLACK_SECONDS: u64 = 86_400;
/// Units of root delay and dispersion beyond which they make no sense: 16 seconds of 2^-16.
const MAX_DISPERSION: u32 = 16 << 16;

/// Field types that hold what is random or changes by design: NTS (RFC 8915), Autokey (RFC 5906) and padding of checksums (RFC 7821).
const fn is_known_field(kind: u16) -> bool {
    let is_autokey =
        matches!(kind & 0x3fff, 0x0002 | 0x0100..=0x0102 | 0x0200..=0x0209 | 0x0302..=0x0309 | 0x2005);
    is_autokey || matches!(kind, 0x0104 | 0x0204 | 0x0304 | 0x0404)
}

/// Field types of NTS alone: identifier, cookie, placeholder, authenticator.
const fn is_nts(kind: u16) -> bool {
    matches!(kind, 0x0104 | 0x0204 | 0x0304 | 0x0404)
}

/// Steps of root delay and dispersion beyond which a path is another one: 0.2 seconds of 2^-16. Dispersion falls by
/// such steps as a clock is first set, 4 times.
const PATH_STEP: u32 = 13_107;

/// The times that a message has.
fn times(m: &Message<'_>) -> [u64; 4] {
    [m.reference_time, m.origin_time, m.receive_time, m.transmit_time]
}

/// Whether a time is far from where the one before and the time since then put it.
pub(super) fn is_jump(last: &mut (u64, u64), time: u64, now_ns: u64) -> bool {
    let (before, then_ns) = *last;
    if time == 0 || time == before {
        return false;
    }
    *last = (time, now_ns);
    let elapsed = now_ns.saturating_sub(then_ns) / 1_000_000_000;
    before != 0 && (time >> 32).abs_diff(before >> 32) > SLACK_SECONDS + elapsed
}

/// Whether a root delay or dispersion is new, and far from the one before.
fn is_path_jump((recent, last): &mut (Recent, u32), value: u32) -> bool {
    let before = std::mem::replace(last, value);
    recent.is_new(&value.to_be_bytes()) && value < MAX_DISPERSION && before.abs_diff(value) > PATH_STEP
}

/// The fields that are followed, in the order of the counters, and bytes that a value of each carries.
const FIELDS: [(&str, u64); 11] = [
    ("reference_id_changes", 4),
    ("reference_time_jumps", 8),
    ("root_delay_beyond_reason", 4),
    ("root_dispersion_beyond_reason", 4),
    ("unknown_extension_fields", 0),
    ("root_delay_jumps", 2),
    ("root_dispersion_jumps", 2),
    ("origin_time_jumps", 8),
    ("receive_time_jumps", 8),
    ("transmit_time_jumps", 8),
    ("key_id_changes", 4),
];

/// What one side of one association sent.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    traffic: Traffic,
    is_client: bool,
    packets: u32,
    /// Packets with an impossible value, by field.
    novel: [u32; FIELDS.len()],
    reference_ids: Recent,
    delays: Recent,
    dispersions: Recent,
    extensions: Recent,
    extension_bytes: u64,
    /// Values of delay and dispersion, and the last of each.
    paths: [(Recent, u32); 2],
    key_ids: Recent,
    /// Reference, origin, receive and transmit time that were last seen, and when.
    times: [(u64, u64); 4],
}

impl Clock {
    pub(super) fn new(head: &Head<'_>, message: &Message<'_>) -> Self {
        let mut reference_ids = Recent::default();
        reference_ids.is_new(&message.reference_id.to_be_bytes());
        Self {
            traffic: Traffic::default(),
            is_client: matches!(message.mode, 1 | 3),
            packets: 0,
            novel: [0; FIELDS.len()],
            reference_ids,
            delays: Recent::default(),
            dispersions: Recent::default(),
            extensions: Recent::default(),
            extension_bytes: 0,
            paths: [(Recent::default(), message.root_delay), (Recent::default(), message.root_dispersion)],
            key_ids: Recent::default(),
            times: times(message).map(|time| (time, head.meta.time_ns)),
        }
    }

    pub(super) fn add(&mut self, head: &Head<'_>, m: &Message<'_>) {
        let now_ns = head.meta.time_ns;
        self.traffic.add(self.is_client, head.meta.wire_len, now_ns);
        self.packets = self.packets.saturating_add(1);
        let is_cut = u32::try_from(head.payload().len()).is_ok_and(|captured| captured < head.payload_len());
        let is_new_extension = self.extension(m, is_cut);
        let mut jumps = [false; 4];
        for ((jump, last), time) in jumps.iter_mut().zip(&mut self.times).zip(times(m)) {
            *jump = is_jump(last, time, now_ns);
        }
        let [reference_jump, origin_jump, receive_jump, transmit_jump] = jumps;
        let [delays, dispersions] = &mut self.paths;
        let seen = [
            m.reference_id != 0 && self.reference_ids.is_new(&m.reference_id.to_be_bytes()),
            reference_jump,
            m.root_delay >= MAX_DISPERSION && self.delays.is_new(&m.root_delay.to_be_bytes()),
            m.root_dispersion >= MAX_DISPERSION && self.dispersions.is_new(&m.root_dispersion.to_be_bytes()),
            is_new_extension,
            is_path_jump(delays, m.root_delay),
            is_path_jump(dispersions, m.root_dispersion),
            // An answer repeats what the client called its time, which may be random.
            self.is_client && origin_jump,
            receive_jump,
            !self.is_client && transmit_jump,
            m.key_id().is_some_and(|id| self.key_ids.is_new(&id)) && self.packets > 1,
        ];
        for (count, is_seen) in self.novel.iter_mut().zip(seen) {
            *count = count.saturating_add(u32::from(is_seen));
        }
    }

    /// Whether an extension field of a type without a meaning holds something new.
    fn extension(&mut self, m: &Message<'_>, is_cut: bool) -> bool {
        let mut is_new = false;
        // All of NTS's messages end with an authenticator, but for answers of stratum 0, and what was cut off.
        let may_be_nts = m.stratum == 0 || is_cut || m.extensions().any(|(kind, _)| kind == Some(0x0404));
        for (kind, value) in m.extensions() {
            let is_known = kind.is_some_and(|kind| is_known_field(kind) && (may_be_nts || !is_nts(kind)));
            if !is_known && self.extensions.is_new(value) {
                is_new = true;
                self.extension_bytes += u64::try_from(value.len()).unwrap_or(0);
            }
        }
        is_new
    }

    pub(super) fn judge(&self, key: &FlowKey, t: &Thresholds) -> Option<Finding> {
        let least = f64::from(t.clock_novelties).max(f64::from(self.packets) * t.clock_share);
        let most = *self.novel.iter().max()?;
        if f64::from(most) < least {
            return None;
        }
        let crossed = FIELDS.iter().zip(self.novel).filter(|(_, count)| f64::from(*count) >= least);
        let measured = crossed
            .clone()
            .map(|((name, _), count)| evidence(name, f64::from(count), Some(least), "packets"));
        let carried: u64 = crossed.clone().map(|((_, bytes), count)| bytes * u64::from(count)).sum();
        let severity = if most >= 4 * t.clock_novelties { Severity::High } else { Severity::Medium };
        let mut measured: Vec<_> = measured.collect();
        measured.push(evidence("packets", f64::from(self.packets), None, "packets"));
        if self.extension_bytes > 0 {
            measured.push(evidence("extension_bytes", self.extension_bytes as f64, None, "bytes"));
        }
        let subject = Subject::of(key, self.is_client);
        Some(finding(&CLOCK, subject, severity, measured, carried + self.extension_bytes, self.traffic))
    }
}

impl Entry for Clock {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.novel.iter().any(|count| *count > 1))
    }
}

//! Data in the TTL of answers for one name.
//!
//! A server of the zone says the same TTL every time, and a cache counts down to one time of expiry. Answers
//! that do neither, while the last one would still be valid, come from several caches taking turns, or carry
//! data.

use inspector_common::FlowKey;

use super::account::SLOW_SECONDS;
use super::thresholds::Thresholds;
use crate::detect::table::Entry;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};

/// Data in TTLs.
pub(super) static TTL: Signature = Signature {
    id: 9_100_106,
    rev: 1,
    detector: "dns-volume",
    title: "Covert channel in DNS TTLs",
    pattern: "EN4 State/Value Modulation",
    attack: "T1071.004",
    hint: "Ask the resolver for this name yourself and watch the TTL; find the process that asks for it so often",
};

/// Answers that are remembered.
const REMEMBERED: usize = 16;
/// Two times of expiry are the same up to this, seconds: TTLs are whole seconds, answers take time.
const TOLERANCE: u64 = 2;
const SECOND_NS: u64 = 1_000_000_000;

/// Answers for one client, name and type.
#[derive(Clone, Debug)]
pub(super) struct Countdown {
    /// TTL and time of expiry in seconds of the last different answers, latest first.
    recent: [(u32, u64); REMEMBERED],
    at_ns: u64,
    answers: f64,
    jumps: f64,
    traffic: Traffic,
    reported: Option<f64>,
}

impl Countdown {
    pub(super) fn new() -> Self {
        let recent = [(0, 0); REMEMBERED];
        Self { recent, at_ns: 0, answers: 0.0, jumps: 0.0, traffic: Traffic::default(), reported: None }
    }

    /// Adds an answer; true where its TTL fits no cache.
    pub(super) fn add(&mut self, ttl: u32, wire_len: u32, now_ns: u64) -> bool {
        self.traffic.add(false, wire_len, now_ns);
        let keep = (now_ns.saturating_sub(self.at_ns) as f64 / (-1e9 * SLOW_SECONDS)).exp();
        self.at_ns = self.at_ns.max(now_ns);
        self.answers = self.answers * keep + 1.0;
        self.jumps *= keep;
        let now = now_ns / SECOND_NS;
        let expiry = now + u64::from(ttl);
        let [(_, last_expiry), ..] = self.recent;
        let known = |&(then, at): &(u32, u64)| then == ttl || at.abs_diff(expiry) <= TOLERANCE;
        let place = self.recent.iter().position(known);
        let is_jump = place.is_none() && last_expiry > now + TOLERANCE;
        // The oldest, or the same one at its old place, makes room at the front.
        if let Some(older) = self.recent.get_mut(..=place.unwrap_or(REMEMBERED - 1)) {
            older.rotate_right(1);
        }
        self.recent[0] = (ttl, expiry);
        self.jumps += f64::from(u8::from(is_jump));
        is_jump
    }

    /// Judges the answers.
    pub(super) fn judge(&mut self, key: &FlowKey, domain: String, t: &Thresholds) -> Option<Finding> {
        if self.jumps < t.ttl_jumps || self.jumps < self.answers * t.ttl_jump_share {
            return None;
        }
        if self.reported.is_some_and(|then| self.jumps < then * 2.0) {
            return None;
        }
        self.reported = Some(self.jumps);
        let evidence = |name, value, threshold, unit| Evidence { name, value, threshold, unit };
        let mut subject = Subject::of(key, false);
        subject.client_port = 0;
        subject.domain = Some(domain);
        Some(Finding {
            signature: &TTL,
            subject,
            severity: Severity::Medium,
            score: self.jumps / (self.jumps + 0.5 * t.ttl_jumps),
            evidence: vec![
                evidence("ttl_jumps", self.jumps, Some(t.ttl_jumps), "answers"),
                evidence("ttl_jump_share", self.jumps / self.answers, Some(t.ttl_jump_share), "ratio"),
                evidence("window_seconds", SLOW_SECONDS, None, "seconds"),
            ],
            // Two bytes an answer: more would be years.
            estimated_bytes: self.traffic.packets_to_client.saturating_mul(2),
            traffic: self.traffic,
            tool: None,
        })
    }
}

impl Entry for Countdown {
    fn last_ns(&self) -> u64 {
        self.at_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.jumps >= 2.0) + u64::from(self.jumps >= 8.0)
    }
}

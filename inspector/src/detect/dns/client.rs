//! What a client does across domains.

use inspector_common::FlowKey;

use super::account::{FAST_SECONDS, SLOW_SECONDS};
use super::judge::{NAMES, whole};
use super::thresholds::Thresholds;
use crate::detect::table::Entry;
use crate::findings::{Evidence, Finding, Severity, Subject, Traffic};

/// Domains are counted over this time, and a domain again after it, seconds.
pub(super) const DOMAINS_SECONDS: u64 = 600;
/// Domains over which data must be spread for that to be the finding.
const SPREAD_DOMAINS: f64 = 8.0;

/// A client.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    at_ns: u64,
    /// Domains in use.
    domains: f64,
    /// Long names, each the first of its domain, and their bytes.
    spread_names: f64,
    spread_bytes: f64,
    spread_total: f64,
    /// Names that look like data, in whichever domain, and their bytes, in half an hour.
    codes: f64,
    code_bytes: f64,
    code_total: f64,
    traffic: Traffic,
    reported: Option<f64>,
}

impl Client {
    /// Lets time pass.
    pub(super) fn fade(&mut self, now_ns: u64) {
        let elapsed = now_ns.saturating_sub(self.at_ns);
        self.at_ns = self.at_ns.max(now_ns);
        if elapsed > 0 {
            let seconds = elapsed as f64 / -1e9;
            self.domains *= (seconds / 600.0).exp();
            let keep = (seconds / FAST_SECONDS).exp();
            self.spread_names *= keep;
            self.spread_bytes *= keep;
            let keep = (seconds / SLOW_SECONDS).exp();
            self.codes *= keep;
            self.code_bytes *= keep;
        }
    }

    /// Adds a domain that was not in use.
    pub(super) fn add_domain(&mut self) {
        self.domains += 1.0;
    }

    /// How many hosts the client seems to be, 1 and up.
    pub(super) fn hosts(&self, thresholds: &Thresholds) -> f64 {
        (self.domains / thresholds.busy_domains).max(1.0)
    }

    /// Adds the first name of a domain, if it is long; judges whether such names carry data.
    pub(super) fn add_first(
        &mut self,
        bytes: f64,
        key: &FlowKey,
        to_server: bool,
        wire_len: u32,
        t: &Thresholds,
    ) -> Option<Finding> {
        if bytes < t.spread_name_bytes {
            return None;
        }
        self.traffic.add(to_server, wire_len, self.at_ns);
        self.spread_names += 1.0;
        self.spread_bytes += bytes;
        self.spread_total += bytes;
        let threshold = t.spread_bytes * self.hosts(t);
        if self.spread_names < SPREAD_DOMAINS || self.spread_bytes < threshold {
            return None;
        }
        if self.reported.is_some_and(|then| self.spread_total < then * 2.0) {
            return None;
        }
        self.reported = Some(self.spread_total);
        let evidence = |name, value, threshold, unit| Evidence { name, value, threshold, unit };
        let measured = vec![
            evidence("spread_name_bytes", self.spread_bytes, Some(threshold), "bytes"),
            evidence("new_domains", self.spread_names, Some(SPREAD_DOMAINS), "domains"),
            evidence("window_seconds", FAST_SECONDS, None, "seconds"),
        ];
        let score = self.spread_bytes / (self.spread_bytes + 0.5 * threshold);
        Some(self.finding(key, to_server, score, measured, self.spread_total))
    }

    /// Adds a name that looks like data, in whichever domain; judges whether such names carry data.
    pub(super) fn add_code(
        &mut self,
        bytes: f64,
        key: &FlowKey,
        to_server: bool,
        wire_len: u32,
        t: &Thresholds,
    ) -> Option<Finding> {
        self.traffic.add(to_server, wire_len, self.at_ns);
        self.codes += 1.0;
        self.code_bytes += bytes;
        self.code_total += bytes;
        let hosts = self.hosts(t);
        let (names, threshold) = (t.code_names * hosts, t.code_bytes * hosts);
        if self.codes < names || self.code_bytes < threshold {
            return None;
        }
        if self.reported.is_some_and(|then| self.code_total < then * 2.0) {
            return None;
        }
        self.reported = Some(self.code_total);
        let evidence = |name, value, threshold, unit| Evidence { name, value, threshold, unit };
        let measured = vec![
            evidence("code_name_bytes", self.code_bytes, Some(threshold), "bytes"),
            evidence("code_names", self.codes, Some(names), "names"),
            evidence("domains", self.domains, None, "domains"),
            evidence("window_seconds", SLOW_SECONDS, None, "seconds"),
        ];
        let score = self.code_bytes / (self.code_bytes + 0.5 * threshold);
        Some(self.finding(key, to_server, score, measured, self.code_total))
    }

    fn finding(
        &self,
        key: &FlowKey,
        to_server: bool,
        score: f64,
        evidence: Vec<Evidence>,
        total: f64,
    ) -> Finding {
        let mut subject = Subject::of(key, to_server);
        subject.client_port = 0;
        Finding {
            signature: &NAMES,
            subject,
            severity: Severity::Medium,
            score,
            evidence,
            estimated_bytes: whole(total * 0.625),
            traffic: self.traffic,
            tool: None,
        }
    }
}

impl Entry for Client {
    fn last_ns(&self) -> u64 {
        self.at_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.domains >= 50.0)
    }
}

//! From an account's sums to a verdict.

use super::account::{Account, FAST_SECONDS, SLOW_SECONDS};
use super::thresholds::Thresholds;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject};

const HINT: &str = "Look at the names and answers of this domain from this client; block the domain at the \
    resolver, and find the process that asks";

/// Data in the names that are asked for.
pub(super) static NAMES: Signature = Signature {
    id: 9_100_101,
    rev: 1,
    detector: "dns-volume",
    title: "Covert channel in DNS names",
    pattern: "EN4 State/Value Modulation",
    attack: "T1071.004",
    hint: HINT,
};

/// Data in answers.
pub(super) static ANSWERS: Signature = Signature {
    id: 9_100_102,
    rev: 1,
    detector: "dns-volume",
    title: "Covert channel in DNS answers",
    pattern: "EN4 State/Value Modulation",
    attack: "T1071.004",
    hint: HINT,
};

/// Names under top-level domains that do not exist.
pub(super) static NO_TLD: Signature = Signature {
    id: 9_100_103,
    rev: 1,
    detector: "dns-volume",
    title: "Covert channel in domains made up for it",
    pattern: "EN4 State/Value Modulation",
    attack: "T1048",
    hint: "This server answers names that no public resolver can: block it, and find the process that asks",
};

/// What a rule measured against its threshold.
struct Measure {
    name: &'static str,
    value: f64,
    threshold: f64,
    unit: &'static str,
}

impl Measure {
    fn ratio(&self) -> f64 {
        self.value / self.threshold
    }
}

/// Judges an account; `busy` is how much more than one host the client seems to be (1 and up).
pub(super) fn judge(account: &mut Account, thresholds: &Thresholds, busy: f64) -> Option<Finding> {
    let (signature, measure, mut severity) = decide(account, thresholds, busy)?;
    let confirmed = account.slow.rare_names >= thresholds.rare_names * 2.0
        || account.slow.answer_bytes >= thresholds.answer_bytes * busy
        || account.mean_name_length() >= thresholds.long_name
        || measure.ratio() >= thresholds.high_ratio;
    if severity == Severity::Medium && confirmed {
        severity = Severity::High;
    }
    let total = account.name_total + account.answer_total;
    if account.reported.is_some_and(|(before, bytes)| severity <= before && total < bytes * 2.0) {
        return None;
    }
    account.reported = Some((severity, total));
    Some(finding(account, signature, &measure, severity))
}

fn decide(account: &Account, t: &Thresholds, busy: f64) -> Option<(&'static Signature, Measure, Severity)> {
    let Account { fast, slow, .. } = account;
    let has_domain = !account.domain.is_empty();
    let names = if has_domain { &NAMES } else { &NO_TLD };
    let repeats = account.unique_share() < t.unique_share;
    let lookups = if account.is_mostly_lookups() { Severity::Low } else { Severity::Medium };
    let measure = |name, value, threshold, unit| Measure { name, value, threshold, unit };
    // Garbage has random types and top-level domains; a domain that exists does not.
    if has_domain && slow.rare_names >= t.rare_names && slow.rare_bytes >= t.rare_bytes {
        let rare = measure("rare_type_bytes", slow.rare_bytes, t.rare_bytes, "bytes");
        return Some((names, rare, Severity::Medium));
    }
    let enough = account.names >= t.names && !repeats;
    if enough
        && fast.name_bytes >= t.fast_name_bytes * busy
        && fast.name_bytes >= fast.names * t.bytes_per_name
    {
        let fast = measure("distinct_name_bytes", fast.name_bytes, t.fast_name_bytes * busy, "bytes");
        return Some((names, fast, lookups));
    }
    if enough && slow.names >= t.slow_names && slow.name_bytes >= t.slow_name_bytes * busy {
        let slow = measure("slow_name_bytes", slow.name_bytes, t.slow_name_bytes * busy, "bytes");
        return Some((names, slow, Severity::Medium));
    }
    let changing = slow.new_answers >= t.new_answers && slow.new_answers >= slow.answers * t.new_answer_share;
    if changing && slow.answer_bytes >= t.answer_bytes * busy {
        let answers = measure("answer_bytes", slow.answer_bytes, t.answer_bytes * busy, "bytes");
        return Some((&ANSWERS, answers, lookups));
    }
    if slow.impossible >= t.impossible_addresses {
        let addresses = measure("impossible_addresses", slow.impossible, t.impossible_addresses, "addresses");
        return Some((&ANSWERS, addresses, Severity::Medium));
    }
    if let Some(addresses) = far_addresses(account, t) {
        return Some((&ANSWERS, addresses, Severity::Medium));
    }
    if enough
        && slow.short_names >= t.short_names * busy
        && slow.short_bytes >= t.short_name_bytes * busy
        && account.unique_share() >= t.short_unique_share
    {
        let short = measure("short_name_bytes", slow.short_bytes, t.short_name_bytes * busy, "bytes");
        return Some((names, short, Severity::Medium));
    }
    if account.strangest >= t.one_name_bytes {
        let strange = measure("strange_name_bytes", account.strangest, t.one_name_bytes, "bytes");
        return Some((names, strange, Severity::Medium));
    }
    if account.longest >= t.one_name_bytes {
        let longest = measure("one_name_bytes", account.longest, t.one_name_bytes, "bytes");
        return Some((names, longest, Severity::Low));
    }
    None
}

/// Whether a domain's addresses are all over the address space, and never come again: of one name that is asked for
/// over and over, or of many.
fn far_addresses(account: &Account, t: &Thresholds) -> Option<Measure> {
    let slow = &account.slow;
    let far = [
        ("far_addresses_of_a_name", slow.far_repeats, slow.repeats, t.far_repeats),
        ("far_addresses", slow.far_firsts + slow.far_repeats, slow.firsts + slow.repeats, t.far_addresses),
    ];
    let crossed = far.into_iter().find(|(_, far, all, least)| far >= least && *far >= all * t.far_share);
    crossed.map(|(name, value, _, threshold)| Measure { name, value, threshold, unit: "answers" })
}

fn finding(
    account: &Account,
    signature: &'static Signature,
    measure: &Measure,
    severity: Severity,
) -> Finding {
    let total = account.name_total + account.answer_total;
    let ratio = measure.ratio();
    let mut subject = Subject::of(&account.key, account.to_server);
    subject.client_port = 0;
    subject.domain = (!account.domain.is_empty()).then(|| account.domain.to_string());
    Finding {
        signature,
        subject,
        severity,
        score: if severity == Severity::Low { 0.3 } else { ratio / (ratio + 0.4) },
        evidence: evidence(account, measure),
        // Five bits a character: base32, the common denominator of what resolvers let through.
        estimated_bytes: whole(total * 0.625),
        traffic: account.traffic,
        tool: None,
    }
}

fn evidence(account: &Account, measure: &Measure) -> Vec<Evidence> {
    let Account { fast, slow, .. } = account;
    let directions = account.directions.iter().map(|&seen| f64::from(u8::from(seen > 0))).sum();
    let context = [
        ("distinct_name_bytes", fast.name_bytes, "bytes"),
        ("window_seconds", FAST_SECONDS, "seconds"),
        ("slow_name_bytes", slow.name_bytes, "bytes"),
        ("slow_window_seconds", SLOW_SECONDS, "seconds"),
        ("distinct_names", account.names as f64, "names"),
        ("mean_name_length", account.mean_name_length(), "bytes"),
        ("unique_share", account.unique_share().min(1.0), "ratio"),
        ("rare_type_share", slow.rare_names / fast.names.max(account.names as f64).max(1.0), "ratio"),
        ("answer_bytes", slow.answer_bytes, "bytes"),
        ("new_answer_share", slow.new_answers / slow.answers.max(1.0), "ratio"),
        ("directions_seen", directions, "directions"),
    ];
    let decisive = Evidence {
        name: measure.name,
        value: measure.value,
        threshold: Some(measure.threshold),
        unit: measure.unit,
    };
    let rest = context.into_iter().filter(|(name, ..)| *name != measure.name);
    let rest = rest.map(|(name, value, unit)| Evidence { name, value, threshold: None, unit });
    std::iter::once(decisive).chain(rest).collect()
}

/// A sum of bytes as an integer.
pub(super) fn whole(bytes: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(bytes).map_or(u64::MAX, |seconds| seconds.as_secs())
}

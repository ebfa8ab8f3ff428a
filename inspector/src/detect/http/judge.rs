//! From an account to a finding.

use super::NAME;
use super::account::{Account, Carrier, Tally};
use super::thresholds::Thresholds;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject};

const fn signature(id: u32, title: &'static str, pattern: &'static str, hint: &'static str) -> Signature {
    Signature { id, rev: 1, detector: NAME, title, pattern, attack: "T1071.001", hint }
}

const LOOK: &str = "Find the program on the client that sends these requests, and capture them in full";

static COOKIE: Signature =
    signature(9_103_001, "Covert channel in HTTP cookies", "EN4 State/Value Modulation (cookie)", LOOK);
static SET_COOKIE: Signature = signature(
    9_103_002,
    "Cookies of an HTTP server that its client never returns",
    "EN4 State/Value Modulation (cookie)",
    LOOK,
);
static HEADER: Signature =
    signature(9_103_003, "Covert channel in HTTP header fields", "EN4 State/Value Modulation (header)", LOOK);
static PATH: Signature = signature(
    9_103_004,
    "Covert channel in paths of HTTP requests",
    "EN4 State/Value Modulation (URL)",
    LOOK,
);

static BODY: Signature = signature(
    9_103_008,
    "Tunnel in bodies of HTTP messages: ciphertext that is called text",
    "EN5 Feature Structure Modulation",
    "Look for a script on the server that passes on what it is sent; web applications answer with text",
);

/// What decides for a carrier: signature, name of the count, its threshold, and the least bytes.
fn rule(carrier: Carrier, t: &Thresholds) -> (&'static Signature, &'static str, u32, u32) {
    match carrier {
        Carrier::Cookie => (&COOKIE, "requests_with_new_cookies", t.fresh_cookies, t.cookie_bytes),
        Carrier::SetCookie => (&SET_COOKIE, "cookies_not_returned", t.ignored_cookies, t.ignored_bytes),
        Carrier::Validator => (&HEADER, "validators_never_given", t.alien_validators, 0),
        Carrier::RequestHeader => (&HEADER, "requests_with_new_opaque_headers", t.opaque_headers, 0),
        Carrier::Etag => (&HEADER, "etags_larger_than_hashes", t.large_etags, 0),
        Carrier::Names => (&HEADER, "requests_with_names_in_another_way", t.names, 0),
        Carrier::Body => (&BODY, "answers_of_ciphertext", t.opaque_bodies, 0),
        Carrier::Path => (&PATH, "requests_with_new_opaque_paths", t.opaque_paths, 0),
    }
}

/// The finding that an account amounts to, if it does and was not pushed at half its present size.
pub(super) fn judge(account: &mut Account, t: &Thresholds, subject: &Subject) -> Option<Finding> {
    let (carrier, severity) = Carrier::ALL
        .into_iter()
        .filter_map(|carrier| {
            if matches!(carrier, Carrier::Body) && account.ciphertexts < t.opaque_requests {
                return None;
            }
            let severity = severity(carrier, &account.tallies[carrier as usize], account.responses, t)?;
            Some((carrier, severity))
        })
        .max_by_key(|(_, severity)| *severity)?;
    let bytes: u64 = account.carried[carrier as usize];
    if account.reported.is_some_and(|(before, then)| severity <= before && bytes < then.saturating_mul(2)) {
        return None;
    }
    account.reported = Some((severity, bytes));
    let tally = account.tallies[carrier as usize];
    let (signature, name, threshold, least) = rule(carrier, t);
    let measured = |name, value: f64, threshold, unit| Evidence { name, value, threshold, unit };
    let ratio = f64::from(tally.fresh) / f64::from(threshold);
    Some(Finding {
        signature,
        subject: subject.clone(),
        severity,
        score: if severity.is_alert() { ratio / (ratio + 0.4) } else { 0.3 },
        evidence: vec![
            measured(name, tally.fresh.into(), Some(threshold.into()), "messages"),
            measured("new_share", tally.share(), Some(t.share), "ratio"),
            measured("new_bytes", tally.bytes.into(), (least > 0).then_some(least.into()), "bytes"),
            measured("requests", account.requests as f64, None, "messages"),
            measured("responses", account.responses as f64, None, "messages"),
        ],
        estimated_bytes: bytes,
        traffic: account.traffic,
        tool: None,
    })
}

fn severity(carrier: Carrier, tally: &Tally, responses: u64, t: &Thresholds) -> Option<Severity> {
    let (_, _, threshold, least) = rule(carrier, t);
    if tally.fresh < threshold || tally.bytes < least || tally.share() < t.share {
        return None;
    }
    // What the server may have set before can't be told without its responses.
    let is_blind = responses == 0 && carrier != Carrier::Names;
    Some(match tally.fresh {
        _ if is_blind => Severity::Low,
        fresh if fresh >= threshold.saturating_mul(t.high_ratio) => Severity::High,
        _ => Severity::Medium,
    })
}

//! From counted evidence to a finding.

use super::pair::{Pair, is_random_alphanumeric};
use super::{NAME, Thresholds};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject};

static SIGNATURE: Signature = Signature {
    id: 9_100_001,
    rev: 1,
    detector: NAME,
    title: "Covert channel in ICMP messages",
    pattern: "EN4 State/Value Modulation (user data)",
    attack: "T1095",
    hint: "Ask what pings this host and why; capture the pair's ICMP in full, and block echo data between the two \
           until it is explained",
};

/// Score of random letters and digits, which some pingers (icmplib) send: below any alert.
const SCORE_RANDOM_TEXT: f64 = 0.4;

/// One reason: what was measured, whether it crossed its threshold, and the weight it then has.
struct Reason {
    evidence: Evidence,
    weight: f64,
    is_crossed: bool,
}

impl Reason {
    fn of(name: &'static str, value: u32, threshold: u32, unit: &'static str, weight: f64) -> Self {
        let evidence = Evidence { name, value: value.into(), threshold: Some(threshold.into()), unit };
        Self { evidence, weight, is_crossed: value >= threshold }
    }

    fn only_if(mut self, condition: bool) -> Self {
        self.is_crossed &= condition;
        self
    }
}

/// The finding that a pair's evidence amounts to, if it does and it is time to push it.
///
/// The score is 1 − ∏(1 − weight) over the reasons that crossed their thresholds: a reason alone scores its
/// weight, independent reasons confirm each other. New data alone is a medium finding, since there are pingers
/// that send random data (`fping -R`); with replies that carry other data than their requests, or repeats that
/// change, or an IP packet inside, it is high.
pub(super) fn judge(
    pair: &mut Pair,
    thresholds: &Thresholds,
    now_ns: u64,
    subject: impl FnOnce() -> Subject,
) -> Option<Finding> {
    let reasons = reasons(pair, thresholds);
    let remains: f64 =
        reasons.iter().filter(|reason| reason.is_crossed).map(|reason| 1.0 - reason.weight).product();
    let mut score = 1.0 - remains;
    if score < thresholds.medium {
        score = if is_held(pair, thresholds) { SCORE_RANDOM_TEXT } else { return None };
    }
    let severity = match score {
        score if score >= thresholds.high => Severity::High,
        score if score >= thresholds.medium => Severity::Medium,
        _ => Severity::Low,
    };
    if !pair.pace.is_due(severity, pair.estimated_bytes, now_ns) {
        return None;
    }
    Some(Finding {
        signature: &SIGNATURE,
        subject: subject(),
        severity,
        score,
        evidence: evidence(pair, reasons),
        estimated_bytes: pair.estimated_bytes,
        traffic: pair.traffic,
        tool: tool(pair),
    })
}

/// How many kinds of reasons there are.
const REASONS: usize = 16;

fn is_new(pair: &Pair, thresholds: &Thresholds) -> bool {
    pair.tally.new_payloads >= thresholds.new_payloads && pair.tally.new_bytes >= thresholds.new_bytes
}

fn are_heads_new(pair: &Pair, thresholds: &Thresholds) -> bool {
    pair.tally.new_heads >= thresholds.new_heads && pair.tally.new_head_bytes >= thresholds.new_head_bytes
}

/// Whether new data is random letters and digits of a few lengths, as some pingers send.
fn is_random_text(pair: &Pair) -> bool {
    let tally = &pair.tally;
    let bytes = tally.new_bytes.saturating_add(tally.new_head_bytes);
    bytes > 0
        && tally.coded < 2
        && pair.distinct_lengths() <= 2
        && is_random_alphanumeric(bytes, tally.alphanumeric, tally.coincidences)
}

fn is_held(pair: &Pair, thresholds: &Thresholds) -> bool {
    is_random_text(pair) && (is_new(pair, thresholds) || are_heads_new(pair, thresholds))
}

fn reasons(pair: &Pair, limits: &Thresholds) -> [Reason; REASONS] {
    let tally = &pair.tally;
    let is_random_text = is_random_text(pair);
    let is_new = is_new(pair, limits) && !is_random_text;
    let are_heads_new = are_heads_new(pair, limits) && !is_random_text;
    let is_bulk = tally.new_payloads >= limits.bulk_payloads && !is_random_text;
    let is_share = |count: u32, share: f64| f64::from(count) >= share * f64::from(tally.exchanges);
    let are_jumps_many = is_share(tally.jumps, limits.id_seq_jump_share);
    let are_backs_many = is_share(tally.backs, limits.seq_back_share);
    let are_small_many = is_share(tally.small, limits.small_share);
    let are_tiny_many = is_share(tally.tiny, limits.tiny_share);
    let are_fills_many = is_share(tally.fills, limits.fill_share);
    [
        Reason::of("inner_ip_headers", tally.inner, limits.inner_ip_headers, "packets", 0.75),
        Reason::of("application_greetings", tally.greetings, limits.greetings, "packets", 0.7),
        Reason::of("replies_differing", tally.differing, limits.replies_differing, "packets", 0.8),
        Reason::of("changed_repeats", tally.changed, limits.changed_repeats, "packets", 0.7),
        Reason::of("new_bytes", tally.new_bytes, limits.new_bytes, "bytes", 0.65).only_if(is_new),
        Reason::of("new_head_bytes", tally.new_head_bytes, limits.new_head_bytes, "bytes", 0.6)
            .only_if(are_heads_new),
        Reason::of("text_in_one_message", tally.text, limits.text_bytes, "bytes", 0.6),
        Reason::of("data_behind_quote", tally.error_bytes, limits.error_bytes, "bytes", 0.7)
            .only_if(tally.errors >= limits.errors),
        Reason::of("values_of_unused_fields", tally.reserved, limits.reserved, "values", 0.65),
        Reason::of("id_seq_jumps", tally.jumps, limits.id_seq_jumps, "packets", 0.6).only_if(are_jumps_many),
        Reason::of("seq_steps_back", tally.backs, limits.seq_backs, "packets", 0.6).only_if(are_backs_many),
        Reason::of("small_changes", tally.small, limits.small_changes, "packets", 0.6)
            .only_if(are_small_many),
        Reason::of("simple_fills", tally.fills, limits.fills, "packets", 0.6).only_if(are_fills_many),
        Reason::of("tiny_payloads", tally.tiny, limits.tiny, "packets", 0.6).only_if(are_tiny_many),
        Reason::of("new_bytes_in_bulk", tally.new_bytes, limits.bulk_bytes, "bytes", 0.65)
            .only_if(is_bulk && !is_new),
        Reason::of("distinct_lengths", pair.distinct_lengths(), limits.lengths, "lengths", 0.4)
            .only_if(is_new || are_heads_new),
    ]
}

/// The reasons that crossed their threshold, then the context.
fn evidence(pair: &Pair, reasons: [Reason; REASONS]) -> Vec<Evidence> {
    let tally = &pair.tally;
    let context = |name, value: f64, unit| Evidence { name, value, threshold: None, unit };
    let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
    let new_bytes = tally.new_bytes.saturating_add(tally.new_head_bytes);
    let crossed = reasons.into_iter().filter(|reason| reason.is_crossed).map(|reason| reason.evidence);
    crossed
        .chain([
            context("new_payloads", tally.new_payloads.max(tally.new_heads).into(), "packets"),
            context("printable_share", share(tally.printable, new_bytes).min(1.0), "ratio"),
            context("replies_differing_share", share(tally.differing, tally.compared), "ratio"),
            context("unsolicited_replies", tally.unsolicited.into(), "packets"),
            context("directions_seen", pair.directions().into(), "directions"),
        ])
        .collect()
}

/// What tool the payload of the last new message looks like. Only a hint: all of these can be changed.
fn tool(pair: &Pair) -> Option<&'static str> {
    match &pair.sample {
        [0xd5, 0x20, 0x08, 0x80, ..] => Some("ptunnel"),
        [0xde, 0xad, 0xc0, 0xde, ..] => Some("ptunnel-ng"),
        [b'h', b'a', b'n', b's' | b'c', ..] => Some("hans"),
        [b'T', b'U', b'N', b'L', ..] => Some("icmptunnel"),
        [0x45, ..] if pair.tally.inner > 0 => Some("raw IP in echo (icmptx, icmptunnel)"),
        _ => None,
    }
}

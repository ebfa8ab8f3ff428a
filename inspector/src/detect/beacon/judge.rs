//! From a rhythm to a verdict.

use super::rhythm::{Call, Rhythm};
use super::{NAME, Thresholds};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject};
use crate::stats::spread::Spread;

static BEACON: Signature = Signature {
    id: 9_106_200,
    rev: 1,
    detector: NAME,
    title: "Calls at intervals of a timer, or of a timer with jitter of its own",
    pattern: "ET2 Event Occurrence",
    attack: "T1071",
    hint: "Find the program on the client that calls, and who else calls this server",
};

/// Ports that ordinary services listen on (IANA): calls to others have no ordinary explanation.
const SERVICES: &[u16] = &[
    21, 22, 23, 25, 53, 80, 88, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 465, 514, 515, 554,
    587, 631, 636, 853, 873, 993, 995, 1433, 1521, 1883, 2049, 3128, 3268, 3306, 3389, 5060, 5061, 5222,
    5228, 5432, 5671, 5672, 6379, 6514, 8000, 8008, 8080, 8081, 8086, 8443, 8883, 8888, 9090, 9092, 9100,
    9200, 10050, 10051, 27017,
];

/// What a rhythm amounts to.
#[derive(Debug)]
pub(super) struct Verdict {
    severity: Severity,
    score: f64,
    evidence: Vec<Evidence>,
}

impl Verdict {
    pub(super) fn about(self, subject: Subject, rhythm: &Rhythm) -> Finding {
        let Self { severity, score, evidence } = self;
        let estimated_bytes = rhythm.calls.iter().map(|call| call.sent).sum();
        let traffic = rhythm.traffic;
        Finding {
            signature: &BEACON,
            subject,
            severity,
            score,
            evidence,
            estimated_bytes,
            traffic,
            tool: None,
        }
    }
}

/// How regular the calls are.
struct Regularity {
    spread: Spread,
    /// Deviation over the median.
    jitter: f64,
    bounded: f64,
    /// Distance of the further extreme from the median over that of the nearer.
    lopsided: f64,
    evidence: Vec<Evidence>,
}

impl Regularity {
    fn is_jittered(&self, limits: &Thresholds) -> bool {
        self.jitter >= limits.jitter && self.lopsided <= limits.lopsided
    }

    fn is_timer(&self, limits: &Thresholds) -> bool {
        self.jitter <= limits.timer
    }

    /// The mean of RITA's two scores of intervals: 1 − |skew| and 1 − MAD / median.
    fn score(&self) -> f64 {
        f64::midpoint(1.0 - self.spread.skew.abs(), 1.0 - self.jitter).clamp(0.0, 1.0)
    }
}

fn measured(name: &'static str, value: f64, threshold: Option<f64>, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold, unit }
}

/// Whether the calls have a rhythm at all.
fn regularity(rhythm: &Rhythm, limits: &Thresholds) -> Option<Regularity> {
    let intervals = rhythm.intervals();
    let (first, last) = (rhythm.calls.first()?.begin_ns, rhythm.calls.last()?.begin_ns);
    if intervals.len() < limits.intervals || last.saturating_sub(first) < limits.span_ns {
        return None;
    }
    let spread = Spread::of(&intervals)?;
    let jitter = spread.mad / spread.median.max(f64::EPSILON);
    let is_near = |interval: &&f64| (**interval - spread.median).abs() <= 0.45 * spread.median;
    let bounded = intervals.iter().filter(is_near).count() as f64 / intervals.len() as f64;
    let most = intervals.iter().copied().fold(spread.median, f64::max) - spread.median;
    let least = spread.median - intervals.iter().copied().fold(spread.median, f64::min);
    let lopsided = most.max(least) / most.min(least).max(f64::EPSILON);
    // The skew of a few microseconds says nothing.
    let is_even = spread.skew.abs() <= limits.skew || jitter <= limits.timer;
    if spread.median < limits.interval_s || bounded < limits.bounded || jitter > limits.widest || !is_even {
        return None;
    }
    let evidence = vec![
        measured("interval", spread.median, Some(limits.interval_s), "seconds"),
        measured(
            "jitter",
            jitter,
            Some(if jitter <= limits.timer { limits.timer } else { limits.jitter }),
            "ratio",
        ),
        measured("skew", spread.skew, Some(limits.skew), "ratio"),
        measured("longest_to_shortest", lopsided, Some(limits.lopsided), "ratio"),
        measured("intervals_near_median", bounded, Some(limits.bounded), "ratio"),
        measured("intervals", intervals.len() as f64, Some(limits.intervals as f64), "calls"),
    ];
    Some(Regularity { spread, jitter, bounded, lopsided, evidence })
}

/// Connections to one port of a server.
pub(super) fn connections(rhythm: &Rhythm, port: u16, limits: &Thresholds) -> Option<Verdict> {
    let regular = regularity(rhythm, limits)?;
    // The last call has only begun.
    let done = rhythm.calls.get(..rhythm.calls.len() - 1)?;
    let bytes = |of: fn(&Call) -> u64| done.iter().map(|call| of(call) as f64).collect::<Vec<_>>();
    let (sent, got) = (Spread::of(&bytes(|call| call.sent))?, Spread::of(&bytes(|call| call.got))?);
    let is_heard = sent.median > 0.0 || got.median > 0.0;
    let sizes = sent.mad / sent.median.max(1.0);
    if !is_heard || sent.median.max(got.median) > limits.call_bytes || sizes > limits.size_spread {
        return None;
    }
    let is_alert = regular.is_jittered(limits) || (regular.is_timer(limits) && !SERVICES.contains(&port));
    let mut verdict = verdict(&regular, is_alert);
    verdict.evidence.extend([
        measured("bytes_sent", sent.median, Some(limits.call_bytes), "bytes"),
        measured("bytes_sent_spread", sizes, Some(limits.size_spread), "ratio"),
        measured("bytes_got", got.median, Some(limits.call_bytes), "bytes"),
    ]);
    Some(verdict)
}

/// Questions about one registered domain.
pub(super) fn questions(rhythm: &Rhythm, limits: &Thresholds) -> Option<Verdict> {
    let regular = regularity(rhythm, limits)?;
    let new_names = f64::from(rhythm.new_names) / f64::from(rhythm.questions.max(1));
    if new_names < limits.new_names {
        return None;
    }
    let mut verdict = verdict(&regular, regular.is_jittered(limits) || regular.is_timer(limits));
    verdict.evidence.push(measured("new_names", new_names, Some(limits.new_names), "ratio"));
    Some(verdict)
}

fn verdict(regular: &Regularity, is_alert: bool) -> Verdict {
    let severity = if is_alert { Severity::Medium } else { Severity::Low };
    let score = if is_alert { 0.6 + 0.3 * regular.score() * regular.bounded } else { 0.4 };
    Verdict { severity, score, evidence: regular.evidence.clone() }
}

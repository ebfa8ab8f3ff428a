//! From a rhythm to a verdict.

use super::cadence::{Cadence, NEAR};
use super::rhythm::{Call, Rhythm};
use super::{NAME, Prevalence, Thresholds};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject};
use crate::stats::spread::Spread;
use crate::stats::{range, von_neumann};

static BEACON: Signature = Signature {
    id: 9_106_200,
    rev: 1,
    detector: NAME,
    title: "Calls at intervals of a timer, or of a timer with jitter of its own",
    pattern: "ET2 Event Occurrence",
    attack: "T1071",
    hint: "Find the program on the client that calls, and who else calls this server",
};

static STEERED: Signature = Signature {
    id: 9_106_201,
    rev: 1,
    detector: NAME,
    title: "Calls by a timer that report something new, are told nothing, and now and then something",
    pattern: "ET2 Event Occurrence",
    attack: "T1071",
    hint: "A program on the client is steered from this server: if it is yours, allow the destination",
};

static HALF_OPEN: Signature = Signature {
    id: 9_106_202,
    rev: 1,
    detector: NAME,
    title: "Connections that a timer asks for and nobody takes up",
    pattern: "ET2 Event Occurrence",
    attack: "T1205",
    hint: "The client's system never sees the answer: a program that makes its own packets sends these",
};

/// Ports that ordinary services listen on (IANA): calls to others have no ordinary explanation.
/// Those of plants, buildings and homes, of clusters and queues, and the ranges that monitoring and applications take, are
/// polled for a living.
const SERVICES: &[u16] = &[
    21, 22, 23, 25, 53, 80, 88, 102, 110, 111, 123, 135, 139, 143, 161, 179, 389, 443, 445, 465, 502, 514,
    515, 554, 587, 631, 636, 789, 853, 873, 993, 995, 1400, 1433, 1521, 1700, 1883, 1911, 1935, 1962, 2049,
    2222, 2379, 2380, 2404, 3128, 3268, 3306, 3389, 3671, 4222, 4840, 4911, 5007, 5044, 5060, 5061, 5094,
    5222, 5228, 5432, 5601, 5671, 5672, 5683, 5684, 5900, 6379, 6443, 6514, 6667, 6668, 6697, 7000, 8000,
    8008, 8080, 8081, 8086, 8443, 8883, 8888, 9090, 9092, 9100, 9200, 10050, 10051, 10250, 11211, 15672,
    18245, 20000, 27017, 32400, 34964, 44818, 47808, 54321, 56700, 61613, 61616,
];

/// Whether ordinary services listen on a port: exporters of metrics, health checks and applications take 8000 to 9999.
pub(super) fn is_service(port: u16) -> bool {
    matches!(port, 8000..=9999) || SERVICES.contains(&port)
}

/// What a rhythm amounts to.
#[derive(Debug)]
pub(super) struct Verdict {
    signature: &'static Signature,
    severity: Severity,
    score: f64,
    evidence: Vec<Evidence>,
}

impl Verdict {
    /// The finding; an observation where many clients call the same destination.
    pub(super) fn about(
        self,
        subject: Subject,
        rhythm: &Rhythm,
        prevalence: Prevalence,
        limits: &Thresholds,
    ) -> Finding {
        let Self { signature, mut severity, mut score, mut evidence } = self;
        evidence.push(measured("clients", prevalence.callers, Some(limits.callers), "hosts"));
        if prevalence.is_common(limits) {
            (severity, score) = (severity.min(Severity::Low), score.min(0.4));
        }
        let estimated_bytes = rhythm.calls.iter().map(|call| call.sent).sum();
        let traffic = rhythm.traffic;
        Finding { signature, subject, severity, score, evidence, estimated_bytes, traffic, tool: None }
    }
}

/// Calls are looked at each time that there are so many more.
const LOOK: u32 = 5;

/// How regular the calls are.
struct Regularity {
    cadence: Cadence,
    /// Deviation over the median.
    jitter: f64,
    /// Share of the gaps that are one wait each.
    bounded: f64,
    /// Whether each call waits for the one before, rather than for its time on a schedule.
    is_wait: bool,
    /// Whether the waits are spread evenly between two bounds, and each is drawn anew.
    is_drawn: bool,
    evidence: Vec<Evidence>,
}

impl Regularity {
    /// Jitter of the program's own, judged now and then: of a hundred looks at waits that are of another kind, one finds them
    /// as evenly spread.
    fn is_jittered(&self, rhythm: &Rhythm, limits: &Thresholds) -> bool {
        let Self { cadence: Cadence { waits, spread, .. }, jitter, .. } = self;
        let are_many = waits.len() >= limits.faint_intervals;
        let least_s = if are_many { limits.faint.1 } else { limits.jitter_s };
        let is_own = *jitter >= limits.jitter || (*jitter >= limits.faint.0 && spread.mad >= least_s);
        let every = if are_many { 2 * LOOK } else { LOOK };
        let is_enough = waits.len() >= limits.drawn_intervals;
        is_own && is_enough && self.is_drawn && self.is_wait && rhythm.count.is_multiple_of(every)
    }

    /// A timer's, and hardly anything between.
    fn is_timer(&self, limits: &Thresholds) -> bool {
        self.jitter <= limits.timer && self.bounded >= limits.bounded
    }

    /// The mean of RITA's two scores of intervals: 1 − |skew| and 1 − MAD / median.
    fn score(&self) -> f64 {
        f64::midpoint(1.0 - self.cadence.spread.skew.abs(), 1.0 - self.jitter).clamp(0.0, 1.0)
    }
}

fn measured(name: &'static str, value: f64, threshold: Option<f64>, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold, unit }
}

/// Whether the calls have a rhythm at all.
fn regularity(rhythm: &Rhythm, limits: &Thresholds) -> Option<Regularity> {
    if !rhythm.count.is_multiple_of(LOOK)
        || rhythm.calls.len() <= limits.intervals
        || rhythm.span_ns() < limits.span_ns
    {
        return None;
    }
    let cadence = Cadence::of(&rhythm.calls)?;
    let Cadence { waits, spread, bounded, regular, missed, is_apart, drift } = &cadence;
    let jitter = spread.mad / spread.median.max(f64::EPSILON);
    // The skew of a few microseconds says nothing.
    let is_even = spread.skew.abs() <= limits.skew || jitter <= limits.timer;
    let bounded = *bounded;
    let is_bounded =
        *regular >= limits.bounded && *missed <= limits.missed && (*is_apart || bounded >= limits.bounded);
    if waits.len() < limits.intervals || spread.median < limits.interval_s || jitter > limits.widest {
        return None;
    }
    if !is_bounded || !is_even {
        return None;
    }
    let most = waits.iter().copied().fold(spread.median, f64::max) - spread.median;
    let least = spread.median - waits.iter().copied().fold(spread.median, f64::min);
    let lopsided = most.max(least) / most.min(least).max(f64::EPSILON);
    let evenness = range::over_deviation(waits).unwrap_or(0.0);
    let memory = von_neumann::ratio(waits).unwrap_or(0.0);
    let most_even = limits.evenness.1 - limits.evenness_chance / waits.len() as f64;
    let chance = limits.memory_chance / (waits.len() as f64).sqrt();
    let is_drawn = lopsided <= limits.lopsided
        && (limits.evenness.0..=most_even).contains(&evenness)
        && (memory - 2.0).abs() <= chance;
    let least_jitter = match jitter {
        jitter if jitter <= limits.timer => limits.timer,
        jitter if jitter < limits.jitter => limits.faint.0,
        _ => limits.jitter,
    };
    let evidence = vec![
        measured("interval", spread.median, Some(limits.interval_s), "seconds"),
        measured("jitter", jitter, Some(least_jitter), "ratio"),
        measured("skew", spread.skew, Some(limits.skew), "ratio"),
        measured("longest_to_shortest", lopsided, Some(limits.lopsided), "ratio"),
        measured("range_to_deviation", evenness, Some(most_even), "ratio"),
        measured("dependence_on_wait_before", memory, None, "von Neumann's ratio"),
        measured("drift_from_schedule", *drift, Some(limits.waits), "ratio"),
        measured("intervals_near_median", bounded, None, "ratio"),
        measured("intervals_explained", *regular, Some(limits.bounded), "ratio"),
        measured("intervals_missed", *missed, Some(limits.missed), "ratio"),
        measured("intervals", waits.len() as f64, Some(limits.intervals as f64), "calls"),
    ];
    let is_wait = *drift >= limits.waits;
    Some(Regularity { cadence, jitter, bounded, is_wait, is_drawn, evidence })
}

/// Connections to one port of a server.
pub(super) fn connections(rhythm: &Rhythm, port: u16, limits: &Thresholds) -> Option<Verdict> {
    // The last call has only begun.
    let done = rhythm.calls.get(..rhythm.calls.len().checked_sub(1)?)?;
    if let Some(verdict) = half_open(rhythm, done, limits) {
        return Some(verdict);
    }
    let regular = regularity(rhythm, limits)?;
    let bytes = |of: fn(&Call) -> u64| done.iter().map(|call| of(call) as f64).collect::<Vec<_>>();
    let (sent, got) = (Spread::of(&bytes(|call| call.sent))?, Spread::of(&bytes(|call| call.got))?);
    let is_heard = sent.median > 0.0 || got.median > 0.0;
    let sizes = sent.mad / sent.median.max(1.0);
    if !is_heard || sent.median.max(got.median) > limits.call_bytes {
        return None;
    }
    let is_alike = sizes <= limits.size_spread;
    // Padding hides what calls have in common: their waits have to be the clearer.
    if !is_alike && regular.cadence.waits.len() < limits.padded_intervals {
        return None;
    }
    let is_alert = regular.is_jittered(rhythm, limits)
        || (is_alike && regular.is_timer(limits) && regular.is_wait && !is_service(port));
    if !is_alike && !is_alert {
        return None;
    }
    let mut verdict = verdict(&regular, is_alert);
    if !is_alert
        && regular.is_timer(limits)
        && regular.is_wait
        && let Some(evidence) = steered(done, limits)
    {
        (verdict.signature, verdict.severity, verdict.score) = (&STEERED, Severity::Medium, 0.6);
        verdict.evidence.extend(evidence);
    }
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
    let mut verdict = verdict(&regular, regular.is_jittered(rhythm, limits) || regular.is_timer(limits));
    verdict.evidence.push(measured("new_names", new_names, Some(limits.new_names), "ratio"));
    Some(verdict)
}

fn verdict(regular: &Regularity, is_alert: bool) -> Verdict {
    let severity = if is_alert { Severity::Medium } else { Severity::Low };
    let score = if is_alert { 0.6 + 0.3 * regular.score() * regular.bounded } else { 0.4 };
    Verdict { signature: &BEACON, severity, score, evidence: regular.evidence.clone() }
}

/// Bytes by which answers that say the same may differ: an ECDSA signature in DER has 70 to 72, and each side one.
const ALIKE_BYTES: u64 = 8;

/// Whether the client says something else each time, and the server nearly always the same, but for a few longer
/// answers: orders. What polls asks the same and gets what is new; what reports is never told more.
fn steered(done: &[Call], limits: &Thresholds) -> Option<[Evidence; 4]> {
    let idle = most_frequent(done.iter().map(|call| call.got))?;
    let share = |is: &dyn Fn(&Call) -> bool| {
        done.iter().filter(|call| is(call)).count() as f64 / done.len().max(1) as f64
    };
    let told_nothing = share(&|call| call.got.abs_diff(idle) <= ALIKE_BYTES);
    let told = share(&|call| call.got > idle + ALIKE_BYTES);
    let mut reports: Vec<u64> = done.iter().map(|call| call.sent).collect();
    reports.sort_unstable();
    reports.dedup();
    let reports = reports.len() as f64;
    // A refusal, a renewed session or a new token is longer, too, but as long each time.
    let mut orders: Vec<u64> =
        done.iter().map(|call| call.got).filter(|got| *got > idle + ALIKE_BYTES).collect();
    orders.sort_unstable();
    let orders = orders.chunk_by(|a, b| b - a <= ALIKE_BYTES).count() as f64;
    let all = told_nothing + told;
    let is_steered = idle > 0 && told_nothing >= limits.idle_answers && orders >= limits.orders && all > 0.98;
    (is_steered && reports >= limits.reports).then(|| {
        [
            measured("answers_alike", told_nothing, Some(limits.idle_answers), "ratio"),
            measured("longer_answers", told, None, "ratio"),
            measured("lengths_of_longer_answers", orders, Some(limits.orders), "lengths"),
            measured("lengths_of_reports", reports, Some(limits.reports), "lengths"),
        ]
    })
}

fn most_frequent(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut sorted: Vec<u64> = values.collect();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).max_by_key(|run| run.len()).and_then(|run| run.first().copied())
}

/// Connections at equal intervals, or more at about equal ones, that the server takes and the client never goes on with.
/// Health checks that stop there reset what they asked for, whom the server's answer doesn't reach asks again from the same
/// port, and scanners don't come back by a timer.
fn half_open(rhythm: &Rhythm, done: &[Call], limits: &Thresholds) -> Option<Verdict> {
    let intervals = rhythm.intervals();
    if intervals.len() < limits.half_open || !done.iter().all(Call::is_half_open) {
        return None;
    }
    let spread = Spread::of(&intervals)?;
    let off = |interval: &f64| (interval - spread.median).abs() / spread.median.max(f64::EPSILON);
    let furthest = intervals.iter().map(off).fold(0.0, f64::max);
    let most = if intervals.len() < limits.half_open_jittered { limits.timer } else { NEAR };
    if spread.median < limits.interval_s || furthest > most {
        return None;
    }
    let evidence = vec![
        measured("interval", spread.median, Some(limits.interval_s), "seconds"),
        measured("furthest_interval", furthest, Some(most), "ratio"),
        measured("connections_not_taken_up", done.len() as f64, Some(limits.half_open as f64), "calls"),
    ];
    Some(Verdict { signature: &HALF_OPEN, severity: Severity::Medium, score: 0.6, evidence })
}

/// Messages without a connection: pings. What measures reachability does so by a timer; only what hides jitters.
pub(super) fn messages(rhythm: &Rhythm, limits: &Thresholds) -> Option<Verdict> {
    let regular = regularity(rhythm, limits)?;
    regular.is_jittered(rhythm, limits).then(|| verdict(&regular, true))
}

/// Messages of one flow to a port: alerts where nothing known explains them.
pub(super) fn stream(rhythm: &Rhythm, port: u16, limits: &Thresholds) -> Option<Verdict> {
    let regular = regularity(rhythm, limits)?;
    let is_small = rhythm.calls.iter().filter(|call| call.sent as f64 <= limits.call_bytes).count();
    let is_told = 2 * is_small > rhythm.calls.len() && regular.is_jittered(rhythm, limits);
    is_told.then(|| verdict(&regular, !rhythm.is_known && !is_service(port)))
}

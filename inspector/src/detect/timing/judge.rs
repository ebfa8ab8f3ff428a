//! From a sample of gaps to a verdict: sharp modes, broad humps, or slots of equal length.

use inspector_common::FlowKey;

use super::{NAME, Thresholds, cycle, delays, keystrokes};
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::stats::humps::{self, Hump};
use crate::stats::modes::{self, Mode};
use crate::stats::share::{self, SURE};
use crate::stats::{dispersion, entropy, regularity, resultant, similarity};

static ALPHABET: Signature = Signature {
    id: 9_106_000,
    rev: 2,
    detector: NAME,
    title: "Covert channel in the gaps between packets",
    pattern: "ET1 Event/Element Interval Modulation",
    attack: "T1001",
    hint: "The gaps take a few values in an order that is no cycle: ask what paces this flow",
};

static SLOTS: Signature = Signature {
    id: 9_106_002,
    rev: 1,
    detector: NAME,
    title: "Packets come or stay away in time slots of equal length, in no pattern",
    pattern: "ET1 Event/Element Interval Modulation",
    attack: "T1001",
    hint: "On and off per slot may carry a bit each, unless the slot is a round trip: ask what paces this flow",
};

/// Shortest share of a mode or hump that counts.
const LEAST: f64 = 0.02;
/// Share of each of the modes that repeat.
const EQUAL: f64 = 0.1;
/// Longest patterns of the conditional entropy: of 1,024 symbols of two values most of five occur again.
const PATTERN: usize = 5;
/// Symbol of gaps in no mode.
pub(super) const NO_MODE: u8 = u8::MAX;
/// Gaps in a window whose spread is compared with that of others, and gaps that similarity is measured on.
const WINDOW: usize = 50;
const SIMILAR: usize = 250;
/// λ below which two gaps are alike: the least of Cabuk's.
const EPSILON: f64 = 0.005;
/// Factor between neighbouring lengths of slots, and gaps that they are tried on.
const SLOT_STEP: f64 = 1.01;
const TRIED: usize = 512;
/// Distance from a multiple that is none, as a part of the slot.
const OFF_GRID: f64 = 0.05;
/// Shares are stated as they surely are.
pub(super) const SURELY: &str = "ratio, 99.9 % sure";

/// What a sample amounts to.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) signature: &'static Signature,
    pub(super) severity: Severity,
    pub(super) score: f64,
    pub(super) evidence: Vec<Evidence>,
    /// Bits that a gap carries.
    pub(super) bits: f64,
}

impl Verdict {
    pub(super) fn finding(self, key: &FlowKey, traffic: Traffic) -> Finding {
        let packets = traffic.packets_to_server.min(1 << 40) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        let estimated_bytes = (self.bits * packets / 8.0) as u64;
        Finding {
            signature: self.signature,
            subject: Subject::of(key, true),
            severity: self.severity,
            score: self.score,
            evidence: self.evidence,
            estimated_bytes,
            traffic,
            tool: None,
        }
    }
}

pub(super) fn measured(name: &'static str, value: f64, threshold: f64, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold: Some(threshold), unit }
}

pub(super) fn context(name: &'static str, value: f64, unit: &'static str) -> Evidence {
    Evidence { name, value, threshold: None, unit }
}

/// Gaps in the order of time, and by size.
pub(super) struct Sample {
    pub(super) gaps: Vec<f64>,
    pub(super) sorted: Vec<f64>,
}

impl Sample {
    pub(super) fn of(gaps: impl Iterator<Item = f64>) -> Self {
        let gaps: Vec<f64> = gaps.collect();
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        Self { gaps, sorted }
    }

    pub(super) fn quantile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the sample")]
        let place = (share * self.sorted.len() as f64) as usize;
        self.sorted.get(place).copied().unwrap_or(0.0)
    }

    pub(super) fn surely(&self, share: f64) -> f64 {
        share::at_least(share, self.gaps.len(), SURE)
    }
}

pub(super) fn judge(gaps_us: &[u32], protocol: u8, limits: &Thresholds) -> Option<Verdict> {
    let sample = Sample::of(gaps_us.iter().copied().map(f64::from));
    if sample.gaps.len() >= limits.gaps {
        let humps = humps::of(&sample.sorted, LEAST);
        let largest = humps.first()?.share;
        let found = sharp(&sample, limits)
            .or_else(|| broad(&sample, &humps, limits))
            .or_else(|| delays::judge(&sample, limits))
            .or_else(|| if 1.0 - largest >= limits.slot_others { slots(&sample, limits) } else { None });
        if found.is_some() {
            return found;
        }
    }
    if protocol == 6 { keystrokes::judge(&sample, limits) } else { None }
}

/// Whether the symbols follow each other as a message does, and go on as they began.
pub(super) struct Order {
    first: f64,
    /// Entropy of patterns of five symbols, bits.
    patterns: f64,
    conditional: f64,
    pub(super) ratio: f64,
    regularity: f64,
    dispersion: f64,
}

impl Order {
    pub(super) fn of(sample: &Sample, symbols: &[u8]) -> Self {
        // Gaps in no mode are noise between the symbols, and pauses.
        let known = sample.gaps.iter().zip(symbols).filter(|(_, symbol)| **symbol != NO_MODE);
        let (gaps, symbols): (Vec<f64>, Vec<u8>) = known.unzip();
        let first = entropy::of_patterns(&symbols, 1);
        let patterns = entropy::of_patterns(&symbols, PATTERN);
        let conditional = entropy::corrected_conditional(&symbols, PATTERN);
        let regularity = regularity::of_windows(&gaps, WINDOW);
        let most = most_frequent(&symbols);
        let is_most: Vec<bool> = symbols.iter().map(|symbol| Some(*symbol) == most).collect();
        let dispersion = dispersion::of_windows(&is_most, WINDOW / 2);
        Self {
            first,
            patterns,
            conditional,
            ratio: conditional / first.max(f64::EPSILON),
            regularity,
            dispersion,
        }
    }

    /// Whether the most frequent symbol is as frequent throughout, as by the flip of one coin.
    fn is_even(&self, limits: &Thresholds) -> bool {
        self.dispersion <= limits.dispersion
    }

    pub(super) fn is_steady(&self, limits: &Thresholds) -> bool {
        self.regularity <= limits.regularity
    }

    pub(super) fn evidence(&self, gaps: usize, least_ratio: f64, limits: &Thresholds) -> [Evidence; 5] {
        [
            measured("conditional_entropy_ratio", self.ratio, least_ratio, "ratio"),
            measured("regularity", self.regularity, limits.regularity, "ratio"),
            context("entropy", self.first, "bits"),
            context("entropy_of_five", self.patterns, "bits"),
            measured("gaps", gaps as f64, limits.gaps as f64, "packets"),
        ]
    }
}

fn most_frequent(symbols: &[u8]) -> Option<u8> {
    let mut counts = [0u32; 256];
    for symbol in symbols {
        if let Some(count) = counts.get_mut(usize::from(*symbol)) {
            *count += 1;
        }
    }
    (0..=u8::MAX).zip(counts).max_by_key(|(_, count)| *count).map(|(symbol, _)| symbol)
}

pub(super) fn verdict(
    signature: &'static Signature,
    fit: f64,
    order: &Order,
    evidence: Vec<Evidence>,
) -> Verdict {
    let score = 0.6 + 0.35 * fit.min(1.0) * order.ratio.clamp(0.5, 1.0);
    Verdict { signature, severity: Severity::Medium, score, evidence, bits: order.conditional.max(0.1) }
}

/// An observation: what asks again as soon as it is answered has gaps of one, two and more round trips with their jitter,
/// in no order either. Two dnscat2 sessions over 108 ms have.
fn observation(verdict: Verdict) -> Verdict {
    Verdict { severity: Severity::Low, score: 0.4, ..verdict }
}

/// A few sharp modes that take turns like the symbols of a message, or that lie on a grid.
fn sharp(sample: &Sample, limits: &Thresholds) -> Option<Verdict> {
    let modes = modes::narrow(&sample.sorted, limits.mode_us, LEAST);
    let largest = *modes.first()?;
    let all: f64 = modes.iter().map(|mode| mode.share).sum();
    let (coverage, others) = (sample.surely(all), sample.surely(all - largest.share));
    let fastest = modes.iter().map(|mode| mode.center).fold(f64::INFINITY, f64::min);
    let equal: Vec<f64> = modes.iter().filter(|mode| mode.share >= EQUAL).map(|mode| mode.center).collect();
    let is_grid = equal.len() >= limits.grid_modes && common_slot(&equal, limits.quantum_us.0).is_some();
    let first = if is_grid { fastest } else { largest.center };
    let is_paced = fastest >= limits.quantum_us.0 && first <= limits.quantum_us.1;
    let centers: Vec<f64> = modes.iter().map(|mode| mode.center).collect();
    let are_skips = are_skips(largest.center, &centers);
    let least_others = least_others(sample, are_skips, limits);
    if coverage < limits.coverage || others < least_others || !is_paced {
        return None;
    }
    let similar = sample.gaps.get(sample.gaps.len().saturating_sub(SIMILAR)..)?;
    let similarity = similarity::epsilon(similar, EPSILON);
    if !are_apart(&equal, limits.apart) || similarity < limits.similarity {
        return None;
    }
    let symbols: Vec<u8> = sample.gaps.iter().map(|gap| symbol(*gap, &modes, limits.mode_us)).collect();
    let order = Order::of(sample, &symbols);
    let is_slow = equal.iter().any(|center| *center > limits.quantum_us.1);
    let least_ratio = match (is_slow, equal.len(), is_grid) {
        // A fast timer and a slow one take turns by activity, in spells.
        (true, 2, _) => limits.hump_ratio,
        (false, _, true) => 0.0,
        _ => limits.entropy_ratio,
    };
    if !order.is_steady(limits) || order.ratio.max(0.0) < least_ratio || (are_skips && !order.is_even(limits))
    {
        return None;
    }
    let mut evidence = vec![
        measured("gaps_in_sharp_modes", coverage, limits.coverage, SURELY),
        measured("gaps_in_other_modes", others, least_others, SURELY),
        measured("similarity_0.005", similarity, limits.similarity, "ratio"),
        context("modes", modes.len() as f64, "modes"),
        context("largest_mode", largest.center / 1e3, "milliseconds"),
    ];
    evidence.extend(order.evidence(sample.gaps.len(), least_ratio.max(limits.grid_ratio), limits));
    let found = verdict(&ALPHABET, coverage, &order, evidence);
    // What is predictable says nothing, but for a text that repeats: a long one, or one that is spelled.
    let tells = order.ratio >= limits.grid_ratio
        || order.patterns >= limits.patterns
        || spells_text(&symbols, &modes, &equal, limits);
    Some(if tells { found } else { observation(found) })
}

/// Whether the gaps go round in a circle that spells a text.
fn spells_text(symbols: &[u8], modes: &[Mode], equal: &[f64], limits: &Thresholds) -> bool {
    let known: Vec<u8> = symbols.iter().copied().filter(|symbol| *symbol != NO_MODE).collect();
    let Some((turn, slot)) = cycle::period(&known).zip(common_slot(equal, limits.quantum_us.0)) else {
        return false;
    };
    // A turn as the one before it was.
    let mut turns = known.windows(2 * turn).filter_map(|two| two.split_at_checked(turn));
    let Some((steps, _)) = turns.find(|(one, next)| one == next) else { return false };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gap is a few slots")]
    let slots =
        |symbol: &u8| modes.get(usize::from(*symbol)).map(|mode| (mode.center / slot).round() as usize);
    steps.iter().map(slots).collect::<Option<Vec<_>>>().is_some_and(|gaps| cycle::spells_text(&gaps))
}

/// Whether the two shortest are told apart.
fn are_apart(centers: &[f64], apart: f64) -> bool {
    let mut centers = centers.to_vec();
    centers.sort_by(f64::total_cmp);
    matches!(centers.as_slice(), [a, b, ..] if b / a >= apart)
}

/// Whether all gaps are once, twice and more times the most frequent: those of a constant stream that loses packets, which
/// never loses two without ever losing one, or of a sender that skips ticks.
fn are_skips(largest: f64, centers: &[f64]) -> bool {
    let is_multiple = |center: &f64| is_multiple(*center, largest, 2.0 * OFF_GRID) && *center > 0.5 * largest;
    let is_twice = |center: &f64| (center / largest - 2.0).abs() <= 2.0 * OFF_GRID;
    centers.len() >= 3 && centers.iter().all(is_multiple) && centers.iter().any(is_twice)
}

/// What share of other gaps it takes: more of skips, and infinite while gaps are too few to tell.
fn least_others(sample: &Sample, are_skips: bool, limits: &Thresholds) -> f64 {
    match are_skips {
        false => limits.others,
        true if sample.gaps.len() < limits.slot_gaps => f64::INFINITY,
        true => limits.slot_others,
    }
}

fn is_multiple(center: f64, of: f64, off: f64) -> bool {
    (center / of - (center / of).round()).abs() <= off
}

/// The longest time from `least` on that all are multiples of.
fn common_slot(centers: &[f64], least: f64) -> Option<f64> {
    let shortest = centers.iter().copied().fold(f64::INFINITY, f64::min);
    (1..=16u32)
        .map(|parts| shortest / f64::from(parts))
        .take_while(|&slot| slot >= least)
        .map(|slot| fitted(centers, slot))
        .find(|&slot| centers.iter().all(|&center| is_multiple(center, slot, OFF_GRID)))
}

/// The time near this one whose multiples lie closest to all, by least squares.
fn fitted(centers: &[f64], slot: f64) -> f64 {
    let (mut across, mut along) = (0.0, 0.0);
    for center in centers {
        let multiple = (center / slot).round();
        across += center * multiple;
        along += multiple * multiple;
    }
    across / along
}

fn symbol(gap: f64, modes: &[Mode], floor: f64) -> u8 {
    let is_in = |mode: &Mode| (gap - mode.center).abs() <= modes::half_width(mode.center, floor);
    modes.iter().position(is_in).and_then(|at| u8::try_from(at).ok()).unwrap_or(NO_MODE)
}

/// Two to four humps as broad as jitter makes them, in an order next to random.
fn broad(sample: &Sample, humps: &[Hump], limits: &Thresholds) -> Option<Verdict> {
    let humps: Vec<&Hump> = humps.iter().filter(|hump| hump.share >= limits.hump_share).collect();
    let largest = humps.first()?;
    let all: f64 = humps.iter().map(|hump| hump.share).sum();
    let (coverage, others) = (sample.surely(all), sample.surely(all - largest.share));
    let mut centers: Vec<f64> = humps.iter().map(|hump| hump.center).collect();
    centers.sort_by(f64::total_cmp);
    let is_paced = *centers.first()? >= limits.quantum_us.0 && largest.center <= limits.quantum_us.1;
    let is_apart = centers.windows(2).all(|pair| are_apart(pair, limits.hump_apart));
    let widest = humps.iter().map(|hump| hump.width).fold(0.0, f64::max);
    let are_skips = are_skips(largest.center, &centers);
    let least_others = least_others(sample, are_skips, limits);
    if humps.len() > limits.humps || coverage < limits.hump_coverage || others < least_others {
        return None;
    }
    if !is_paced || !is_apart || widest > limits.hump_width {
        return None;
    }
    let in_hump = |gap: &f64| humps.iter().position(|hump| hump.range.contains(gap));
    let symbols: Vec<u8> = sample
        .gaps
        .iter()
        .map(|gap| in_hump(gap).and_then(|at| u8::try_from(at).ok()).unwrap_or(NO_MODE))
        .collect();
    let order = Order::of(sample, &symbols);
    let is_even = !are_skips || order.is_even(limits);
    if order.ratio < limits.hump_ratio || !order.is_steady(limits) || !is_even {
        return None;
    }
    let mut evidence = vec![
        measured("gaps_in_humps", coverage, limits.hump_coverage, SURELY),
        measured("gaps_in_other_humps", others, least_others, SURELY),
        measured("widest_hump", widest, limits.hump_width, "ratio"),
        context("humps", humps.len() as f64, "humps"),
        context("largest_hump", largest.center / 1e3, "milliseconds"),
    ];
    evidence.extend(order.evidence(sample.gaps.len(), limits.hump_ratio, limits));
    let found = verdict(&ALPHABET, coverage, &order, evidence);
    let shortest = *centers.first()?;
    let are_round_trips = centers.iter().all(|center| is_multiple(*center, shortest, 2.0 * OFF_GRID));
    Some(if are_round_trips { observation(found) } else { found })
}

/// Gaps that are one, two, three and more times one slot, whatever the jitter of each.
fn slots(sample: &Sample, limits: &Thresholds) -> Option<Verdict> {
    if sample.gaps.len() < limits.slot_gaps {
        return None;
    }
    let tried = sample.gaps.get(sample.gaps.len().saturating_sub(TRIED)..)?;
    // The least gap is one slot but for jitter.
    let longest = (1.3 * sample.quantile(0.05)).min(limits.slot_us.1);
    let lengths = std::iter::successors(Some(limits.slot_us.0), |slot| Some(slot * SLOT_STEP));
    let fits =
        lengths.take_while(|&slot| slot <= longest).map(|slot| (resultant::rough_length(tried, slot), slot));
    let (_, slot) = fits.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let fit = resultant::length(tried, slot);
    if fit < limits.slot_fit {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let symbols: Vec<u8> =
        sample.gaps.iter().map(|gap| (gap / slot).round().clamp(0.0, 20.0) as u8).collect();
    let mut counts = [0u32; 21];
    for symbol in &symbols {
        if let Some(count) = counts.get_mut(usize::from(*symbol)) {
            *count += 1;
        }
    }
    let shares = counts.map(|count| f64::from(count) / symbols.len().max(1) as f64);
    let others = sample.surely(1.0 - shares.iter().copied().fold(0.0, f64::max));
    let order = Order::of(sample, &symbols);
    if others < limits.slot_others
        || shares[0] > LEAST
        || shares[1] < EQUAL
        || order.ratio < limits.entropy_ratio
    {
        return None;
    }
    if !order.is_steady(limits) || !order.is_even(limits) {
        return None;
    }
    let mut evidence = vec![
        measured("resultant_length", fit, limits.slot_fit, "ratio"),
        measured("gaps_of_other_lengths", others, limits.slot_others, SURELY),
        context("slot", slot / 1e3, "milliseconds"),
    ];
    evidence.extend(order.evidence(sample.gaps.len(), limits.entropy_ratio, limits));
    Some(observation(verdict(&SLOTS, fit, &order, evidence)))
}

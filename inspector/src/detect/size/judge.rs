//! From a sample of lengths to a verdict.

use std::collections::BTreeMap;

use inspector_common::FlowKey;

use super::{NAME, Thresholds};
use crate::detect::header::{context, crossed};
use crate::detect::shape::{Channel, finding};
use crate::findings::{Evidence, Finding, Signature, Traffic};
use crate::stats::{entropy, von_neumann};

static PADDING: Signature = Signature {
    id: 9_106_120,
    rev: 1,
    detector: NAME,
    title: "Lengths of packets change while their content doesn't",
    pattern: "EN5 Feature Structure Modulation (size)",
    attack: "T1001",
    hint: "The payload says nothing new and its length does: ask what this program is for",
};

static ALPHABET: Signature = Signature {
    id: 9_106_121,
    rev: 1,
    detector: NAME,
    title: "Lengths of packets form an evenly used alphabet",
    pattern: "EN5 Feature Structure Modulation (size)",
    attack: "T1001",
    hint: "Compare lengths with contents: an encoder fills messages up to the length of a symbol",
};

static BYTES: Signature = Signature {
    id: 9_106_122,
    rev: 1,
    detector: NAME,
    title: "Lengths of packets take the values of one byte, each independent of the one before",
    pattern: "EN5 Feature Structure Modulation (size)",
    attack: "T1001",
    hint: "Subtract the least length: what remains may spell out a file",
};

/// Lengths of an alphabet, at most: 4 bits a packet.
const LETTERS: usize = 16;
/// Lengths left aside as something else's, ratio: a greeting, a keep-alive.
const STRAY: f64 = 0.02;
/// Longest patterns of the conditional entropy: of 1,024 symbols of two values most of five occur again.
const PATTERN: usize = 5;

/// What a sample amounts to.
pub(super) struct Verdict {
    signature: &'static Signature,
    score: f64,
    bits: f64,
    evidence: Vec<Evidence>,
}

impl Verdict {
    pub(super) fn finding(self, key: &FlowKey, traffic: Traffic) -> Finding {
        let Self { signature, score, bits, evidence } = self;
        let channel = Channel { score, symbols: traffic.packets_to_server, bits, directions: 1, traffic };
        finding(signature, key, &channel, evidence)
    }
}

/// What the lengths give away, if they do. `padded` payloads were seen to be alike but for their length.
pub(super) fn judge(lengths: &[u16], padded: u32, limits: &Thresholds) -> Option<Verdict> {
    letters(lengths, padded, limits).or_else(|| bytes(lengths, limits))
}

/// The most frequent lengths that make up all but [`STRAY`] of the sample, from the shortest on.
fn frequent(lengths: &[u16]) -> Vec<u16> {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for length in lengths {
        *counts.entry(*length).or_default() += 1;
    }
    let mut by_count: Vec<(usize, u16)> = counts.into_iter().map(|(length, count)| (count, length)).collect();
    by_count.sort_by(|a, b| b.cmp(a));
    let enough = (lengths.len() as f64) * (1.0 - STRAY);
    let mut covered = 0;
    let taken = by_count.iter().take_while(|(count, _)| {
        let is_needed = (covered as f64) < enough;
        covered += count;
        is_needed
    });
    let mut taken: Vec<u16> = taken.map(|(_, length)| *length).collect();
    taken.sort_unstable();
    taken
}

fn letters(lengths: &[u16], padded: u32, limits: &Thresholds) -> Option<Verdict> {
    let alphabet = frequent(lengths);
    if !(2..=LETTERS).contains(&alphabet.len()) {
        return None;
    }
    let symbol = |length: &u16| alphabet.iter().position(|letter| letter == length);
    let symbols: Vec<u8> = lengths.iter().filter_map(symbol).filter_map(|at| u8::try_from(at).ok()).collect();
    let bits = entropy::of_patterns(&symbols, 1);
    let ratio = entropy::corrected_conditional(&symbols, PATTERN) / bits.max(f64::EPSILON);
    let evenness = bits / (alphabet.len() as f64).log2();
    let letters = alphabet.len() as f64;
    if padded >= limits.alike
        && alphabet.last() < Some(&limits.full)
        && bits >= limits.entropy
        && ratio >= limits.entropy_ratio
    {
        return Some(Verdict {
            signature: &PADDING,
            score: 0.9,
            bits: bits * ratio,
            evidence: vec![
                crossed("payloads_alike", padded.into(), limits.alike.into(), "packets"),
                crossed("entropy", bits, limits.entropy, "bits"),
                crossed("conditional_entropy_ratio", ratio, limits.entropy_ratio, "ratio"),
                context("lengths", letters, "lengths"),
                crossed("packets_judged", lengths.len() as f64, limits.few as f64, "packets"),
            ],
        });
    }
    let are_many = lengths.len() >= limits.many;
    let (is_code, least_evenness) = match *alphabet.as_slice() {
        [short, long] => {
            let is_coin = short >= limits.coin.0 && long - short >= limits.coin.1;
            (is_coin && are_many, limits.evenness)
        }
        _ if !alphabet.len().is_power_of_two() => return None,
        _ => match step(&alphabet)? {
            step if step <= limits.step => (true, limits.evenness),
            // Ciphers and padding fill up to blocks and buckets: a few of these may be evenly used.
            step if step.is_power_of_two() && alphabet.len() < LETTERS => return None,
            _ => (are_many, limits.evenness_of_steps),
        },
    };
    (is_code && evenness >= least_evenness && ratio >= limits.even_ratio).then(|| Verdict {
        signature: &ALPHABET,
        score: 0.75,
        bits,
        evidence: vec![
            crossed("evenness", evenness, least_evenness, "ratio"),
            crossed("conditional_entropy_ratio", ratio, limits.even_ratio, "ratio"),
            context("lengths", letters, "lengths"),
            crossed("packets_judged", lengths.len() as f64, limits.few as f64, "packets"),
        ],
    })
}

/// The distance between the lengths, if all have the same.
fn step(alphabet: &[u16]) -> Option<u16> {
    let mut steps = alphabet.windows(2).map(|pair| pair[1] - pair[0]);
    let first = steps.next()?;
    steps.all(|other| other == first).then_some(first)
}

fn bytes(lengths: &[u16], limits: &Thresholds) -> Option<Verdict> {
    let (least, greatest) = (lengths.iter().min()?, lengths.iter().max()?);
    let span = greatest - least;
    if lengths.len() < limits.byte_packets || span <= limits.byte_span.0 || span > limits.byte_span.1 {
        return None;
    }
    let mut distinct = lengths.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let values: Vec<f64> = lengths.iter().map(|length| f64::from(*length)).collect();
    let ratio = von_neumann::ratio(&values)?;
    let is_free = ratio >= limits.ratio.0 && ratio <= limits.ratio.1;
    let sixteenths: Vec<u8> =
        lengths.iter().filter_map(|length| u8::try_from((length - least) >> 4).ok()).collect();
    let evenness = entropy::of_patterns(&sixteenths, 1) / 4.0;
    // Of many it is enough that they fill the span.
    let least_evenness = if lengths.len() < limits.many { limits.byte_evenness } else { 0.0 };
    (is_free && evenness >= least_evenness && distinct.len() >= limits.byte_lengths).then(|| Verdict {
        signature: &BYTES,
        score: 0.65,
        bits: 7.0,
        evidence: vec![
            crossed("length_span", span.into(), limits.byte_span.0.into(), "bytes"),
            crossed("lengths", distinct.len() as f64, limits.byte_lengths as f64, "lengths"),
            crossed("evenness", evenness, least_evenness, "ratio"),
            crossed("von_neumann_ratio", ratio, limits.ratio.0, "ratio"),
            crossed("packets_judged", lengths.len() as f64, limits.byte_packets as f64, "packets"),
        ],
    })
}

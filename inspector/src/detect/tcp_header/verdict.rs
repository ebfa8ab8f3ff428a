//! From what is known of a pair to findings.

use inspector_common::FlowKey;

use super::clock::Sums;
use super::series::Track;
use super::{Isns, NAME, State, Thresholds};
use crate::detect::header::{Alphabet, Carried, context, crossed, finding};
use crate::findings::{Finding, Signature};

/// Kinds of findings, each with a gate of its own.
pub(super) const KINDS: usize = 10;

macro_rules! signatures {
    ($($name:ident = $id:literal, $title:literal, $pattern:literal;)+) => {
        $(static $name: Signature = Signature {
            id: $id,
            rev: 1,
            detector: NAME,
            title: $title,
            pattern: $pattern,
            attack: "T1001",
            hint: "Capture the pair's segments and look at the field; find the process that sends them, which needs raw sockets",
        };)+
    };
}

signatures! {
    RESERVED = 5201, "Covert channel in reserved bits of TCP", "EN4.1 Reserved/Unused State/Value Modulation";
    URGENT = 5202, "Covert channel in the urgent pointer of TCP", "EN4.1 Reserved/Unused State/Value Modulation";
    ACKNOWLEDGEMENT = 5203, "Covert channel in TCP acknowledgement numbers without the flag", "EN4.1 Reserved/Unused State/Value Modulation";
    ISN = 5204, "Covert channel in TCP initial sequence numbers", "EN4.2 Random State/Value Modulation";
    BOUNCE = 5205, "Covert channel in sequence numbers that a third host bounces", "EN4.2 Random State/Value Modulation";
    OPTION = 5206, "Covert channel in TCP options", "EN4.1 Reserved/Unused State/Value Modulation";
    TIMESTAMP = 5207, "Covert channel in TCP timestamps", "EN4 State/Value Modulation";
    OPENING = 5209, "Covert channel in fields of TCP SYNs", "EN4 State/Value Modulation";
    WINDOW = 5208, "Covert channel in the TCP window", "EN4 State/Value Modulation";
}

pub(super) fn of_heads(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let time_ns = state.last_ns;
    let clean = state.clean;
    let least = |odd: &Alphabet, limit: u32| {
        // A value that is always there carries nothing.
        let is_free = clean > 0 || odd.distinct() > 1;
        is_free.then_some(if odd.distinct() > 1 { limit } else { limit * limits.constant })
    };
    let packets = state.reserved.total();
    if let Some(least) = least(&state.reserved, limits.reserved)
        && packets >= least
        && state.are_believable(packets)
        && state.gates[0].opens(packets)
    {
        let values = state.reserved.distinct();
        let bits = f64::from(values + 1).log2();
        let evidence = vec![
            crossed("packets_with_reserved_bits", packets.into(), least.into(), "packets"),
            context("distinct_values", values.into(), "values"),
        ];
        let carried = Carried { packets: packets.into(), bits, time_ns };
        findings.push(finding(&RESERVED, key, 0.9, carried, evidence));
    }
    let packets = state.urgent.total();
    if let Some(least) = least(&state.urgent, limits.urgent)
        && packets >= least
        && state.are_believable(packets)
        && state.gates[1].opens(packets)
    {
        let bits = state.urgent.entropy().max(1.0);
        let evidence = vec![
            crossed("urgent_pointers_without_flag", packets.into(), least.into(), "packets"),
            context("distinct_values", state.urgent.distinct().into(), "values"),
        ];
        let carried = Carried { packets: packets.into(), bits, time_ns };
        findings.push(finding(&URGENT, key, 0.92, carried, evidence));
    }
    let values = state.acknowledgements().distinct();
    if values >= limits.acknowledgements && state.are_believable(values) && state.gates[2].opens(values) {
        let packets = state.acknowledgements().total().into();
        let evidence = vec![crossed(
            "acknowledgement_numbers_without_flag",
            values.into(),
            limits.acknowledgements.into(),
            "values",
        )];
        let carried = Carried { packets, bits: 32.0, time_ns };
        findings.push(finding(&ACKNOWLEDGEMENT, key, 0.9, carried, evidence));
    }
    let values = state.options.distinct();
    if values >= limits.options && state.are_believable(values) && state.gates[3].opens(values) {
        let packets = u64::from(state.options.total());
        let bits = f64::from(state.option_bytes) * 8.0 / packets.max(1) as f64;
        let evidence =
            vec![crossed("distinct_unknown_options", values.into(), limits.options.into(), "values")];
        findings.push(finding(&OPTION, key, 0.9, Carried { packets, bits, time_ns }, evidence));
    }
    if let Some((name, values, least)) = state.openings.carrier()
        && state.gates[8].opens(values)
    {
        let evidence = vec![crossed(name, values.into(), least.into(), "values")];
        let bits = f64::from(values).log2();
        findings.push(finding(
            &OPENING,
            key,
            0.85,
            Carried { packets: values.into(), bits, time_ns },
            evidence,
        ));
    }
    let [.., syn_gate, echo_gate, _, _] = &mut state.gates;
    if state.syns.are_made_up(limits) && syn_gate.opens(state.syns.all.distinct()) {
        findings.push(isns(&state.syns, &ISN, limits, key, time_ns));
    }
    if state.echoes.are_made_up(limits) && echo_gate.opens(state.echoes.all.distinct()) {
        findings.push(isns(&state.echoes, &BOUNCE, limits, key, time_ns));
    }
    findings
}

impl Isns {
    /// Whether many different numbers have the same low 16 bits (by chance, two of 300 do), or are text.
    fn are_made_up(&self, limits: &Thresholds) -> bool {
        let are_many = |count: u32| count >= limits.isns && count * 2 >= self.low.total();
        let is_unordered = self.small_backs * 4 >= self.small;
        are_many(self.low.mode()) || are_many(self.text) || are_many(self.small) && is_unordered
    }
}

fn isns(
    isns: &Isns,
    signature: &'static Signature,
    limits: &Thresholds,
    key: &FlowKey,
    time_ns: u64,
) -> Finding {
    let (name, count) = if isns.text > isns.low.mode() {
        ("numbers_of_printable_characters", isns.text)
    } else if isns.small > isns.low.mode() {
        ("numbers_below_65536", isns.small)
    } else {
        ("numbers_with_equal_low_16_bits", isns.low.mode())
    };
    let evidence = vec![
        crossed(name, count.into(), limits.isns.into(), "values"),
        context("distinct_numbers", isns.all.distinct().into(), "values"),
    ];
    let carried = Carried { packets: isns.all.total().into(), bits: isns.all.entropy().max(8.0), time_ns };
    finding(signature, key, 0.95, carried, evidence)
}

pub(super) fn of_series(
    state: &mut State,
    track: &Track,
    limits: &Thresholds,
    key: &FlowKey,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if state.is_damaged() {
        return findings;
    }
    let time_ns = state.last_ns;
    let share = f64::from(state.backwards) / f64::from(state.steps.max(1));
    if state.backwards >= limits.backward_timestamps
        && share >= limits.backward_share
        && state.gates[4].opens(state.backwards)
    {
        // Overwriting k low bits makes a clock that stands still go back about half of the time.
        let bits = if share > 0.25 { 8.0 } else { 1.0 };
        let evidence = vec![
            crossed(
                "timestamps_going_back",
                state.backwards.into(),
                limits.backward_timestamps.into(),
                "packets",
            ),
            crossed("share_of_steps", share, limits.backward_share, "ratio"),
        ];
        let carried = Carried { packets: state.steps.into(), bits, time_ns };
        findings.push(finding(&TIMESTAMP, key, 0.9, carried, evidence));
    }
    findings.extend(text_windows(state, track, limits, key));
    if let Some((ratio, values)) = track.low_window_bytes(limits.windows) {
        let count = track.window_count();
        let variety = f64::from(values.distinct()) / f64::from(count.min(64));
        let span = values.max().unwrap_or(0) - values.min().unwrap_or(0);
        let is_free = ratio >= limits.window_independence
            && variety >= limits.window_variety
            && span >= limits.window_span.into();
        if is_free && state.gates[5].opens(count) {
            let evidence = vec![
                crossed("von_neumann_ratio", ratio, limits.window_independence, "ratio"),
                crossed("distinct_share", variety, limits.window_variety, "ratio"),
                crossed("windows", count.into(), limits.windows as f64, "packets"),
            ];
            let carried = Carried { packets: count.into(), bits: 8.0, time_ns };
            findings.push(finding(&WINDOW, key, 0.8, carried, evidence));
        }
    }
    findings
}

/// Low bits of timestamps that don't belong to the time, while what is above them does.
pub(super) fn of_clocks(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let apart = |(bits, sums): (u32, &Sums)| {
        let is_regular = f64::from(sums.alike) > limits.clock_alike * f64::from(sums.steps);
        let fit = sums.low.fit().filter(|_| sums.steps >= limits.clock_steps && !is_regular)?;
        let expected = f64::from(1 << (2 * bits)) / 12.0;
        let is_apart = fit.slope + 1.0 >= limits.clock_slope && fit.errors >= limits.clock_errors;
        (is_apart && fit.variance >= limits.clock_variance * expected).then_some((bits, fit, sums.steps))
    };
    let (bits, fit, steps) = (1..).zip(&state.clocks).filter_map(apart).last()?;
    if state.is_damaged() || !state.gates[KINDS - 1].opens(steps) {
        return None;
    }
    let evidence = vec![
        crossed("low_bits_apart_from_time", fit.slope + 1.0, limits.clock_slope, "ratio"),
        crossed("deviation", fit.errors, limits.clock_errors, "standard errors"),
        crossed("steps_of_clock", steps.into(), limits.clock_steps.into(), "steps"),
    ];
    let carried = Carried { packets: steps.into(), bits: bits.into(), time_ns: state.last_ns };
    Some(finding(&TIMESTAMP, key, 0.85, carried, evidence))
}

/// Windows that are text: a buffer fills and empties, and does not care for characters.
fn text_windows(state: &mut State, track: &Track, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let count = track.window_count();
    let (low, both) = track.printable_windows();
    let (ratio, values) = track.all_windows()?;
    let is_one_byte = track.low_window_bytes(limits.windows).is_some();
    let share = if is_one_byte { low } else { both };
    let is_text = share >= limits.text_share && values.distinct() >= limits.text_values;
    let span = values.max().unwrap_or(0) - values.min().unwrap_or(0);
    let is_free = ratio >= limits.window_independence && span >= limits.window_span.into();
    if count < limits.text_windows || !is_text || !is_free || !state.gates[5].opens(count) {
        return None;
    }
    let evidence = vec![
        crossed("windows_of_printable_characters", share, limits.text_share, "ratio"),
        crossed("von_neumann_ratio", ratio, limits.window_independence, "ratio"),
        crossed("distinct_values", values.distinct().into(), limits.text_values.into(), "values"),
        crossed("windows", count.into(), limits.text_windows.into(), "packets"),
    ];
    let bits = if is_one_byte { 7.0 } else { 14.0 };
    let carried = Carried { packets: count.into(), bits, time_ns: state.last_ns };
    Some(finding(&WINDOW, key, 0.85, carried, evidence))
}

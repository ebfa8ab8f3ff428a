//! From what is known of a pair to findings.

use inspector_common::FlowKey;

use super::{NAME, State, Thresholds};
use crate::detect::header::{Carried, context, crossed, field, finding};
use crate::findings::{Finding, Signature};

/// Kinds of findings, each with a gate of its own.
pub(super) const KINDS: usize = 16;

macro_rules! signatures {
    ($($name:ident = $id:literal, $title:literal, $pattern:literal;)+) => {
        $(static $name: Signature = Signature {
            id: $id,
            rev: 1,
            detector: NAME,
            title: $title,
            pattern: $pattern,
            attack: "T1001",
            hint: "Capture the pair's packets and look at the field; find the process that sends them, or set the field to a \
                   constant at the edge",
        };)+
    };
}

signatures! {
    TTL = 5001, "Covert channel in the IPv4 TTL", "EN4 State/Value Modulation";
    TOS = 5002, "Covert channel in the DSCP of IPv4", "EN4 State/Value Modulation";
    FLAGS = 5003, "Covert channel in the IPv4 flags", "EN4 State/Value Modulation";
    CHECKSUM = 5004, "Covert channel in the presence of UDP checksums", "EN4 State/Value Modulation";
    ECN = 5005, "Covert channel in the ECN bits of IPv4", "EN4 State/Value Modulation";
    RESERVED = 5006, "Covert channel in the reserved flag of IPv4", "EN4.1 Reserved/Unused State/Value Modulation";
    LOW_ZEROS = 5007, "Covert channel in the high byte of the IPv4 identification", "EN4.2 Random State/Value Modulation";
    HIGH_COUNTER = 5008, "Covert channel in the low byte of the IPv4 identification", "EN4.2 Random State/Value Modulation";
    JUMPS = 5009, "Covert channel in the IPv4 identification", "EN4.2 Random State/Value Modulation";
    WRITTEN = 5014, "Covert channel in the IPv4 identification: it is text", "EN4.2 Random State/Value Modulation";
    FRAGMENTS = 5010, "Covert channel in IPv4 fragment offsets", "EN4 State/Value Modulation";
    OPTIONS = 5011, "Covert channel in IPv4 options", "EN4 State/Value Modulation";
    LENGTHS = 5012, "Covert channel in the length of IPv4 datagrams", "EN4 State/Value Modulation";
    PROTOCOLS = 5013, "Covert channel in the protocol number of IPv4", "EN4 State/Value Modulation";
}

/// Bits for each packet of a binary or richer switching field.
fn carried(state: &State, bits: f64) -> Carried {
    Carried { packets: state.switching.packets, bits, time_ns: state.last_ns }
}

fn switching(
    state: &mut State,
    limits: &Thresholds,
    key: &FlowKey,
    (number, min_share): (usize, f64),
    signature: &'static Signature,
) -> Option<Finding> {
    let share = state.switching.share(number, limits.switches, min_share)?;
    let switches = &state.switching.fields[number];
    if !state.gates[number].opens(switches.count) {
        return None;
    }
    let values = &switches.values;
    let bits = values.entropy();
    let score = if share >= 0.45 || values.distinct() >= 6 { 0.92 } else { 0.8 };
    let evidence = vec![
        crossed("switches", switches.count.into(), limits.switches.into(), "switches"),
        crossed("switches_per_packet", share, min_share, "ratio"),
        context("distinct_values", values.distinct().into(), "values"),
        context("least_value", values.min().unwrap_or(0) as f64, "value"),
        context("greatest_value", values.max().unwrap_or(0) as f64, "value"),
    ];
    Some(finding(signature, key, score, carried(state, bits), evidence))
}

/// Judges what the exact counters say.
pub(super) fn of_counts(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Vec<Finding> {
    // As nearly always. No verdict is given on less.
    if state.switching.count() < limits.switches && state.identifications.low_zeros() < limits.low_zeros {
        return Vec::new();
    }
    let mut findings = Vec::new();
    // Path tracers count the TTL up from 1, again and again (mtr).
    let ttls = &state.switching.fields[field::TTL].values;
    let (least, greatest) = (ttls.min().unwrap_or(0), ttls.max().unwrap_or(0));
    let is_turns = ttls.distinct() == 2 && state.switching.rate(field::TTL) > limits.turns;
    if least > 4 && !is_turns {
        let are_far = greatest - least > limits.far_ttls;
        let min_share = if are_far { limits.far_share } else { limits.switch_share };
        findings.extend(switching(state, limits, key, (field::TTL, min_share), &TTL));
    }
    findings.extend(tos(state, limits, key));
    findings.extend(flags(state, limits, key));
    findings.extend(switching(state, limits, key, (field::CHECKSUM, limits.checksum_share), &CHECKSUM));
    findings.extend(low_zeros(state, limits, key));
    findings
}

/// "More fragments" comes and goes with fragments, and says nothing.
fn flags(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let values = &state.switching.fields[field::FLAGS].values;
    let are_fragments = [1, 3, 5, 7].into_iter().any(|flags| values.contains(flags));
    if are_fragments {
        None
    } else {
        switching(state, limits, key, (field::FLAGS, limits.switch_share), &FLAGS)
    }
}

fn tos(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let values = &state.switching.fields[field::TOS].values;
    let dscp_alike = values.min().is_some_and(|least| least >> 2 == values.max().unwrap_or(0) >> 2);
    if dscp_alike {
        return ecn(state, limits, key);
    }
    if key.protocol == 17 && values.distinct() < limits.udp_tos_values {
        return None;
    }
    let are_many = values.distinct_above(2) >= limits.marks;
    let min_share = if are_many { limits.marks_share } else { limits.switch_share };
    switching(state, limits, key, (field::TOS, min_share), &TOS)
}

/// ECN alternates by itself where it is negotiated, but a sender that marks both ECT(0) and ECT(1) does not exist
/// (RFC 9331), so only all four codepoints in turn tell.
fn ecn(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let values = &state.ecn.values;
    if values.distinct() < 3 || state.ecn.flips < limits.ecn_flips {
        return None;
    }
    switching(state, limits, key, (field::TOS, limits.ecn_share), &ECN)
}

fn low_zeros(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let ids = &state.identifications;
    let low_zeros = ids.low_zeros();
    let share = f64::from(low_zeros) / ids.nonzero.max(1) as f64;
    if low_zeros < limits.low_zeros
        || share < limits.low_zero_share
        || ids.count_in_high_bytes()
        || state.damaged * 8 > low_zeros
        || !state.gates[8].opens(low_zeros)
    {
        return None;
    }
    let evidence = vec![
        crossed("identifications_with_low_byte_zero", low_zeros.into(), limits.low_zeros.into(), "packets"),
        crossed("share", share, limits.low_zero_share, "ratio"),
        crossed("backward_steps", ids.backwards.into(), 3.0, "packets"),
        context("high_bytes_seen", ids.high_bytes.distinct().into(), "values"),
    ];
    let bits = ids.high_bytes.entropy().max(1.0);
    let carried = Carried { packets: low_zeros.into(), bits, time_ns: state.last_ns };
    Some(finding(&LOW_ZEROS, key, 0.95, carried, evidence))
}

/// Judges what heads say.
pub(super) fn of_heads(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Vec<Finding> {
    [reserved(state, limits, key), fragments(state, limits, key), options(state, limits, key)]
        .into_iter()
        .flatten()
        .collect()
}

fn reserved(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    // A flag that is always set carries nothing: it has to have switched.
    let values = &state.switching.fields[field::FLAGS].values;
    let is_free = values.distinct() >= 2;
    if state.reserved < limits.reserved || !is_free || !state.gates[9].opens(state.reserved) {
        return None;
    }
    let evidence = vec![
        crossed("packets_with_reserved_flag", state.reserved.into(), limits.reserved.into(), "packets"),
        context("flag_values_seen", values.distinct().into(), "values"),
    ];
    Some(finding(&RESERVED, key, 0.92, carried(state, 1.0), evidence))
}

fn fragments(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let (lone, offsets) = state.fragments.lone();
    let torn = state.fragments.torn();
    let (lone, offsets) = if torn.total() > lone { (torn.total(), torn.clone()) } else { (lone, offsets) };
    let least = if state.fragments.have_df() { 3 } else { limits.lone_fragments };
    let is_free = offsets.distinct() >= least && offsets.mode() * 2 <= lone;
    let is_free = is_free && state.fragments.are_sound();
    if lone < limits.lone_fragments || !is_free || !state.gates[10].opens(lone) {
        return None;
    }
    let evidence = vec![
        crossed("fragments_of_no_datagram", lone.into(), limits.lone_fragments.into(), "packets"),
        crossed("distinct_offsets", offsets.distinct().into(), least.into(), "values"),
    ];
    let carried = Carried { packets: lone.into(), bits: offsets.entropy(), time_ns: state.last_ns };
    Some(finding(&FRAGMENTS, key, 0.9, carried, evidence))
}

fn options(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let distinct = state.options.distinct();
    let is_free = distinct * 2 >= state.options.total().min(64);
    if distinct < limits.options || !is_free || !state.gates[11].opens(distinct) {
        return None;
    }
    let evidence = vec![
        crossed("distinct_options", distinct.into(), limits.options.into(), "values"),
        context("packets_with_options", state.options.total().into(), "packets"),
    ];
    // Eight bytes of data in an option is a cautious guess: options have room for 38.
    let carried = Carried { packets: state.options.total().into(), bits: 64.0, time_ns: state.last_ns };
    Some(finding(&OPTIONS, key, 0.9, carried, evidence))
}

pub(super) fn of_lengths(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let (made_up, differences) = (state.lengths.differences.total(), state.lengths.differences.distinct());
    let is_free = differences >= limits.length_differences;
    if made_up < limits.lengths || !is_free || !state.gates[12].opens(made_up) {
        return None;
    }
    let evidence = vec![
        crossed("lengths_made_up", made_up.into(), limits.lengths.into(), "packets"),
        crossed("distinct_differences", differences.into(), limits.length_differences.into(), "values"),
    ];
    let bits = state.lengths.differences.entropy();
    let carried = Carried { packets: made_up.into(), bits, time_ns: state.last_ns };
    Some(finding(&LENGTHS, key, 0.9, carried, evidence))
}

pub(super) fn of_protocols(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let misnamed = state.protocols.misnamed.total();
    if misnamed < limits.misnamed || !state.gates[13].opens(misnamed) {
        return None;
    }
    let protocols = state.protocols.misnamed.distinct();
    let evidence = vec![
        crossed("packets_of_another_protocol", misnamed.into(), limits.misnamed.into(), "packets"),
        context("protocols_named", protocols.into(), "values"),
    ];
    // The right protocol is a symbol, too.
    let bits = f64::from(protocols + 1).log2();
    let carried = Carried { packets: misnamed.into(), bits, time_ns: state.last_ns };
    Some(finding(&PROTOCOLS, key, 0.85, carried, evidence))
}

/// Judges what series say.
pub(super) fn of_series(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Vec<Finding> {
    [
        high_counter(state, limits, key),
        jumps(state, limits, key),
        written(state, limits, key),
        fragments(state, limits, key),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn high_counter(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let ids = &state.identifications;
    if ids.high_counter < limits.high_counter_share || !state.gates[6].opens(ids.judged) {
        return None;
    }
    let evidence = vec![
        crossed("high_byte_counts_up", ids.high_counter, limits.high_counter_share, "ratio"),
        context("window", limits.id_window.into(), "packets"),
    ];
    let packets = u64::from(ids.judged) * u64::from(limits.id_window);
    Some(finding(&HIGH_COUNTER, key, 0.92, Carried { packets, bits: 8.0, time_ns: state.last_ns }, evidence))
}

fn jumps(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let ids = &state.identifications;
    if ids.jumps < limits.jump_share || key.protocol != 6 || !state.gates[7].opens(ids.judged) {
        return None;
    }
    let evidence = vec![
        crossed("jumps_of_a_linux_socket", ids.jumps, limits.jump_share, "ratio"),
        context("window", limits.id_window.into(), "packets"),
    ];
    let packets = u64::from(ids.judged) * u64::from(limits.id_window);
    Some(finding(&JUMPS, key, 0.7, Carried { packets, bits: 16.0, time_ns: state.last_ns }, evidence))
}

fn written(state: &mut State, limits: &Thresholds, key: &FlowKey) -> Option<Finding> {
    let ids = &state.identifications;
    let super::identification::Written { printable, mode, distinct } = ids.written?;
    if !state.gates[14].opens(ids.judged) {
        return None;
    }
    let evidence = vec![
        context("identifications_of_printable_characters", printable, "ratio"),
        context("most_frequent", mode.into(), "packets"),
        context("distinct_identifications", distinct.into(), "values"),
        context("window", limits.id_window.into(), "packets"),
    ];
    let packets = u64::from(ids.judged) * u64::from(limits.id_window);
    let bits = f64::from(distinct).log2();
    Some(finding(&WRITTEN, key, 0.85, Carried { packets, bits, time_ns: state.last_ns }, evidence))
}

/// Judges identifications of packets that are all looked at.
pub(super) fn of_letters(state: &mut State, key: &FlowKey) -> Option<Finding> {
    let found = state.spelled.found;
    if found == 0 || !state.gates[15].opens(found) {
        return None;
    }
    let evidence = vec![crossed("windows_of_printable_characters", found.into(), 1.0, "windows")];
    let carried = Carried { packets: found.into(), bits: 8.0, time_ns: state.last_ns };
    Some(finding(&WRITTEN, key, 0.85, carried, evidence))
}

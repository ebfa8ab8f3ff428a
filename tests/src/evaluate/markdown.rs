//! The tables of `docs/accuracy.md`. They hold nothing that depends on the machine, and so only change when a
//! detector or the corpus does.

use std::fmt::Write as _;

use super::{Apart, ChannelRow, Evaluation, Summary};
use crate::corpus::Label;

/// What stands around tables in a document.
pub type Markers = [&'static str; 2];

/// Around the tables of the corpus.
pub const CORPUS: Markers = ["<!-- evaluate: begin -->", "<!-- evaluate: end -->"];

/// Around the table of the generated techniques.
pub const TECHNIQUES: Markers = ["<!-- techniques: begin -->", "<!-- techniques: end -->"];

/// A document has no place for the tables.
#[derive(Debug, thiserror::Error)]
#[error("the lines {} and {} are needed, in this order, to know where the tables go", .0[0], .0[1])]
pub struct MarkersMissing(Markers);

/// Puts tables between a document's markers, in place of what is there.
///
/// # Errors
/// The document has no markers.
pub fn insert(document: &str, markers: Markers, tables: &str) -> Result<String, MarkersMissing> {
    let [begin, end] = markers;
    let (before, rest) = document.split_once(begin).ok_or(MarkersMissing(markers))?;
    let (_, after) = rest.split_once(end).ok_or(MarkersMissing(markers))?;
    Ok(format!("{before}{begin}\n\n{tables}\n{end}{after}"))
}

/// The tables.
#[must_use]
pub fn markdown(evaluation: &Evaluation, summary: &Summary<'_>) -> String {
    let mut text = format!("{} captures, {} packets.\n", evaluation.outcomes.len(), evaluation.packets());
    text.push_str("\n| label | captures | with an alert | alerts are |\n|---|--:|--:|---|\n");
    for (label, row) in &summary.labels {
        let meaning = match label {
            Label::Covert => "right",
            Label::CovertHard | Label::Gray => "welcome",
            Label::Benign | Label::EvasiveBenign | Label::TunnelDeclared | Label::Malformed => "false",
        };
        let _ = writeln!(text, "| {label} | {} | {} | {meaning} |", row.files, row.alerts);
    }
    text.push_str(
        "\n| channel (label covert) | captures | detected | first alert at packet, median | slowest | by |\n",
    );
    text.push_str("|---|--:|--:|--:|--:|---|\n");
    for (channel, row) in &summary.channels {
        line(&mut text, channel, row);
    }
    let total = |count: fn(&ChannelRow) -> usize| summary.channels.values().map(count).sum::<usize>();
    let _ = writeln!(text, "| all | {} | {} | | | |", total(|row| row.files), total(|row| row.detected));
    if !summary.optional.is_empty() {
        text.push_str("\nAn alert is welcome on these, and none is no miss:\n\n");
        text.push_str("| channel | captures | detected | first alert at packet, median | slowest | by |\n");
        text.push_str("|---|--:|--:|--:|--:|---|\n");
        for ((label, channel), row) in &summary.optional {
            line(&mut text, &format!("{channel} ({label})"), row);
        }
    }
    apart(&mut text, "Cannot be told from their cover, and are in no row above:", &summary.indistinguishable);
    apart(&mut text, "Have a label that is wrong, and are in no row above:", &summary.disputed);
    text
}

fn line(text: &mut String, channel: &str, row: &ChannelRow) {
    let packet = |packet: Option<u64>| packet.map_or_else(|| "–".to_owned(), |packet| packet.to_string());
    let by: Vec<&str> = row.detectors.keys().copied().collect();
    let _ = writeln!(
        text,
        "| {channel} | {} | {} | {} | {} | {} |",
        row.files,
        row.detected,
        packet(row.median_first_alert()),
        packet(row.max_first_alert()),
        by.join(", ")
    );
}

fn apart(text: &mut String, title: &str, captures: &[Apart<'_>]) {
    if captures.is_empty() {
        return;
    }
    let _ = write!(text, "\n{title}\n\n| capture | channel | reason |\n|---|---|---|\n");
    for Apart { outcome, reason } in captures {
        let channel = outcome.capture.channel.as_deref().unwrap_or("–");
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let _ = writeln!(text, "| {} | {channel} | {reason} |", outcome.capture.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Floors;
    use crate::evaluate::outcome::tests::{alerted, capture, evaluation};

    #[test]
    fn tables_replace_what_stands_between_the_markers() {
        let [begin, end] = CORPUS;
        let document = format!("# Title\n{begin}\nold\n{end}\nmore\n");
        let new = insert(&document, CORPUS, "| new |\n").unwrap();
        assert_eq!(new, format!("# Title\n{begin}\n\n| new |\n\n{end}\nmore\n"));
        assert_eq!(insert(&new, CORPUS, "| new |\n").unwrap(), new);
        for broken in ["# Title\n".to_owned(), format!("{end}\n{begin}\n"), begin.to_owned()] {
            assert!(insert(&broken, CORPUS, "").is_err(), "{broken}");
        }
    }

    #[test]
    fn every_count_has_its_row() {
        let evaluation = evaluation(vec![
            alerted(capture("a", Label::Covert, Some("ttl")), &[("icmp-payload", 4), ("dns-volume", 7)]),
            alerted(capture("b", Label::Covert, Some("ttl")), &[]),
            alerted(capture("c", Label::CovertHard, Some("dns-id")), &[]),
            alerted(capture("d", Label::Covert, Some("noise")), &[]),
            alerted(capture("e", Label::Benign, None), &[]),
        ]);
        let floors = "alerts = { benign = 0, evasive-benign = 0, tunnel-declared = 0, malformed = 0 }\n\
                      indistinguishable = [{ channel = 'noise', reason = '''one|\n  two''' }]";
        let floors: Floors = floors.parse().unwrap();
        let text = markdown(&evaluation, &Summary::new(&evaluation, &floors.exceptions));
        for row in [
            "5 captures, 500 packets.",
            "| covert | 2 | 1 | right |",
            "| benign | 1 | 0 | false |",
            "| ttl | 2 | 1 | 4 | 4 | dns-volume, icmp-payload |",
            "| all | 2 | 1 | | | |",
            "| dns-id (covert-hard) | 1 | 0 | – | – |  |",
            "| d | noise | one\\| two |",
        ] {
            assert!(text.lines().any(|line| line == row), "{row} is not in\n{text}");
        }
    }
}

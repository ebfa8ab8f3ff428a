//! Tables, in plain text and in Markdown.

use std::fmt::Write as _;

use super::{Figure, Goal, Report, Section, Unit, Verdict};

const HEADINGS: [&str; 9] = ["what", "program", "value", "min … p90", "mean", "null", "control", "goal", ""];

type Row = [String; HEADINGS.len()];

/// In plain text, columns aligned.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("{}\n", about(report));
    for section in Section::ALL {
        let rows = rows(report, section);
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}", section.title());
        let used = used_columns(&rows);
        let widths = widths(&rows);
        for row in std::iter::once(&HEADINGS.map(str::to_owned)).chain(&rows) {
            let cells = used.iter().map(|column| {
                let (cell, width) = (&row[*column], widths[*column]);
                // Words to the left, numbers to the right.
                if *column < 2 || *column + 1 == HEADINGS.len() {
                    format!("{cell:width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            let _ = writeln!(text, "  {}", line.trim_end());
        }
    }
    text + &remarks(report)
}

/// In Markdown, a table for each section.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = format!("{}\n", about(report));
    for section in Section::ALL {
        let rows = rows(report, section);
        if rows.is_empty() {
            continue;
        }
        let used = used_columns(&rows);
        let line = |row: &Row| {
            let cells: Vec<&str> = used.iter().map(|column| row[*column].as_str()).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let _ = writeln!(text, "\n### {}\n", section.title());
        text += &line(&HEADINGS.map(str::to_owned));
        let _ = writeln!(text, "|{}", "---|".repeat(used.len()));
        text.extend(rows.iter().map(line));
    }
    text + &remarks(report)
}

/// What it was measured on and how.
fn about(report: &Report) -> String {
    let machine = &report.machine;
    let kind = if machine.is_virtual { "virtual " } else { "" };
    let plural = if machine.cpus == 1 { "" } else { "s" };
    format!(
        "`{}` on Linux {}, {} {kind}CPU{plural} ({}), load {} at the beginning",
        report.command, machine.kernel, machine.cpus, machine.cpu, machine.load
    )
}

fn rows(report: &Report, section: Section) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut last = "";
    for figure in report.figures.iter().filter(|figure| figure.section == section) {
        let mut row = row(figure);
        // Several programs, one scenario.
        if figure.program.is_some() && figure.name == last {
            row[0].clear();
        }
        last = &figure.name;
        rows.push(row);
    }
    rows
}

fn row(figure: &Figure) -> Row {
    let unit = figure.unit;
    let is_exact = figure.value.min.to_bits() == figure.value.p90.to_bits();
    let range = |spread: &crate::statistics::Spread| {
        format!("{} … {}", bare(unit, spread.min), bare(unit, spread.p90))
    };
    let noisy = if figure.is_noisy() { " ~" } else { "" };
    let program = figure.program.as_deref().unwrap_or_default();
    [
        figure.name.clone(),
        program.strip_prefix("inspector_").unwrap_or(program).to_owned(),
        shown(unit, figure.value.median),
        if is_exact { String::new() } else { range(&figure.value) },
        figure.null.map_or(String::new(), |_| bare(unit, figure.value.mean)),
        figure
            .null
            .map_or(String::new(), |null| format!("{} ({}){noisy}", bare(unit, null.median), range(&null))),
        figure.control.map_or(String::new(), |control| bare(unit, control)),
        figure.goal.map_or(String::new(), |goal| match goal {
            Goal::AtMost(most) => format!("≤ {}", shown(unit, most)),
            Goal::AtLeast(least) => format!("≥ {}", shown(unit, least)),
        }),
        match figure.verdict {
            Some(Verdict::Holds) => "holds".to_owned(),
            Some(Verdict::Missed) => "missed".to_owned(),
            Some(Verdict::WithinNoise) => "within the noise".to_owned(),
            None => String::new(),
        },
    ]
}

/// A value with its unit.
fn shown(unit: Unit, value: f64) -> String {
    let number = bare(unit, value);
    match unit {
        Unit::NanosecondsPerPacket => format!("{number} ns"),
        Unit::MicrosecondsPerEntry => format!("{number} µs"),
        Unit::Instructions => number,
        Unit::Bytes if value >= MEBIBYTE => format!("{number} MiB"),
        Unit::Bytes => format!("{number} B"),
        Unit::PacketsPerSecond => format!("{number} M/s"),
        Unit::BitsPerSecond => format!("{number} Gbit/s"),
        Unit::Ratio => format!("{number} %"),
    }
}

const MEBIBYTE: f64 = 1_048_576.0;

/// A value in the unit that [`shown`] names.
fn bare(unit: Unit, value: f64) -> String {
    match unit {
        Unit::NanosecondsPerPacket => format!("{value:.0}"),
        Unit::MicrosecondsPerEntry => format!("{value:.2}"),
        Unit::Bytes if value >= MEBIBYTE => format!("{:.1}", value / MEBIBYTE),
        Unit::Instructions | Unit::Bytes => grouped(value),
        Unit::PacketsPerSecond => format!("{:.3}", value / 1e6),
        Unit::BitsPerSecond => format!("{:.2}", value / 1e9),
        Unit::Ratio => format!("{:.1}", value * 100.0),
    }
}

/// A count with its thousands apart.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The columns in which some row has something.
fn used_columns(rows: &[Row]) -> Vec<usize> {
    (0..HEADINGS.len()).filter(|column| rows.iter().any(|row| !row[*column].is_empty())).collect()
}

fn widths(rows: &[Row]) -> [usize; HEADINGS.len()] {
    let width = |text: &str| text.chars().count();
    std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| width(&row[column]));
        cells.chain([width(HEADINGS[column])]).max().unwrap_or(0)
    })
}

/// What else must be said.
fn remarks(report: &Report) -> String {
    let mut text = String::new();
    if report.figures.iter().any(|figure| figure.section == Section::Cost) {
        text += "\nValues are medians over rounds. null: the empty program against itself between the same rounds, \
                 median (min … p90). control: what the empty program took, which is subtracted.\n";
    }
    let noisy = report.figures.iter().filter(|figure| figure.is_noisy()).count();
    if noisy > 0 {
        let _ = writeln!(
            text,
            "\n~ the noise is high for {noisy} of these figures: something else ran on this machine. Trust no \
             difference below what `null` shows."
        );
    }
    for skipped in &report.skipped {
        let _ = writeln!(text, "\nskipped: {} ({})", skipped.what, skipped.why);
    }
    text
}

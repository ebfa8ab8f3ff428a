//! What became of each kernel, in columns.

use super::guest::Ended;
use super::kernel::Kernel;

const HEADINGS: [&str; 8] =
    ["kernel", "boot s", "programs", "attached", "verified instructions", "lacks", "smoke test", "verdict"];

/// One line a kernel, below the headings.
pub(crate) fn table(guests: &[(Kernel, Ended)]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(guests.iter().map(|(kernel, ended)| row(*kernel, ended)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(kernel: Kernel, ended: &Ended) -> [String; 8] {
    let Ended { report, boot, problems, console: _, last_words: _ } = ended;
    let all = report.programs.len() + report.refused.len();
    let attached = report.attached.iter().map(|(interface, mode)| format!("{interface} {mode}"));
    [
        report.release.clone().unwrap_or_else(|| kernel.name().to_owned()),
        or_dash(boot.map_or_else(String::new, |boot| format!("{:.1}", boot.as_secs_f64()))),
        format!("{} of {all}", report.programs.len()),
        or_dash(attached.collect::<Vec<_>>().join(", ")),
        or_dash(verified(&report.programs)),
        or_dash(report.missing_features.join(", ")),
        format!("{} of {} checks", report.passed, report.passed + report.failed.len()),
        if problems.is_empty() { "ok" } else { "FAIL" }.to_owned(),
    ]
}

/// The count of each program, without the prefix that all have.
fn verified(programs: &[(String, Option<u32>)]) -> String {
    let count = |(name, verified): &(String, Option<u32>)| {
        Some(format!("{} {}", name.trim_start_matches("inspector_"), (*verified)?))
    };
    programs.iter().filter_map(count).collect::<Vec<_>>().join(", ")
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::report::Report;
    use super::*;

    fn ended(text: &str) -> Ended {
        let mut report = Report::default();
        text.lines().for_each(|line| report.take(line));
        let boot = report.release.is_some().then_some(Duration::from_millis(12_340));
        let problems = report.problems();
        Ended { report, boot, problems, console: "console.log".into(), last_words: String::new() }
    }

    #[test]
    fn each_kernel_has_a_line_of_what_it_told() {
        let old = ended(
            "up 5.10.0-46-cloud-amd64\nprogram inspector_plain -\nrefused inspector_frags\nfeature missing multi-buffer\nattached eth0 ingress \
             native\nattached lo ingress generic\npassed a\npassed b\nend 2",
        );
        let new =
            ended("up 7.2.13\nprogram inspector_plain 16500\nprogram inspector_frags 11000\nfailed a b");
        let guests = [(Kernel::Bullseye, old), (Kernel::Sid, new), (Kernel::Trixie, ended(""))];
        let text = table(&guests);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect())
            .collect();
        assert_eq!(lines[0], HEADINGS);
        assert_eq!(
            lines[1],
            [
                "5.10.0-46-cloud-amd64",
                "12.3",
                "1 of 2",
                "eth0 native, lo generic",
                "-",
                "multi-buffer",
                "2 of 2 checks",
                "ok"
            ]
        );
        assert_eq!(
            lines[2],
            ["7.2.13", "12.3", "2 of 2", "-", "plain 16500, frags 11000", "-", "0 of 1 checks", "FAIL"]
        );
        assert_eq!(lines[3], ["6.12", "-", "0 of 0", "-", "-", "-", "0 of 0 checks", "FAIL"]);
    }
}

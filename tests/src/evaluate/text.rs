//! An evaluation for people: what matters most comes last, where a terminal shows it.

use std::fmt::{self, Display, Formatter};

use inspector::findings::{Evidence, Occasion, Severity};

use super::{Apart, ChannelRow, Evaluation, Floors, Found, Outcome, Summary, Verdict};

/// Alerts that are shown of one capture in the list of false ones.
const FALSE_ALERTS_SHOWN: usize = 5;

/// Least width of the column of channels and labels.
const NAME_WIDTH: usize = 18;

const BOLD: &str = "1";
const RED: &str = "1;31";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const FAINT: &str = "2";

/// Displays an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// What was evaluated.
    pub evaluation: &'a Evaluation,
    /// The same, counted.
    pub summary: &'a Summary<'a>,
    /// What it was held against.
    pub floors: Option<(&'a Floors, &'a Verdict)>,
    /// Shows each finding of this severity or a higher one.
    pub findings: Option<Severity>,
    /// Whether to use a terminal's colours.
    pub colour: bool,
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(least) = self.findings {
            self.findings(f, least)?;
        }
        self.channels(f)?;
        self.labels(f)?;
        self.apart(f, "cannot be told from its cover", &self.summary.indistinguishable)?;
        self.apart(f, "label disputed", &self.summary.disputed)?;
        self.misses(f)?;
        self.false_alerts(f)?;
        self.failures(f)?;
        self.floors(f)?;
        self.totals(f)
    }
}

impl Text<'_> {
    fn paint(&self, style: &str, text: impl Display) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn findings(&self, f: &mut Formatter<'_>, least: Severity) -> fmt::Result {
        for outcome in &self.evaluation.outcomes {
            let mut shown =
                outcome.findings.iter().filter(|found| found.report.finding.severity >= least).peekable();
            if shown.peek().is_none() {
                continue;
            }
            self.capture(f, outcome)?;
            for found in shown {
                self.found(f, found)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn capture(&self, f: &mut Formatter<'_>, outcome: &Outcome) -> fmt::Result {
        let capture = &outcome.capture;
        let channel = capture.channel.as_deref().map(|channel| format!(" {channel}")).unwrap_or_default();
        let about = format!("[{}{channel}] {} packets", capture.label, outcome.packets);
        writeln!(f, "{}  {}", self.paint(BOLD, &capture.path), self.paint(FAINT, about))
    }

    fn found(&self, f: &mut Formatter<'_>, found: &Found) -> fmt::Result {
        let finding = &found.report.finding;
        let subject = &finding.subject;
        let style = match finding.severity {
            Severity::High => RED,
            Severity::Medium => YELLOW,
            Severity::Low => CYAN,
            Severity::Info => FAINT,
        };
        let severity = self.paint(style, format!("{:<6}", finding.severity.name().to_uppercase()));
        write!(f, "  {:>7}  {severity}  ", format!("#{}", found.packet))?;
        write!(f, "{} {:.2}  {} → {}", found.detector(), finding.score, subject.client, subject.server)?;
        if subject.server_port > 0 {
            write!(f, ":{}", subject.server_port)?;
        }
        if let Some(domain) = &subject.domain {
            write!(f, ", {}", domain.escape_default())?;
        }
        if let Some(tool) = finding.tool {
            write!(f, ", like {tool}")?;
        }
        match found.report.occasion {
            Occasion::First => {}
            Occasion::Escalated => f.write_str(", escalated")?,
            Occasion::Continued => f.write_str(", goes on")?,
            Occasion::Grown => f.write_str(", has grown")?,
        }
        let evidence: Vec<String> = finding.evidence.iter().map(reason).collect();
        writeln!(f, "\n           {}", evidence.join(", "))
    }

    fn channels(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Summary { channels, optional, .. } = self.summary;
        if channels.is_empty() && optional.is_empty() {
            return Ok(());
        }
        let optional = optional.iter().map(|((label, name), row)| (format!("{name} ({label})"), row));
        let optional: Vec<_> = optional.collect();
        let names = channels.keys().copied().chain(optional.iter().map(|(name, _)| name.as_str()));
        let width = names.map(str::len).max().unwrap_or_default().max(NAME_WIDTH);
        let heading = format!("{:<width$}  files  detected  first alert  slowest  by", "channel");
        writeln!(f, "{}", self.paint(BOLD, heading))?;
        for (name, row) in channels {
            self.channel(f, &format!("{name:<width$}"), row, row.detected < row.files)?;
        }
        if !optional.is_empty() {
            writeln!(f, "{}", self.paint(FAINT, "an alert is welcome, none is no miss:"))?;
        }
        for (name, row) in optional {
            self.channel(f, &format!("{name:<width$}"), row, false)?;
        }
        writeln!(f)
    }

    fn channel(&self, f: &mut Formatter<'_>, name: &str, row: &ChannelRow, is_bad: bool) -> fmt::Result {
        let packet = |packet: Option<u64>| packet.map_or_else(|| "-".to_owned(), thousands);
        let detected = format!("{:>8}", row.detected);
        let detected = if is_bad { self.paint(YELLOW, detected) } else { detected };
        let by: Vec<String> = row.detectors.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let (median, max) = (packet(row.median_first_alert()), packet(row.max_first_alert()));
        let line = format!("{name}  {:>5}  {detected}  {median:>11}  {max:>7}  {}", row.files, by.join(", "));
        writeln!(f, "{}", line.trim_end())
    }

    fn labels(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.paint(BOLD, format!("{:<NAME_WIDTH$}  files    alerts", "label")))?;
        for (label, row) in &self.summary.labels {
            let alerts = format!("{:>8}", thousands(row.alerts as u64));
            let is_bad = label.forbids_alerts() && row.alerts > 0;
            let alerts = if is_bad { self.paint(RED, alerts) } else { alerts };
            writeln!(f, "{label:<NAME_WIDTH$}{:>7}  {alerts}", thousands(row.files as u64))?;
        }
        writeln!(f)
    }

    fn apart(&self, f: &mut Formatter<'_>, title: &str, captures: &[Apart<'_>]) -> fmt::Result {
        if captures.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", self.paint(BOLD, format!("{title} ({})", captures.len())))?;
        for Apart { outcome, reason } in captures {
            let alerted = if outcome.is_alerted() { ", alerted" } else { "" };
            writeln!(f, "  {}{alerted}: {reason}", outcome.capture.path)?;
        }
        writeln!(f)
    }

    fn misses(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let misses = &self.summary.misses;
        if misses.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", self.paint(BOLD, format!("missed ({})", misses.len())))?;
        for miss in misses {
            let capture = &miss.capture;
            let channel = self.paint(YELLOW, format!("{:<18}", capture.channel.as_deref().unwrap_or("-")));
            writeln!(f, "  {channel}  {}  {}", capture.path, self.paint(FAINT, &capture.note))?;
        }
        writeln!(f)
    }

    fn false_alerts(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let outcomes = &self.summary.false_alerts;
        if outcomes.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", self.paint(RED, format!("false alerts ({})", outcomes.len())))?;
        for outcome in outcomes {
            self.capture(f, outcome)?;
            writeln!(f, "  {}", self.paint(FAINT, &outcome.capture.note))?;
            for found in outcome.alerts().take(FALSE_ALERTS_SHOWN) {
                self.found(f, found)?;
            }
            let more = outcome.alerts().count().saturating_sub(FALSE_ALERTS_SHOWN);
            if more > 0 {
                writeln!(f, "           and {more} more")?;
            }
        }
        writeln!(f)
    }

    fn failures(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for outcome in &self.summary.failures {
            let reason = outcome.failure().unwrap_or_default();
            writeln!(f, "{}  {}: {reason}", self.paint(RED, "FAILED"), outcome.capture.path)?;
        }
        Ok(())
    }

    fn floors(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some((_, Verdict { broken, hints, unchecked })) = self.floors else { return Ok(()) };
        for hint in hints {
            writeln!(f, "{}    {hint}", self.paint(CYAN, "hint"))?;
        }
        for broken in broken {
            writeln!(f, "{}  {broken}", self.paint(RED, "BROKEN"))?;
        }
        if *unchecked > 0 {
            writeln!(
                f,
                "floors not looked at, because only some of their captures were selected: {unchecked}"
            )?;
        }
        Ok(())
    }

    fn totals(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Evaluation { outcomes, wall, workers } = self.evaluation;
        let Summary { channels, labels, failures, .. } = self.summary;
        let detected: usize = channels.values().map(|row| row.detected).sum();
        let covert: usize = channels.values().map(|row| row.files).sum();
        let innocent: usize =
            labels.iter().filter(|(label, _)| label.forbids_alerts()).map(|(_, row)| row.files).sum();
        let mut parts = Vec::new();
        if covert > 0 {
            parts.push(format!("detected {detected} of {covert}"));
        }
        if innocent > 0 {
            parts.push(format!(
                "false alerts {} of {}",
                self.summary.false_alerts.len(),
                thousands(innocent as u64)
            ));
        }
        if !failures.is_empty() {
            parts.push(format!("failures {}", failures.len()));
        }
        let packets = self.evaluation.packets();
        let speed = self.evaluation.packets_per_second() / 1e6;
        parts.push(format!(
            "{} captures with {} packets in {:.2} s ({speed:.2} M packets/s on {workers} threads)",
            thousands(outcomes.len() as u64),
            thousands(packets),
            wall.as_secs_f64(),
        ));
        writeln!(f, "{}", self.paint(BOLD, parts.join("; ")))
    }
}

/// `name_bytes 332 bytes (threshold 300)`: names and numbers as a detector's author has them in the source.
fn reason(Evidence { name, value, threshold, unit }: &Evidence) -> String {
    let unit = if unit.is_empty() || name.ends_with(unit) { String::new() } else { format!(" {unit}") };
    let threshold =
        threshold.map(|threshold| format!(" (threshold {})", figure(threshold))).unwrap_or_default();
    format!("{name} {}{unit}{threshold}", figure(*value))
}

/// A number with four decimals at most.
fn figure(value: f64) -> String {
    let text = format!("{value:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number with its thousands apart.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Label;
    use crate::evaluate::outcome::tests::{alerted, capture, evaluation};
    use crate::evaluate::{End, Exceptions};

    fn text(findings: Option<Severity>, verdict: Option<&Verdict>, colour: bool) -> String {
        let mut outcomes = vec![
            alerted(
                capture("found.pcap", Label::Covert, Some("iodine")),
                &[("observation", 2), ("dns-volume", 1234)],
            ),
            alerted(capture("missed.pcap", Label::Covert, Some("ttl")), &[]),
            alerted(capture("false.pcap", Label::Benign, None), &[("dns-volume", 9); 7]),
            alerted(capture("hung.pcap", Label::Malformed, None), &[]),
        ];
        outcomes[3].end = End::TimedOut(std::time::Duration::from_secs(60));
        let evaluation = evaluation(outcomes);
        let exceptions = Exceptions::default();
        let summary = Summary::new(&evaluation, &exceptions);
        let floors = Floors::default();
        let floors = verdict.map(|verdict| (&floors, verdict));
        Text { evaluation: &evaluation, summary: &summary, floors, findings, colour }.to_string()
    }

    #[test]
    fn counts_misses_false_alerts_and_failures_are_there() {
        let text = text(None, None, false);
        for line in [
            "iodine                  1         1        1,234    1,234  dns-volume 1",
            "ttl                     1         0            -        -",
            "benign                  1         1",
            "  ttl                 missed.pcap  made up",
            "       #9  MEDIUM  dns-volume 0.50  10.0.0.5 → 192.0.2.7:53, evil\\u{1b}.example",
            "           name_bytes 332 (threshold 300), skew 0.1235",
            "           and 2 more",
            "FAILED  hung.pcap: not done after 60 s",
            "detected 1 of 2; false alerts 1 of 2; failures 1; 4 captures with 400 packets in 0.10 s (0.00 M packets/s \
             on 2 threads)",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("#2 ") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn findings_are_shown_down_to_the_severity_that_is_asked_for() {
        let all = text(Some(Severity::Info), None, false);
        assert!(
            all.starts_with("found.pcap  [covert iodine] 100 packets\n       #2  INFO    observation"),
            "{all}"
        );
        let alerts = text(Some(Severity::Medium), None, false);
        assert!(alerts.starts_with("found.pcap  [covert iodine] 100 packets\n    #1234  MEDIUM"), "{alerts}");
    }

    #[test]
    fn the_verdict_is_there_and_colours_only_where_they_are_wanted() {
        let verdict =
            Verdict { broken: vec!["ttl: low".to_owned()], hints: vec!["rise".to_owned()], unchecked: 3 };
        let plain = text(None, Some(&verdict), false);
        assert!(plain.contains("hint    rise\nBROKEN  ttl: low\nfloors not looked at"), "{plain}");
        let painted = text(None, None, true);
        assert!(painted.contains("\u{1b}[1;31mFAILED\u{1b}[0m"), "{painted}");
    }

    #[test]
    fn figures_are_short() {
        for (value, text) in
            [(332.0, "332"), (0.12345, "0.1235"), (10.0, "10"), (-0.5, "-0.5"), (f64::NAN, "NaN")]
        {
            assert_eq!(figure(value), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}

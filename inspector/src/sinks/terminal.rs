//! Reports for people: a block of a few lines each.
//!
//! ```text
//! HIGH    ICMP echo carries a tunnel  [icmp-payload]
//!         10.0.0.5 → 192.0.2.7, ICMP type 8, on eth0, VLAN 5
//!         2026-01-02 03:04:40 UTC, score 0.97, about 1.23 MB hidden in 6,721 packets over 34 s
//!   why   reply differs 98 % (threshold 50 %)
//!   also  distinct lengths 41
//!   saw   10.0.0.5 sends 41 bytes: "GET / HTTP/1.1..Host: example.org...."
//!   do    block ICMP echo to this host and look at the client
//! ```

use std::env;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

use terminal_size::{Width, terminal_size};

use super::event::protocol_name;
use super::text::{Printable, bytes, measure, number};
use super::{Context, Sink, SinkError};
use crate::findings::{Evidence, Finding, Occasion, Report, Severity, Subject};

/// Least and greatest width that text is broken to, in columns.
const WIDTHS: (u16, u16) = (40, 120);
/// Width where there is no terminal to ask, in columns.
const DEFAULT_WIDTH: u16 = 100;
/// Columns in front of everything but the severity and the names of the last lines.
const INDENT: usize = 8;

/// How reports look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether the severity is coloured.
    pub colour: bool,
    /// Columns that a line may take.
    pub width: u16,
}

impl Style {
    /// What suits an output: colour on a terminal unless `NO_COLOR` is set, and that terminal's width.
    #[must_use]
    pub fn of(output: &impl IsTerminal) -> Self {
        let terminal = output.is_terminal();
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let width = terminal.then(terminal_size).flatten().map_or(DEFAULT_WIDTH, |(Width(width), _)| width);
        Self { colour: terminal && wanted, width: width.clamp(WIDTHS.0, WIDTHS.1) }
    }
}

/// Writes reports as text.
#[derive(Debug)]
pub struct Terminal<W> {
    output: W,
    style: Style,
    failing: bool,
    lost: u64,
}

impl<W: Write> Terminal<W> {
    /// Writes to `output` in a style.
    #[must_use]
    pub const fn new(output: W, style: Style) -> Self {
        Self { output, style, failing: false, lost: 0 }
    }
}

impl<W: Write + Send> Sink for Terminal<W> {
    fn write(&mut self, report: &Report, context: &Context) -> Result<(), SinkError> {
        let block = Block { report, context, style: self.style }.to_string();
        let result = self.output.write_all(block.as_bytes()).and_then(|()| self.output.flush());
        let told = self.failing;
        self.failing = result.is_err();
        let Err(source) = result else { return Ok(()) };
        self.lost += 1;
        let error = SinkError::of("standard output", source);
        if told && !error.is_closed() { Ok(()) } else { Err(error) }
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}

/// One report as lines of text.
struct Block<'a> {
    report: &'a Report,
    context: &'a Context,
    style: Style,
}

impl fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, context, style } = self;
        let finding = &report.finding;
        let signature = finding.signature;
        let width = usize::from(style.width).saturating_sub(INDENT);
        let mut paragraph = |label: &str, text: &str| {
            let mut label = format!("{label:INDENT$}");
            for line in wrapped(text, width) {
                writeln!(f, "{label}{line}")?;
                label = " ".repeat(INDENT);
            }
            Ok(())
        };

        let severity = severity(finding.severity, style.colour);
        paragraph(&severity, &format!("{}  [{}]", signature.title, signature.detector))?;
        paragraph("", &who(&finding.subject, context))?;
        paragraph("", &how_much(report, context))?;
        let (reasons, context): (Vec<_>, Vec<_>) =
            finding.evidence.iter().partition(|evidence| evidence.is_reason());
        for (label, evidence) in [("  why", reasons), ("  also", context)] {
            if !evidence.is_empty() {
                paragraph(label, &measured(&evidence))?;
            }
        }
        if let Some(excerpt) = &report.excerpt {
            paragraph("  saw", &Printable(excerpt).to_string())?;
        }
        if let Some(tool) = finding.tool {
            paragraph("  like", tool)?;
        }
        paragraph("  do", signature.hint)
    }
}

/// The severity, padded here because escapes have no width.
fn severity(severity: Severity, colour: bool) -> String {
    let name = severity.name().to_uppercase();
    if !colour {
        return name;
    }
    let code = match severity {
        Severity::High => "1;31",
        Severity::Medium => "1;33",
        Severity::Low => "36",
        Severity::Info => "2",
    };
    format!("\x1b[{code}m{name:INDENT$}\x1b[0m")
}

fn who(subject: &Subject, context: &Context) -> String {
    let Subject { client, client_port, server, server_port, protocol, icmp, ifindex, vlan, domain } = subject;
    let end = |address, port: u16| {
        if port == 0 || icmp.is_some() {
            format!("{address}")
        } else {
            SocketAddr::new(address, port).to_string()
        }
    };
    let mut text = format!("{} → {}, ", end(*client, *client_port), end(*server, *server_port));
    if let Some(domain) = domain {
        let _ = write!(text, "{}, ", Printable(domain));
    }
    match (*protocol, protocol_name(*protocol)) {
        (_, name) if name.starts_with(|c: char| c.is_ascii_digit()) => {
            let _ = write!(text, "IP protocol {protocol}");
        }
        (58, _) => text.push_str("ICMPv6"),
        (_, name) => text.push_str(&name),
    }
    if let Some((kind, _)) = icmp {
        let _ = write!(text, " type {kind}");
    }
    if let Some(name) = context.interface(*ifindex) {
        let _ = write!(text, ", on {}", Printable(name));
    }
    for id in vlan.iter().filter(|id| **id != 0) {
        let _ = write!(text, ", VLAN {id}");
    }
    text
}

fn how_much(report: &Report, context: &Context) -> String {
    let Report { finding, occasion, repeats, time_ns, first_seen_ns, last_seen_ns, .. } = report;
    let Finding { score, traffic, .. } = finding;
    let estimated_bytes = context.estimate(finding);
    let time = context.wall(*time_ns);
    let mut text = format!("{}, score {score:.2}", time.strftime("%Y-%m-%d %H:%M:%S UTC"));
    if estimated_bytes > 0 {
        // What declares itself hides nothing.
        let verb = if finding.severity == Severity::Info { "carried" } else { "hidden" };
        let _ = write!(text, ", about {} {verb}", bytes(estimated_bytes as f64));
    }
    let packets = traffic.packets_to_server.saturating_add(traffic.packets_to_client);
    if packets > 0 {
        let seconds = last_seen_ns.saturating_sub(*first_seen_ns) as f64 / 1e9;
        let packets = measure(packets as f64, "packets");
        let comma = if estimated_bytes > 0 { "" } else { "," };
        let _ = write!(text, "{comma} in {packets} over {} s", number(seconds));
    }
    match occasion {
        Occasion::First => {}
        Occasion::Escalated => text.push_str(", escalated"),
        Occasion::Continued => text.push_str(", goes on"),
        Occasion::Grown => text.push_str(", has grown"),
    }
    if *repeats > 0 {
        let _ = write!(text, " ({} held back)", measure(*repeats as f64, "repeats"));
    }
    text
}

fn measured(evidence: &[&Evidence]) -> String {
    evidence.iter().map(|evidence| one(evidence)).collect::<Vec<_>>().join(", ")
}

fn one(&Evidence { name, value, threshold, unit }: &Evidence) -> String {
    // "distinct lengths 41" says it all; "distinct lengths 41 lengths" says it twice.
    let is_amount = !matches!(unit, "port" | "number" | "value" | "code");
    let unit = if is_amount && name.ends_with(unit) { "" } else { unit };
    let mut text = format!("{} {}", name.replace('_', " "), measure(value, unit));
    if let Some(threshold) = threshold {
        let below = if value < threshold { ", below" } else { "" };
        let _ = write!(text, " (threshold {}{below})", measure(threshold, unit));
    }
    text
}

/// Lines of at most `width` characters, broken between words; a longer word stands alone.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut columns = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            columns = 0;
        }
        if columns > 0 {
            line.push(' ');
            columns += 1;
        }
        line.push_str(word);
        columns += length;
    }
    lines.push(line);
    lines
}

/// Standard output in the style that suits it.
#[must_use]
pub fn stdout() -> Terminal<io::Stdout> {
    let output = io::stdout();
    let style = Style::of(&output);
    Terminal::new(output, style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Deduper, sample};

    const PLAIN: Style = Style { colour: false, width: 100 };

    fn context() -> Context {
        Context {
            wall_offset_ns: 1_767_323_045_000_000_000,
            interfaces: [(2, "eth0".to_owned())].into(),
            sampling_ratio: 1.0,
        }
    }

    fn text(finding: Finding, style: Style) -> String {
        let mut report = Deduper::default().admit(finding, 35_000_000_000).unwrap();
        report.excerpt = Some("10.0.0.5 sends 2 bytes: \"\u{1b}[\"".to_owned());
        let mut output = Vec::new();
        Terminal::new(&mut output, style).write(&report, &context()).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn says_what_who_why_and_what_to_do() {
        let expected = "\
HIGH    ICMP echo carries a tunnel  [icmp-payload]
        10.0.0.5 → 192.0.2.7, ICMP type 8, on eth0, VLAN 5
        2026-01-02 03:04:40 UTC, score 0.97, about 1.23 MB hidden in 6,721 packets over 34 s
  why   reply differs 98 % (threshold 50 %)
  also  distinct lengths 41
  saw   10.0.0.5 sends 2 bytes: \"\\x1b[\"
  like  ptunnel
  do    block ICMP echo to this host and look at the client
";
        assert_eq!(text(sample::finding(), PLAIN), expected);
    }

    #[test]
    fn breaks_lines_and_colours_only_when_told() {
        let narrow = text(sample::finding(), Style { colour: false, width: 40 });
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
        assert!(!narrow.contains('\x1b'));
        let coloured = text(sample::finding(), Style { colour: true, width: 100 });
        assert!(coloured.starts_with("\x1b[1;31mHIGH    \x1b[0mICMP echo"), "{coloured:?}");
        assert_eq!(coloured.matches('\x1b').count(), 2);
    }

    #[test]
    fn names_from_packets_cannot_steer_the_terminal() {
        let mut finding = sample::finding();
        finding.subject.domain = Some("\u{1b}]0;owned\u{7}\u{9b}2J\n.example".to_owned());
        let text = text(finding, PLAIN);
        assert!(text.contains("\\x1b]0;owned\\x07\\u{9b}2J\\x0a.example"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert_eq!(text.lines().count(), 8);
    }

    #[test]
    fn names_ports_where_there_are_some() {
        let mut finding = sample::finding();
        finding.subject.protocol = 17;
        finding.subject.icmp = None;
        finding.subject.client = "2001:db8::1".parse().unwrap();
        finding.subject.server = "2001:db8::2".parse().unwrap();
        finding.subject.client_port = 0;
        finding.subject.server_port = 53;
        assert!(text(finding.clone(), PLAIN).contains(" 2001:db8::1 → [2001:db8::2]:53, UDP,"));
        (finding.subject.protocol, finding.subject.server_port) = (253, 0);
        assert!(text(finding, PLAIN).contains(" 2001:db8::1 → 2001:db8::2, IP protocol 253,"));
    }

    #[test]
    fn a_file_is_no_terminal() {
        let style = Style::of(&std::fs::File::open("/dev/null").unwrap());
        assert_eq!((style.colour, style.width), (false, DEFAULT_WIDTH));
    }
}

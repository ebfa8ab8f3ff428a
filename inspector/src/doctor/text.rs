//! The report for people: a block for the host and one for each interface, a line for each check.
//!
//! ```text
//! HOST    Linux 6.1.0 on x86_64, 4 CPUs
//!   ok    privileges    CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON
//!   warn  JIT           off: programs are interpreted, several times slower
//!   do                  turn it on by `sysctl -w net.core.bpf_jit_enable=1`
//!
//! eth0    ixgbe, index 2, MTU 1500, up
//!   ok    programs      no other XDP program
//! ```

use std::fmt::{self, Write as _};

use super::{Check, Host, Interface, Level, Report, Verdict};
use crate::dataplane::link::{Layer, Link};
use crate::sinks::terminal::{Style, wrapped};
use crate::sinks::text::Printable;

/// Columns in front of the name of a check, and of what was found.
const INDENT: usize = 8;
const NAME: usize = 14;

/// A report in a style.
#[derive(Debug)]
pub struct Text<'a> {
    report: &'a Report,
    style: Style,
}

impl<'a> Text<'a> {
    /// The text of a report.
    #[must_use]
    pub const fn new(report: &'a Report, style: Style) -> Self {
        Self { report, style }
    }

    fn block(&self, f: &mut fmt::Formatter<'_>, title: &str, facts: &str, checks: &[Check]) -> fmt::Result {
        let gap = if title.chars().count() < INDENT { "" } else { "  " };
        writeln!(f, "{}", format!("{title:INDENT$}{gap}{facts}").trim_end())?;
        for check in checks {
            self.check(f, check)?;
        }
        writeln!(f)
    }

    fn check(&self, f: &mut fmt::Formatter<'_>, check: &Check) -> fmt::Result {
        let Check { name, level, says, remedy } = check;
        // Names of interfaces and programs are in these.
        let printable = |text: &str| Printable(text).to_string();
        self.paragraph(f, &label(*level, self.style.colour), name, &printable(says))?;
        match remedy {
            Some(remedy) => self.paragraph(f, &format!("{:INDENT$}", "  do"), "", &printable(remedy)),
            None => Ok(()),
        }
    }

    /// Lines behind a label and a name, which stand in the first one.
    fn paragraph(&self, f: &mut fmt::Formatter<'_>, label: &str, name: &str, text: &str) -> fmt::Result {
        let width = usize::from(self.style.width).saturating_sub(INDENT + NAME);
        let mut start = format!("{label}{name:NAME$}");
        for line in wrapped(text, width) {
            writeln!(f, "{start}{line}")?;
            start = " ".repeat(INDENT + NAME);
        }
        Ok(())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { host, checks, interfaces, unresolved } = self.report;
        self.block(f, "HOST", &host_facts(host), checks)?;
        for Interface { link, checks } in interfaces {
            self.block(f, &Printable(&link.name).to_string(), &link_facts(link), checks)?;
        }
        for each in unresolved {
            let title = Printable(&each.name).to_string();
            self.block(f, &title, "", std::slice::from_ref(&each.check))?;
        }
        let width = usize::from(self.style.width);
        wrapped(&conclusion(self.report), width).iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Padded here because escapes have no width.
fn label(level: Level, colour: bool) -> String {
    let (name, code) = match level {
        Level::Ok => ("ok", "32"),
        Level::Note => ("note", "36"),
        Level::Unknown => ("?", "36"),
        Level::Warn => ("warn", "1;33"),
        Level::Stop => ("stop", "1;31"),
    };
    let rest = INDENT - 2;
    if colour { format!("  \x1b[{code}m{name:rest$}\x1b[0m") } else { format!("  {name:rest$}") }
}

fn host_facts(host: &Host) -> String {
    let mut facts = format!("Linux {} on {}", host.release, std::env::consts::ARCH);
    if let Some(cpus) = host.cpus {
        let _ = write!(facts, ", {} CPU{}", cpus.online, if cpus.online == 1 { "" } else { "s" });
        if cpus.possible != cpus.online {
            let _ = write!(facts, " (room for {} in every per-CPU map)", cpus.possible);
        }
    }
    facts
}

fn link_facts(link: &Link) -> String {
    let what = match (&link.kind, &link.device.driver, link.layer) {
        (Some(kind), ..) => kind.as_str(),
        (None, Some(driver), _) => driver.as_str(),
        (None, None, Layer::Loopback) => "loopback",
        (None, None, _) => "unknown driver",
    };
    let state = match (link.is_up, link.has_carrier) {
        (false, _) => "down",
        (true, false) => "no carrier",
        (true, true) => "up",
    };
    format!("{what}, index {}, MTU {}, {state}", link.index, link.mtu)
}

fn conclusion(report: &Report) -> String {
    let things = |level, what: &str| {
        let count = report.count(level);
        format!("{count} thing{} {what}", if count == 1 { "" } else { "s" })
    };
    let blind =
        if report.count(Level::Unknown) > 0 { " Lines with ? could not be told from here." } else { "" };
    let verdict = match report.verdict() {
        Verdict::Ready => "Nothing would stop inspector here.".to_owned(),
        Verdict::Limited => {
            format!(
                "Nothing would stop inspector here; {}, see warn.",
                things(Level::Warn, "would cost it something")
            )
        }
        Verdict::Blocked => format!("{} inspector here, see stop.", things(Level::Stop, "would stop")),
    };
    format!("{verdict}{blind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::sample;

    fn text(checks: Vec<Check>, style: Style) -> String {
        let report = Report { host: sample::host(), checks, interfaces: Vec::new(), unresolved: Vec::new() };
        Text::new(&report, style).to_string()
    }

    const PLAIN: Style = Style { colour: false, width: 60 };

    #[test]
    fn a_line_for_each_check_and_its_remedy_below() {
        let checks = vec![
            Check::new("JIT", Level::Ok, "programs are compiled"),
            Check::new("seccomp", Level::Stop, "a filter refuses what inspector needs most of all")
                .remedy("allow it"),
        ];
        let expected = "\
HOST    Linux 6.1.0 on x86_64, 2 CPUs (room for 8 in every per-CPU map)
  ok    JIT           programs are compiled
  stop  seccomp       a filter refuses what inspector needs
                      most of all
  do                  allow it

1 thing would stop inspector here, see stop.
";
        assert_eq!(text(checks, PLAIN).replace(std::env::consts::ARCH, "x86_64"), expected);
    }

    #[test]
    fn levels_are_coloured_only_when_told() {
        let check = || vec![Check::new("JIT", Level::Warn, "off")];
        assert!(!text(check(), PLAIN).contains('\x1b'));
        let coloured = text(check(), Style { colour: true, width: 60 });
        assert!(coloured.contains("  \x1b[1;33mwarn  \x1b[0mJIT"), "{coloured:?}");
    }

    #[test]
    fn names_of_interfaces_cannot_steer_the_terminal() {
        let text = text(vec![Check::new("state", Level::Warn, "down").remedy("up with \x1b[2J")], PLAIN);
        assert!(text.contains("up with \\x1b[2J") && !text.contains('\x1b'), "{text:?}");
    }
}

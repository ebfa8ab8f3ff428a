//! `inspector doctor`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::{OK, fail};
use crate::cli::DoctorArgs;
use crate::doctor::{Json, Report, Text, Verdict};
use crate::sinks::terminal::Style;

/// Something would stop inspector.
const BLOCKED: u8 = 1;

/// Runs the command.
#[must_use]
pub fn run(args: &DoctorArgs) -> ExitCode {
    match examine(args) {
        Ok(Verdict::Blocked) => ExitCode::from(BLOCKED),
        Ok(Verdict::Ready | Verdict::Limited) => ExitCode::from(OK),
        Err(error) => fail(&error),
    }
}

fn examine(args: &DoctorArgs) -> io::Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(Report::examine(&args.interfaces));
    let mut output = io::stdout().lock();
    let written = if args.json {
        let json = serde_json::to_string_pretty(&Json::new(&report))?;
        writeln!(output, "{json}")
    } else {
        let style = Style::of(&output);
        write!(output, "{}", Text::new(&report, style))
    };
    // Whoever reads it may stop early; the exit code says it all.
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(report.verdict()),
    }
}

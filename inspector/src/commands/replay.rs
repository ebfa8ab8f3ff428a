//! `inspector replay`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use inspector_common::Sampler;
use tracing::warn;

use super::outputs::Outputs;
use super::summary::Summary;
use super::{DAMAGED, FAILED, OK, complain, fail};
use crate::analyse::{Analysis, analyse_with};
use crate::capture::{CaptureError, CaptureReader};
use crate::cli::{Format, ReplayArgs};
use crate::config::Config;
use crate::sinks::Context;
use crate::state::StateFile;

/// Runs the command.
#[must_use]
pub fn run(args: &ReplayArgs) -> ExitCode {
    let config = match args.over_config() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    let context = Context { sampling_ratio: 1.0 / f64::from(args.sample), ..Context::default() };
    let mut outputs = match Outputs::open(args.eve.as_deref(), args.format, context) {
        Ok(outputs) => outputs,
        Err(error) => return fail(&error),
    };
    let mut worst = OK;
    for path in &args.captures {
        let code = match capture(args, path, &config, &mut outputs) {
            Ok(()) => OK,
            Err(error) => {
                complain(&error);
                if error.is_damage() { DAMAGED } else { FAILED }
            }
        };
        worst = worst.max(code);
        if outputs.is_closed() {
            break;
        }
    }
    ExitCode::from(worst)
}

/// Analyses one capture, by itself: clocks of different captures have nothing to do with each other.
fn capture(
    args: &ReplayArgs,
    path: &Path,
    config: &Config,
    outputs: &mut Outputs,
) -> Result<(), CaptureError> {
    let mut capture = CaptureReader::open(path)?;
    let sampler = Sampler::new(args.sample, 0);
    let mut engine = config.engine();
    let state = args.state.as_deref().map(StateFile::new);
    // A capture's clock is the wall clock.
    if let Some(Err(error)) = state.as_ref().map(|state| state.restore(&mut engine, 0)) {
        complain(&error);
    }
    let Analysis { replay, damage } =
        analyse_with(&mut capture, sampler, &mut engine, |_, report| outputs.write(report));
    if let Some(Err(error)) = state.map(|state| state.save(&engine, 0)) {
        complain(&error);
    }
    for skipped in capture.skipped() {
        warn!("{skipped}");
    }
    if args.summary {
        let summary =
            Summary { name: capture.name(), account: replay.account(), flows: Some(replay.flow_count()) };
        summarize(args, &summary);
    }
    damage.map_or(Ok(()), Err)
}

fn summarize(args: &ReplayArgs, summary: &Summary<'_>) {
    let is_json = args.format == Format::Json || args.eve == Some(PathBuf::from("-"));
    let line = if is_json { summary.json().to_string() } else { summary.to_string() };
    // A reader that went away shows at the next finding, and otherwise doesn't matter.
    let _ = writeln!(std::io::stdout(), "{line}");
}

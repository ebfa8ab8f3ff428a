//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use tracing_subscriber::EnvFilter;

use crate::commands::{doctor, replay, run};
use crate::dataplane::{Egress, Mode};
use crate::detect::{self, beacon::Allowed};
use crate::metrics::server::{DEFAULT_ADDRESS, DEFAULT_PATH};

/// Finds covert channels in live traffic and in captures.
///
/// Never drops, delays or changes a packet.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch interfaces, until interrupted. Needs root or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON
    Run(RunArgs),
    /// Analyse captures, with their own clock and without privileges
    ///
    /// Each capture is analysed by itself. Exits with 0 when all was read, 1 when some input was damaged
    /// (what could be read was analysed), and 2 when it could not run.
    Replay(ReplayArgs),
    /// Say what would keep it from running here, or from seeing all, and what to do about it
    ///
    /// Attaches and changes nothing. Without privileges it says what it can, and what it cannot tell. Exits
    /// with 0 when nothing would stop it, and 1 when something would.
    Doctor(DoctorArgs),
}

/// Flags of the detectors, for all that analyse.
#[derive(Args, Debug)]
pub struct DetectorArgs {
    /// Keep in FILE what takes hours to learn, such as who calls whom at what intervals, and go on from there
    #[arg(long, value_name = "FILE", env = "INSPECTOR_STATE")]
    pub state: Option<PathBuf>,

    /// Expect hosts to call DEST at intervals: an address, a network, or a domain and all below it
    #[arg(
        long = "allow-calls-to",
        value_name = "DEST",
        env = "INSPECTOR_ALLOW_CALLS_TO",
        value_delimiter = ','
    )]
    pub allowed_calls: Vec<Allowed>,
}

impl DetectorArgs {
    /// What is set of the detectors.
    #[must_use]
    pub fn settings(&self) -> detect::Settings {
        detect::Settings { allowed_calls: self.allowed_calls.clone() }
    }
}

/// Flags of `inspector run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Interface to watch: a name, a glob such as 'wan*', or auto for those with a default route
    #[arg(
        short,
        long = "interface",
        value_name = "NAME",
        required = true,
        env = "INSPECTOR_INTERFACE",
        value_delimiter = ','
    )]
    pub interfaces: Vec<String>,

    /// Where to attach
    #[arg(long, value_enum, default_value_t, env = "INSPECTOR_MODE")]
    pub mode: Mode,

    /// Whether to look at what leaves, too
    #[arg(long, value_enum, default_value_t, env = "INSPECTOR_EGRESS")]
    pub egress: Egress,

    /// Look at one flow in N; ICMP and DNS are always looked at
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), env = "INSPECTOR_SAMPLE")]
    pub sample: u32,

    /// Seed of the sampling: hosts with the same one sample the same flows
    #[arg(long, value_name = "SEED", default_value_t = 0, env = "INSPECTOR_SAMPLE_SEED")]
    pub sample_seed: u32,

    /// Append findings to FILE as EVE JSON, one object a line; - writes them to stdout, and nothing else
    #[arg(long, value_name = "FILE", env = "INSPECTOR_EVE")]
    pub eve: Option<PathBuf>,

    /// Where to serve the metrics
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = DEFAULT_ADDRESS, env = "INSPECTOR_WEB_LISTEN_ADDRESS")]
    pub listen_address: String,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = DEFAULT_PATH, env = "INSPECTOR_WEB_TELEMETRY_PATH")]
    pub telemetry_path: String,

    /// Stop after this time, such as 10s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<std::time::Duration>,

    #[command(flatten)]
    pub detectors: DetectorArgs,
}

/// Flags of `inspector replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Captures: pcap or pcapng, may be gzipped; - reads one from stdin
    #[arg(value_name = "CAPTURE", required = true)]
    pub captures: Vec<PathBuf>,

    /// Append findings to FILE as EVE JSON, one object a line; - writes them to stdout, and nothing else
    #[arg(long, value_name = "FILE")]
    pub eve: Option<PathBuf>,

    /// Say at the end of each capture what was in it
    #[arg(long)]
    pub summary: bool,

    /// How findings are written to stdout; json is EVE
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Look at one flow in N; ICMP and DNS are always looked at
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,

    #[command(flatten)]
    pub detectors: DetectorArgs,
}

/// Flags of `inspector doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Interface to look at: a name, a glob such as 'wan*', or auto for those with a default route, which are
    /// looked at by default
    #[arg(
        short,
        long = "interface",
        value_name = "NAME",
        env = "INSPECTOR_INTERFACE",
        value_delimiter = ','
    )]
    pub interfaces: Vec<String>,

    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
}

/// How findings are written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// EVE JSON, one object a line.
    Json,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| "no length of time; write it like 10s, 5m or 1h30m".to_owned())?;
    std::time::Duration::try_from(parsed).map_err(|_| "a length of time cannot be negative".to_owned())
}

impl Cli {
    /// Runs the command. Failures are said on stderr, one sentence each.
    #[must_use]
    pub fn run(self) -> ExitCode {
        log_to_stderr();
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Doctor(args) => doctor::run(&args),
        }
    }
}

/// Diagnostics go to stderr; `INSPECTOR_LOG` sets the level, and journald adds the time by itself.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("INSPECTOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false);
    if std::env::var_os("JOURNAL_STREAM").is_some() { builder.without_time().init() } else { builder.init() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_asks_for_an_interface_and_lengths_of_time_are_checked() {
        let parse = |arguments: &[&str]| Cli::try_parse_from([&["inspector"], arguments].concat());
        assert!(parse(&["run"]).is_err());
        assert!(parse(&["run", "-i", "eth0", "-i", "wan*", "--duration", "1m30s"]).is_ok());
        assert!(parse(&["run", "-i", "eth0", "--duration", "-3s"]).is_err());
        assert!(parse(&["run", "-i", "eth0", "--duration", "soon"]).is_err());
        assert!(parse(&["run", "-i", "eth0", "--sample", "0"]).is_err());
        assert!(parse(&["replay"]).is_err());
        assert!(parse(&["replay", "a.pcap", "--allow-calls-to", "192.0.2.0/24,example.org"]).is_ok());
        assert!(parse(&["replay", "a.pcap", "--allow-calls-to", "192.0.2.0/99"]).is_err());
    }
}

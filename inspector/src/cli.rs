//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use tracing_subscriber::EnvFilter;

use crate::commands::{config, doctor, replay, run};
use crate::config::{Config, ConfigError};
use crate::dataplane::{Egress, Mode, Part};

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
    /// Check or print the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Flags of `inspector run`. Where they have no default here, the configuration says what holds without them.
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    pub settings: RunSettings,

    /// Leave parts of the inspection out, for privacy or for speed
    #[arg(long, value_name = "PART", value_enum, value_delimiter = ',', env = "INSPECTOR_WITHOUT")]
    pub without: Vec<Part>,

    /// Stop after this time, such as 10s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<std::time::Duration>,
}

/// Those of them that may be in the configuration, too.
#[derive(Args, Debug)]
pub struct RunSettings {
    #[command(flatten)]
    pub config: ConfigArg,

    /// Interface to watch: a name, a glob such as 'wan*', or auto for those with a default route
    #[arg(
        short,
        long = "interface",
        value_name = "NAME",
        env = "INSPECTOR_INTERFACE",
        value_delimiter = ','
    )]
    pub interfaces: Vec<String>,

    /// Where to attach [default: auto]
    #[arg(long, value_enum, env = "INSPECTOR_MODE")]
    pub mode: Option<Mode>,

    /// Whether to look at what leaves, too [default: auto]
    #[arg(long, value_enum, env = "INSPECTOR_EGRESS")]
    pub egress: Option<Egress>,

    /// Look at one flow in N; ICMP and DNS are always looked at [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "INSPECTOR_SAMPLE")]
    pub sample: Option<u32>,

    /// Seed of the sampling: hosts with the same one sample the same flows [default: 0]
    #[arg(long, value_name = "SEED", env = "INSPECTOR_SAMPLE_SEED")]
    pub sample_seed: Option<u32>,

    /// Append findings to FILE as EVE JSON, one object a line; - writes them to stdout, and nothing else
    #[arg(long, value_name = "FILE", env = "INSPECTOR_EVE")]
    pub eve: Option<PathBuf>,

    /// Keep in FILE what takes hours to learn, such as who calls whom at what intervals, and go on from there
    #[arg(long, value_name = "FILE", env = "INSPECTOR_STATE")]
    pub state: Option<PathBuf>,

    #[command(flatten)]
    pub excerpts: ExcerptsArg,

    /// Where to serve the metrics [default: 127.0.0.1:9971]
    #[arg(long = "web.listen-address", value_name = "ADDRESS", env = "INSPECTOR_WEB_LISTEN_ADDRESS")]
    pub listen_address: Option<String>,

    /// Path of the metrics [default: /metrics]
    #[arg(long = "web.telemetry-path", value_name = "PATH", env = "INSPECTOR_WEB_TELEMETRY_PATH")]
    pub telemetry_path: Option<String>,
}

impl ReplayArgs {
    /// The configuration with what the command line and the environment say put over it.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn over_config(&self) -> Result<Config, ConfigError> {
        let mut config = self.config.read()?;
        put(self.excerpts.excerpts.as_ref(), &mut config.findings.excerpts);
        Ok(config)
    }
}

impl RunSettings {
    /// The configuration with what the command line and the environment say put over it.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn over_config(&self) -> Result<Config, ConfigError> {
        let Self {
            config,
            interfaces,
            mode,
            egress,
            sample,
            sample_seed,
            eve,
            state,
            excerpts,
            listen_address,
            telemetry_path,
        } = self;
        let Config { mut run, mut web, mut findings, dns, tunnels, beacon, mute } = config.read()?;
        if !interfaces.is_empty() {
            run.interfaces.clone_from(interfaces);
        }
        put(mode.as_ref(), &mut run.mode);
        put(egress.as_ref(), &mut run.egress);
        put(sample.as_ref(), &mut run.sample);
        put(sample_seed.as_ref(), &mut run.sample_seed);
        run.eve = eve.clone().or(run.eve);
        run.state = state.clone().or(run.state);
        put(excerpts.excerpts.as_ref(), &mut findings.excerpts);
        put(listen_address.as_ref(), &mut web.listen_address);
        put(telemetry_path.as_ref(), &mut web.telemetry_path);
        Ok(Config { run, web, findings, dns, tunnels, beacon, mute })
    }
}

fn put<T: Clone>(value: Option<&T>, place: &mut T) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// Which configuration to go by.
#[derive(Args, Debug)]
pub struct ConfigArg {
    /// Configuration file (TOML); flags and the environment go before it
    #[arg(long = "config", value_name = "FILE", env = "INSPECTOR_CONFIG")]
    pub path: Option<PathBuf>,
}

impl ConfigArg {
    /// Reads it.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn read(&self) -> Result<Config, ConfigError> {
        Config::read(self.path.as_deref())
    }
}

/// Whether alerts show bytes of packets.
#[derive(Args, Debug)]
pub struct ExcerptsArg {
    /// Whether alerts show what the packet that told holds; off leaves bytes of packets out [default: on]
    #[arg(long, value_name = "on|off", value_parser = BoolishValueParser::new(), env = "INSPECTOR_EXCERPTS")]
    pub excerpts: Option<bool>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether a configuration can be used: exits with 0 if so, and otherwise with 2 and says why
    Check(RunSettings),
    /// Print the configuration that `inspector run` would go by, with the same flags and environment
    Show(RunSettings),
    /// Print the defaults as a file with explanations, to begin with
    Default,
    /// Print the built-in suffixes of names that are not judged by what they could carry
    Suffixes,
}

/// Flags of `inspector replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub config: ConfigArg,

    #[command(flatten)]
    pub excerpts: ExcerptsArg,

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

    /// Keep in FILE what takes hours to learn, such as who calls whom at what intervals, and go on from there
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
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
            Command::Config(command) => config::run(&command),
        }
    }
}

/// Diagnostics go to stderr; `INSPECTOR_LOG` sets the level, and journald adds the time by itself.
fn log_to_stderr() {
    // The netlink library warns of answers that nobody waits for any more, as when only the first was wanted.
    let quiet = "info,netlink_proto=error";
    let filter = EnvFilter::try_from_env("INSPECTOR_LOG").unwrap_or_else(|_| EnvFilter::new(quiet));
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
    fn lengths_of_time_and_shares_are_checked() {
        let parse = |arguments: &[&str]| Cli::try_parse_from([&["inspector"], arguments].concat());
        assert!(parse(&["run", "-i", "eth0", "-i", "wan*", "--duration", "1m30s"]).is_ok());
        assert!(parse(&["run", "-i", "eth0", "--duration", "-3s"]).is_err());
        assert!(parse(&["run", "-i", "eth0", "--duration", "soon"]).is_err());
        assert!(parse(&["run", "-i", "eth0", "--sample", "0"]).is_err());
        assert!(parse(&["replay"]).is_err());
    }

    #[test]
    fn excerpts_are_there_unless_told_otherwise() {
        let excerpts = |arguments: &[&str]| {
            let arguments = [&["inspector", "replay", "a.pcap"], arguments].concat();
            match Cli::try_parse_from(arguments).map(|cli| cli.command) {
                Ok(Command::Replay(args)) => Some(args.over_config().unwrap().findings.excerpts),
                _ => None,
            }
        };
        assert_eq!(excerpts(&[]), Some(true));
        assert_eq!(excerpts(&["--excerpts", "off"]), Some(false));
        assert_eq!(excerpts(&["--excerpts=on"]), Some(true));
        assert_eq!(excerpts(&["--excerpts", "some"]), None);
    }
}

//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use inspector::findings::Severity;
use inspector_tests::evaluate::{self, Selection};

/// Replays every capture of a labelled corpus and counts what is found.
///
/// A capture is detected if it has a finding of severity high or medium. Exits with 1 where a floor of
/// tests/accuracy.toml is broken or a capture panics, hangs or cannot be read, and with 2 where it could not run.
#[derive(Debug, Parser)]
#[command(name = "evaluate", bin_name = "cargo xtask evaluate")]
pub(crate) struct Cli {
    /// Only captures with one of these in their path
    #[arg(value_name = "PATH_PART")]
    pub(crate) paths: Vec<String>,

    /// Only captures of this channel; may be repeated, or hold commas and patterns such as 'icmp-*'
    #[arg(long = "channel", value_name = "CHANNEL", value_delimiter = ',')]
    pub(crate) channels: Vec<String>,

    /// Only captures of this label, likewise
    #[arg(long = "label", value_name = "LABEL", value_delimiter = ',')]
    pub(crate) labels: Vec<String>,

    /// Only findings of this detector, likewise; floors are not looked at then
    #[arg(long = "detector", value_name = "DETECTOR", value_delimiter = ',')]
    pub(crate) detectors: Vec<String>,

    /// Show each finding with its evidence, down to a severity
    #[arg(long, value_name = "LEAST", num_args = 0..=1, require_equals = true, default_missing_value = "info")]
    findings: Option<Least>,

    /// Folder of the captures and their MANIFEST.tsv [default: INSPECTOR_CORPUS, or ../shared/corpus]
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,

    /// Write all of it as JSON, each capture too; with -, to stdout, and the text to stderr
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Put the tables into a document, between its markers
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "channels", "labels", "detectors"])]
    pub(crate) markdown: Option<PathBuf>,

    /// Measure the generated techniques of CCgen v2 instead of a corpus, by embedding rate and flow sampling
    #[arg(
        long,
        conflicts_with_all = ["paths", "channels", "labels", "detectors", "findings", "corpus", "json", "floors", "timeout"]
    )]
    pub(crate) techniques: bool,

    /// Floors to hold the counts against [default: tests/accuracy.toml]
    #[arg(long, value_name = "FILE")]
    floors: Option<PathBuf>,

    /// Hold the counts against nothing, and count nothing apart: for another corpus
    #[arg(long, conflicts_with = "floors")]
    no_floors: bool,

    /// Seconds that one capture may take
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(evaluate::TIME_LIMIT))]
    pub(crate) timeout: Seconds,
}

/// A severity, as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Least {
    Info,
    Low,
    Medium,
    High,
}

/// A length of time in seconds, as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(Duration);

impl From<Seconds> for Duration {
    fn from(Seconds(duration): Seconds) -> Self {
        duration
    }
}

impl std::str::FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.map(Self).ok_or_else(|| "a number of seconds is needed, such as 10 or 0.5".to_owned())
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

impl Cli {
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            channels: self.channels.clone(),
            labels: self.labels.clone(),
            paths: self.paths.clone(),
            detectors: self.detectors.clone(),
        }
    }

    /// Which findings are shown.
    pub(crate) fn findings(&self) -> Option<Severity> {
        self.findings.map(|least| match least {
            Least::Info => Severity::Info,
            Least::Low => Severity::Low,
            Least::Medium => Severity::Medium,
            Least::High => Severity::High,
        })
    }

    /// The file of floors, if there is to be one.
    pub(crate) fn floors(&self) -> Option<PathBuf> {
        (!self.no_floors).then(|| self.floors.clone().unwrap_or_else(evaluate::floors_file))
    }

    pub(crate) fn json_on_stdout(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["evaluate"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn filters_add_up() {
        let cli =
            parse(&["--channel", "ttl,ip-id", "iodine", "--channel=icmp-*", "wan", "--label", "covert"])
                .unwrap();
        let selection = cli.selection();
        assert_eq!(selection.channels, ["ttl", "ip-id", "icmp-*"]);
        assert_eq!(
            (selection.paths, selection.labels),
            (vec!["iodine".into(), "wan".into()], vec!["covert".into()])
        );
    }

    #[test]
    fn findings_may_name_a_severity_and_swallow_no_path() {
        assert_eq!(parse(&[]).unwrap().findings(), None);
        let cli = parse(&["--findings", "iodine"]).unwrap();
        assert_eq!((cli.findings(), cli.paths), (Some(Severity::Info), vec!["iodine".to_owned()]));
        assert_eq!(parse(&["--findings=medium"]).unwrap().findings(), Some(Severity::Medium));
        assert!(parse(&["--findings=grave"]).is_err());
    }

    #[test]
    fn the_table_in_the_documents_is_never_of_a_part() {
        assert!(parse(&["--markdown", "a.md"]).is_ok());
        for filter in [&["--channel", "ttl"][..], &["--label", "benign"], &["iodine"], &["--detector", "x"]] {
            assert!(parse(&[&["--markdown", "a.md"], filter].concat()).is_err(), "{filter:?}");
        }
    }

    #[test]
    fn generated_techniques_have_a_table_and_no_corpus() {
        assert!(parse(&["--techniques", "--markdown", "a.md"]).unwrap().techniques);
        for flag in [&["--corpus", "x"][..], &["--channel", "ttl"], &["iodine"], &["--json", "-"]] {
            assert!(parse(&[&["--techniques"], flag].concat()).is_err(), "{flag:?}");
        }
    }

    #[test]
    fn a_limit_is_a_length_of_time() {
        assert_eq!(parse(&["--timeout", "0.5"]).unwrap().timeout, Seconds(Duration::from_millis(500)));
        assert!(parse(&["--timeout", "-1"]).is_err() && parse(&["--timeout", "soon"]).is_err());
    }

    #[test]
    fn floors_can_be_left_out() {
        assert!(parse(&[]).unwrap().floors().is_some_and(|file| file.ends_with("tests/accuracy.toml")));
        assert_eq!(parse(&["--no-floors"]).unwrap().floors(), None);
    }
}

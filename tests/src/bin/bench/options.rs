//! The command line, and where the report goes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::error::{Failed, Failure};
use crate::report::Report;

/// Where the tables are kept between releases.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");

/// Lines of the document between which the tables are.
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

#[derive(Debug, Parser)]
#[command(name = "bench", bin_name = "cargo xtask bench", about = "Measure what inspector costs", version)]
pub(crate) struct Options {
    /// Fewer rounds and shorter runs: under 3 minutes on 2 CPUs
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure only what has one of these words in its name: a scenario, or yardsticks, programs, maps, drain, replay,
    /// running, throughput
    #[arg(long, value_name = "WORD")]
    pub(crate) only: Vec<String>,
    /// Only this program
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Option<String>,
    /// A capture of Ethernet frames in place of the generated mix; its first 20,000 packets
    #[arg(long, value_name = "FILE")]
    pub(crate) packets: Option<PathBuf>,
    /// Rounds of each scenario
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: Option<u16>,
    /// Write everything as JSON, too; with -, JSON is all there is on stdout
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<PathBuf>,
    /// Put the tables into a document, between its markers
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = DOCUMENT)]
    pub(crate) markdown: Option<PathBuf>,
}

impl Options {
    /// Whether something is to be measured.
    pub(crate) fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| key.contains(word.as_str()))
    }

    /// The command as somebody would type it.
    pub(crate) fn command() -> String {
        let flags = std::env::args().skip(1).map(|flag| format!(" {flag}"));
        format!("cargo xtask bench{}", flags.collect::<String>())
    }

    /// Puts the report where it was asked for.
    pub(crate) fn write(&self, report: &Report) -> Result<(), Failure> {
        let is_stdout = |path: &Path| path == Path::new("-");
        match &self.json {
            Some(path) => {
                let json = report.to_json().or_failed("writing JSON")?;
                if is_stdout(path) {
                    println!("{json}");
                } else {
                    fs::write(path, json + "\n").or_failed("writing the JSON file")?;
                    println!("{}", report.to_text());
                }
            }
            None => println!("{}", report.to_text()),
        }
        if let Some(path) = &self.markdown {
            let document = fs::read_to_string(path).or_failed("reading the document")?;
            let document = between_markers(&document, &report.to_markdown())?;
            fs::write(path, document).or_failed("writing the document")?;
        }
        Ok(())
    }
}

/// The document with other text between its markers.
fn between_markers(document: &str, text: &str) -> Result<String, Failure> {
    let parts = document.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| {
        Failure::new("finding the place for the tables", format!("the document lacks {BEGIN} and {END}"))
    })?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = format!("# Title\n{BEGIN}\nold\n{END}\nrest\n");
        let changed = between_markers(&document, "| new |\n").unwrap();
        assert_eq!(changed, format!("# Title\n{BEGIN}\n| new |\n{END}\nrest\n"));
        assert!(between_markers("nothing", "new").is_err());
    }

    #[test]
    fn words_choose_what_is_measured() {
        let options = Options::parse_from(["bench", "--only", "flood", "--only", "drain"]);
        assert!(options.wants("dns-flood-empty") && options.wants("drain") && !options.wants("mix"));
        assert!(Options::parse_from(["bench"]).wants("mix"));
    }

    #[test]
    fn the_document_of_the_project_has_its_markers() {
        assert!(between_markers(&fs::read_to_string(DOCUMENT).unwrap(), "").is_ok());
    }
}

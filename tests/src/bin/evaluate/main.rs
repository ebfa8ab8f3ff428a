//! How accurate the detectors are on a corpus of labelled captures. `cargo xtask evaluate` builds and runs it.

mod cli;

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use cli::Cli;
use inspector::sinks::terminal::Style;
use inspector_tests::ccgen::Recall;
use inspector_tests::corpus::{self, CorpusError};
use inspector_tests::evaluate::{
    self, CORPUS, Evaluation, Exceptions, Floors, FloorsError, Markers, MarkersMissing, SelectionError,
    Summary, TECHNIQUES, Text,
};

/// Floors are broken, or captures failed.
const BAD: u8 = 1;
/// Could not run.
const FAILED: u8 = 2;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Floors(#[from] FloorsError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error("{file}: {source}")]
    File { file: String, source: std::io::Error },
    #[error("{file}: {source}")]
    Markers { file: String, source: MarkersMissing },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("evaluate: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Error> {
    if cli.techniques {
        return techniques(cli);
    }
    let floors = cli.floors().map(|file| Floors::read(&file)).transpose()?;
    let corpus = corpus::manifest(&cli.corpus.clone().unwrap_or_else(corpus::folder))?;
    let selection = cli.selection();
    let mut evaluation = evaluate::evaluate(selection.of(&corpus)?, cli.timeout.into());
    selection.drop_findings(&mut evaluation)?;

    let none = Exceptions::default();
    let summary = Summary::new(&evaluation, floors.as_ref().map_or(&none, |floors| &floors.exceptions));
    let verdict = floors.as_ref().map(|floors| floors.check(&summary, &corpus));
    // Floors are for all detectors together.
    let held = floors.as_ref().zip(verdict.as_ref()).filter(|_| cli.detectors.is_empty());

    write_files(cli, &evaluation, &summary, held)?;
    let colour = Style::of(&std::io::stdout()).colour && !cli.json_on_stdout();
    let text =
        Text { evaluation: &evaluation, summary: &summary, floors: held, findings: cli.findings(), colour };
    if cli.json_on_stdout() {
        eprint!("{text}");
    } else {
        print(&text);
    }
    let is_bad = !summary.failures.is_empty() || held.is_some_and(|(_, verdict)| !verdict.broken.is_empty());
    Ok(if is_bad { ExitCode::from(BAD) } else { ExitCode::SUCCESS })
}

fn write_files(
    cli: &Cli,
    evaluation: &Evaluation,
    summary: &Summary<'_>,
    held: Option<(&Floors, &evaluate::Verdict)>,
) -> Result<(), Error> {
    if let Some(path) = &cli.json {
        let json = evaluate::json(evaluation, summary, held);
        if cli.json_on_stdout() {
            print(&json);
        } else {
            std::fs::write(path, format!("{json:#}\n")).map_err(failed(path))?;
        }
    }
    if let Some(path) = &cli.markdown {
        insert(path, CORPUS, &evaluate::markdown(evaluation, summary))?;
    }
    Ok(())
}

/// Measures the generated techniques, whose covers have to be silent.
fn techniques(cli: &Cli) -> Result<ExitCode, Error> {
    let recall = Recall::measure();
    print(&recall);
    if let Some(path) = &cli.markdown {
        insert(path, TECHNIQUES, &recall.to_string())?;
    }
    Ok(if recall.false_alerts() == 0 { ExitCode::SUCCESS } else { ExitCode::from(BAD) })
}

/// Puts tables between a document's markers.
fn insert(path: &Path, markers: Markers, tables: &str) -> Result<(), Error> {
    let document = std::fs::read_to_string(path).map_err(failed(path))?;
    let document = evaluate::insert(&document, markers, tables);
    let document = document.map_err(|source| Error::Markers { file: path.display().to_string(), source })?;
    std::fs::write(path, document).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let file = path.display().to_string();
    move |source| Error::File { file, source }
}

/// Prints for a reader that may have gone away, which is no reason to fail.
fn print(text: &impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}", text.to_string().trim_end());
}

//! Where findings go: every sink that was asked for.

use std::path::Path;

use tracing::error;

use crate::cli::Format;
use crate::findings::Report;
use crate::sinks::{Context, Eve, Sink, SinkError, terminal};

/// The sinks, and what they need to know.
pub struct Outputs {
    sinks: Vec<Box<dyn Sink>>,
    is_closed: bool,
    /// What the sinks need to know beside a report.
    pub context: Context,
}

impl Outputs {
    /// Opens what was asked for: EVE into `eve`, and findings on stdout in `format`, unless stdout is
    /// EVE's already.
    ///
    /// # Errors
    /// The EVE file cannot be opened.
    pub fn open(eve: Option<&Path>, format: Format, context: Context) -> Result<Self, SinkError> {
        let stdout = Path::new("-");
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(path) = eve {
            sinks.push(Box::new(Eve::open(path)?));
        }
        if eve != Some(stdout) {
            match format {
                Format::Text => sinks.push(Box::new(terminal::stdout())),
                Format::Json => sinks.push(Box::new(Eve::open(stdout)?)),
            }
        }
        Ok(Self { sinks, is_closed: false, context })
    }

    /// Writes a report to every sink.
    pub fn write(&mut self, report: &Report) {
        for sink in &mut self.sinks {
            match sink.write(report, &self.context) {
                Ok(()) => {}
                Err(error) if error.is_closed() => self.is_closed = true,
                Err(error) => error!("{error}"),
            }
        }
    }

    /// Opens files anew, after logrotate.
    pub fn reopen(&mut self) {
        for sink in &mut self.sinks {
            if let Err(error) = sink.reopen() {
                error!("{error}");
            }
        }
    }

    /// Whether a reader of the output has gone away: a reason to end, quietly.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Reports that could not be written.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.lost()).sum()
    }
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}

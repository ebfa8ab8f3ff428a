//! Why something could not be measured, as one sentence.

use std::fmt::Display;

/// A measurement that failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed: {why}")]
pub(crate) struct Failure {
    what: &'static str,
    why: String,
}

impl Failure {
    pub(crate) fn new(what: &'static str, why: impl Display) -> Self {
        Self { what, why: why.to_string() }
    }
}

/// Says what was being done when an error came up.
pub(crate) trait Failed<T> {
    fn or_failed(self, what: &'static str) -> Result<T, Failure>;
}

impl<T, E: std::error::Error> Failed<T> for Result<T, E> {
    fn or_failed(self, what: &'static str) -> Result<T, Failure> {
        self.map_err(|error| {
            let mut why = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                why = format!("{why}: {cause}");
                source = cause.source();
            }
            Failure { what, why }
        })
    }
}

impl<T> Failed<T> for Option<T> {
    fn or_failed(self, what: &'static str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::new(what, "it isn't there"))
    }
}

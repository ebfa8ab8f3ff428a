//! Why something could not be done, as one sentence.

use std::fmt::Display;

/// What failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed: {why}")]
pub struct Failure {
    what: &'static str,
    why: String,
}

impl Failure {
    /// A failure of what was being done.
    pub fn new(what: &'static str, why: impl Display) -> Self {
        Self { what, why: why.to_string() }
    }
}

/// Says what was being done when an error came up.
pub trait Failed<T> {
    /// The value, or what was being done.
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

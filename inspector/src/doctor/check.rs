//! One thing that was looked at.

use serde::Serialize;

/// What it means for inspector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// It cannot be told from here.
    Unknown,
    /// inspector runs, but slower, or sees less.
    Warn,
    /// inspector would not run.
    Stop,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a word or two.
    pub name: &'static str,
    /// What it means.
    pub level: Level,
    /// What was found.
    pub says: String,
    /// What to do, in one sentence.
    pub remedy: Option<String>,
}

impl Check {
    /// A check without a remedy.
    pub fn new(name: &'static str, level: Level, says: impl Into<String>) -> Self {
        Self { name, level, says: says.into(), remedy: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

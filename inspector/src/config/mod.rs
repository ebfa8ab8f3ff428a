//! The configuration file: what an operator knows of their network, and the flags of `inspector run`.

mod shape;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dataplane::{Egress, Mode};
use crate::detect::beacon::Allowed;
use crate::detect::declared::TunnelPolicy;
use crate::detect::dns::{BenignSuffixes, SuffixError};
use crate::detect::{self, Settings};
use crate::engine::Engine;
use crate::findings::{Mute, Severity};
use crate::metrics::server::{DEFAULT_ADDRESS, DEFAULT_PATH};
use crate::network::Network;

/// The defaults, as a file with explanations.
pub const DEFAULT: &str = include_str!("default.toml");

/// What the file holds. What it does not say is as in [`DEFAULT`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The flags of `inspector run` that say what is watched.
    pub run: Run,
    /// Those that say where metrics are served.
    pub web: Web,
    /// What findings show.
    pub findings: Findings,
    /// What is known of names.
    pub dns: Dns,
    /// What is known of tunnels.
    pub tunnels: Tunnels,
    /// What is known of calls at intervals.
    pub beacon: Beacon,
    /// What is not reported.
    pub mute: Vec<Mute>,
}

/// What is watched, and how.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Names, globs, or `auto`.
    pub interfaces: Vec<String>,
    /// Where to attach.
    #[serde(with = "shape::choice")]
    pub mode: Mode,
    /// Whether to look at what leaves.
    #[serde(with = "shape::choice")]
    pub egress: Egress,
    /// One flow in so many is looked at; 1 or more.
    #[serde(deserialize_with = "shape::at_least_one")]
    pub sample: u32,
    /// Seed of the sampling.
    pub sample_seed: u32,
    /// File that EVE JSON is appended to; `-` for stdout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eve: Option<PathBuf>,
    /// File for what takes hours to learn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            mode: Mode::default(),
            egress: Egress::default(),
            sample: 1,
            sample_seed: 0,
            eve: None,
            state: None,
        }
    }
}

/// Where metrics are served.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Host and port.
    pub listen_address: String,
    /// Path of the metrics.
    pub telemetry_path: String,
}

impl Default for Web {
    fn default() -> Self {
        Self { listen_address: DEFAULT_ADDRESS.to_owned(), telemetry_path: DEFAULT_PATH.to_owned() }
    }
}

/// What findings show.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Findings {
    /// Whether alerts have an excerpt of the packet that told: bytes that somebody sent.
    pub excerpts: bool,
}

impl Default for Findings {
    fn default() -> Self {
        Self { excerpts: true }
    }
}

/// Names that are not judged.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Suffixes of such names.
    pub benign_suffixes: Vec<String>,
    /// Whether the built-in ones hold too.
    pub built_in_suffixes: bool,
}

impl Default for Dns {
    fn default() -> Self {
        Self { benign_suffixes: Vec::new(), built_in_suffixes: true }
    }
}

/// What declared tunnels ask of the operator.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tunnels {
    /// Severity of those that are not the operator's own.
    pub severity: Severity,
    /// Where the operator's own go to or come from.
    pub own: Vec<Network>,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self { severity: Severity::Info, own: Vec::new() }
    }
}

/// What is known of calls at intervals.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Beacon {
    /// Destinations that hosts may call at intervals.
    pub allowed: Vec<Allowed>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read the configuration {} ({source}); check the path", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML of this shape.
    #[error("{}, line {line}: {fault}; `inspector config default` prints one that is right", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        fault: String,
    },
    /// A suffix is no name.
    #[error("{}, dns.benign_suffixes: {source}", path.display())]
    Suffix {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SuffixError,
    },
    /// A detector is muted that isn't there.
    #[error("{}, mute: there is no detector {name:?}; there are {}", path.display(), detect::names().join(", "))]
    Detector {
        /// The file.
        path: PathBuf,
        /// What was written.
        name: String,
    },
    /// An entry names nothing, and so would mute everything.
    #[error("{}, mute: entry {entry} names nothing that it is about; name a detector, client, server, …", path.display())]
    Everything {
        /// The file.
        path: PathBuf,
        /// Which of them, from 1.
        entry: usize,
    },
}

impl Config {
    /// Reads a file, or gives the defaults where none is named.
    ///
    /// # Errors
    /// It cannot be read, is not of this shape, or says what can't be.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        let config: Self = match toml::from_str(text) {
            Ok(config) => config,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let fault = error.message().lines().collect::<Vec<_>>().join(", ");
                return Err(ConfigError::Shape { path, line, fault });
            }
        };
        if let Err(source) = config.suffixes() {
            return Err(ConfigError::Suffix { path, source });
        }
        let names = if config.mute.is_empty() { Vec::new() } else { detect::names() };
        for (entry, mute) in (1..).zip(&config.mute) {
            if let Some(name) = mute.detector.as_ref().filter(|name| !names.contains(&name.as_str())) {
                return Err(ConfigError::Detector { path, name: name.clone() });
            }
            if (Mute { up_to: None, ..mute.clone() }) == Mute::default() {
                return Err(ConfigError::Everything { path, entry });
            }
        }
        Ok(config)
    }

    fn suffixes(&self) -> Result<BenignSuffixes, SuffixError> {
        let first =
            if self.dns.built_in_suffixes { BenignSuffixes::built_in() } else { BenignSuffixes::empty() };
        first.extended(self.dns.benign_suffixes.iter().map(String::as_str))
    }

    /// An engine that goes by it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        let settings = Settings {
            // It was read, so its suffixes are names.
            benign_suffixes: self.suffixes().unwrap_or_else(|_| BenignSuffixes::built_in()),
            tunnels: TunnelPolicy { severity: self.tunnels.severity, own: self.tunnels.own.clone() },
            allowed_calls: self.beacon.allowed.clone(),
        };
        Engine::with(&settings, self.mute.clone()).with_excerpts(self.findings.excerpts)
    }
}

#[cfg(test)]
mod tests;

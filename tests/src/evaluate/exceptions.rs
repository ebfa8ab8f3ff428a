//! Captures that are counted apart, each with its reason.

use serde::Deserialize;

use crate::corpus::Capture;

/// What `accuracy.toml` takes out of the counts.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// Covert channels that cannot be told from their cover.
    pub(super) indistinguishable: Vec<Indistinguishable>,
    /// Captures whose label is shown to be wrong.
    pub(super) disputed: Vec<Disputed>,
}

/// A channel, or one capture of one, that cannot be told from its cover.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Indistinguishable {
    pub(super) channel: Option<String>,
    pub(super) path: Option<String>,
    pub(super) reason: String,
}

/// A capture whose label is wrong.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Disputed {
    pub(super) path: String,
    pub(super) reason: String,
}

impl Indistinguishable {
    pub(super) fn fits(&self, capture: &Capture) -> bool {
        let is_named = match (&self.channel, &self.path) {
            (Some(channel), _) => capture.channel.as_ref() == Some(channel),
            (None, Some(path)) => capture.path == *path,
            (None, None) => false,
        };
        // What may not alert has nothing to be told from.
        is_named && !capture.label.forbids_alerts()
    }

    /// The channel or path.
    pub(super) fn what(&self) -> &str {
        self.channel.as_deref().or(self.path.as_deref()).unwrap_or_default()
    }
}

impl Disputed {
    pub(super) fn fits(&self, capture: &Capture) -> bool {
        capture.path == self.path
    }
}

impl Exceptions {
    /// Why the label of a capture is taken for wrong.
    #[must_use]
    pub fn disputed(&self, capture: &Capture) -> Option<&str> {
        self.disputed.iter().find(|entry| entry.fits(capture)).map(|entry| entry.reason.as_str())
    }

    /// Why a capture cannot be told from its cover.
    #[must_use]
    pub fn indistinguishable(&self, capture: &Capture) -> Option<&str> {
        self.indistinguishable.iter().find(|entry| entry.fits(capture)).map(|entry| entry.reason.as_str())
    }

    /// The first thing that is wrong with an entry by itself.
    pub(super) fn fault(&self) -> Option<String> {
        let of_channels = self.indistinguishable.iter().find_map(|entry| {
            let what = entry.what();
            let fault = match (&entry.channel, &entry.path) {
                (Some(_), Some(_)) => "it names a channel and a path; it has to name one of them",
                (None, None) => "it names neither a channel nor a path",
                _ if entry.reason.trim().is_empty() => "it has no reason",
                _ => return None,
            };
            Some(format!("[[indistinguishable]] {what:?}: {fault}"))
        });
        of_channels.or_else(|| {
            let entry = self.disputed.iter().find(|entry| entry.reason.trim().is_empty())?;
            Some(format!("[[disputed]] {:?}: it has no reason", entry.path))
        })
    }

    /// What entries name that a corpus does not have.
    pub(super) fn strangers(&self, corpus: &[Capture]) -> Vec<String> {
        let of_channels = self.indistinguishable.iter().filter(|entry| !corpus.iter().any(|c| entry.fits(c)));
        let of_labels = self.disputed.iter().filter(|entry| !corpus.iter().any(|c| entry.fits(c)));
        let of_channels = of_channels.map(|entry| format!("[[indistinguishable]] {}", entry.what()));
        of_channels.chain(of_labels.map(|entry| format!("[[disputed]] {}", entry.path))).collect()
    }
}

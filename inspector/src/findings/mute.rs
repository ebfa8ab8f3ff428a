//! Findings that an operator has looked at and does not want to hear of.

use serde::{Deserialize, Serialize};

use super::{Finding, Severity};
use crate::network::Network;

/// Which findings one entry is about: all that match everything that it names.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mute {
    /// The detector that raises them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// The number of their signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<u32>,
    /// Where the client is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Network>,
    /// Where the server is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Network>,
    /// The registered domain of the channel, or one that it is under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Their severity at most; without, of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Severity>,
}

impl Mute {
    /// Whether it is about this finding.
    #[must_use]
    pub fn covers(&self, finding: &Finding) -> bool {
        let Self { detector, signature, client, server, domain, up_to } = self;
        let subject = &finding.subject;
        detector.as_deref().is_none_or(|name| name == finding.signature.detector)
            && signature.is_none_or(|id| id == finding.signature.id)
            && client.is_none_or(|network| network.contains(subject.client))
            && server.is_none_or(|network| network.contains(subject.server))
            && up_to.is_none_or(|severity| finding.severity <= severity)
            && domain.as_deref().is_none_or(|domain| {
                subject.domain.as_deref().is_some_and(|of_finding| is_under(of_finding, domain))
            })
    }
}

/// Whether a name is this one or under it, at the boundaries of labels and in any case.
fn is_under(name: &str, domain: &str) -> bool {
    let at = name.len().checked_sub(domain.len());
    let parts = at.and_then(|at| name.split_at_checked(at));
    parts.is_some_and(|(before, rest)| {
        rest.eq_ignore_ascii_case(domain) && (before.is_empty() || before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sample;

    #[test]
    fn an_entry_covers_what_matches_all_that_it_names() {
        let finding = sample::finding();
        let (detector, id) = (finding.signature.detector, finding.signature.id);
        let [client, server] =
            [finding.subject.client, finding.subject.server].map(|a| a.to_string().parse().ok());
        let none = "203.0.113.77".parse().ok();
        let of = |detector: &str| Mute { detector: Some(detector.to_owned()), ..Mute::default() };
        assert!(of(detector).covers(&finding) && !of("other").covers(&finding));
        assert!(Mute { client, server, ..of(detector) }.covers(&finding));
        assert!(!Mute { client: none, ..of(detector) }.covers(&finding));
        assert!(!Mute { server: none, ..of(detector) }.covers(&finding));
        assert!(!Mute { signature: Some(id + 1), ..of(detector) }.covers(&finding));
        assert!(!Mute { up_to: Some(Severity::Info), ..of(detector) }.covers(&finding));
        assert!(Mute { up_to: Some(Severity::High), ..of(detector) }.covers(&finding));
    }

    #[test]
    fn domains_are_matched_at_labels() {
        assert!(is_under("a.Example.org", "example.org") && is_under("example.org", "EXAMPLE.org"));
        assert!(!is_under("anexample.org", "example.org") && !is_under("org", "example.org"));
    }
}

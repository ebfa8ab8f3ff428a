//! Which captures, and whose findings.

use std::collections::BTreeSet;

use glob::Pattern;

use super::Evaluation;
use crate::corpus::{Capture, Label};

/// Filters of a run. Within one filter any value fits, and all filters have to; an empty one lets everything pass.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names of channels; `*` and `?` stand for any letters, and for one.
    pub channels: Vec<String>,
    /// Names of labels, likewise.
    pub labels: Vec<String>,
    /// Parts of paths.
    pub paths: Vec<String>,
    /// Names of detectors: the findings of others are dropped.
    pub detectors: Vec<String>,
}

/// Why a selection selects nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// Not a pattern.
    #[error("{0:?} is no name and no pattern: * stands for any letters, ? for one, [ab] for one of some")]
    Pattern(String),
    /// A name that fits nothing.
    #[error("there is no {what} {wanted:?}; there are {}", known.join(", "))]
    Unknown {
        /// What kind of name.
        what: &'static str,
        /// The name or pattern.
        wanted: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Each name fits something, but nothing fits them all.
    #[error("no capture fits all of these filters")]
    Nothing,
}

impl Selection {
    /// Whether it lets all captures and all findings pass.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let Self { channels, labels, paths, detectors } = self;
        [channels, labels, paths, detectors].iter().all(|filter| filter.is_empty())
    }

    /// The captures that fit.
    ///
    /// # Errors
    /// Where none does, or a name fits nothing by itself and so is a typing error.
    pub fn of(&self, corpus: &[Capture]) -> Result<Vec<Capture>, SelectionError> {
        let channels =
            patterns("channel", &self.channels, corpus.iter().filter_map(|c| c.channel.as_deref()))?;
        let labels = patterns("label", &self.labels, Label::ALL.map(Label::name))?;
        let detectors = inspector::detect::all();
        patterns("detector", &self.detectors, detectors.iter().map(|detector| detector.name()))?;
        let fits = |capture: &&Capture| {
            let any = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
            (channels.is_empty() || capture.channel.as_deref().is_some_and(|name| any(&channels, name)))
                && (labels.is_empty() || any(&labels, capture.label.name()))
                && (self.paths.is_empty() || self.paths.iter().any(|part| capture.path.contains(part)))
        };
        let selected: Vec<Capture> = corpus.iter().filter(fits).cloned().collect();
        if selected.is_empty() { Err(SelectionError::Nothing) } else { Ok(selected) }
    }

    /// Drops what other detectors have found.
    ///
    /// # Errors
    /// A detector's name is no pattern.
    pub fn drop_findings(&self, evaluation: &mut Evaluation) -> Result<(), SelectionError> {
        if self.detectors.is_empty() {
            return Ok(());
        }
        let wanted = self.detectors.iter().map(|name| pattern(name)).collect::<Result<Vec<_>, _>>()?;
        for outcome in &mut evaluation.outcomes {
            outcome.findings.retain(|found| wanted.iter().any(|pattern| pattern.matches(found.detector())));
        }
        Ok(())
    }
}

fn pattern(text: &str) -> Result<Pattern, SelectionError> {
    Pattern::new(text).map_err(|_| SelectionError::Pattern(text.to_owned()))
}

/// The patterns, each of which fits one of the known names.
fn patterns<'a>(
    what: &'static str,
    wanted: &[String],
    known: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Pattern>, SelectionError> {
    let known: BTreeSet<&str> = known.into_iter().collect();
    let check = |text: &String| {
        let pattern = pattern(text)?;
        if known.iter().any(|name| pattern.matches(name)) {
            return Ok(pattern);
        }
        let known = known.iter().map(ToString::to_string).collect();
        Err(SelectionError::Unknown { what, wanted: text.clone(), known })
    };
    wanted.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::outcome::tests::capture;

    fn corpus() -> Vec<Capture> {
        vec![
            capture("a/one.pcap", Label::Covert, Some("icmp-echo")),
            capture("a/two.pcap", Label::Covert, Some("icmp-tunnel")),
            capture("b/three.pcap", Label::CovertHard, Some("dns-id")),
            capture("b/four.pcap", Label::Benign, None),
        ]
    }

    fn selected(edit: impl FnOnce(&mut Selection)) -> Result<Vec<String>, String> {
        let mut selection = Selection::default();
        edit(&mut selection);
        let captures = selection.of(&corpus()).map_err(|error| error.to_string())?;
        Ok(captures.into_iter().map(|capture| capture.path).collect())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn any_value_of_a_filter_fits_and_all_filters_have_to() {
        let all = ["a/one.pcap", "a/two.pcap", "b/three.pcap", "b/four.pcap"];
        assert_eq!(selected(|_| ()).unwrap(), all);
        assert_eq!(selected(|s| s.channels = names(&["icmp-*"])).unwrap(), all[..2]);
        assert_eq!(selected(|s| s.channels = names(&["icmp-echo", "dns-id"])).unwrap(), [all[0], all[2]]);
        assert_eq!(selected(|s| s.labels = names(&["covert"])).unwrap(), all[..2]);
        assert_eq!(selected(|s| s.labels = names(&["covert*", "benign"])).unwrap(), all);
        assert_eq!(selected(|s| s.paths = names(&["two", "b/"])).unwrap(), all[1..]);
        let both = |s: &mut Selection| {
            s.channels = names(&["*"]);
            s.paths = names(&["b/"]);
        };
        assert_eq!(selected(both).unwrap(), [all[2]]);
    }

    #[test]
    fn a_typing_error_is_no_empty_result() {
        let error = selected(|s| s.channels = names(&["icmp-ecco"])).unwrap_err();
        assert_eq!(error, r#"there is no channel "icmp-ecco"; there are dns-id, icmp-echo, icmp-tunnel"#);
        assert!(selected(|s| s.labels = names(&["bening"])).unwrap_err().contains("evasive-benign"));
        assert!(selected(|s| s.detectors = names(&["icmp"])).unwrap_err().contains("icmp-payload"));
        assert!(selected(|s| s.channels = names(&["[a"])).unwrap_err().contains("no pattern"));
        assert_eq!(
            selected(|s| s.paths = names(&["five"])).unwrap_err(),
            SelectionError::Nothing.to_string()
        );
    }

    #[test]
    fn only_the_findings_of_the_selected_detectors_are_kept() {
        use crate::evaluate::outcome::tests::{alerted, evaluation};
        let outcome =
            || alerted(capture("a", Label::Covert, Some("x")), &[("icmp-payload", 1), ("dns-volume", 2)]);
        let kept = |detectors: &[&str]| {
            let mut evaluation = evaluation(vec![outcome()]);
            let selection = Selection { detectors: names(detectors), ..Selection::default() };
            selection.drop_findings(&mut evaluation).unwrap();
            evaluation.outcomes[0].findings.iter().map(|found| found.packet).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[]), [1, 2]);
        assert_eq!(kept(&["dns-*"]), [2]);
    }
}

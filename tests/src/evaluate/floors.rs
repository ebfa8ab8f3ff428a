//! What was reached, so that nothing is lost again: `tests/accuracy.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::exceptions::{Disputed, Indistinguishable};
use super::{Exceptions, Summary};
use crate::corpus::{Capture, Label};

/// Floors, and what is counted apart.
#[derive(Clone, Debug, Default)]
pub struct Floors {
    /// Captures of label `covert` that have to be detected, by channel; none of a channel that is not named.
    detected: BTreeMap<String, usize>,
    /// Captures that may have an alert, by label.
    most_alerts: BTreeMap<Label, usize>,
    /// What is counted apart.
    pub exceptions: Exceptions,
}

/// The file's shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    detected: BTreeMap<String, usize>,
    alerts: Alerts,
    #[serde(default)]
    indistinguishable: Vec<Indistinguishable>,
    #[serde(default)]
    disputed: Vec<Disputed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Alerts {
    benign: usize,
    evasive_benign: usize,
    tunnel_declared: usize,
    malformed: usize,
}

/// Why floors cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FloorsError {
    /// There is no such file, or it cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML of this shape.
    #[error("{}: {fault}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        fault: String,
    },
}

/// How an evaluation stands to the floors. Each entry is a line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Floors that are broken.
    pub broken: Vec<String>,
    /// Floors that could rise.
    pub hints: Vec<String>,
    /// How many floors could not be looked at, since only a part of their captures was evaluated.
    pub unchecked: usize,
}

impl FromStr for Floors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let Alerts { benign, evasive_benign, tunnel_declared, malformed } = file.alerts;
        let exceptions = Exceptions { indistinguishable: file.indistinguishable, disputed: file.disputed };
        if let Some(fault) = exceptions.fault() {
            return Err(fault);
        }
        let most_alerts = [
            (Label::Benign, benign),
            (Label::EvasiveBenign, evasive_benign),
            (Label::TunnelDeclared, tunnel_declared),
            (Label::Malformed, malformed),
        ];
        Ok(Self { detected: file.detected, most_alerts: most_alerts.into(), exceptions })
    }
}

impl Floors {
    /// Reads the floors in a file.
    ///
    /// # Errors
    /// Where there is none, or it is not of this shape.
    pub fn read(path: &Path) -> Result<Self, FloorsError> {
        let path = path.to_owned();
        match std::fs::read_to_string(&path) {
            Ok(text) => text.parse().map_err(|fault| FloorsError::Shape { path, fault }),
            Err(source) => Err(FloorsError::Read { path, source }),
        }
    }

    /// How many captures of a channel have to be detected.
    #[must_use]
    pub fn detected(&self, channel: &str) -> usize {
        self.detected.get(channel).copied().unwrap_or_default()
    }

    /// How many captures of a label may have an alert; `None` where any number may.
    #[must_use]
    pub fn most_alerts(&self, label: Label) -> Option<usize> {
        self.most_alerts.get(&label).copied()
    }

    /// Holds what was found in some captures of a corpus, or all of them, against the floors.
    #[must_use]
    pub fn check(&self, summary: &Summary<'_>, corpus: &[Capture]) -> Verdict {
        let mut verdict = Verdict::default();
        self.check_channels(summary, corpus, &mut verdict);
        self.check_labels(summary, corpus, &mut verdict);
        let stranger = |what| format!("{what}: the corpus has nothing of that name");
        verdict.broken.extend(self.exceptions.strangers(corpus).into_iter().map(stranger));
        for apart in summary.indistinguishable.iter().filter(|apart| apart.outcome.is_alerted()) {
            let path = &apart.outcome.capture.path;
            verdict.hints.push(format!("{path} is alerted: is it indistinguishable after all?"));
        }
        verdict
    }

    fn check_channels(&self, summary: &Summary<'_>, corpus: &[Capture], verdict: &mut Verdict) {
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for capture in corpus.iter().filter(|capture| self.counts(capture, Label::Covert)) {
            *sizes.entry(capture.channel.as_deref().unwrap_or("-")).or_default() += 1;
        }
        let unknown = self.detected.keys().filter(|channel| !sizes.contains_key(channel.as_str()));
        let unknown =
            unknown.map(|channel| format!("detected.{channel}: the corpus has no such covert captures"));
        verdict.broken.extend(unknown);
        for (channel, size) in sizes {
            let floor = self.detected(channel);
            let row = summary.channels.get(channel).cloned().unwrap_or_default();
            if row.detected > floor {
                verdict.hints.push(format!("floor {channel} {floor} → {} possible", row.detected));
            } else if row.files < size {
                verdict.unchecked += usize::from(floor > 0);
            } else if row.detected < floor {
                let broken = format!("{channel}: {} of {size} detected, the floor is {floor}", row.detected);
                verdict.broken.push(broken);
            }
        }
    }

    fn check_labels(&self, summary: &Summary<'_>, corpus: &[Capture], verdict: &mut Verdict) {
        for (&label, &most) in &self.most_alerts {
            let size = corpus.iter().filter(|capture| self.counts(capture, label)).count();
            let row = summary.label(label);
            if row.alerts > most {
                let broken =
                    format!("{label}: {} of {} alerted, at most {most} may be", row.alerts, row.files);
                verdict.broken.push(broken);
            } else if row.files < size {
                verdict.unchecked += 1;
            } else if row.alerts < most {
                verdict.hints.push(format!("most alerts of {label} {most} → {} possible", row.alerts));
            }
        }
    }

    /// Whether a capture is counted under a label.
    fn counts(&self, capture: &Capture, label: Label) -> bool {
        capture.label == label
            && self.exceptions.disputed(capture).is_none()
            && self.exceptions.indistinguishable(capture).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::outcome::tests::{alerted, capture, evaluation};
    use crate::evaluate::{Evaluation, Outcome};

    const NO_ALERTS: &str = "[alerts]\nbenign = 0\nevasive-benign = 0\ntunnel-declared = 0\nmalformed = 0\n";

    /// Of channel `ttl` so many captures, of which the first ones are detected, and one benign one.
    fn corpus(detected: usize, files: usize, has_false_alert: bool) -> Evaluation {
        let ttl = |number: usize| {
            let alerts: &[(&str, u64)] = if number < detected { &[("icmp-payload", 7)] } else { &[] };
            alerted(capture(&format!("ttl-{number}"), Label::Covert, Some("ttl")), alerts)
        };
        let mut outcomes: Vec<Outcome> = (0..files).map(ttl).collect();
        let alerts: &[(&str, u64)] = if has_false_alert { &[("dns-volume", 1)] } else { &[] };
        outcomes.push(alerted(capture("ping", Label::Benign, None), alerts));
        evaluation(outcomes)
    }

    fn verdict(floors: &str, evaluation: &Evaluation, corpus: &[Capture]) -> Verdict {
        let floors: Floors = floors.parse().unwrap();
        floors.check(&Summary::new(evaluation, &floors.exceptions), corpus)
    }

    fn captures(evaluation: &Evaluation) -> Vec<Capture> {
        evaluation.outcomes.iter().map(|outcome| outcome.capture.clone()).collect()
    }

    /// The verdict on a corpus that was evaluated whole.
    fn whole(floors: &str, evaluation: &Evaluation) -> Verdict {
        verdict(floors, evaluation, &captures(evaluation))
    }

    #[test]
    fn a_floor_holds_breaks_or_could_rise() {
        let floors = format!("detected = {{ ttl = 2 }}\n{NO_ALERTS}");
        assert_eq!(whole(&floors, &corpus(2, 3, false)), Verdict::default());
        let broken = whole(&floors, &corpus(1, 3, false));
        assert_eq!(broken.broken, ["ttl: 1 of 3 detected, the floor is 2"]);
        let higher = whole(&floors, &corpus(3, 3, false));
        assert_eq!(
            (higher.broken.len(), &higher.hints[..]),
            (0, &["floor ttl 2 → 3 possible".to_owned()][..])
        );
    }

    #[test]
    fn a_channel_without_a_floor_could_have_one() {
        assert_eq!(whole(NO_ALERTS, &corpus(0, 3, false)), Verdict::default());
        assert_eq!(whole(NO_ALERTS, &corpus(1, 3, false)).hints, ["floor ttl 0 → 1 possible"]);
    }

    #[test]
    fn alerts_have_a_most() {
        let broken = whole(NO_ALERTS, &corpus(0, 1, true));
        assert_eq!(broken.broken, ["benign: 1 of 1 alerted, at most 0 may be"]);
        let one = NO_ALERTS.replace("\nbenign = 0", "\nbenign = 1");
        assert_eq!(whole(&one, &corpus(0, 1, true)), Verdict::default());
        assert_eq!(whole(&one, &corpus(0, 1, false)).hints, ["most alerts of benign 1 → 0 possible"]);
    }

    #[test]
    fn a_part_of_the_captures_breaks_no_floor_but_may_alert_too_often() {
        let all = captures(&corpus(3, 3, false));
        let floors = format!("detected = {{ ttl = 3 }}\n{NO_ALERTS}");
        let mut part = corpus(1, 2, true);
        assert_eq!(verdict(&floors, &part, &all).broken, ["benign: 1 of 1 alerted, at most 0 may be"]);
        part.outcomes.pop();
        let unchecked = verdict(&floors, &part, &all);
        assert_eq!((unchecked.broken.len(), unchecked.unchecked), (0, 2));
    }

    #[test]
    fn names_that_the_corpus_lacks_are_broken_floors() {
        let floors = format!(
            "detected = {{ tll = 1 }}\nindistinguishable = [{{ channel = 'x', reason = 'r' }}]\n\
             disputed = [{{ path = 'gone', reason = 'r' }}]\n{NO_ALERTS}"
        );
        let broken = whole(&floors, &corpus(0, 1, false)).broken.join("\n");
        for name in ["detected.tll", "[[indistinguishable]] x", "[[disputed]] gone"] {
            assert!(broken.contains(name), "{broken}");
        }
    }

    #[test]
    fn what_is_counted_apart_breaks_no_floor() {
        let indistinguishable = "[[indistinguishable]]\nchannel = 'ttl'\nreason = 'random'\n";
        let apart = whole(&format!("{NO_ALERTS}{indistinguishable}"), &corpus(0, 3, false));
        assert_eq!(apart, Verdict::default());
        let alerted = whole(&format!("{NO_ALERTS}{indistinguishable}"), &corpus(1, 3, false));
        assert_eq!(alerted.hints, ["ttl-0 is alerted: is it indistinguishable after all?"]);
        let floor = format!("detected = {{ ttl = 1 }}\n{NO_ALERTS}{indistinguishable}");
        assert_eq!(whole(&floor, &corpus(1, 3, false)).broken.len(), 1);
        let benign = format!("{NO_ALERTS}[[indistinguishable]]\npath = 'ping'\nreason = 'inconvenient'\n");
        assert_eq!(whole(&benign, &corpus(0, 1, true)).broken.len(), 2);
        let disputed = "[[disputed]]\npath = 'ping'\nreason = 'a tunnel, says tshark'\n";
        let disputed = whole(&format!("{NO_ALERTS}{disputed}"), &corpus(0, 1, true));
        assert_eq!(disputed, Verdict::default());
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said() {
        let apart = |entry: &str| format!("{NO_ALERTS}[[indistinguishable]]\n{entry}\n");
        for (text, part) in [
            (format!("{NO_ALERTS}gray = 0\n"), "gray"),
            (format!("floor = 1\n{NO_ALERTS}"), "floor"),
            (NO_ALERTS.replace("malformed = 0\n", ""), "malformed"),
            (format!("detected = {{ ttl = -1 }}\n{NO_ALERTS}"), "-1"),
            (format!("detected = {{ ttl = 1, ttl = 2 }}\n{NO_ALERTS}"), "duplicate"),
            (apart("channel = 'x'"), "reason"),
            (apart("channel = 'x'\nreason = ' '"), "no reason"),
            (apart("channel = 'x'\npath = 'y'\nreason = 'r'"), "one of them"),
            (apart("reason = 'r'"), "neither"),
            (apart("label = 'x'\nreason = 'r'"), "label"),
            (format!("{NO_ALERTS}[[disputed]]\npath = 'x'\nreason = ''\n"), "no reason"),
            (format!("{NO_ALERTS}[[disputed]]\nchannel = 'x'\nreason = 'r'\n"), "channel"),
        ] {
            let fault = text.parse::<Floors>().expect_err(&text);
            assert!(fault.contains(part), "{part} is not in {fault}");
        }
        assert!(
            Floors::read(Path::new("/nowhere.toml")).unwrap_err().to_string().starts_with("/nowhere.toml: ")
        );
    }
}

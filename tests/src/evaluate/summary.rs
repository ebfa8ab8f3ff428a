//! Outcomes, counted.

use std::collections::BTreeMap;

use super::{Evaluation, Exceptions, Outcome};
use crate::corpus::Label;

/// What was detected of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelRow {
    /// Captures.
    pub files: usize,
    /// Those with an alert.
    pub detected: usize,
    /// Number of the packet that brought the first alert of each detected capture, ascending.
    pub first_alerts: Vec<u64>,
    /// In how many captures each detector alerted.
    pub detectors: BTreeMap<&'static str, usize>,
}

impl ChannelRow {
    fn count(&mut self, outcome: &Outcome) {
        self.files += 1;
        let Some(first) = outcome.alerts().next() else { return };
        self.detected += 1;
        let at = self.first_alerts.partition_point(|packet| *packet < first.packet);
        self.first_alerts.insert(at, first.packet);
        let mut detectors: Vec<_> = outcome.alerts().map(super::Found::detector).collect();
        detectors.sort_unstable();
        detectors.dedup();
        for detector in detectors {
            *self.detectors.entry(detector).or_default() += 1;
        }
    }

    /// The packet that brought the first alert, in the median capture (the later of two middle ones).
    #[must_use]
    pub fn median_first_alert(&self) -> Option<u64> {
        self.first_alerts.get(self.first_alerts.len() / 2).copied()
    }

    /// The same in the slowest capture.
    #[must_use]
    pub fn max_first_alert(&self) -> Option<u64> {
        self.first_alerts.last().copied()
    }
}

/// What was found in the captures of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelRow {
    /// Captures.
    pub files: usize,
    /// Those with an alert.
    pub alerts: usize,
}

/// A capture that is counted apart, and why.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'a> {
    /// The capture.
    pub outcome: &'a Outcome,
    /// Why.
    pub reason: &'a str,
}

/// An evaluation in numbers and lists. Captures that are counted apart are in none but their own.
#[derive(Debug, Default)]
pub struct Summary<'a> {
    /// The channels of label `covert`.
    pub channels: BTreeMap<&'a str, ChannelRow>,
    /// The channels of other labels that allow alerts.
    pub optional: BTreeMap<(Label, &'a str), ChannelRow>,
    /// Every label that has captures.
    pub labels: BTreeMap<Label, LabelRow>,
    /// Captures of label `covert` without an alert.
    pub misses: Vec<&'a Outcome>,
    /// Captures with an alert whose label forbids it.
    pub false_alerts: Vec<&'a Outcome>,
    /// Covert captures that cannot be told from their cover.
    pub indistinguishable: Vec<Apart<'a>>,
    /// Captures whose label is wrong.
    pub disputed: Vec<Apart<'a>>,
    /// Captures that panicked, took too long or could not be read; these are counted too.
    pub failures: Vec<&'a Outcome>,
}

impl<'a> Summary<'a> {
    /// Counts.
    #[must_use]
    pub fn new(evaluation: &'a Evaluation, exceptions: &'a Exceptions) -> Self {
        let mut summary = Self::default();
        for outcome in &evaluation.outcomes {
            summary.count(outcome, exceptions);
        }
        let channel = |outcome: &&Outcome| outcome.capture.channel.clone();
        summary.misses.sort_by_key(channel);
        summary.false_alerts.sort_by_key(|outcome| outcome.capture.label);
        summary
    }

    fn count(&mut self, outcome: &'a Outcome, exceptions: &'a Exceptions) {
        if outcome.failure().is_some() {
            self.failures.push(outcome);
        }
        let capture = &outcome.capture;
        if let Some(reason) = exceptions.disputed(capture) {
            self.disputed.push(Apart { outcome, reason });
            return;
        }
        if let Some(reason) = exceptions.indistinguishable(capture) {
            self.indistinguishable.push(Apart { outcome, reason });
            return;
        }
        let is_alerted = outcome.is_alerted();
        let label = self.labels.entry(capture.label).or_default();
        label.files += 1;
        label.alerts += usize::from(is_alerted);
        if capture.label.forbids_alerts() {
            if is_alerted {
                self.false_alerts.push(outcome);
            }
            return;
        }
        let channel = capture.channel.as_deref().unwrap_or("-");
        if capture.label == Label::Covert {
            self.channels.entry(channel).or_default().count(outcome);
            if !is_alerted {
                self.misses.push(outcome);
            }
        } else {
            self.optional.entry((capture.label, channel)).or_default().count(outcome);
        }
    }

    /// What was found in the captures of a label; zeros where there are none.
    #[must_use]
    pub fn label(&self, label: Label) -> LabelRow {
        self.labels.get(&label).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::floors::Floors;
    use crate::evaluate::outcome::tests::{alerted, capture, evaluation};

    #[test]
    fn first_alerts_have_a_median_and_a_maximum() {
        let ttl = |path, packets: &[u64]| {
            let alerts: Vec<_> = packets.iter().map(|packet| ("icmp-payload", *packet)).collect();
            alerted(capture(path, Label::Covert, Some("ttl")), &alerts)
        };
        let evaluation = evaluation(vec![ttl("a", &[9, 11]), ttl("b", &[2]), ttl("c", &[]), ttl("d", &[30])]);
        let exceptions = Exceptions::default();
        let summary = Summary::new(&evaluation, &exceptions);
        let row = &summary.channels["ttl"];
        assert_eq!((row.files, row.detected, &row.first_alerts[..]), (4, 3, &[2, 9, 30][..]));
        assert_eq!((row.median_first_alert(), row.max_first_alert()), (Some(9), Some(30)));
        assert_eq!(row.detectors, [("icmp-payload", 3)].into());
        assert_eq!(summary.misses.iter().map(|miss| &miss.capture.path[..]).collect::<Vec<_>>(), ["c"]);
        assert_eq!(ChannelRow::default().median_first_alert(), None);
    }

    #[test]
    fn observations_are_no_alerts() {
        let outcome = alerted(capture("a", Label::Benign, None), &[("observation", 5)]);
        let evaluation = evaluation(vec![outcome]);
        let exceptions = Exceptions::default();
        let summary = Summary::new(&evaluation, &exceptions);
        assert_eq!(summary.label(Label::Benign), LabelRow { files: 1, alerts: 0 });
        assert!(summary.false_alerts.is_empty());
    }

    #[test]
    fn exceptions_are_counted_apart() {
        let evaluation = evaluation(vec![
            alerted(capture("a", Label::Covert, Some("dns-id")), &[]),
            alerted(capture("b", Label::Benign, None), &[("dns-volume", 1)]),
            alerted(capture("c", Label::Benign, None), &[("dns-volume", 1)]),
            alerted(capture("d", Label::Gray, Some("psiphon")), &[("dns-volume", 1)]),
        ]);
        let floors: Floors = "
            alerts = { benign = 0, evasive-benign = 0, tunnel-declared = 0, malformed = 0 }
            indistinguishable = [{ channel = 'dns-id', reason = 'random by nature' }]
            disputed = [{ path = 'c', reason = 'it is a tunnel' }]
        "
        .parse()
        .unwrap();
        let summary = Summary::new(&evaluation, &floors.exceptions);
        assert!(summary.channels.is_empty() && summary.misses.is_empty());
        assert_eq!(summary.indistinguishable[0].reason, "random by nature");
        assert_eq!(summary.disputed[0].outcome.capture.path, "c");
        assert_eq!(summary.label(Label::Benign), LabelRow { files: 1, alerts: 1 });
        assert_eq!(summary.false_alerts[0].capture.path, "b");
        assert_eq!(summary.optional[&(Label::Gray, "psiphon")].detected, 1);
    }
}

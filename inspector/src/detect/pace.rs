//! How often a detector pushes a finding whose evidence grows: often enough that the last one pushed says what it came
//! to, and seldom enough to cost nothing.

use crate::findings::Severity;

/// Time after which it is pushed again in any case, so that what goes on is seen to: 10 seconds, in nanoseconds.
const PERIOD_NS: u64 = 10_000_000_000;

/// What was pushed last: severity, bytes and time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace(Option<(Severity, u64, u64)>);

impl Pace {
    /// Whether to push a finding now: the severity rises, it carries a quarter more, or some time has passed. If so,
    /// notes that it was.
    pub(crate) fn is_due(&mut self, severity: Severity, bytes: u64, now_ns: u64) -> bool {
        let is_due = self.0.is_none_or(|(before, then, at_ns)| {
            severity > before
                || bytes > then.saturating_add(then / 4)
                || now_ns.saturating_sub(at_ns) >= PERIOD_NS
        });
        if is_due {
            self.0 = Some((severity, bytes, now_ns));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_few_and_the_last_is_near_the_end() {
        let mut pace = Pace::default();
        let pushed: Vec<u64> =
            (120..150_000).step_by(100).filter(|bytes| pace.is_due(Severity::Medium, *bytes, 0)).collect();
        assert_eq!(pushed[0], 120);
        assert!(pushed.len() < 40, "{pushed:?}");
        assert!(pushed.last().unwrap() * 5 / 4 >= 149_900, "{pushed:?}");
    }

    #[test]
    fn severity_and_time_count_too() {
        let mut pace = Pace::default();
        assert!(pace.is_due(Severity::Low, 0, 0));
        assert!(!pace.is_due(Severity::Low, 0, PERIOD_NS - 1));
        assert!(pace.is_due(Severity::High, 0, PERIOD_NS - 1));
        assert!(!pace.is_due(Severity::Medium, 0, PERIOD_NS));
        assert!(pace.is_due(Severity::Medium, 0, 2 * PERIOD_NS));
    }
}

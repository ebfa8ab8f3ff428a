//! Adds up what the test binaries report.

use std::collections::BTreeSet;

use crate::vm::Outcome;

/// The sum over all test binaries and guests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// As the test harness counts: a test that skipped itself is among them.
    reported_passed: usize,
    pub(crate) failed: usize,
    ignored: usize,
    /// Tests that skipped themselves.
    skips: BTreeSet<String>,
    guests_passed: usize,
    guests_skipped: Vec<String>,
}

impl Tally {
    /// Takes in a line of a test binary's output; only its last one counts.
    pub(crate) fn count(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let figure = |what: &str| {
            let counted = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
            counted.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        self.reported_passed += figure("passed");
        self.failed += figure("failed");
        self.ignored += figure("ignored");
    }

    /// Takes in what the tests wrote about themselves: `SKIP name: reason`, a line each.
    pub(crate) fn skip(&mut self, log: &str) {
        self.skips.extend(log.lines().filter(|line| line.starts_with("SKIP ")).map(str::to_owned));
    }

    /// Takes in what became of a guest, whose problems have been shown.
    pub(crate) fn guest(&mut self, kernel: &str, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.guests_passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped(reason) => self.guests_skipped.push(format!("SKIP vm-test {kernel}: {reason}")),
        }
    }

    pub(crate) fn passed(&self) -> usize {
        self.reported_passed.saturating_sub(self.skips.len()) + self.guests_passed
    }

    pub(crate) fn skipped(&self) -> usize {
        self.skips.len() + self.ignored + self.guests_skipped.len()
    }

    /// One line a skipped test; of those that cargo was told to ignore, only the number is known.
    pub(crate) fn skip_lines(&self) -> impl Iterator<Item = String> {
        let ignored = (self.ignored > 0).then(|| format!("SKIP {} marked #[ignore]", self.ignored));
        self.skips.iter().chain(&self.guests_skipped).cloned().chain(ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Tally};

    fn tally(output: &str, skip_log: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.count(line));
        tally.skip(skip_log);
        tally
    }

    #[test]
    fn results_of_all_binaries_are_summed() {
        let tally = tally(
            "running 3 tests\ntest a ... ok\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 1.25s\n",
            "",
        );
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (13, 2, 1));
        assert_eq!(tally.skip_lines().collect::<Vec<_>>(), ["SKIP 1 marked #[ignore]"]);
    }

    #[test]
    fn a_skipped_test_has_not_passed() {
        let result = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let tally =
            tally(result, "SKIP attach: not root\nnoise\nSKIP attach: not root\nSKIP egress: no TCX\n");
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (1, 0, 2));
    }

    #[test]
    fn guests_count_as_tests() {
        let mut tally = tally("test result: ok. 3 passed; 0 failed; 0 ignored\n", "SKIP attach: not root\n");
        tally.guest("5.10", Outcome::Passed);
        tally.guest("6.1", Outcome::Failed);
        tally.guest("6.12", Outcome::Skipped("no network".to_owned()));
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (3, 1, 2));
        let skips: Vec<_> = tally.skip_lines().collect();
        assert_eq!(skips, ["SKIP attach: not root", "SKIP vm-test 6.12: no network"]);
    }

    #[test]
    fn output_without_results_counts_nothing() {
        let tally = tally("error: could not compile `inspector`\ntest result\n", "");
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (0, 0, 0));
    }
}

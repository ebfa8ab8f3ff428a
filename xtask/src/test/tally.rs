//! Adds up what the test binaries report.

use std::collections::BTreeSet;

/// The sum over all test binaries.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// As the test harness counts: a test that skipped itself is among them.
    reported_passed: usize,
    pub(crate) failed: usize,
    ignored: usize,
    skips: BTreeSet<String>,
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

    pub(crate) fn passed(&self) -> usize {
        self.reported_passed.saturating_sub(self.skips.len())
    }

    pub(crate) fn skipped(&self) -> usize {
        self.skips.len() + self.ignored
    }

    /// One line a skipped test; of those that cargo was told to ignore, only the number is known.
    pub(crate) fn skip_lines(&self) -> impl Iterator<Item = String> {
        let ignored = (self.ignored > 0).then(|| format!("SKIP {} marked #[ignore]", self.ignored));
        self.skips.iter().cloned().chain(ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

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
    fn output_without_results_counts_nothing() {
        let tally = tally("error: could not compile `inspector`\ntest result\n", "");
        assert_eq!((tally.passed(), tally.failed, tally.skipped()), (0, 0, 0));
    }
}

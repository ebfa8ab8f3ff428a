//! What a guest has told, line by line.

use super::line::Line;

/// Everything a guest has told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) release: Option<String>,
    /// Programs that were taken, and what the verifier counted of each.
    pub(crate) programs: Vec<(String, Option<u32>)>,
    pub(crate) refused: Vec<String>,
    pub(crate) missing_features: Vec<String>,
    /// Interface and mode of each program that came to be attached.
    pub(crate) attached: Vec<(String, String)>,
    pub(crate) passed: usize,
    /// Name of each check that failed, and why.
    pub(crate) failed: Vec<(String, String)>,
    /// How many checks there were, by the guest's last word.
    announced: Option<usize>,
}

impl Report {
    /// Takes in a line; what is no guest's is left out.
    pub(crate) fn take(&mut self, text: &str) {
        match text.parse() {
            Ok(Line::Up { release }) => self.release = Some(release),
            Ok(Line::Program { name, verified }) => self.programs.push((name, verified)),
            Ok(Line::Refused { name }) => self.refused.push(name),
            Ok(Line::Feature { name, is_present: false }) => self.missing_features.push(name),
            Ok(Line::Attached { interface, direction, mode }) => {
                let interface =
                    if direction == "ingress" { interface } else { format!("{interface} {direction}") };
                self.attached.push((interface, mode));
            }
            Ok(Line::Passed { .. }) => self.passed += 1,
            Ok(Line::Failed { check, why }) => self.failed.push((check, why)),
            Ok(Line::End { checks }) => self.announced = Some(checks),
            Ok(Line::Feature { is_present: true, .. }) | Err(_) => {}
        }
    }

    /// Whether the guest has said its last word.
    pub(crate) fn has_ended(&self) -> bool {
        self.announced.is_some()
    }

    /// What is wrong with it, a line each; nothing if every check was run and passed.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.failed.iter().map(|(check, why)| format!("{check}: {why}")).collect();
        let told = self.passed + self.failed.len();
        match self.announced {
            None if self.release.is_none() => problems.push("the guest did not come up".to_owned()),
            None => problems.push(format!("the guest ended after {told} checks, before its report did")),
            Some(0) => problems.push("the guest ran no check".to_owned()),
            Some(checks) if checks != told => {
                problems.push(format!("the guest ran {checks} checks, but only {told} were reported"));
            }
            Some(_) => {}
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        let mut report = Report::default();
        text.lines().for_each(|line| report.take(line));
        report
    }

    /// As it comes off a serial line.
    const WHOLE: &str = "up 5.10.0-46-cloud-amd64\r\nprogram inspector_plain -\r\nrefused inspector_frags\r\n\
                         feature missing ring buffer\r\nfeature present batch reads\r\npassed programs\r\n\
                         attached eth0 ingress native\r\nattached eth0 egress tc\r\nattached lo ingress generic\r\n\
                         passed frames\r\nend 2\r\n";

    #[test]
    fn a_whole_report_is_read() {
        let report = report(WHOLE);
        assert_eq!(report.problems(), [""; 0]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            report,
            Report {
                release: Some("5.10.0-46-cloud-amd64".to_owned()),
                programs: vec![("inspector_plain".to_owned(), None)],
                refused: vec!["inspector_frags".to_owned()],
                missing_features: vec!["ring buffer".to_owned()],
                attached: vec![pair("eth0", "native"), pair("eth0 egress", "tc"), pair("lo", "generic")],
                passed: 2,
                failed: Vec::new(),
                announced: Some(2),
            }
        );
    }

    #[test]
    fn a_failed_check_is_a_problem_and_says_why() {
        let report = report("up 6.1\nfailed frames left: 3; right: 4\npassed programs\nend 2");
        assert_eq!(report.problems(), ["frames: left: 3; right: 4"]);
    }

    #[test]
    fn a_report_without_its_end_is_a_problem_however_it_stops() {
        assert_eq!(report("").problems(), ["the guest did not come up"]);
        assert_eq!(report("up 6.1").problems(), ["the guest ended after 0 checks, before its report did"]);
        assert_eq!(
            report("up 6.1\npassed a\nen").problems(),
            ["the guest ended after 1 checks, before its report did"]
        );
        assert_eq!(report("up 6.1\nend 0").problems(), ["the guest ran no check"]);
        assert_eq!(
            report("up 6.1\npassed a\npas\nend 2").problems(),
            ["the guest ran 2 checks, but only 1 were reported"]
        );
    }

    #[test]
    fn what_a_guest_writes_is_what_the_host_reads() {
        let word = || "word".to_owned();
        for line in [
            Line::Up { release: word() },
            Line::Program { name: word(), verified: Some(16_500) },
            Line::Program { name: word(), verified: None },
            Line::Refused { name: word() },
            Line::Feature { name: "several words".to_owned(), is_present: true },
            Line::Feature { name: word(), is_present: false },
            Line::Attached { interface: word(), direction: word(), mode: word() },
            Line::Passed { check: word() },
            Line::Failed { check: word(), why: "several words".to_owned() },
            Line::End { checks: 7 },
        ] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        let broken =
            Line::Failed { check: word(), why: "panicked at x.rs:1:\n  left: 1\n right: 2".to_owned() };
        assert_eq!(broken.to_string(), "failed word panicked at x.rs:1:; left: 1; right: 2");
    }
}

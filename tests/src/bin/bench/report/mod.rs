//! What was measured, and how it is shown: as a table, as Markdown, as JSON.

mod machine;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::statistics::Spread;
pub(crate) use machine::Machine;
pub(crate) use table::grouped;

/// Everything that one run of the bench has to say.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) command: String,
    pub(crate) is_quick: bool,
    pub(crate) figures: Vec<Figure>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Something that could not be measured here.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// One measured thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) section: Section,
    pub(crate) name: String,
    /// The program in question, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<String>,
    pub(crate) unit: Unit,
    pub(crate) value: Spread,
    /// How far the median may be off by chance, in the figure's unit.
    pub(crate) noise: f64,
    /// What the same code without the program took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<f64>,
    /// What control against control differed by between the same rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) null: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<Verdict>,
    /// Of all packets, the share that was left out on purpose or for want of room, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) left_out: BTreeMap<&'static str, f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Section {
    Cost,
    Yardsticks,
    Program,
    Maps,
    Userspace,
    Throughput,
}

impl Section {
    pub(crate) const ALL: [Self; 6] =
        [Self::Cost, Self::Yardsticks, Self::Program, Self::Maps, Self::Userspace, Self::Throughput];

    const fn title(self) -> &'static str {
        match self {
            Self::Cost => "What a packet costs, over an empty program",
            Self::Yardsticks => "What this machine takes for other things, over an empty program",
            Self::Program => "What the kernel made of each program",
            Self::Maps => "Memory of the maps",
            Self::Userspace => "Userspace",
            Self::Throughput => "Throughput of a veth pair",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "ns/packet")]
    NanosecondsPerPacket,
    #[serde(rename = "us/entry")]
    MicrosecondsPerEntry,
    #[serde(rename = "instructions")]
    Instructions,
    #[serde(rename = "bytes")]
    Bytes,
    #[serde(rename = "packets/s")]
    PacketsPerSecond,
    #[serde(rename = "bits/s")]
    BitsPerSecond,
    /// A share of one, of a CPU or of another figure.
    #[serde(rename = "ratio")]
    Ratio,
}

/// What DESIGN asks for, in the figure's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// Whether a goal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Holds,
    Missed,
    /// The noise is larger than the distance from the goal.
    WithinNoise,
}

impl Goal {
    fn judge(self, value: f64, noise: f64) -> Verdict {
        let margin = match self {
            Self::AtMost(most) => most - value,
            Self::AtLeast(least) => value - least,
        };
        if margin.abs() < noise {
            Verdict::WithinNoise
        } else if margin >= 0.0 {
            Verdict::Holds
        } else {
            Verdict::Missed
        }
    }
}

/// Noise from which on a cost is marked, if it is a tenth of the cost as well; nanoseconds a packet. On a quiet machine
/// control against control is within 5.
const HIGH_NOISE: f64 = 10.0;

impl Figure {
    pub(crate) fn new(section: Section, name: impl Into<String>, unit: Unit, value: Spread) -> Self {
        Self {
            section,
            name: name.into(),
            program: None,
            unit,
            noise: value.error(),
            value,
            control: None,
            null: None,
            goal: None,
            verdict: None,
            left_out: BTreeMap::new(),
        }
    }

    /// Of something that is counted and not measured.
    pub(crate) fn exact(section: Section, name: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self::new(section, name, unit, Spread::exactly(value))
    }

    pub(crate) fn of_program(self, program: &str) -> Self {
        Self { program: Some(program.to_owned()), ..self }
    }

    /// With what control and control differed by.
    pub(crate) fn beside(self, control: f64, null: Option<Spread>) -> Self {
        let noise = null.map_or(f64::INFINITY, |null| null.noise());
        Self { control: Some(control), null, noise, ..self }
    }

    /// Holds the median against a goal, if there is one.
    pub(crate) fn held_against(self, goal: Option<Goal>) -> Self {
        let verdict = goal.map(|goal| goal.judge(self.value.median, self.noise));
        Self { goal, verdict, ..self }
    }

    fn is_noisy(&self) -> bool {
        self.section == Section::Cost && self.noise > HIGH_NOISE.max(self.value.median / 10.0)
    }
}

impl Report {
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The tables as somebody reads them in a terminal.
    pub(crate) fn to_text(&self) -> String {
        table::text(self)
    }

    /// The tables for a document.
    pub(crate) fn to_markdown(&self) -> String {
        table::markdown(self)
    }

    pub(crate) fn skip(&mut self, what: &str, why: &impl ToString) {
        self.skipped.push(Skipped { what: what.to_owned(), why: why.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn report() -> Report {
        let null = Some(Spread { min: -20.0, p90: 19.0, ..Spread::exactly(1.0) });
        let spread = Spread { min: 50.0, mean: 64.0, p90: 90.0, ..Spread::exactly(60.0) };
        let cost = Figure::new(Section::Cost, "mix", Unit::NanosecondsPerPacket, spread);
        let cost = cost.of_program("inspector_frags").beside(48.0, null);
        let memory = Figure::exact(Section::Maps, "all", Unit::Bytes, 13.5 * 1_048_576.0);
        let mut report = Report {
            machine: Machine::read(),
            command: "cargo xtask bench --quick".to_owned(),
            is_quick: true,
            figures: vec![
                cost.held_against(Some(Goal::AtMost(67.0))),
                memory.held_against(Some(Goal::AtMost(48.0 * 1_048_576.0))),
            ],
            skipped: Vec::new(),
        };
        report.skip("throughput", &"iperf3 is not installed");
        report
    }

    #[test]
    fn goals_are_judged_beyond_the_noise_only() {
        assert_eq!(Goal::AtMost(67.0).judge(60.0, 5.0), Verdict::Holds);
        assert_eq!(Goal::AtMost(67.0).judge(60.0, 8.0), Verdict::WithinNoise);
        assert_eq!(Goal::AtMost(67.0).judge(80.0, 5.0), Verdict::Missed);
        assert_eq!(Goal::AtLeast(3e6).judge(4e6, 0.0), Verdict::Holds);
        assert_eq!(Goal::AtLeast(3e6).judge(2e6, 0.0), Verdict::Missed);
    }

    #[test]
    fn json_says_all_of_it() {
        let json: Value = serde_json::from_str(&report().to_json().unwrap()).unwrap();
        let cost = &json["figures"][0];
        assert_eq!(cost["section"], "cost");
        assert_eq!(cost["unit"], "ns/packet");
        assert_eq!(cost["value"]["median"], 60.0);
        assert_eq!(cost["null"]["p90"], 19.0);
        assert_eq!(cost["goal"]["at_most"], 67.0);
        assert_eq!(cost["verdict"], "within_noise");
        assert_eq!(json["skipped"][0]["what"], "throughput");
        assert!(json["machine"]["kernel"].as_str().is_some_and(|kernel| !kernel.is_empty()));
    }

    #[test]
    fn tables_show_value_goal_and_noise() {
        let text = report().to_text();
        for wanted in ["60", "50 … 90", "≤ 67", "within the noise", "13.5 MiB", "holds", "noise is high"]
        {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
        assert!(text.contains("skipped: throughput (iperf3 is not installed)"), "{text}");
        let markdown = report().to_markdown();
        assert!(markdown.contains("| mix | frags | 60 ns | 50 … 90 | 64 |"), "{markdown}");
        assert!(markdown.contains("cargo xtask bench --quick"), "{markdown}");
    }
}

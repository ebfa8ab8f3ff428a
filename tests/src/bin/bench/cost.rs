//! What a packet costs: program against empty program, in turns.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use aya::programs::ProgramFd;
use inspector::dataplane::{Subject, Trial};
use inspector_common::Tally;

use crate::error::{Failed, Failure};
use crate::pace::Pace;
use crate::report::{Figure, Section, Unit};
use crate::scenario::{Maps, Scenario, Yardstick};
use crate::statistics::Spread;

/// Packets a system call. Rings are emptied in between, so it must not fill half of one: 500 of the largest heads
/// take 0.8 MB.
const AT_ONCE: u32 = 500;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds of a scenario.
    pub(crate) rounds: usize,
    /// Rounds where the programs are loaded anew each time.
    pub(crate) fresh_rounds: usize,
    /// Passes over all packets in one measurement.
    pub(crate) passes: usize,
}

/// Measurements by round, nanoseconds a packet.
#[derive(Default)]
struct Rounds {
    control: Vec<f64>,
    program: Vec<f64>,
}

/// The programs, loaded with a scenario's settings.
pub(crate) fn load_all(scenario: &Scenario) -> Result<(Trial, Vec<Subject>), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.or_failed("starting a runtime")?;
    runtime.block_on(Trial::load(&scenario.settings())).or_failed("loading the programs")
}

/// The same, and the one in question.
fn load(scenario: &Scenario, name: &str) -> Result<(Trial, Subject), Failure> {
    let (trial, subjects) = load_all(scenario)?;
    let subject = subjects.into_iter().find(|subject| subject.name == name);
    Ok((trial, subject.or_failed("finding the program")?))
}

/// Measures one program in one scenario; the pacing program has the scenario's packets already.
pub(crate) fn measure(
    pace: &mut Pace,
    scenario: &Scenario,
    program: &str,
    effort: Effort,
) -> Result<Figure, Failure> {
    let (mut trial, mut subject) = load(scenario, program)?;
    warm_up(pace, scenario, &mut trial, &subject)?;
    let (passes, count) = match scenario.maps {
        Maps::Warm | Maps::Full => (effort.passes, effort.rounds),
        Maps::Empty => (1, effort.fresh_rounds),
    };
    let empty = pace.empty.try_clone().or_failed("keeping a program's descriptor")?;
    let mut rounds = Rounds::default();
    for _ in 0..count {
        if scenario.maps == Maps::Empty {
            // One after the other: the old maps make room first.
            drop(trial);
            (trial, subject) = load(scenario, program)?;
        }
        rounds.turn(pace, [&empty, &subject.fd], passes, || trial.discard_heads())?;
    }
    let figure = rounds.figure(pace, Section::Cost, scenario.title)?.of_program(program);
    let figure = Figure { left_out: left_out(&trial)?, ..figure };
    Ok(figure.held_against(scenario.goal))
}

/// Measures a program of the bench's own, which needs no maps of inspector's.
pub(crate) fn yardstick(pace: &mut Pace, yardstick: Yardstick, effort: Effort) -> Result<Figure, Failure> {
    let program = pace.program(yardstick.program)?;
    let empty = pace.empty.try_clone().or_failed("keeping a program's descriptor")?;
    pace.aim(&program)?;
    for _ in 0..2 {
        pace.pass(AT_ONCE, || ())?;
    }
    let mut rounds = Rounds::default();
    for _ in 0..effort.rounds {
        rounds.turn(pace, [&empty, &program], effort.passes, || ())?;
    }
    rounds.figure(pace, Section::Yardsticks, yardstick.title)
}

/// Gets program, packets and maps into the state that the scenario wants.
fn warm_up(
    pace: &mut Pace,
    scenario: &Scenario,
    trial: &mut Trial,
    subject: &Subject,
) -> Result<(), Failure> {
    let empty = pace.empty.try_clone().or_failed("keeping a program's descriptor")?;
    pace.aim(&empty)?;
    pace.pass(AT_ONCE, || ())?;
    pace.aim(&subject.fd)?;
    match scenario.maps {
        Maps::Warm => enter_flows(pace, trial),
        Maps::Full => {
            trial.fill_flows().or_failed("filling the flow map")?;
            pace.pass(AT_ONCE, || trial.discard_heads())?;
            Ok(())
        }
        Maps::Empty => Ok(()),
    }
}

/// Runs until all flows of the packets are in the flow map, which takes in only so many at a time.
fn enter_flows(pace: &mut Pace, trial: &Trial) -> Result<(), Failure> {
    const MOST_PASSES: usize = 200;
    /// A good part of the time for which the data plane has a budget of new flows.
    const PAUSE: Duration = Duration::from_millis(30);
    let mut before = None;
    for _ in 0..MOST_PASSES {
        pace.pass(AT_ONCE, || trial.discard_heads())?;
        let account = trial.account().or_failed("reading the counters")?;
        let flows = [Tally::FlowInserted, Tally::FlowGated].map(|tally| account.tallied(tally));
        if before == Some(flows) {
            return Ok(());
        }
        before = Some(flows);
        thread::sleep(PAUSE);
    }
    Err(Failure::new("warming up", "the flow map would not take in all flows"))
}

impl Rounds {
    /// Measures control and program, after each other.
    fn turn(
        &mut self,
        pace: &mut Pace,
        [control, program]: [&ProgramFd; 2],
        passes: usize,
        mut between: impl FnMut(),
    ) -> Result<(), Failure> {
        // The order turns around, so that what drifts does no harm.
        let is_program_first = !self.control.len().is_multiple_of(2);
        for is_program in [is_program_first, !is_program_first] {
            pace.aim(if is_program { program } else { control })?;
            let mut sum = 0.0;
            for _ in 0..passes {
                sum += pace.pass(AT_ONCE, &mut between)?;
            }
            let samples = if is_program { &mut self.program } else { &mut self.control };
            samples.push(sum / passes as f64);
        }
        Ok(())
    }

    /// Since the order turns around, the control ends every second round and begins the next: the differences between
    /// those two, forwards and backwards by turns.
    fn null(&self) -> Vec<f64> {
        let neighbours = self.control.get(1..).unwrap_or_default().chunks_exact(2);
        let difference = |(number, pair): (usize, &[f64])| {
            if number % 2 == 0 { pair[1] - pair[0] } else { pair[0] - pair[1] }
        };
        neighbours.enumerate().map(difference).collect()
    }

    fn figure(&self, pace: &Pace, section: Section, title: &str) -> Result<Figure, Failure> {
        let missed = pace.missed()?;
        if missed > 0 {
            return Err(Failure::new("pacing", format!("{missed} packets did not reach the program")));
        }
        let cost = Spread::of_differences(&self.program, &self.control).or_failed("measuring")?;
        let control = Spread::of(&self.control).or_failed("measuring")?.median;
        let figure = Figure::new(section, title, Unit::NanosecondsPerPacket, cost);
        Ok(figure.beside(control, Spread::of(&self.null())))
    }
}

/// What became of the packets of a trial, as far as something was left out.
fn left_out(trial: &Trial) -> Result<BTreeMap<&'static str, f64>, Failure> {
    let account = trial.account().or_failed("reading the counters")?;
    let share = |tally: &Tally| {
        let reason = tally.lost_reason()?;
        let share = account.tallied(*tally) as f64 / account.seen as f64;
        (share > 0.0).then_some((reason, share))
    };
    Ok(Tally::ALL.iter().filter_map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_pairs_controls_that_follow_each_other() {
        // Control first in rounds 0, 2, 4; last in 1, 3.
        let rounds = Rounds { control: vec![50.0, 60.0, 61.0, 70.0, 72.0], program: Vec::new() };
        assert_eq!(rounds.null(), [1.0, -2.0]);
        assert!(Rounds::default().null().is_empty());
    }
}

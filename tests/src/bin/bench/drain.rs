//! How long reading a full flow map takes.

use std::hint::black_box;
use std::time::Instant;

use inspector::dataplane::Trial;

use crate::error::{Failed, Failure};
use crate::report::{Figure, Goal, Section, Unit, grouped};
use crate::statistics::Spread;

/// DESIGN §4, microseconds an entry.
const GOAL: Goal = Goal::AtMost(0.3);

/// Fills the flow map, and reads it as the loader does, so many times. Every flow counts as changed.
pub(crate) fn measure(trial: &mut Trial, rounds: usize) -> Result<Figure, Failure> {
    trial.fill_flows().or_failed("filling the flow map")?;
    let mut samples = Vec::with_capacity(rounds);
    let mut flows = 0.0;
    for _ in 0..rounds {
        let begun = Instant::now();
        let drained = trial.drain(|event| {
            black_box(event);
        });
        let elapsed = begun.elapsed();
        flows = drained.or_failed("reading the flow map")?.flows as f64;
        samples.push(elapsed.as_secs_f64() * 1e6 / flows);
    }
    let value = Spread::of(&samples).or_failed("reading the flow map")?;
    let name = format!("drain of {} flows, an entry", grouped(flows));
    Ok(Figure::new(Section::Userspace, name, Unit::MicrosecondsPerEntry, value).held_against(Some(GOAL)))
}

//! How long reading a full flow map takes.

use std::hint::black_box;
use std::time::Instant;

use inspector::dataplane::Trial;

use crate::error::{Failed, Failure};
use crate::report::{Figure, Goal, Section, Unit, grouped};
use crate::statistics::Spread;

/// DESIGN §4, microseconds an entry.
const GOAL: Goal = Goal::AtMost(0.3);

/// Fills the flow map, and reads it as the loader does, so many times.
pub(crate) fn measure(trial: &mut Trial, rounds: usize) -> Result<Figure, Failure> {
    trial.fill_flows().or_failed("filling the flow map")?;
    let mut samples = Vec::with_capacity(rounds);
    let mut entries = 0_u32;
    for _ in 0..rounds {
        entries = 0;
        let begun = Instant::now();
        let drained = trial.drain_flows(|key, record| {
            black_box((key, record));
            entries += 1;
        });
        let elapsed = begun.elapsed();
        drained.or_failed("reading the flow map")?;
        samples.push(elapsed.as_secs_f64() * 1e6 / f64::from(entries));
    }
    let value = Spread::of(&samples).or_failed("reading the flow map")?;
    let name = format!("drain of {} flows, an entry", grouped(f64::from(entries)));
    Ok(Figure::new(Section::Userspace, name, Unit::MicrosecondsPerEntry, value).held_against(Some(GOAL)))
}

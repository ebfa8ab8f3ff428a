//! What the programs and maps weigh.

use inspector::dataplane::{Subject, Trial};

use crate::error::{Failed, Failure};
use crate::report::{Figure, Goal, Section, Unit};
use crate::stack;

/// DESIGN §4: verified instructions of each program.
const MOST_VERIFIED: f64 = 60_000.0;
/// DESIGN §4: memory of all maps by default, on 2 CPUs.
const MOST_MAP_BYTES: f64 = 48.0 * 1_048_576.0;

/// Sizes of a program: from the kernel's `bpf_prog_info`, and the stack from the object's instructions.
pub(crate) fn program(subject: &Subject) -> Vec<Figure> {
    let exact = |name, unit, value: u32| {
        Figure::exact(Section::Program, name, unit, f64::from(value)).of_program(&subject.name)
    };
    let verified = subject.verified_instructions.map(|verified| {
        let goal = Some(Goal::AtMost(MOST_VERIFIED));
        exact("verified instructions", Unit::Instructions, verified).held_against(goal)
    });
    let stack = stack::bytes(Trial::object(), &subject.name).and_then(|bytes| u32::try_from(bytes).ok());
    // Verifiers allow 512.
    let stack = stack.map(|bytes| exact("stack", Unit::Bytes, bytes));
    let jited = exact("machine code", Unit::Bytes, subject.jited_bytes);
    verified.into_iter().chain([jited]).chain(stack).collect()
}

/// What the kernel accounts to each map, and to all of them.
pub(crate) fn maps(trial: &Trial) -> Result<Vec<Figure>, Failure> {
    let mut maps = trial.maps().or_failed("asking for the maps' memory")?;
    maps.sort_by_key(|map| std::cmp::Reverse(map.bytes));
    let sum: u64 = maps.iter().map(|map| map.bytes).sum();
    let exact = |name: &str, bytes: u64| Figure::exact(Section::Maps, name, Unit::Bytes, bytes as f64);
    let all = exact("all maps", sum).held_against(Some(Goal::AtMost(MOST_MAP_BYTES)));
    Ok([all].into_iter().chain(maps.iter().map(|map| exact(&map.name, map.bytes))).collect())
}

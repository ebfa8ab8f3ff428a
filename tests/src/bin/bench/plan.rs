//! What is measured, in which order and for how long.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use inspector::capture::{CaptureReader, LinkType};
use inspector::dataplane::Hook;
use inspector_tests::lab::{Namespace, missing};

use crate::cost::{self, Effort};
use crate::error::{Failed, Failure};
use crate::options::Options;
use crate::pace::Pace;
use crate::packets::{self, Packet};
use crate::report::{Figure, Machine, Report};
use crate::scenario::{self, Scenario};
use crate::{drain, footprint, place, replay, running, throughput};

/// Measures everything that was asked for. What cannot be measured here is noted in the report.
pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    if let Some(reason) = missing(&[]) {
        return Err(Failure::new("starting", reason));
    }
    let mix = match &options.packets {
        Some(path) => read(path)?,
        None => packets::mix(1, 0),
    };
    let mut report = Report {
        machine: Machine::read(),
        command: Options::command(),
        is_quick: options.quick,
        figures: Vec::new(),
        skipped: Vec::new(),
    };
    kernel(options, &mix, &mut report)?;
    let quick = options.quick;
    part(options, &mut report, "replay", &[], || {
        place::alone(None, || Ok(vec![replay::measure(if quick { 5 } else { 15 })?]))
    });
    part(options, &mut report, "running", &[], || running::measure(&mix, if quick { 4 } else { 15 }));
    part(options, &mut report, "throughput", &["iperf3"], || {
        if quick { throughput::measure(3, 2) } else { throughput::measure(7, 5) }
    });
    Ok(report)
}

/// Everything that `BPF_PROG_TEST_RUN` can tell, inside a namespace.
fn kernel(options: &Options, mix: &[Packet], report: &mut Report) -> Result<(), Failure> {
    let scenarios: Vec<&Scenario> = scenario::ALL.iter().filter(|s| options.wants(s.key)).collect();
    let namespace = Namespace::new("bench");
    // Both stay down. One for each kind of XDP program.
    namespace.ip("link add idle0 type veth peer name idle1");
    let figures = place::alone(Some(&namespace), || {
        let mut figures = Vec::new();
        let programs = weigh(options, &mut figures)?;
        // Scenario by scenario, all programs, so that the table can be read.
        let mut paces = Vec::new();
        for (number, (name, hook)) in programs.into_iter().enumerate() {
            paces.push((name, Pace::load(hook, &format!("idle{number}"))?));
        }
        if let Some((_, pace)) = paces.iter_mut().find(|(name, _)| name == "inspector_frags")
            && options.wants("yardsticks")
        {
            eprintln!("bench: yardsticks");
            pace.fill(&packets::frames(mix), false)?;
            for yardstick in scenario::YARDSTICKS {
                figures.push(cost::yardstick(pace, yardstick, effort(options))?);
            }
        }
        for scenario in scenarios {
            let frames = scenario.frames(mix);
            for (program, pace) in &mut paces {
                eprintln!("bench: {} ({program})", scenario.title);
                pace.fill(&frames, scenario.is_random())?;
                figures.push(cost::measure(pace, scenario, program, effort(options))?);
            }
        }
        Ok(figures)
    })?;
    report.figures.extend(figures);
    Ok(())
}

/// Measures programs and maps by themselves, and gives the programs that are to be run.
fn weigh(options: &Options, figures: &mut Vec<Figure>) -> Result<Vec<(String, Hook)>, Failure> {
    let (mut trial, mut subjects) = cost::load_all(&scenario::ALL[0])?;
    subjects.retain(|subject| options.program.as_ref().is_none_or(|wanted| *wanted == subject.name));
    if subjects.is_empty() {
        return Err(Failure::new("finding the program", "the object has none of this name"));
    }
    if options.wants("programs") {
        figures.extend(subjects.iter().flat_map(footprint::program));
        figures.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if options.wants("maps") {
        figures.extend(footprint::maps(&trial)?);
    }
    if options.wants("drain") {
        eprintln!("bench: drain");
        figures.push(drain::measure(&mut trial, if options.quick { 15 } else { 50 })?);
    }
    Ok(subjects.into_iter().map(|subject| (subject.name, subject.hook)).collect())
}

fn effort(options: &Options) -> Effort {
    let effort = if options.quick {
        Effort { rounds: 25, fresh_rounds: 9, passes: 2 }
    } else {
        Effort { rounds: 61, fresh_rounds: 31, passes: 3 }
    };
    match options.rounds.map(usize::from) {
        Some(rounds) => Effort { rounds, fresh_rounds: rounds, ..effort },
        None => effort,
    }
}

/// One part that uses the lab, whose helpers panic: that costs its figures and no others.
fn part(
    options: &Options,
    report: &mut Report,
    name: &str,
    tools: &[&str],
    measure: impl FnOnce() -> Result<Vec<Figure>, Failure>,
) {
    if !options.wants(name) {
        return;
    }
    if let Some(reason) = missing(tools) {
        return report.skip(name, &reason);
    }
    eprintln!("bench: {name}");
    match catch_unwind(AssertUnwindSafe(measure)) {
        Ok(Ok(figures)) => report.figures.extend(figures),
        Ok(Err(failure)) => report.skip(name, &failure),
        Err(_) => report.skip(name, &"the reason is above"),
    }
}

/// The packets of a capture, as many as a mix has.
fn read(path: &Path) -> Result<Vec<Packet>, Failure> {
    let file = File::open(path).or_failed("opening the packets")?;
    let mut capture =
        CaptureReader::new(&path.display().to_string(), file).or_failed("opening the packets")?;
    let mut packets = Vec::new();
    while packets.len() < packets::PER_MIX
        && let Some(packet) = capture.next_packet().or_failed("reading the packets")?
    {
        if packet.link == LinkType::Ethernet {
            packets.push(Packet { time_ns: packet.time_ns, bytes: packet.data.to_vec() });
        }
    }
    if packets.is_empty() {
        return Err(Failure::new("reading the packets", "there is no Ethernet frame among them"));
    }
    Ok(packets)
}

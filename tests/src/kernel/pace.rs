//! Running a program over packet after packet in the kernel; see `inspector-ebpf/src/bin/pace`.

#[path = "../../../inspector-ebpf/src/bin/pace/layout.rs"]
mod layout;

use std::fmt;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use aya::maps::{Array, Map, MapData, ProgramArray};
use aya::programs::XdpMode;
use aya::programs::{Program, ProgramError, ProgramFd, TestRun as _, TestRunAttrs, TestRunOptions};
use aya::{Ebpf, include_bytes_aligned};
use inspector::dataplane::Hook;

use crate::failure::{Failed, Failure};
use layout::{PACKETS, SLOT, STATE, state};

/// Longest frame that fits.
pub const LONGEST: usize = layout::LONGEST;

/// Shortest frame that is taken.
pub const SHORTEST: usize = layout::SHORTEST;

static OBJECT: &[u8] = include_bytes_aligned!(env!("INSPECTOR_PACE_OBJECT"));

/// Bytes that the kernel is given as the frame to begin with.
const FULL_FRAME: usize = 1_514;

/// Frames that a run takes in a row, all with the same begin.
#[derive(Debug)]
struct Group {
    first: u32,
    count: u32,
    frame: Vec<u8>,
}

/// What came of one system call.
struct Run {
    packets: u32,
    /// Mean a packet; `None` if a signal cut the run short.
    duration: Option<Duration>,
}

/// A pacing program and what it runs through.
pub struct Pace {
    ebpf: Ebpf,
    program: &'static str,
    /// The program that does nothing, for control.
    pub empty: ProgramFd,
    packets: Array<MapData, [u8; SLOT]>,
    state: Array<MapData, [u32; STATE]>,
    next: ProgramArray<MapData>,
    groups: Vec<Group>,
}

impl Pace {
    /// Loads the pacing program for a hook. `idle` is an interface of this thread's namespace that is down: an XDP
    /// program is attached to it and stays there, since otherwise each run would put it into the kernel's XDP
    /// dispatcher and wait for all CPUs to take note, asleep and with cooling caches.
    pub fn load(hook: Hook, idle: &str) -> Result<Self, Failure> {
        match hook {
            Hook::XdpFrags => Self::new("pace_frags", "empty_frags", idle),
            Hook::Xdp => Self::new("pace_plain", "empty_plain", idle),
            Hook::Tc => Self::new("pace_egress", "empty_egress", idle),
        }
    }

    /// Loads the program that sends packets out of an interface.
    pub fn emitter(out: u32, idle: &str) -> Result<Self, Failure> {
        let mut pace = Self::new("emit", "empty_frags", idle)?;
        pace.set(|state| state[state::OUT] = out)?;
        Ok(pace)
    }

    fn new(program: &'static str, empty: &str, idle: &str) -> Result<Self, Failure> {
        let mut ebpf = Ebpf::load(OBJECT).or_failed("loading the pacing programs' object")?;
        load(&mut ebpf, program)?;
        let empty = load(&mut ebpf, empty)?;
        if let Some(Program::Xdp(program)) = ebpf.program_mut(program) {
            program
                .attach(idle, XdpMode::Skb)
                .or_failed("attaching the pacing program to an idle interface")?;
        }
        let mut take = |name| ebpf.take_map(name).or_failed("finding a pacing program's map");
        let packets: Map = take("PACKETS")?;
        let state: Map = take("STATE")?;
        let next: Map = take("NEXT")?;
        Ok(Self {
            ebpf,
            program,
            empty,
            packets: packets.try_into().or_failed("opening the map of packets")?,
            state: state.try_into().or_failed("opening the map of the run's state")?,
            next: next.try_into().or_failed("opening the map of the next program")?,
            groups: Vec::new(),
        })
    }

    /// Puts these frames in place of those before, each of [`SHORTEST`] to [`LONGEST`] bytes. They are run through
    /// by EtherType, at all hooks alike, since TC takes that from the frame that a run begins with; within an
    /// EtherType they stay in order. `random`: as [`state::RANDOM`].
    pub fn fill(&mut self, frames: &[Vec<u8>], random: bool) -> Result<(), Failure> {
        let ethertype = |frame: &[u8]| [frame[12], frame[13]];
        let mut frames: Vec<&[u8]> = frames.iter().take(PACKETS as usize).map(Vec::as_slice).collect();
        frames.sort_by_key(|frame| ethertype(frame));
        self.groups.clear();
        let mut last = None;
        for (number, frame) in (0..).zip(&frames) {
            let mut slot = [0; SLOT];
            slot[..frame.len()].copy_from_slice(frame);
            slot[SLOT - 4..].copy_from_slice(&u32::try_from(frame.len()).unwrap_or(0).to_ne_bytes());
            self.packets.set(number, slot, 0).or_failed("filling in the packets")?;
            let kind = (self.program == "pace_egress").then(|| ethertype(frame));
            if self.groups.is_empty() || kind != last {
                let mut frame = frame.to_vec();
                frame.resize(FULL_FRAME, 0);
                self.groups.push(Group { first: number, count: 0, frame });
                last = kind;
            }
            if let Some(group) = self.groups.last_mut() {
                group.count += 1;
            }
        }
        let count = u32::try_from(frames.len()).unwrap_or(PACKETS);
        self.set(|state| {
            state[state::NEXT] = 0;
            state[state::COUNT] = count;
            state[state::RANDOM] = u32::from(random);
        })
    }

    /// Loads a yardstick, to be aimed at by a pacing program for multi-buffer XDP.
    pub fn program(&mut self, name: &str) -> Result<ProgramFd, Failure> {
        load(&mut self.ebpf, name)
    }

    /// Has the pacing program go on to another one.
    pub fn aim(&mut self, program: &ProgramFd) -> Result<(), Failure> {
        self.next.set(0, program, 0).or_failed("aiming at a program")
    }

    /// Runs once through all packets, `at_once` in each system call, with something between the calls. Gives
    /// nanoseconds a packet.
    ///
    /// It is the kernel's own clock around the runs, as their mean in whole nanoseconds, rounded down. Calls that a
    /// signal cut short are not timed; their packets are run nevertheless.
    pub fn pass(&mut self, at_once: u32, mut between: impl FnMut()) -> Result<f64, Failure> {
        let mut total = 0.0;
        let mut timed = 0;
        for number in 0..self.groups.len() {
            let (first, mut left) = (self.groups[number].first, self.groups[number].count);
            if self.groups.len() > 1 {
                self.set(|state| state[state::NEXT] = first)?;
            }
            while left > 0 {
                let count = left.min(at_once);
                let options = TestRunOptions {
                    data_in: Some(&self.groups[number].frame),
                    repeat: count,
                    ..TestRunOptions::new()
                };
                let run = self.run("running the pacing program", count, options)?;
                if let Some(duration) = run.duration {
                    total += (duration.as_secs_f64() * 1e9 + 0.5) * f64::from(count);
                    timed += count;
                }
                left -= run.packets;
                between();
            }
        }
        // The last call is never cut short: what a signal cuts off is left for another call.
        Ok(total / f64::from(timed))
    }

    /// Sends packets at a rate (in one a second) for some time, in bursts of 20 ms, or as fast as may be. Gives how
    /// many it sent.
    pub fn emit(&mut self, rate: Option<u32>, count: u32) -> Result<u32, Failure> {
        const TICK: Duration = Duration::from_millis(20);
        let burst = rate.map_or(20_000, |rate| rate / 50).max(1);
        let begun = Instant::now();
        let (mut sent, mut tick) = (0, 0);
        while sent < count {
            let repeat = burst.min(count - sent);
            let options = TestRunOptions {
                data_in: self.groups.first().map(|group| &group.frame[..]),
                repeat,
                attrs: TestRunAttrs::new().xdp_live_frames(64),
                ..TestRunOptions::new()
            };
            sent += self.run("sending live frames (Linux 5.18 on)", repeat, options)?.packets;
            tick += 1;
            if rate.is_some() {
                std::thread::sleep((TICK * tick).saturating_sub(begun.elapsed()));
            }
        }
        Ok(sent)
    }

    /// Runs the program `count` times, as the options say too, or until a signal comes in between.
    fn run(&self, what: &'static str, count: u32, options: TestRunOptions<'_>) -> Result<Run, Failure> {
        let before = self.state(state::RUNS)?;
        let result = match self.ebpf.program(self.program) {
            Some(Program::Xdp(program)) => program.test_run(options),
            Some(Program::SchedClassifier(program)) => program.test_run(options),
            _ => Err(ProgramError::NotLoaded),
        };
        match result {
            Ok(result) => Ok(Run { packets: count, duration: Some(result.duration) }),
            // The kernel doesn't say how many times it ran the program before.
            Err(ProgramError::SyscallError(error)) if error.io_error.kind() == ErrorKind::Interrupted => {
                Ok(Run { packets: self.state(state::RUNS)?.wrapping_sub(before), duration: None })
            }
            Err(error) => Err(error).or_failed(what),
        }
    }

    /// How many runs did not get to the program that was aimed at.
    pub fn missed(&self) -> Result<u32, Failure> {
        self.state(state::MISSED)
    }

    fn state(&self, place: usize) -> Result<u32, Failure> {
        Ok(self.state.get(&0, 0).or_failed("reading the run's state")?[place])
    }

    fn set(&mut self, change: impl FnOnce(&mut [u32; STATE])) -> Result<(), Failure> {
        let mut state = self.state.get(&0, 0).or_failed("reading the run's state")?;
        change(&mut state);
        self.state.set(0, state, 0).or_failed("setting the run's state")
    }
}

fn load(ebpf: &mut Ebpf, name: &str) -> Result<ProgramFd, Failure> {
    let fd = match ebpf.program_mut(name).or_failed("finding a pacing program")? {
        Program::Xdp(program) => program.load().and_then(|()| program.fd()),
        Program::SchedClassifier(program) => program.load().and_then(|()| program.fd()),
        _ => Err(ProgramError::UnexpectedProgramType),
    };
    let fd = fd.map_err(|error| match error {
        // Without the verifier's log, which runs to hundreds of lines.
        ProgramError::LoadError { io_error, .. } => {
            Failure::new("loading a pacing program (Linux 5.18 on)", io_error)
        }
        error => Failure::new("loading a pacing program", error),
    })?;
    fd.try_clone().or_failed("keeping a program's descriptor")
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, groups, .. } = self;
        f.debug_struct("Pace")
            .field("program", program)
            .field("groups", &groups.len())
            .finish_non_exhaustive()
    }
}

/// A program that passes every packet on, attached in the driver to an interface of this thread's namespace until
/// it is dropped.
pub struct PassAll(#[expect(dead_code, reason = "it holds the attachment")] Ebpf);

impl fmt::Debug for PassAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassAll").finish_non_exhaustive()
    }
}

impl PassAll {
    /// Attaches it.
    pub fn attach(interface: &str) -> Result<Self, Failure> {
        let mut ebpf = Ebpf::load(OBJECT).or_failed("loading the pacing programs' object")?;
        load(&mut ebpf, "empty_frags")?;
        let Some(Program::Xdp(program)) = ebpf.program_mut("empty_frags") else {
            return Err(Failure::new("attaching the empty program", "it is no XDP program"));
        };
        program.attach(interface, XdpMode::Driver).or_failed("attaching the empty program")?;
        Ok(Self(ebpf))
    }
}

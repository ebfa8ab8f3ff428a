//! That every packet gets to the program under test, as it is.

use std::process::{Child, Command};

use inspector::dataplane::Hook;
use inspector::replay::Replay;
use inspector_common::{Account, Control, Direction, Origin, SliceFrame, Start, Tally};
use inspector_tests::lab::{Namespace, missing};
use inspector_tests::skip;

use tokio::signal::unix::{SignalKind, signal};

use crate::pace::Pace;
use crate::{cost, packets, place, scenario};

/// A namespace with an interface to attach to.
fn namespace() -> Namespace {
    let namespace = Namespace::new("pace");
    namespace.ip("link add idle0 type veth peer name idle1");
    namespace
}

#[test]
fn programs_see_the_packets_that_were_filled_in() {
    if let Some(reason) = missing(&[]) {
        return skip("programs_see_the_packets_that_were_filled_in", &reason);
    }
    let frames = packets::frames(&packets::mix(1, 0));
    let frames = [&frames[..10_000], &packets::frames(&packets::encapsulated())[..10_000]].concat();
    let mut host = Replay::new(Control::default());
    for frame in &frames {
        let origin = Origin::new(0, Direction::Ingress);
        host.packet(&SliceFrame::new(frame, 0), Start::Ethernet, origin, 0, &mut |_| ());
    }
    let namespace = namespace();
    for hook in [Hook::XdpFrags, Hook::Xdp, Hook::Tc] {
        let account = place::alone(Some(&namespace), || {
            let (trial, subjects) = cost::load_all(&scenario::ALL[0])?;
            let subject = subjects.iter().find(|subject| subject.hook == hook).expect("the kernel takes it");
            let mut pace = Pace::load(hook, "idle0")?;
            pace.fill(&frames, false)?;
            pace.aim(&subject.fd)?;
            assert!(pace.pass(500, || ())? > 0.0);
            assert_eq!(pace.missed()?, 0);
            Ok(trial.account().expect("the counters can be read"))
        });
        let account = account.unwrap_or_else(|error| panic!("{hook:?}: {error}"));
        // What becomes of flows and heads depends on budgets, which replay hasn't.
        let Account { seen, packets, bytes, inner, anomalies, tallies: _ } = account;
        assert_eq!(seen, 20_000, "{hook:?}");
        assert_eq!((packets, bytes), (host.account().packets, host.account().bytes), "{hook:?}");
        assert_eq!((inner, anomalies), (host.account().inner, host.account().anomalies), "{hook:?}");
    }
}

#[test]
fn floods_are_of_new_flows() {
    if let Some(reason) = missing(&[]) {
        return skip("floods_are_of_new_flows", &reason);
    }
    let namespace = namespace();
    let frames = packets::frames(&packets::flood());
    // Packets of flows that were there already.
    let known = |random| {
        let count = place::alone(Some(&namespace), || {
            let (trial, subjects) = cost::load_all(&scenario::ALL[0])?;
            let mut pace = Pace::load(subjects[0].hook, "idle0")?;
            // The same hundred packets again and again.
            pace.fill(&frames[..100], random)?;
            pace.aim(&subjects[0].fd)?;
            for _ in 0..50 {
                pace.pass(500, || ())?;
            }
            assert_eq!(pace.missed()?, 0);
            Ok(trial.account().expect("the counters can be read").tallied(Tally::FlowUpdated))
        });
        count.unwrap_or_else(|error| panic!("{error}"))
    };
    assert!(known(false) > 4_000);
    assert!(known(true) < 100);
}

/// Sends the calling thread one signal after the other until it is dropped.
struct Signals(Child);

impl Signals {
    fn begin() -> Self {
        let thread = std::fs::read_link("/proc/thread-self").expect("Linux has it");
        let number = thread.file_name().expect("it ends in the thread's number");
        let script = "while kill -USR1 \"$1\"; do :; done";
        let child = Command::new("sh").args(["-c", script, "sh"]).arg(number).spawn();
        Self(child.expect("a shell can be started"))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("the shell can be ended");
    }
}

#[test]
fn signals_cost_no_packet_and_repeat_none() {
    const PASSES: u32 = 30;
    const FRAMES: u32 = 9_000;
    if let Some(reason) = missing(&[]) {
        return skip("signals_cost_no_packet_and_repeat_none", &reason);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    let _entered = runtime.enter();
    let _handler = signal(SignalKind::user_defined1()).expect("the signal can be handled");
    let namespace = namespace();
    let frames = packets::frames(&packets::mix(1, 0));
    for hook in [Hook::XdpFrags, Hook::Xdp, Hook::Tc] {
        let seen = place::alone(Some(&namespace), || {
            let (trial, subjects) = cost::load_all(&scenario::ALL[0])?;
            let subject = subjects.iter().find(|subject| subject.hook == hook).expect("the kernel takes it");
            let mut pace = Pace::load(hook, "idle0")?;
            pace.fill(&frames[..FRAMES as usize], false)?;
            pace.aim(&subject.fd)?;
            let (mut undisturbed, mut calls) = (0, 0);
            pace.pass(FRAMES, || undisturbed += 1)?;
            let _signals = Signals::begin();
            for _ in 0..PASSES {
                pace.pass(FRAMES, || calls += 1)?;
            }
            assert_eq!(pace.missed()?, 0);
            assert!(calls > PASSES * undisturbed, "{hook:?}: no signal came between in {calls} calls");
            Ok(trial.account().expect("the counters can be read").seen)
        });
        let seen = seen.unwrap_or_else(|error| panic!("{hook:?}: {error}"));
        assert_eq!(seen, u64::from((PASSES + 1) * FRAMES), "{hook:?}");
    }
}

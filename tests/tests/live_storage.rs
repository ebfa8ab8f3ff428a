//! Channels in headers and in time, and an injection, by way of the kernel: flagged in time, and the same traffic
//! without them silent.

use std::hint::spin_loop;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use inspector_tests::ccgen::{Frame, Scene, Technique};
use inspector_tests::lab::{Event, Inspector, Network, Wire, missing, until};
use inspector_tests::skip;

/// From the first frame to the alert; frames take 5 s, and gaps that carry data 23.
const LIMIT: Duration = Duration::from_secs(40);

/// For frames that were sent to be counted: a drain comes each second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sleep is late by about a tenth of a millisecond on an idle machine.
const SPIN: Duration = Duration::from_micros(300);

/// A frame that is sent later than this after its time has not the gap that it should have.
const LATE: Duration = Duration::from_millis(2);

/// When frames are sent.
#[derive(Clone, Copy)]
enum Pace {
    /// One after the other, at this distance.
    Every(Duration),
    /// At their times, in half of the time.
    Halved,
}

impl Pace {
    /// Whether so many late frames are more than gaps can bear.
    fn is_spoilt(self, late: f64) -> bool {
        matches!(self, Self::Halved) && late > 0.03
    }
}

/// Lets the calling thread go before others, so that it keeps its times while the machine does other things. Where that
/// cannot be had, more frames are late.
fn hurry() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let _ = Command::new("chrt").args(["--fifo", "--pid", "1", &thread]).output();
}

/// Sends all frames; the share of them that were late.
fn send(wire: &Wire, frames: &[Frame], pace: Pace) -> f64 {
    hurry();
    let begin = Instant::now();
    let mut late = 0_u32;
    for (number, frame) in (0..).zip(frames) {
        let at = begin
            + match pace {
                Pace::Every(distance) => distance * number,
                Pace::Halved => Duration::from_micros((frame.time_us - frames[0].time_us) / 2),
            };
        thread::sleep(at.saturating_duration_since(Instant::now()).saturating_sub(SPIN));
        while Instant::now() < at {
            spin_loop();
        }
        wire.send(&frame.bytes);
        late += u32::from(at.elapsed() > LATE);
    }
    f64::from(late) / frames.len() as f64
}

/// What an inspector at the other end of a cable says of frames, and the share of them that were late.
fn watch(frames: &[Frame], pace: Pace, detector: Option<&str>) -> (Vec<Event>, f64) {
    let network = Network::direct();
    let inspector = Inspector::watch(&network.server.namespace, &["eth0"]);
    let wire = network.client.namespace.inside(|| Wire::on("eth0"));
    let begun = Instant::now();
    let late = send(&wire, frames, pace);
    if let Some(detector) = detector.filter(|_| !pace.is_spoilt(late)) {
        inspector.alert(detector, LIMIT.saturating_sub(begun.elapsed()));
    }
    let labels = [("interface", "eth0"), ("direction", "ingress")];
    until("all frames to be counted", PATIENCE, || {
        let seen = inspector.metrics().value("inspector_packets_total", &labels);
        (seen >= Some(frames.len() as u64)).then_some(())
    });
    (inspector.stop().into_iter().filter(Event::is_alert).collect(), late)
}

/// A scene is flagged, and its cover at the same time is not.
fn assert_flagged(test: &str, scene: impl FnOnce() -> Scene, pace: Pace) {
    if let Some(reason) = missing(&[]) {
        return skip(test, &reason);
    }
    let Scene { cover, covert, detector } = scene();
    let (silent, (alerts, late)) = thread::scope(|scope| {
        let cover = scope.spawn(|| watch(&cover, pace, None));
        let covert = watch(&covert, pace, Some(detector));
        (cover.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).0, covert)
    });
    assert!(silent.is_empty(), "false alerts on the cover: {silent:#?}");
    if pace.is_spoilt(late) {
        return skip(test, &format!("the machine is too busy to keep gaps: {:.0} % were late", late * 100.0));
    }
    let detectors: Vec<&str> = alerts.iter().map(Event::detector).collect();
    assert!(!detectors.is_empty() && detectors.iter().all(|by| *by == detector), "{detectors:?}");
}

const STEADY: Pace = Pace::Every(Duration::from_millis(4));

#[test]
fn ttl() {
    assert_flagged("ttl", || Scene::of(Technique::TtlDeviation, "ip-header", 300, 1), STEADY);
}

#[test]
fn ip_identification() {
    assert_flagged("ip_identification", || Scene::of(Technique::IpId, "ip-header", 300, 2), STEADY);
}

#[test]
fn initial_sequence_numbers() {
    let pace = Pace::Every(Duration::from_millis(50));
    assert_flagged("initial_sequence_numbers", || Scene::initial_numbers(60, 3), pace);
}

#[test]
fn flow_label() {
    assert_flagged("flow_label", || Scene::flow_label(300, 4), STEADY);
}

#[test]
fn timing() {
    assert_flagged("timing", || Scene::of(Technique::TimingBer, "timing", 300, 5), Pace::Halved);
}

#[test]
fn injection() {
    assert_flagged("injection", || Scene::injection(300, 6), STEADY);
}

//! One capture, from its first packet to its last: the same for everything that reads captures.

use inspector_common::{Control, Direction, Origin, Sampler, SliceFrame, Start};

use crate::capture::{CaptureError, CaptureReader, Start as CaptureStart};
use crate::engine::Engine;
use crate::findings::Report;
use crate::observation::Event;
use crate::replay::Replay;

/// What is left of a capture once it was analysed.
#[derive(Debug)]
pub struct Analysis {
    /// Its counters and flows.
    pub replay: Replay,
    /// Why it was read no further; what came before was analysed.
    pub damage: Option<CaptureError>,
}

/// Analyses a capture by itself, with all detectors at their defaults and the capture's clock; flows are sampled
/// by `sampler`. What is found goes to `report`, with the number of the packet (from 1, as Wireshark counts) that
/// brought it to light.
pub fn analyse(capture: &mut CaptureReader, sampler: Sampler, report: impl FnMut(u64, &Report)) -> Analysis {
    analyse_with(capture, sampler, &mut Engine::new(), report)
}

/// The same with an engine that has an operator's settings, and that may know of what came before the capture.
pub fn analyse_with(
    capture: &mut CaptureReader,
    sampler: Sampler,
    engine: &mut Engine,
    mut report: impl FnMut(u64, &Report),
) -> Analysis {
    let mut replay = Replay::new(Control { sampler, ..Control::default() });
    let mut reports = Vec::new();
    let damage = loop {
        let packet = match capture.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        };
        let start = match packet.start() {
            CaptureStart::Ethernet => Start::Ethernet,
            CaptureStart::Network { ethertype, offset } => match u32::try_from(offset) {
                Ok(offset) => Start::Network { ethertype, offset },
                Err(_) => continue,
            },
            CaptureStart::Other => continue,
        };
        let frame = SliceFrame::new(packet.data, packet.wire_len);
        let origin = Origin::new(packet.interface, Direction::Ingress);
        let sink = &mut |event: Event<'_>| engine.take(event, |found| reports.push(found));
        replay.advance(packet.time_ns, sink);
        replay.packet(&frame, start, origin, packet.time_ns, sink);
        if !reports.is_empty() {
            for found in reports.drain(..) {
                report(capture.packets(), &found);
            }
        }
    };
    replay.drain(&mut |event: Event<'_>| engine.take(event, |found| report(capture.packets(), &found)));
    engine.finish(|found| report(capture.packets(), &found));
    Analysis { replay, damage }
}

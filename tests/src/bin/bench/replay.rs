//! How fast a capture is replayed: read, classified, accounted to flows, dissected and judged, on one core.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Instant;

use inspector::analyse::{Analysis, analyse};
use inspector::capture::CaptureReader;
use inspector_common::Sampler;
use inspector_tests::capture::timed_pcap;

use crate::error::{Failed, Failure};
use crate::packets::{self, Packet};
use crate::report::{Figure, Goal, Section, Unit};
use crate::statistics::Spread;

/// DESIGN §4, packets a second.
const GOAL: Goal = Goal::AtLeast(3e6);

/// Minutes of traffic in the capture, of other hosts each: 200,000 packets.
const MINUTES: u64 = 10;

/// Replays a capture in memory, so many times.
pub(crate) fn measure(rounds: usize) -> Result<Figure, Failure> {
    let packets: Vec<Packet> = (0..MINUTES).flat_map(|minute| packets::mix(minute + 1, minute)).collect();
    let frames = packets.iter().map(|packet| (packet.time_ns / 1_000, &packet.bytes[..]));
    let file: Arc<[u8]> = timed_pcap(frames).into();
    let count = packets.len();
    drop(packets);
    let mut samples = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        let seen = replay(&file)?;
        samples.push(count as f64 / begun.elapsed().as_secs_f64());
        if usize::try_from(seen) != Ok(count) {
            return Err(Failure::new("replaying", format!("{seen} packets of {count} were seen")));
        }
    }
    let value = Spread::of(&samples).or_failed("replaying")?;
    let name = "replay with all detectors, one core";
    Ok(Figure::new(Section::Userspace, name, Unit::PacketsPerSecond, value).held_against(Some(GOAL)))
}

/// What `inspector replay` does with a capture; gives how many packets it has seen.
fn replay(file: &Arc<[u8]>) -> Result<u64, Failure> {
    let source = Cursor::new(Arc::clone(file));
    let mut capture = CaptureReader::new("the mix", source).or_failed("opening the capture")?;
    let Analysis { replay, damage } = analyse(&mut capture, Sampler::new(1, 0), |_, _| ());
    damage.map_or(Ok(replay.account().seen), Err).or_failed("reading the capture")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_of_a_generated_capture_is_replayed() {
        let packets = packets::mix(1, 0);
        let frames = packets.iter().map(|packet| (packet.time_ns / 1_000, &packet.bytes[..]));
        assert_eq!(replay(&timed_pcap(frames).into()).unwrap(), 20_000);
    }
}

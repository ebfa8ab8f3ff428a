//! Which packets a program is measured with, in which state of its maps.

use inspector::dataplane::Settings;
use inspector_common::{Control, Direction, Features, Origin, Sampler, SliceFrame, Start, classify};

use crate::packets::{self, Packet};
use crate::report::Goal;

/// One kind of traffic.
pub(crate) struct Scenario {
    /// Its name on the command line.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) packets: Packets,
    /// Whether one flow in 2^20 is sampled, so practically none.
    pub(crate) is_sampled_out: bool,
    pub(crate) features: Features,
    pub(crate) maps: Maps,
    /// DESIGN §4, in ns a packet.
    pub(crate) goal: Option<Goal>,
}

/// Where packets come from.
#[derive(Clone, Copy)]
pub(crate) enum Packets {
    /// The mix, or the capture that takes its place.
    Mix,
    /// Those of it that sampling may leave out: neither DNS nor ICMP nor anything rare.
    Samplable,
    /// A stream of its own.
    Stream(fn() -> Vec<Packet>),
    /// The same with a random 5-tuple for every packet.
    Flood(fn() -> Vec<Packet>),
}

/// The state of the maps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maps {
    /// All flows of the packets are there.
    Warm,
    /// The flow map is full of other flows.
    Full,
    /// New for each measurement.
    Empty,
}

const fn scenario(
    key: &'static str,
    title: &'static str,
    packets: Packets,
    maps: Maps,
    goal: Option<Goal>,
) -> Scenario {
    Scenario { key, title, packets, is_sampled_out: false, features: Features::ALL, maps, goal }
}

use Packets::{Flood, Mix, Samplable, Stream};

const ONE_TEN_GIGABIT: Option<Goal> = Some(Goal::AtMost(67.0));
const SAMPLED_OUT: Option<Goal> = Some(Goal::AtMost(25.0));
const FLOOD: Option<Goal> = Some(Goal::AtMost(100.0));
const DNS_FLOOD: Option<Goal> = Some(Goal::AtMost(150.0));

/// Every scenario.
pub(crate) const ALL: &[Scenario] = &[
    scenario("mix", "mix, fully inspected", Mix, Maps::Warm, ONE_TEN_GIGABIT),
    Scenario {
        is_sampled_out: true,
        ..scenario("mix-sampled", "mix, 1 flow in 2^20 sampled", Mix, Maps::Warm, None)
    },
    Scenario {
        is_sampled_out: true,
        ..scenario("sampled-out", "sampled out: TCP and UDP of the mix", Samplable, Maps::Warm, SAMPLED_OUT)
    },
    Scenario {
        features: Features::ALL.without(Features::HEADS),
        ..scenario("mix-no-heads", "mix, no heads", Mix, Maps::Warm, None)
    },
    Scenario {
        features: Features::ALL.without(Features::SERIES),
        ..scenario("mix-no-series", "mix, no series", Mix, Maps::Warm, None)
    },
    Scenario {
        features: Features::ALL.without(Features::ALL),
        ..scenario("mix-bare", "mix, counters and flows only", Mix, Maps::Warm, None)
    },
    scenario("tcp", "established TCP, 1,000 flows", Stream(packets::established), Maps::Warm, None),
    scenario("dns", "DNS, 10,000 look-ups", Stream(packets::dns), Maps::Warm, None),
    scenario("dns-flood", "DNS flood, steady", Flood(packets::dns_flood), Maps::Full, DNS_FLOOD),
    scenario(
        "dns-flood-empty",
        "DNS flood, from empty maps",
        Flood(packets::dns_flood),
        Maps::Empty,
        DNS_FLOOD,
    ),
    scenario("icmp", "ICMP, 500 pairs", Stream(packets::icmp), Maps::Warm, None),
    scenario("flood", "flood of new flows, steady", Flood(packets::flood), Maps::Full, FLOOD),
    scenario("flood-empty", "flood of new flows, from empty maps", Flood(packets::flood), Maps::Empty, FLOOD),
    scenario("unknown", "unknown EtherTypes and protocols", Stream(packets::unknown), Maps::Warm, None),
    scenario("encapsulated", "encapsulated, 8 kinds", Stream(packets::encapsulated), Maps::Warm, None),
    Scenario {
        features: Features::ALL.without(Features::INNER),
        ..scenario("unopened", "encapsulated, not opened", Stream(packets::encapsulated), Maps::Warm, None)
    },
];

/// A program of the bench's own that runs over the mix, as multi-buffer XDP: what it takes tells what this machine
/// is like, and what other programs than inspector would take on it.
#[derive(Clone, Copy)]
pub(crate) struct Yardstick {
    pub(crate) title: &'static str,
    /// Its name in the pacing programs' object.
    pub(crate) program: &'static str,
}

/// Every yardstick; `yardsticks` on the command line.
pub(crate) const YARDSTICKS: [Yardstick; 3] = [
    Yardstick { title: "eight calls of a helper", program: "yard_calls" },
    Yardstick { title: "eight looks at the exact clock", program: "yard_clock" },
    Yardstick { title: "a flow map alone: LRU per CPU, exact clock", program: "yard_flows" },
];

impl Scenario {
    pub(crate) fn settings(&self) -> Settings {
        let one_in = if self.is_sampled_out { 1 << 20 } else { 1 };
        let Self { features, .. } = *self;
        let control = Control { sampler: Sampler::new(one_in, 0), features, ..Control::default() };
        Settings { control, ..Settings::default() }
    }

    /// Whether the pacing program makes the 5-tuples random.
    pub(crate) const fn is_random(&self) -> bool {
        matches!(self.packets, Flood(_))
    }

    /// The frames, given the mix.
    pub(crate) fn frames(&self, mix: &[Packet]) -> Vec<Vec<u8>> {
        match self.packets {
            Mix => packets::frames(mix),
            Samplable => {
                let samplable: Vec<Packet> =
                    mix.iter().filter(|packet| is_samplable(packet)).cloned().collect();
                packets::frames(&samplable)
            }
            Stream(packets) | Flood(packets) => packets::frames(&packets()),
        }
    }
}

fn is_samplable(packet: &Packet) -> bool {
    let frame = SliceFrame::new(&packet.bytes, 0);
    let class = classify(&frame, Start::Ethernet, Origin::new(0, Direction::Ingress)).class;
    class.has_flow() && !class.is_exempt_from_sampling()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::pace::{LONGEST, SHORTEST};

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_frames_that_fit() {
        let mix = packets::mix(1, 0);
        let keys: HashSet<_> = ALL.iter().map(|scenario| scenario.key).collect();
        assert_eq!(keys.len(), ALL.len());
        for scenario in ALL {
            let frames = scenario.frames(&mix);
            assert!(frames.len() > 10_000, "{}", scenario.key);
            assert!(
                frames.iter().all(|frame| (SHORTEST..=LONGEST).contains(&frame.len())),
                "{}",
                scenario.key
            );
        }
    }

    #[test]
    fn what_is_random_has_its_addresses_where_the_pacing_program_writes_them() {
        for scenario in ALL.iter().filter(|scenario| scenario.is_random()) {
            for frame in scenario.frames(&[]) {
                assert_eq!(frame[12..15], [8, 0, 0x45], "{}", scenario.key);
            }
        }
    }
}

//! Hostile bytes through replay, every dissector and every detector: nothing panics, hangs, or outgrows its tables.
//!
//! Frames of real conversations are broken on the way, so that detectors get deep into them before it hurts. A debug
//! build checks each sum and shift for overflow, and a hang ends the run of tests.

use std::collections::BTreeSet;
use std::path::Path;

use bytemuck::Zeroable as _;
use inspector::capture::{self, CaptureReader};
use inspector::engine::Engine;
use inspector::findings::Report;
use inspector::observation::{Event, Series};
use inspector::replay::Replay;
use inspector_common::{
    Class, Control, Direction, FlowKey, HeadMeta, Origin, SeriesEntry, SliceFrame, Start,
};
use inspector_tests::corpus::{self, Label};
use inspector_tests::kernel::frames::{Random, mutate, well_formed};
use inspector_tests::skip;

/// Packets of one conversation.
const PACKETS: usize = 150;

/// An engine, what is before it, and what has come out.
struct Bench {
    replay: Replay,
    engine: Engine,
    now_ns: u64,
    packets: u64,
    findings: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            replay: Replay::new(Control::default()),
            engine: Engine::new(),
            now_ns: 1_700_000_000_000_000_000,
            packets: 0,
            findings: 0,
        }
    }

    /// Takes one frame, some time after the one before.
    fn frame(&mut self, bytes: &[u8], start: Start, wire_len: u32, gap_ns: u64) {
        let Self { replay, engine, findings, .. } = self;
        self.now_ns += gap_ns;
        self.packets += 1;
        let frame = SliceFrame::new(bytes, wire_len);
        let direction = if self.packets.is_multiple_of(7) { Direction::Egress } else { Direction::Ingress };
        let sink = &mut |event: Event<'_>| {
            engine.take(event, |report| {
                check(&report);
                *findings += 1;
            });
        };
        replay.advance(self.now_ns, sink);
        replay.packet(&frame, start, Origin::new(1, direction), self.now_ns, sink);
    }

    fn event(&mut self, event: Event<'_>) {
        let Self { engine, findings, .. } = self;
        engine.take(event, |report| {
            check(&report);
            *findings += 1;
        });
    }

    /// Ends the conversation, and looks at how full everything is.
    fn settle(&mut self) {
        let Self { replay, engine, findings, .. } = self;
        replay.drain(&mut |event: Event<'_>| {
            engine.take(event, |report| {
                check(&report);
                *findings += 1;
            });
        });
        for table in engine.tables() {
            assert!(table.entries <= table.capacity, "{} is over its capacity", table.table);
        }
    }
}

/// A finding has to make sense whatever it rests on.
fn check(report: &Report) {
    let finding = &report.finding;
    let name = finding.signature.title;
    assert!((0.0..=1.0).contains(&finding.score), "{name}: score {}", finding.score);
    assert!(!finding.evidence.is_empty(), "{name}: no evidence");
    for evidence in &finding.evidence {
        assert!(evidence.value.is_finite(), "{name}: {} is {}", evidence.name, evidence.value);
    }
}

/// A gap between packets: mostly a short one, sometimes none, a long one, or one beyond all idle times.
fn gap_ns(random: &mut Random) -> u64 {
    let limits = [1, 1_000_000, 50_000_000, 1_000_000_000, 4_000_000_000_000];
    random.draw() % limits[if random.below(200) == 0 { 4 } else { random.below(4) }]
}

/// Up to so many packets of a capture.
fn packets(file: &Path) -> Vec<(Vec<u8>, u32, Start)> {
    let Ok(mut capture) = CaptureReader::open(file) else { return Vec::new() };
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = capture.next_packet() {
        let start = match packet.start() {
            capture::Start::Ethernet => Start::Ethernet,
            capture::Start::Network { ethertype, offset } => match u32::try_from(offset) {
                Ok(offset) => Start::Network { ethertype, offset },
                Err(_) => continue,
            },
            capture::Start::Other => continue,
        };
        packets.push((packet.data.to_vec(), packet.wire_len, start));
        if packets.len() == PACKETS {
            break;
        }
    }
    packets
}

#[test]
fn broken_frames_of_every_kind() {
    let (seeds, mut random, mut bench) = (well_formed(), Random(11), Bench::new());
    for _ in 0..60_000 {
        let frame = mutate(&seeds[random.below(seeds.len())], &mut random);
        let wire_len = u32::try_from(frame.len() + random.below(3) * 40).unwrap();
        let gap_ns = gap_ns(&mut random);
        bench.frame(&frame, Start::Ethernet, wire_len, gap_ns);
    }
    bench.settle();
    assert_eq!(bench.replay.account().seen, 60_000);
}

/// One capture of each channel and label: some of its packets are broken, doubled, swapped or left out.
#[test]
fn broken_conversations_of_every_channel() {
    let Some(captures) = corpus::shared() else {
        return skip("broken_conversations_of_every_channel", "there is no corpus");
    };
    let (mut seen, mut random, mut bench) = (BTreeSet::new(), Random(12), Bench::new());
    let mut of_label = std::collections::BTreeMap::<Label, u32>::new();
    for capture in &captures {
        let count = of_label.entry(capture.label).or_default();
        let is_wanted = match &capture.channel {
            Some(channel) => seen.insert(channel.clone()),
            None => *count < 30,
        };
        if !is_wanted {
            continue;
        }
        *count += 1;
        let packets = packets(&capture.file);
        for _ in 0..2 {
            for (bytes, wire_len, start) in &packets {
                let (gap_ns, whole) = (gap_ns(&mut random), *wire_len);
                match random.below(8) {
                    0 => {}
                    1 | 2 => {
                        // Whatever is behind the headers is hit as often as they are.
                        let (head, tail) = bytes.split_at(random.below(bytes.len().min(60)));
                        let broken = [head, &mutate(tail, &mut random)].concat();
                        let wire_len = whole.max(u32::try_from(broken.len()).unwrap());
                        bench.frame(&broken, *start, wire_len, gap_ns);
                    }
                    3 => {
                        bench.frame(bytes, *start, whole, 0);
                        bench.frame(bytes, *start, whole, gap_ns);
                    }
                    4 => {
                        let (other, other_len, start) = &packets[random.below(packets.len())];
                        bench.frame(other, *start, *other_len, gap_ns);
                    }
                    5 => {
                        let cut = &bytes[..random.below(bytes.len() + 1)];
                        bench.frame(cut, *start, whole, gap_ns);
                    }
                    _ => bench.frame(bytes, *start, whole, gap_ns),
                }
            }
        }
        bench.settle();
    }
    assert!(bench.packets > 5_000 && bench.findings > 50, "{} of {}", bench.findings, bench.packets);
}

/// The kernel does not send such heads; what reads them does not rely on that.
#[test]
fn heads_that_contradict_themselves() {
    let (seeds, mut random, mut bench) = (well_formed(), Random(13), Bench::new());
    let ports = [0, 53, 67, 68, 80, 123, 137, 139, 161, 443, 445, 500, 853, 1194, 1900, 4500, 5353, 9000];
    for _ in 0..60_000 {
        let frame = mutate(&seeds[random.below(seeds.len())], &mut random);
        let bytes = frame.get(14 + random.below(48)..).unwrap_or_default();
        let mut meta = HeadMeta::zeroed();
        let small = |random: &mut Random, bound: usize| u32::try_from(random.below(bound)).unwrap();
        bench.now_ns += gap_ns(&mut random);
        meta.time_ns = bench.now_ns;
        meta.key = FlowKey {
            src: [1; 16],
            dst: [u8::try_from(random.below(4)).unwrap(); 16],
            src_port: ports[random.below(ports.len())],
            dst_port: ports[random.below(ports.len())],
            protocol: [1, 6, 17, 58, 47, 253][random.below(6)],
            flags: random.byte() & 7,
            ..FlowKey::zeroed()
        };
        meta.class = Class::ALL[random.below(Class::ALL.len())] as u8;
        meta.ip_len = small(&mut random, 1600) >> random.below(12);
        meta.wire_len = small(&mut random, 70_000);
        meta.anomalies = small(&mut random, 1 << 30);
        meta.number = small(&mut random, 20);
        meta.captured = u16::try_from(bytes.len()).unwrap();
        meta.l4_offset = u16::try_from(random.below(80)).unwrap();
        meta.l4_header_len = random.byte() >> random.below(8);
        (meta.ttl, meta.tos, meta.tcp_flags) = (random.byte(), random.byte(), random.byte());
        (meta.reasons, meta.changed) = (random.byte(), random.byte());
        bench.event(Event::Head(&meta, bytes));
        if random.below(4) == 0 {
            let entries: Vec<_> = (0..random.below(130)).map(|_| entry(&mut random)).collect();
            let series = Series {
                key: &meta.key,
                entries: &entries,
                missed: random.draw() % 3,
                is_start: random.below(5) == 0,
                last_ns: bench.now_ns,
            };
            bench.event(Event::Series(series));
        }
    }
    bench.settle();
}

fn entry(random: &mut Random) -> SeriesEntry {
    let mut bytes = [0; size_of::<SeriesEntry>()];
    bytes.fill_with(|| random.byte());
    let entry: SeriesEntry = bytemuck::pod_read_unaligned(&bytes);
    let (gap, payload) = (random.below(32), random.below(16));
    SeriesEntry { gap_us: entry.gap_us >> gap, payload_len: entry.payload_len >> payload, ..entry }
}

//! Segments that are sent again for nothing, and for good reasons.

use inspector_common::Control;
use inspector_common::{Direction, Origin, SliceFrame, Start};

use super::*;
use crate::detect::shape::Numbers;
use crate::detect::wire::{ACK, CLIENT, SERVER, SYN, complete, identified, ipv4};
use crate::dissect;
use crate::observation::Event;
use crate::replay::Replay;

/// A connection between two hosts, packet by packet.
struct Line {
    detector: Retransmission,
    replay: Replay,
    findings: Vec<Finding>,
    now_ns: u64,
    id: u16,
}

impl Line {
    fn new() -> Self {
        let detector = Retransmission::new(Thresholds::default());
        let (replay, now_ns) = (Replay::new(Control::default()), 1_700_000_000_000_000_000);
        Self { detector, replay, findings: Vec::new(), now_ns, id: 0 }
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now_ns += milliseconds * 1_000_000;
    }

    /// A segment with an identification of its own.
    fn send(&mut self, to_server: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) {
        self.id = self.id.wrapping_add(1);
        self.packet(to_server, flags, [seq, ack], payload, self.id);
    }

    fn packet(&mut self, to_server: bool, flags: u8, numbers: [u32; 2], payload: &[u8], id: u16) {
        let (src, dst, ports) =
            if to_server { (CLIENT, SERVER, [40_000u16, 80]) } else { (SERVER, CLIENT, [80, 40_000]) };
        let mut segment = ports.map(u16::to_be_bytes).concat();
        segment.extend(numbers.map(u32::to_be_bytes).concat());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        complete(src, dst, &mut segment);
        let bytes = identified(ipv4(src, dst, 6, &segment), id);
        let Self { detector, findings, .. } = self;
        let mut sink = |event: Event<'_>| match event {
            Event::Head(meta, bytes) => {
                let head = Head::new(meta, bytes);
                let content = dissect::dissect(&head);
                detector.observe(&Observation { head, content }, findings);
            }
            Event::Flow(update) => detector.flow(&update, findings),
            Event::Time(now_ns) => detector.tick(now_ns),
            Event::Series(_) => {}
        };
        let frame = SliceFrame::new(&bytes, u32::try_from(bytes.len()).unwrap());
        let start = Start::Network { ethertype: 0x0800, offset: 0 };
        self.replay.advance(self.now_ns, &mut sink);
        self.replay.packet(&frame, start, Origin::new(1, Direction::Ingress), self.now_ns, &mut sink);
    }

    /// Requests with answers, after each of which `repeat` may send something again: it gets the number of the
    /// request and the sequence numbers of its first byte and of the next request.
    fn talk(&mut self, requests: u32, mut repeat: impl FnMut(&mut Self, u32, [u32; 2])) -> usize {
        self.send(true, SYN, 99, 0, &[]);
        self.wait(10);
        self.send(false, SYN | ACK, 4_999, 100, &[]);
        let (mut seq, mut ack) = (100, 5_000);
        for number in 0..requests {
            self.wait(100);
            self.send(true, ACK, seq, ack, REQUEST);
            let next = seq + u32::try_from(REQUEST.len()).unwrap();
            self.wait(20);
            self.send(false, ACK, ack, next, ANSWER);
            ack += u32::try_from(ANSWER.len()).unwrap();
            repeat(self, number, [seq, next]);
            seq = next;
        }
        self.wait(2_000);
        self.send(true, ACK, seq, ack, REQUEST);
        self.findings.len()
    }
}

const REQUEST: &[u8] = b"GET /page HTTP/1.1\r\nHost: example.org\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer";

#[test]
fn acknowledged_requests_that_are_sent_again_are_found() {
    let mut bits = Numbers(1);
    let found = Line::new().talk(40, |line, _, [seq, _]| {
        if bits.below(2) == 1 {
            line.wait(200);
            line.send(true, ACK, seq, 5_000, REQUEST);
        }
    });
    assert!(found > 0);
}

#[test]
fn repetitions_before_the_acknowledgement_could_arrive_are_silent() {
    let found = Line::new().talk(60, |line, _, [seq, _]| {
        line.wait(5);
        line.send(true, ACK, seq, 5_000, REQUEST);
    });
    assert_eq!(found, 0);
}

#[test]
fn packets_that_are_captured_twice_are_silent() {
    let found = Line::new().talk(60, |line, _, [seq, _]| {
        line.wait(30);
        line.packet(true, ACK, [seq, 5_000], REQUEST, line.id - 1);
    });
    assert_eq!(found, 0);
}

#[test]
fn a_path_that_loses_one_acknowledgement_in_ten_is_silent() {
    let mut dice = Numbers(3);
    let found = Line::new().talk(300, |line, _, [seq, _]| {
        if dice.below(10) == 0 {
            line.wait(210);
            line.send(true, ACK, seq, 5_000, REQUEST);
        }
    });
    assert_eq!(found, 0);
}

#[test]
fn windows_that_a_timer_repeats_after_sudden_delays_are_silent() {
    // Each of three delays makes the sender go back twenty segments (RFC 5682 describes it).
    let found = Line::new().talk(120, |line, number, [_, next]| {
        if number % 40 == 39 {
            line.wait(300);
            let len = u32::try_from(REQUEST.len()).unwrap();
            for back in (1..=20).rev() {
                line.wait(1);
                line.send(true, ACK, next - back * len, 5_000, REQUEST);
            }
        }
    });
    assert_eq!(found, 0);
}

#[test]
fn keep_alives_are_silent() {
    let found = Line::new().talk(40, |line, _, [_, next]| {
        line.wait(1_000);
        line.send(true, ACK, next - 1, 5_000, b"\0");
    });
    assert_eq!(found, 0);
}

#[test]
fn captures_with_many_damaged_packets_are_silent() {
    let found = Line::new().talk(40, |line, _, [seq, _]| {
        line.wait(100);
        line.send(true, ACK, seq, 5_000, REQUEST);
        let mut key = FlowKey { protocol: 6, ..bytemuck::Zeroable::zeroed() };
        for (end, address) in [(&mut key.src, CLIENT), (&mut key.dst, SERVER)] {
            end[10..12].fill(0xff);
            end[12..].copy_from_slice(&address);
        }
        line.detector.pairs.get(&Pair::of(&key)).unwrap().damaged += 1;
    });
    assert_eq!(found, 0);
}

#[test]
fn the_entropy_of_a_bit_agrees_with_values_computed_by_hand() {
    assert!((entropy(0.5) - 1.0).abs() < 1e-12);
    // 0.25: 0.5 + 0.75 · 0.415037.
    assert!((entropy(0.25) - 0.811_278).abs() < 1e-6);
    assert!(entropy(0.0).abs() < 1e-12 && entropy(1.0).abs() < 1e-12);
}

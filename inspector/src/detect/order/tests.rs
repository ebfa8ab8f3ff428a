//! Shuffled streams, and streams that networks and senders disturb.

use bytemuck::Zeroable as _;
use inspector_common::SeriesEntry;

use super::*;
use crate::detect::shape::Numbers;
use crate::detect::wire::{CLIENT, SERVER, Wire, identified, ipv4, noise};

/// An RTP packet of 20 ms of G.711.
fn rtp(sequence: u16, source: u32, kind: u8) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let mut packet = vec![0x80, kind, high, low];
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet.extend(noise(sequence.into(), 160));
    packet
}

/// Whether a stream of these packets, each with its identification, is found.
fn is_seen(packets: impl IntoIterator<Item = (u16, Vec<u8>)>) -> bool {
    is_seen_after(packets.into_iter().map(|(id, packet)| (64, id, packet)))
}

/// The same, each with its TTL too.
fn is_seen_after(packets: impl IntoIterator<Item = (u8, u16, Vec<u8>)>) -> bool {
    let mut wire = Wire::new(PacketOrder::new(Thresholds::default()));
    for (ttl, id, packet) in packets {
        wire.wait(20);
        let len = u16::try_from(packet.len() + 8).unwrap();
        let header = [30_000, 30_002, len, 0].map(u16::to_be_bytes).concat();
        let mut packet = ipv4(CLIENT, SERVER, 17, &[header, packet].concat());
        packet[8] = ttl;
        wire.packet(&identified(packet, id));
    }
    !wire.findings.is_empty()
}

/// Whether a sender is found that sends these packets in this order.
fn is_found(packets: impl IntoIterator<Item = Vec<u8>>) -> bool {
    is_seen((500..).zip(packets))
}

fn numbers(count: u16) -> Vec<u16> {
    (0..count).map(|number| number.wrapping_add(65_000)).collect()
}

fn voice(sequence: &[u16]) -> Vec<Vec<u8>> {
    sequence.iter().map(|number| rtp(*number, 7, 0)).collect()
}

fn shuffle<T>(values: &mut [T], numbers: &mut Numbers) {
    for at in (1..values.len()).rev() {
        values.swap(at, numbers.below(u32::try_from(at + 1).unwrap()) as usize);
    }
}

#[test]
fn permutations_of_media_packets_are_found() {
    let found = (0..40u64).filter(|seed| {
        let mut sequence = numbers(1200);
        let mut random = Numbers(*seed);
        sequence.chunks_mut(4).for_each(|group| shuffle(group, &mut random));
        is_found(voice(&sequence))
    });
    // A sample of 12 packets leaves some undecided.
    assert!(found.count() >= 31);
}

#[test]
fn media_that_networks_swap_lose_and_mix_are_silent() {
    for seed in 0..40 {
        let mut random = Numbers(seed);
        // A network with paths of different lengths, for each packet another: identifications go along.
        let mut reordered: Vec<(u16, Vec<u8>)> = (500..).zip(voice(&numbers(1200))).collect();
        reordered.chunks_mut(4).for_each(|group| shuffle(group, &mut random));
        assert!(!is_seen(reordered), "reordered, {seed}");
        // Each packet twice, the copies behind a router and some places late; its sender gives no identifications.
        let originals = (0..60).map(|number| (usize::from(number), 64, number));
        let copies = (0..60).map(|number| (usize::from(number) + 1 + random.below(5) as usize, 63, number));
        let mut twice: Vec<(usize, u8, u16)> = originals.chain(copies).collect();
        twice.sort_by_key(|(place, ..)| *place);
        let packets = twice.iter().map(|(_, ttl, number)| (*ttl, 0, rtp(*number, 7, 0)));
        assert!(!is_seen_after(packets), "twice, {seed}");
        // A relay that numbers anew what came through a network that swaps one in a hundred.
        let mut swapped = numbers(1200);
        for at in 0..1199 {
            if random.below(100) == 0 {
                swapped.swap(at, at + 1);
            }
        }
        assert!(!is_found(voice(&swapped)), "swapped, {seed}");
        let mut lossy = numbers(1200);
        lossy.retain(|_| random.below(50) != 0);
        assert!(!is_found(voice(&lossy)), "lossy, {seed}");
        // Reports in between, on the same ports (RFC 5761), and loss as well.
        let mut with_reports = Vec::new();
        for number in lossy {
            if random.below(200) == 0 {
                with_reports.push(vec![0x80, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
            }
            with_reports.push(rtp(number, 7, 0));
        }
        assert!(!is_found(with_reports), "with reports, {seed}");
        // Sound and pictures in one flow (RFC 8843), each with numbers of its own.
        let bundled = numbers(1200).into_iter().map(|number| {
            let (source, kind) = if random.below(3) == 0 { (7, 111) } else { (8, 96) };
            rtp(number, source, kind)
        });
        assert!(!is_found(bundled), "bundled, {seed}");
        let random_bytes = (0..1200).map(|n| [vec![0x80], noise(seed * 1200 + n, 99)].concat());
        assert!(!is_found(random_bytes), "noise, {seed}");
    }
}

/// A relay's numbers count what it sends: packets that were lost before it, or came to it swapped, and reports and keys
/// in between, let the shift drift, up as well as down. Of 200 streams 27 turned as often as a channel's.
#[test]
fn relays_that_number_anew_what_was_lost_and_what_they_add_are_silent() {
    let relayed = |seed: u64| {
        let mut random = Numbers(seed);
        let mut packets = Vec::new();
        for number in numbers(1500) {
            if random.below(20) == 0 {
                packets.push(vec![0x81, 201, 0, 7, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
            }
            if random.below(20) != 0 {
                packets.push(rtp(number, 7, 111));
            }
        }
        packets
    };
    let found = (0..200).filter(|seed| is_found(relayed(*seed)));
    assert_eq!(found.count(), 0);
}

/// Whether a TCP flow of these (gap in µs, sequence number, identification) is found.
fn is_stream_found(segments: &[(u32, u32, u16)]) -> bool {
    let mut detector = PacketOrder::new(Thresholds::default());
    let mut findings = Vec::new();
    let key = FlowKey { protocol: 6, ..FlowKey::zeroed() };
    let entry = |&(gap_us, seq, ip_id): &(u32, u32, u16)| SeriesEntry {
        gap_us,
        seq,
        ip_id,
        payload_len: 100,
        ..SeriesEntry::zeroed()
    };
    for (number, segments) in segments.chunks(50).enumerate() {
        let entries: Vec<SeriesEntry> = segments.iter().map(entry).collect();
        let (is_start, last_ns) = (number == 0, number as u64);
        detector
            .series(&Series { key: &key, entries: &entries, missed: 0, is_start, last_ns }, &mut findings);
    }
    !findings.is_empty()
}

/// Sequence numbers and identifications of a sender's segments, 3 ms apart.
fn segments(count: u16) -> Vec<(u32, u32, u16)> {
    (0..count).map(|number| (3_000, 100 * u32::from(number), 900 + number)).collect()
}

#[test]
fn permutations_of_segments_are_found() {
    let mut random = Numbers(5);
    let mut sent = segments(300);
    let mut order: Vec<u32> = sent.iter().map(|(_, seq, _)| *seq).collect();
    order.chunks_mut(3).for_each(|group| shuffle(group, &mut random));
    sent.iter_mut().zip(order).for_each(|(segment, seq)| segment.1 = seq);
    assert!(is_stream_found(&sent));
}

#[test]
fn networks_that_reorder_and_losses_that_are_repaired_are_silent() {
    let mut random = Numbers(6);
    // On two paths with every third packet late: the identification is late with it.
    let mut reordered = segments(300);
    reordered.chunks_mut(3).for_each(|group| shuffle(group, &mut random));
    assert!(!is_stream_found(&reordered));
    // Of every ten one is lost before it is seen, and sent again after a round trip of 40 ms and 13 packets.
    let mut repaired = Vec::new();
    for (number, &(gap, seq, id)) in segments(600).iter().enumerate() {
        if number % 10 != 5 {
            repaired.push((gap, seq, id + u16::try_from(number / 10).unwrap()));
        }
        if number % 10 == 8 && number > 20 {
            repaired.push((100, seq - 1300, id + u16::try_from(number / 10).unwrap() + 1));
        }
    }
    assert!(!is_stream_found(&repaired));
    assert!(!is_stream_found(&segments(600)));
}

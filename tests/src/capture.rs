//! Captures made up on the spot.

use std::net::Ipv4Addr;

use crate::lab::files::random;

/// The header of a pcap file of Ethernet frames, little-endian, microseconds.
const HEADER: [u8; 24] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];

/// A pcap file of frames, 10 ms apart.
#[must_use]
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    timed_pcap((0..).zip(frames).map(|(number, frame)| (1_700_000_000_000_000 + 10_000 * number, &frame[..])))
}

/// A pcap file of frames, each with its time in microseconds since the Unix epoch.
#[must_use]
pub fn timed_pcap<'a>(frames: impl IntoIterator<Item = (u64, &'a [u8])>) -> Vec<u8> {
    let mut file = HEADER.to_vec();
    for (time_us, frame) in frames {
        let (seconds, rest) = (time_us / 1_000_000, time_us % 1_000_000);
        let length = frame.len().try_into().expect("frames are short");
        for field in [seconds, rest, length, length] {
            file.extend(u32::try_from(field).expect("the time is before 2106").to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// Each of so many clients sends a server data in echo requests.
#[must_use]
pub fn tunnels(clients: u8) -> Vec<Vec<u8>> {
    let requests = |sequence: u16| {
        (1..=clients).map(move |client| echo(Ipv4Addr::new(10, 0, 0, client), sequence, &random(400)))
    };
    (1..=30).flat_map(requests).collect()
}

/// An echo request to 192.0.2.1 in an Ethernet frame.
fn echo(client: Ipv4Addr, sequence: u16, data: &[u8]) -> Vec<u8> {
    let mut icmp = vec![8, 0, 0, 0, 0x12, 0x34];
    icmp.extend(sequence.to_be_bytes());
    icmp.extend(data);
    fill_in_checksum(&mut icmp, 2);

    let length = u16::try_from(20 + icmp.len()).expect("requests are short");
    let mut ip = vec![0x45, 0];
    ip.extend(length.to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 1, 0, 0]);
    ip.extend(client.octets());
    ip.extend([192, 0, 2, 1]);
    fill_in_checksum(&mut ip, 10);

    let ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    [&ethernet[..], &ip, &icmp].concat()
}

/// Puts the Internet checksum where it belongs.
fn fill_in_checksum(header: &mut [u8], at: usize) {
    let checksum = internet_checksum(&[header]);
    header[at..at + 2].copy_from_slice(&checksum);
}

/// The Internet checksum (RFC 1071) of parts that follow each other, all but the last of even length.
#[must_use]
pub fn internet_checksum(parts: &[&[u8]]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    let mut sum: u32 = parts.iter().flat_map(|part| part.chunks(2)).map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

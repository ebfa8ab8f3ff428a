//! Captures made up on the spot.

use std::net::Ipv4Addr;

use crate::lab::files::random;

/// The header of a pcap file of Ethernet frames, little-endian, microseconds.
const HEADER: [u8; 24] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];

/// A pcap file of frames, 10 ms apart.
#[must_use]
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = HEADER.to_vec();
    for (number, frame) in (0..).zip(frames) {
        let time_us = 10_000 * number;
        let length = u32::try_from(frame.len()).expect("frames are short");
        for field in [1_700_000_000 + time_us / 1_000_000, time_us % 1_000_000, length, length] {
            file.extend(u32::to_le_bytes(field));
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

/// The Internet checksum (RFC 1071), put where it belongs.
fn fill_in_checksum(header: &mut [u8], at: usize) {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    let mut sum: u32 = header.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let bytes = (!sum).to_be_bytes();
    header[at..at + 2].copy_from_slice(&bytes[2..]);
}

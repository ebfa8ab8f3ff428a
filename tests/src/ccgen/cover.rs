//! The cover: TCP connections of a client to a server.

use super::Numbers;
use crate::capture::internet_checksum;

/// An Ethernet frame with an IPv4 packet, and when it was sent.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Microseconds since the first.
    pub time_us: u64,
    /// From the client, which is the one who hides something.
    pub is_sent: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

const ETHERNET: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
const CLIENT: [u8; 4] = [10, 1, 2, 3];
const SERVER: [u8; 4] = [192, 0, 2, 80];
const SERVER_PORT: u16 = 8102;

/// So many connections, of 30 requests with answers each: Linux at both ends, the server seven hops away.
#[must_use]
pub fn cover(connections: u16, seed: u64) -> Vec<Frame> {
    let mut numbers = Numbers::new(seed);
    let mut frames = Vec::new();
    let mut time_us = 0;
    for number in 0..connections {
        let mut connection = Connection::new(32_768 + number * 7, &mut numbers);
        let mut push = |time_us: u64, is_sent: bool, flags: u8, payload: &[u8]| {
            let bytes = connection.packet(is_sent, flags, payload, time_us);
            frames.push(Frame { time_us, is_sent, bytes });
        };
        push(time_us, true, 2, &[]);
        push(time_us + 12_000, false, 0x12, &[]);
        push(time_us + 12_100, true, 0x10, &[]);
        time_us += 13_000;
        for _ in 0..30 {
            let request = vec![b'q'; 20 + numbers.below(80) as usize];
            let answer = vec![b'a'; 40 + numbers.below(900) as usize];
            push(time_us, true, 0x18, &request);
            push(time_us + 13_000, false, 0x18, &answer);
            push(time_us + 13_200, true, 0x10, &[]);
            time_us += 20_000 + u64::from(numbers.below(150_000));
        }
        push(time_us, true, 0x11, &[]);
        push(time_us + 12_000, false, 0x11, &[]);
        push(time_us + 12_100, true, 0x10, &[]);
        time_us += 500_000;
    }
    frames
}

/// One end of a connection.
struct End {
    seq: u32,
    id: u16,
    clock: u32,
}

struct Connection {
    port: u16,
    client: End,
    server: End,
}

impl Connection {
    fn new(port: u16, numbers: &mut Numbers) -> Self {
        let mut end = || End {
            seq: numbers.below(u32::MAX),
            id: (numbers.below(u32::MAX) >> 8) as u16,
            clock: numbers.below(1 << 30),
        };
        Self { port, client: end(), server: end() }
    }

    fn packet(&mut self, is_sent: bool, flags: u8, payload: &[u8], time_us: u64) -> Vec<u8> {
        let (from, to) =
            if is_sent { (&mut self.client, &self.server) } else { (&mut self.server, &self.client) };
        let (ports, ttl) =
            if is_sent { ([self.port, SERVER_PORT], 64) } else { ([SERVER_PORT, self.port], 57) };
        let ack = if flags & 0x10 == 0 { 0 } else { to.seq };
        let now_ms = (time_us / 1000) as u32;
        let mut tcp = ports.map(u16::to_be_bytes).concat();
        tcp.extend(from.seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        let mut options = if flags & 2 == 0 { vec![1, 1, 8, 10] } else { vec![2, 4, 5, 180, 4, 2, 8, 10] };
        options.extend((from.clock + now_ms).to_be_bytes());
        options.extend((if ack == 0 { 0 } else { to.clock + now_ms }).to_be_bytes());
        if flags & 2 != 0 {
            options.extend([1, 3, 3, 7]);
        }
        tcp.push(((20 + options.len()) / 4 * 16) as u8);
        tcp.extend([flags, 1, 246, 0, 0, 0, 0]);
        tcp.extend(options);
        tcp.extend(payload);
        from.seq = from.seq.wrapping_add(payload.len() as u32 + u32::from(flags & 3 != 0));

        let length = (20 + tcp.len()) as u16;
        from.id = from.id.wrapping_add(1);
        let mut ip = vec![0x45, 0];
        ip.extend(length.to_be_bytes());
        ip.extend(from.id.to_be_bytes());
        ip.extend([0x40, 0, ttl, 6, 0, 0]);
        ip.extend(if is_sent { CLIENT } else { SERVER });
        ip.extend(if is_sent { SERVER } else { CLIENT });
        let mut frame = [&ETHERNET[..], &ip, &tcp].concat();
        fill_in(&mut frame);
        frame
    }
}

/// Sets length and checksums right.
pub(super) fn fill_in(frame: &mut [u8]) {
    let length = (frame.len() - 14) as u16;
    frame[16..18].copy_from_slice(&length.to_be_bytes());
    frame[24..26].fill(0);
    let header = internet_checksum(&[&frame[14..34]]);
    frame[24..26].copy_from_slice(&header);
    frame[50..52].fill(0);
    let tcp_len = length - 20;
    let tcp = internet_checksum(&[&frame[26..34], &[0, frame[23]], &tcp_len.to_be_bytes(), &frame[34..]]);
    frame[50..52].copy_from_slice(&tcp);
}

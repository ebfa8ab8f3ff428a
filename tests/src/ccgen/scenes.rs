//! Channels beside those of the list, each with the same traffic without it.

use super::cover::{CLIENT, SERVER};
use super::message::Message;
use super::wire::{ACK, Host, IP, L4, PSH, SYN, Socket, sum_header, sum_segment, tcp, to_ipv6};
use super::{Cover, Frame, Numbers, Technique};

/// Traffic with a channel or an attack, and without.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Without.
    pub cover: Vec<Frame>,
    /// With.
    pub covert: Vec<Frame>,
    /// The detector that has to tell.
    pub detector: &'static str,
}

const PAGES: Cover = Cover::Pages { connections: 4 };

impl Scene {
    /// A technique of the list at its default rate.
    #[must_use]
    pub fn of(technique: Technique, detector: &'static str, packets: usize, seed: u64) -> Self {
        let cover = technique.cover().frames(packets, seed);
        let covert = technique.embed(&cover, 1.0, seed);
        Self { cover, covert, detector }
    }

    /// Attempts to connect whose initial sequence numbers are a byte each in their upper part (`covert_tcp`).
    #[must_use]
    pub fn initial_numbers(attempts: u16, seed: u64) -> Self {
        let of = |symbols: Option<Message>| {
            let (mut numbers, mut symbols) = (Numbers::new(seed), symbols);
            let mut hosts = [CLIENT, SERVER].map(|address| Host::new(address, 0, &mut numbers));
            let attempt = |number: u16| {
                let mut socket = Socket::new(20_000 + 3 * number, &mut numbers);
                if let Some(message) = &mut symbols {
                    socket.set_seq(message.take(8) << 24);
                }
                let to = Socket::new(80, &mut numbers);
                let time_us = 1_700_000_000_000_000 + u64::from(number) * 250_000;
                let [client, server] = &mut hosts;
                let bytes = tcp((client, &mut socket), (server, &to), SYN, &[], time_us);
                Frame { time_us, is_sent: true, bytes }
            };
            (0..attempts).map(attempt).collect()
        };
        Self { cover: of(None), covert: of(Some(Message::new(seed))), detector: "tcp-header" }
    }

    /// The last 16 bits of the flow label of IPv6.
    #[must_use]
    pub fn flow_label(packets: usize, seed: u64) -> Self {
        let mut message = Message::new(seed);
        let mut numbers = Numbers::new(seed);
        let label = numbers.below(1 << 20);
        let mut cover = PAGES.frames(packets, seed);
        let mut covert = cover.clone();
        for (frame, with) in cover.iter_mut().zip(&mut covert) {
            // One label for each connection, by its ports.
            let own = label ^ u32::from(frame.bytes[L4 + 1]) << 8 ^ u32::from(frame.bytes[L4 + 3]);
            let symbol = if frame.is_sent { own & 0xf_0000 | message.take(16) } else { own };
            with.bytes = to_ipv6(&frame.bytes, symbol);
            frame.bytes = to_ipv6(&frame.bytes, own);
        }
        Self { cover, covert, detector: "ipv6-header" }
    }

    /// An answer that is there before the server's, from a host that is nearer.
    #[must_use]
    pub fn injection(packets: usize, seed: u64) -> Self {
        let cover = PAGES.frames(packets, seed);
        let is_answer = |frame: &&Frame| {
            frame.bytes[IP + 12..IP + 16] == SERVER
                && frame.bytes[L4..].windows(8).any(|text| text == b"HTTP/1.1")
        };
        let answer = cover.iter().filter(is_answer).nth(3).expect("there are more answers than that");
        let header_len = usize::from(answer.bytes[L4 + 12] >> 4) * 4;
        let mut bytes = answer.bytes[..L4 + header_len].to_vec();
        bytes.extend(
            b"HTTP/1.1 302 Found\r\nLocation: http://203.0.113.66/index.html\r\nContent-Length: 0\r\n\r\n",
        );
        let len = (bytes.len() - IP) as u16;
        bytes[IP + 2..IP + 4].copy_from_slice(&len.to_be_bytes());
        (bytes[IP + 8], bytes[L4 + 13]) = (61, ACK | PSH);
        sum_header(&mut bytes);
        sum_segment(&mut bytes);
        let mut covert = cover.clone();
        covert.push(Frame { time_us: answer.time_us - 900, is_sent: true, bytes });
        covert.sort_by_key(|frame| frame.time_us);
        Self { cover, covert, detector: "injection" }
    }
}

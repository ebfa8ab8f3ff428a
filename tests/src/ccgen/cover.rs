//! The cover: a client that reads pages or writes a log, and its neighbours.

use super::Numbers;
use super::wire::{ACK, FIN, Host, PSH, SYN, Socket, tcp, udp};

/// An Ethernet frame with an IPv4 packet, and when it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    /// From the client, which is the one who hides something.
    pub is_sent: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a client does over which something can be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Pages read over HTTP, in so many connections one after the other.
    Pages {
        /// Connections.
        connections: u16,
    },
    /// Lines written to a log server, each in a UDP datagram.
    Log,
}

const BEGIN_US: u64 = 1_700_000_000_000_000;
pub(super) const CLIENT: [u8; 4] = [10, 1, 2, 3];
pub(super) const SERVER: [u8; 4] = [192, 0, 2, 80];
const NEIGHBOURS: [[u8; 4]; 3] = [[10, 1, 2, 4], [10, 1, 2, 5], [10, 1, 2, 6]];
/// One client packet in so many is sent again, as if it had been lost: both as shares.
const LOSS: f64 = 0.01;
/// What fits into a frame with the headers of IPv6, too, bytes.
const MSS: usize = 1428;

impl Cover {
    /// The frames of a client that sends about so many packets, and of three neighbours that do the same to other
    /// servers, in the order of their times.
    #[must_use]
    pub fn frames(self, packets: usize, seed: u64) -> Vec<Frame> {
        let mut numbers = Numbers::new(seed);
        let mut frames = self.of(CLIENT, SERVER, packets, &mut numbers);
        for (number, neighbour) in (1..).zip(NEIGHBOURS) {
            let cover = if number == 3 { Self::Log } else { Self::Pages { connections: 3 } };
            let mut others = cover.of(neighbour, [198, 51, 100, number], packets / 2, &mut numbers);
            for frame in &mut others {
                frame.is_sent = false;
            }
            frames.append(&mut others);
        }
        frames.sort_by_key(|frame| frame.time_us);
        frames
    }

    fn of(self, client: [u8; 4], server: [u8; 4], packets: usize, numbers: &mut Numbers) -> Vec<Frame> {
        let mut exchange = Exchange::new(client, server, numbers);
        match self {
            Self::Pages { connections } => {
                let first_port = exchange.numbers.between(32_768, 60_000) as u16;
                for number in 0..connections {
                    exchange.connect(first_port + 2 * number);
                    exchange.read_pages(packets * usize::from(number + 1) / usize::from(connections));
                    exchange.wait(300_000.0, 0.8);
                }
            }
            Self::Log => exchange.write_log(packets),
        }
        exchange.frames
    }
}

/// A client and a server, and what they have said so far.
struct Exchange<'a> {
    numbers: &'a mut Numbers,
    hosts: [Host; 2],
    sockets: [Socket; 2],
    time_us: u64,
    round_trip_us: f64,
    frames: Vec<Frame>,
    sent: usize,
}

impl<'a> Exchange<'a> {
    fn new(client: [u8; 4], server: [u8; 4], numbers: &'a mut Numbers) -> Self {
        let hops = numbers.between(4, 18) as u8;
        let mut hosts = [Host::new(client, 0, numbers), Host::new(server, hops, numbers)];
        // Some servers' packets were marked on the way (DSCP CS1).
        hosts[1].tos = if numbers.happens(0.2) { 0x20 } else { 0 };
        let sockets = [Socket::new(40_000, numbers), Socket::new(80, numbers)];
        let round_trip_us = numbers.skewed(18_000.0, 0.5);
        let time_us = BEGIN_US + u64::from(numbers.below(1_000_000));
        Self { numbers, hosts, sockets, time_us, round_trip_us, frames: Vec::new(), sent: 0 }
    }

    /// Lets a log-normal time pass.
    fn wait(&mut self, median_us: f64, spread: f64) {
        self.time_us += self.numbers.skewed(median_us, spread) as u64;
    }

    fn segment(&mut self, is_sent: bool, flags: u8, payload: &[u8]) {
        let ([client, server], [from, to]) = (&mut self.hosts, &mut self.sockets);
        let ends = if is_sent { ((client, from), (server, to)) } else { ((server, to), (client, from)) };
        let ((host, socket), (peer_host, peer)) = ends;
        let before = socket.clone();
        let bytes = tcp((&mut *host, &mut *socket), (peer_host, peer), flags, payload, self.time_us);
        self.frames.push(Frame { time_us: self.time_us, is_sent, bytes });
        self.sent += usize::from(is_sent);
        if !payload.is_empty() && self.numbers.happens(LOSS) {
            // Sent again, as a new datagram.
            let after = std::mem::replace(socket, before);
            let time_us = self.time_us + 220_000;
            let bytes = tcp((&mut *host, &mut *socket), (peer_host, peer), flags, payload, time_us);
            *socket = after;
            self.frames.push(Frame { time_us, is_sent, bytes });
            self.sent += usize::from(is_sent);
            self.time_us = time_us;
        }
    }

    fn connect(&mut self, port: u16) {
        self.sockets = [Socket::new(port, self.numbers), Socket::new(80, self.numbers)];
        self.segment(true, SYN, &[]);
        self.wait(self.round_trip_us, 0.05);
        self.segment(false, SYN | ACK, &[]);
        self.wait(120.0, 0.3);
        self.segment(true, ACK, &[]);
    }

    /// Reads pages until the client has sent so many packets, and closes the connection.
    fn read_pages(&mut self, until: usize) {
        while self.sent + 3 < until {
            let request = request(self.numbers);
            self.segment(true, ACK | PSH, &request);
            self.wait(self.round_trip_us, 0.1);
            let answer = answer(self.numbers);
            let pieces: Vec<&[u8]> = answer.chunks(MSS).collect();
            for (number, piece) in (1..).zip(&pieces) {
                let flags = if number == pieces.len() { ACK | PSH } else { ACK };
                self.segment(false, flags, piece);
                self.wait(90.0, 0.4);
                if number % 2 == 0 || number == pieces.len() {
                    self.segment(true, ACK, &[]);
                    self.wait(60.0, 0.4);
                }
            }
            self.wait(110_000.0, 0.9);
        }
        self.segment(true, ACK | FIN, &[]);
        self.wait(self.round_trip_us, 0.1);
        self.segment(false, ACK | FIN, &[]);
        self.wait(120.0, 0.3);
        self.segment(true, ACK, &[]);
    }

    fn write_log(&mut self, packets: usize) {
        self.sockets[1].port = 514;
        let mut process = 300;
        for _ in 0..packets {
            process += self.numbers.below(3);
            let line =
                format!("<{}>app[{process}]: {}", self.numbers.between(13, 190), words(self.numbers, 12));
            let ([client, server], [from, to]) = (&mut self.hosts, &mut self.sockets);
            let bytes = udp((client, from), (server, to), line.as_bytes());
            self.frames.push(Frame { time_us: self.time_us, is_sent: true, bytes });
            self.wait(90_000.0, 0.8);
        }
    }
}

const WORDS: [&str; 24] = [
    "the", "index", "about", "of", "contact", "and", "news", "product", "in", "help", "list", "is", "search",
    "order", "to", "status", "page", "user", "for", "table", "image", "with", "item", "a",
];

fn words(numbers: &mut Numbers, most: u32) -> String {
    let count = numbers.between(1, most);
    let words: Vec<&str> = (0..count).map(|_| *numbers.one_of(&WORDS)).collect();
    words.join(" ")
}

fn request(numbers: &mut Numbers) -> Vec<u8> {
    let path = [numbers.one_of(&WORDS), numbers.one_of(&WORDS)];
    format!(
        "GET /{}/{}.html HTTP/1.1\r\nHost: www.example.net\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
         Accept: text/html\r\nConnection: keep-alive\r\n\r\n",
        path[0], path[1]
    )
    .into_bytes()
}

fn answer(numbers: &mut Numbers) -> Vec<u8> {
    let lines = numbers.skewed(12.0, 0.9) as usize;
    let lines: Vec<String> =
        (0..lines.min(120)).map(|_| format!("<p>{}</p>\n", words(numbers, 20))).collect();
    let body = lines.concat();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

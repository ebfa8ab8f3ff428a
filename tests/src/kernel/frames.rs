//! Frames of every kind that the classifier knows, and a generator of broken ones.

/// A small, seeded generator: the same frames on every run. SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(bound.max(1)).expect("a usize fits"))
            .expect("it is below")
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }
}

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// An Ethernet frame with these EtherTypes (all but the last are VLAN tags of identifier 7).
fn ethernet(types: &[u16], payload: &[u8]) -> Vec<u8> {
    let mut frame = MACS.to_vec();
    for (i, ethertype) in types.iter().enumerate() {
        frame.extend(ethertype.to_be_bytes());
        if i + 1 < types.len() {
            frame.extend([0x20, 7]);
        }
    }
    frame.extend(payload);
    frame
}

fn be16(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("frames are short").to_be_bytes()
}

fn ipv4(protocol: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let mut packet = vec![0x40 | u8::try_from(header_len / 4).expect("short"), 0];
    packet.extend(be16(header_len + payload.len()));
    packet.extend([0x12, 0x34]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
    packet.extend(options);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0x12, 0x34, 0x56];
    packet.extend(be16(payload.len()));
    packet.extend([next, 64]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn udp(src: u16, dst: u16, data: &[u8]) -> Vec<u8> {
    let mut segment = [src.to_be_bytes(), dst.to_be_bytes(), be16(8 + data.len()), [0, 0]].concat();
    segment.extend(data);
    segment
}

fn tcp(dst: u16, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut segment = [40_000u16.to_be_bytes(), dst.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0x10, 0, 0, 0, 0, 0]);
    segment.extend(data);
    segment
}

fn echo(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[kind, 0, 0, 0, 0x12, 0x34, 0, 1], data].concat()
}

/// A UDP segment over IPv4.
fn over_udp(port: u16, data: &[u8]) -> Vec<u8> {
    ipv4(17, 0, &[], &udp(40_000, port, data))
}

/// Encapsulations of `packet` (IPv4) and of `frame` (Ethernet), in every form that is opened, and some
/// that are not.
fn encapsulated(packet: &[u8], packet6: &[u8], frame: &[u8]) -> Vec<Vec<u8>> {
    const V4: u16 = 0x0800;
    let inside = |header: &[u8], payload: &[u8]| [header, payload].concat();
    let gre = |header: &[u8], payload: &[u8]| ethernet(&[V4], &ipv4(47, 0, &[], &inside(header, payload)));
    let mut frames = vec![
        ethernet(&[V4], &ipv4(4, 0, &[], packet)),
        ethernet(&[V4], &ipv4(41, 0, &[], packet6)),
        ethernet(&[0x86dd], &ipv6(4, packet)),
        ethernet(&[0x86dd], &ipv6(41, packet6)),
        gre(&[0, 0, 8, 0], packet),
        gre(&[0xb0, 0, 0x86, 0xdd, 1, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1], packet6),
        gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 7], frame),
        gre(&[0x30, 1, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 0], packet),
        gre(&[0x40, 0, 8, 0], packet),
        ethernet(&[V4], &over_udp(4789, &inside(&[8, 0, 0, 0, 0, 0, 42, 0], frame))),
        ethernet(&[V4], &over_udp(8472, &inside(&[8, 0, 0, 0, 0, 0, 42, 0], frame))),
        ethernet(&[V4], &over_udp(4789, &inside(&[9, 0, 0, 0, 0, 0, 42, 0], frame))),
        ethernet(&[V4], &over_udp(6081, &inside(&[0, 0, 0x65, 0x58, 0, 0, 5, 0], frame))),
        ethernet(&[V4], &over_udp(6081, &inside(&[2, 0, 8, 0, 0, 0, 5, 0, 1, 2, 3, 1, 9, 9, 9, 9], packet))),
        ethernet(&[V4], &over_udp(6081, &inside(&[0x40, 0, 8, 0, 0, 0, 5, 0], packet))),
        ethernet(&[V4], &over_udp(2152, &inside(&[0x30, 255, 0, 60, 0, 0, 1, 1], packet))),
        ethernet(
            &[V4],
            &over_udp(2152, &inside(&[0x34, 255, 0, 60, 0, 0, 1, 1, 0, 0, 0, 0x85, 1, 0x10, 9, 0], packet6)),
        ),
        ethernet(&[V4], &over_udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0])),
        ethernet(&[0x8864], &inside(&[0x11, 0, 0, 9, 0, 60, 0, 0x21], packet)),
        ethernet(&[0x8100, 0x8864], &inside(&[0x11, 0, 0, 9, 0, 60, 0, 0x57], packet6)),
        ethernet(&[0x8864], &inside(&[0x11, 0, 0, 9, 0, 60, 0xc0, 0x21], &[1, 1, 0, 4])),
        ethernet(&[0x8863], &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0]),
        ethernet(&[0x8847], &inside(&[0, 0x10, 0, 64, 0, 0x20, 1, 64], packet)),
        ethernet(&[0x8848], &inside(&[0, 0x20, 1, 64], packet6)),
        ethernet(&[0x8847], &inside(&[0, 0x20, 1, 64, 0, 0, 0, 0], frame)),
        ethernet(&[0x8847], &[0, 0x10, 0, 64].repeat(12)),
        ethernet(&[V4], &ipv4(115, 0, &[], &[0, 0, 0, 1, 2, 3, 4, 5])),
    ];
    // A tunnel in a tunnel: the second is a flow of its class.
    let twice = ipv4(47, 0, &[], &inside(&[0, 0, 8, 0], packet));
    frames.push(ethernet(&[V4], &ipv4(4, 0, &[], &twice)));
    frames
}

/// The transport of a packet of [`one_of_many`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A connection that is under way.
    Tcp,
    /// The beginning of one.
    Syn,
    /// A datagram with something in it.
    Udp,
    /// A datagram to port 53.
    Dns,
}

/// A packet of one of many flows, 60 bytes long.
#[must_use]
pub fn one_of_many(number: u16, transport: Transport) -> Vec<u8> {
    let source = 10_000 + number % 50_000;
    let (protocol, mut segment) = match transport {
        Transport::Tcp => (6, tcp(443, 0x18, b"12 bytes")),
        Transport::Syn => (6, tcp(443, 0x02, &[])),
        Transport::Udp => (17, udp(0, 4_000, &[7; 18])),
        Transport::Dns => (17, udp(0, 53, &[7; 18])),
    };
    segment[..2].copy_from_slice(&source.to_be_bytes());
    let mut frame = ethernet(&[0x0800], &ipv4(protocol, 0, &[], &segment));
    frame[28..30].copy_from_slice(&number.to_be_bytes());
    frame.resize(60, 0);
    frame
}

/// At least one well-formed frame for every branch of the classifier.
#[must_use]
pub fn well_formed() -> Vec<Vec<u8>> {
    const V4: u16 = 0x0800;
    const V6: u16 = 0x86dd;
    let data: Vec<u8> = (0..=255).cycle().take(1400).collect();
    let hop_by_hop = |next| [next, 0, 5, 2, 0, 0, 1, 0];
    let fragment =
        |next, offset: u16| [vec![next, 0], offset.to_be_bytes().to_vec(), vec![0, 0, 0, 9]].concat();
    let mut frames = vec![
        ethernet(&[0x0806], &[0; 28]),
        ethernet(&[0x88cc], &[2, 7, 4, 0]),
        ethernet(&[0x0026], &[0x42, 0x42, 3]),
        ethernet(&[0x88b5], &[1, 2, 3]),
        ethernet(&[0x8100, 0x88a8, 0x8100, V4], &data[..40]),
        ethernet(&[V4], &ipv4(17, 0, &[1, 1, 1, 0], &udp(40_000, 53, &data[..33]))),
        ethernet(&[V4], &ipv4(17, 0x2000, &[], &udp(40_000, 4_000, &data))),
        ethernet(&[V4], &ipv4(17, 0x00b9, &[], &data[..64])),
        ethernet(&[V4], &ipv4(6, 0x8000, &[], &tcp(443, 0x02, b"early"))),
        ethernet(&[V4], &ipv4(99, 0, &[], &data[..64])),
        ethernet(&[V6], &ipv6(0, &[&hop_by_hop(58)[..], &echo(128, &data[..20])].concat())),
        ethernet(&[V6], &ipv6(44, &[fragment(17, 1), udp(1, 2, &data[..100])].concat())),
        ethernet(&[V6], &ipv6(44, &[fragment(17, 0xb9), data[..100].to_vec()].concat())),
        ethernet(&[V6], &ipv6(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(8))),
    ];
    let ping = ipv4(1, 0, &[], &echo(8, &data[..56]));
    let look_up = ipv6(17, &udp(40_000, 53, &data[..40]));
    let web = ethernet(&[V4], &ipv4(6, 0, &[], &tcp(80, 0x18, b"GET / HTTP/1.1\r\n\r\n")));
    frames.extend(encapsulated(&ping, &look_up, &web));
    frames.extend(encapsulated(
        &over_udp(2152, &[0x30, 255, 0, 0, 0, 0, 0, 0]),
        &look_up,
        &frames[4].clone(),
    ));
    for padding in
        [&[0; 6][..], &[0, 0, 0, 0, 0, 7], &[7; 13], &[0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]]
    {
        frames.push(ethernet(&[V4], &[&ipv4(6, 0, &[], &tcp(80, 0x10, &[])), padding].concat()));
    }
    // The same flow with one field after another changed, long enough for a series.
    for n in 0..40u8 {
        let mut changing =
            ipv4(17, if n % 7 == 0 { 0x4000 } else { 0 }, &[], &udp(700, 800, &data[..usize::from(n)]));
        changing[1] = n & 0x24;
        changing[5] = n.wrapping_mul(3);
        changing[8] = 64 + n % 3;
        changing[27] = n & 1;
        let mut tagged = ethernet(&[0x8100, V4], &changing);
        tagged[14] = n << 5;
        frames.push(tagged);
        let mut labelled = ipv6(6, &tcp(443, 0x18, &data[..usize::from(n % 5)]));
        labelled[3] = n & 3;
        labelled[47] = n;
        labelled[55] = n % 6;
        frames.push(ethernet(&[V6], &labelled));
    }
    let stamped = |n: u8| {
        let mut segment = tcp(22, 0x18, &[&[1, 1, 8, 10, 0, 0, 1, n, 0, 0, 0, 1], &data[..9]].concat());
        segment[12] = 0x80;
        segment[7] = n;
        segment
    };
    frames.extend((0..20).map(|n| ethernet(&[V4], &ipv4(6, 0x4000, &[], &stamped(n)))));
    for options in [[1, 1, 5, 10], [2, 4, 5, 0xb4], [3, 3, 7, 0], [253, 4, 1, 2]] {
        let mut segment = tcp(23, 0x10, &[&options[..], &[0; 8]].concat());
        segment[12] = 0x80;
        frames.push(ethernet(&[V4], &ipv4(6, 0, &[], &segment)));
    }
    for start in [&b"HTTP/1.1 200 OK"[..], b"POST /a HTTP/1.1", &[22, 3, 1, 2, 0, 1, 0, 1]] {
        let message = [start, &data[..1200]].concat();
        frames.push(ethernet(&[V4], &ipv4(6, 0, &[], &tcp(8080, 0x18, &message))));
    }
    for types in [&[V4][..], &[0x8100, V4], &[0x88a8, 0x8100, V4]] {
        for protocol in [1, 2, 4, 6, 17, 41, 47, 50, 51, 58, 132] {
            frames.push(ethernet(types, &ipv4(protocol, 0, &[], &data[..30])));
        }
        for len in [0, 1, 7, 8, 9, 55, 56, 87, 88, 89, 247, 248, 249, 503, 504, 505, 1400] {
            frames.push(ethernet(types, &ipv4(1, 0, &[], &echo(8, &data[..len]))));
            frames.push(ethernet(types, &ipv4(17, 0, &[], &udp(53, 40_000, &data[..len]))));
            frames.push(ethernet(types, &ipv4(6, 0, &[], &tcp(53, 0x18, &data[..len]))));
        }
    }
    for kind in [0, 1, 2, 3, 4, 128, 129, 133, 135, 136, 143, 160, 255] {
        frames.push(ethernet(&[V6], &ipv6(58, &echo(kind, &data[..60]))));
        frames.push(ethernet(&[V4], &ipv4(1, 0, &[], &echo(kind, &data[..60]))));
    }
    frames
}

/// Breaks a frame in one to four places: bits, bytes, lengths, cuts and insertions.
#[must_use]
pub fn mutate(frame: &[u8], random: &mut Random) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for _ in 0..=random.below(4) {
        // Headers are where it hurts.
        let reach = if random.below(4) == 0 { frame.len() } else { frame.len().min(80) };
        let at = random.below(reach);
        match random.below(6) {
            0 if at < frame.len() => frame[at] ^= 1 << random.below(8),
            1 if at < frame.len() => frame[at] = random.byte(),
            2 if at < frame.len() => frame[at] = [0, 0xff, 0x45, 0x60, 44, 60][random.below(6)],
            3 => frame.truncate(at),
            4 => frame.insert(at, random.byte()),
            _ => frame.extend((0..random.below(64)).map(|_| random.byte())),
        }
    }
    frame
}

//! Two hosts that talk: from what applications say to packets.

use super::dice::Dice;
use super::wire::{Route, TcpHeader, Way, protocol};
use super::{MICROSECOND, MILLISECOND, Packet};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Something that is said.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    pub(crate) way: Way,
    /// After this many nanoseconds, besides the time on the wire.
    pub(crate) after_ns: u64,
    pub(crate) data: Vec<u8>,
}

impl Say {
    pub(crate) const fn now(way: Way, data: Vec<u8>) -> Self {
        Self { way, after_ns: 0, data }
    }
}

/// A conversation under way.
#[derive(Debug)]
pub(crate) struct Talk<'a> {
    pub(crate) route: Route,
    pub(crate) ports: [u16; 2],
    time_ns: u64,
    ip_id: [u16; 2],
    packets: &'a mut Vec<Packet>,
}

impl<'a> Talk<'a> {
    pub(crate) fn new(
        route: Route,
        ports: [u16; 2],
        time_ns: u64,
        dice: &mut Dice,
        packets: &'a mut Vec<Packet>,
    ) -> Self {
        Self { route, ports, time_ns, ip_id: [dice.half_word(), dice.half_word()], packets }
    }

    pub(crate) const fn wait(&mut self, time_ns: u64) {
        self.time_ns += time_ns;
    }

    fn send(&mut self, way: Way, protocol: u8, segment: &[u8]) {
        let id = &mut self.ip_id[way as usize];
        *id = id.wrapping_add(1);
        let packet = self.route.ip(way, *id, protocol, segment);
        self.packets.push(Packet { time_ns: self.time_ns, bytes: self.route.frame(way, &packet) });
    }

    /// Datagrams, one for everything said.
    pub(crate) fn udp(&mut self, script: Vec<Say>) {
        for Say { way, after_ns, data } in script {
            self.wait(after_ns);
            let segment = self.route.udp(way, self.ports, &data);
            self.send(way, protocol::UDP, &segment);
        }
    }

    /// Echo requests, one a second, each with its reply.
    pub(crate) fn pings(&mut self, count: u16, data: &[u8], dice: &mut Dice) {
        let id = dice.half_word();
        for sequence in 1..=count {
            for (way, after_ns) in [(Way::There, 980 * MILLISECOND), (Way::Back, 20 * MILLISECOND)] {
                self.wait(after_ns);
                let (protocol, message) = self.route.echo(way, id, sequence, data);
                self.send(way, protocol, &message);
            }
        }
    }

    /// A connection from its beginning to its end.
    pub(crate) fn tcp(&mut self, script: Vec<Say>, dice: &mut Dice) {
        let mut connection = Connection::new(dice);
        connection.open(self);
        connection.carry(self, script, dice);
        connection.close(self);
    }

    /// The middle of a connection that was open before, and stays so.
    pub(crate) fn established(&mut self, script: Vec<Say>, dice: &mut Dice) {
        Connection::new(dice).carry(self, script, dice);
    }
}

/// The state of a TCP connection, by direction.
struct Connection {
    sequence: [u32; 2],
    clock: [u32; 2],
    round_trip_ns: u64,
    unanswered: u32,
    last: Way,
}

impl Connection {
    fn new(dice: &mut Dice) -> Self {
        Self {
            sequence: [dice.word(), dice.word()],
            clock: [dice.word() >> 1, dice.word() >> 1],
            round_trip_ns: (5 + dice.below(100) as u64) * MILLISECOND,
            unanswered: 0,
            last: Way::There,
        }
    }

    fn segment(&mut self, talk: &mut Talk<'_>, way: Way, flags: u8, data: &[u8]) {
        let elapsed = u32::try_from(talk.time_ns / MILLISECOND % (1 << 31)).unwrap_or(0);
        let [clock, echoed] = way.order(self.clock).map(|clock| clock.wrapping_add(elapsed));
        let mut options = Vec::with_capacity(20);
        if flags & SYN != 0 {
            options.extend([2, 4, 0x05, 0xa0, 4, 2]);
        } else {
            options.extend([1, 1]);
        }
        options.extend([8, 10]);
        options.extend(clock.to_be_bytes());
        options.extend(if flags == SYN { 0 } else { echoed }.to_be_bytes());
        if flags & SYN != 0 {
            options.extend([1, 3, 3, 7]);
        }
        let [sequence, acknowledged] = way.order(self.sequence);
        let acknowledged = if flags & ACK != 0 { acknowledged } else { 0 };
        let window = if flags & SYN != 0 { 64_240 } else { 501 };
        let header = TcpHeader { sequence, acknowledged, flags, window, options };
        let segment = talk.route.tcp(way, talk.ports, &header, data);
        talk.send(way, protocol::TCP, &segment);
        let used = u32::try_from(data.len()).unwrap_or(0) + u32::from(flags & (SYN | FIN) != 0);
        let sequence = &mut self.sequence[way as usize];
        *sequence = sequence.wrapping_add(used);
    }

    fn open(&mut self, talk: &mut Talk<'_>) {
        self.segment(talk, Way::There, SYN, &[]);
        talk.wait(self.round_trip_ns);
        self.segment(talk, Way::Back, SYN | ACK, &[]);
        talk.wait(MILLISECOND);
        self.segment(talk, Way::There, ACK, &[]);
    }

    /// Data in full segments, every other one acknowledged.
    fn carry(&mut self, talk: &mut Talk<'_>, script: Vec<Say>, dice: &mut Dice) {
        let most = if talk.route.is_ipv6 { 1_428 } else { 1_448 };
        for Say { way, after_ns, data } in script {
            talk.wait(after_ns);
            if way != self.last {
                talk.wait(self.round_trip_ns / 2);
                self.last = way;
            }
            let count = data.len().div_ceil(most);
            for (number, part) in (1..).zip(data.chunks(most)) {
                self.segment(talk, way, if number == count { ACK | PSH } else { ACK }, part);
                talk.wait((80 + dice.below(160) as u64) * MICROSECOND);
                self.unanswered += 1;
                if self.unanswered.is_multiple_of(2) {
                    self.segment(talk, way.reversed(), ACK, &[]);
                    talk.wait(50 * MICROSECOND);
                }
            }
        }
    }

    fn close(&mut self, talk: &mut Talk<'_>) {
        for (way, flags) in [(Way::There, FIN | ACK), (Way::Back, FIN | ACK), (Way::There, ACK)] {
            talk.wait(self.round_trip_ns / 2);
            self.segment(talk, way, flags, &[]);
        }
    }
}

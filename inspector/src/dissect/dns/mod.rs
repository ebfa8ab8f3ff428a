//! DNS messages (RFC 1035, EDNS by RFC 6891), as much of them as a head holds.
//!
//! Lax where real traffic is lax, strict where it tells DNS from what merely uses its port: a header whose
//! counts cannot fit into the message's own length, or whose opcode was never assigned, is not DNS. Random
//! bytes pass that test about once in 2^30.

mod name;
mod record;

pub use name::{Labels, Name};
pub use record::{EdnsOption, EdnsOptions, Record, Records, Section, kind};

use crate::dissect::payload;
use crate::observation::{Content, Head};

const HEADER_LEN: usize = 12;
/// Root name, type, class.
const MIN_QUESTION_LEN: u32 = 5;
/// Root name, type, class, TTL, length.
const MIN_RECORD_LEN: u32 = 11;
const UDP: u8 = 17;
/// Bytes of a TCP segment from which on its middle must show a record for it to pass as DNS: the fixed part of
/// a record, and room for the longest name and data that are ordinary.
const TELLING_LEN: usize = 96;

/// The first question of a message.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is asked for.
    pub name: Name<'a>,
    /// QTYPE.
    pub kind: u16,
    /// QCLASS.
    pub class: u16,
}

/// A DNS message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The message from its header on, as far as captured.
    pub bytes: &'a [u8],
    /// Bytes of the message in the packet, captured or not.
    pub len: u32,
    /// Identifier.
    pub id: u16,
    /// The 16 bits of flags, opcode and response code.
    pub flags: u16,
    /// Number of questions, answers, authorities and additionals, as the header says.
    pub counts: [u16; 4],
    /// The first question; `None` where there is none.
    pub question: Option<Question<'a>>,
    /// Where the records begin, past all questions; `None` where that was not captured.
    records_at: Option<usize>,
}

impl<'a> Message<'a> {
    /// Reads a message of `len` bytes, of which `bytes` were captured.
    ///
    /// # Errors
    /// [`Fault::Alien`] where it cannot be DNS, [`Fault::Cut`] where too little was captured to tell.
    pub fn parse(bytes: &'a [u8], len: u32) -> Result<Self, Fault> {
        let Some(&[i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, r0, r1]) = bytes.first_chunk() else {
            return Err(if len < 12 { Fault::Alien } else { Fault::Cut });
        };
        let counts = [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(u16::from_be_bytes);
        let mut message = Self {
            bytes,
            len,
            id: u16::from_be_bytes([i0, i1]),
            flags: u16::from_be_bytes([f0, f1]),
            counts,
            question: None,
            records_at: None,
        };
        if !message.is_plausible() {
            return Err(Fault::Alien);
        }
        message.read_questions()?;
        Ok(message)
    }

    /// Whether the header can be one of a message of this length.
    fn is_plausible(&self) -> bool {
        let [questions, records @ ..] = self.counts.map(u32::from);
        let records: u32 = records.iter().sum();
        let least = 12 + MIN_QUESTION_LEN * questions + MIN_RECORD_LEN * records;
        let known_opcode = matches!(self.opcode(), 0..=2 | 4..=6);
        // A truncated answer may count what it left out; an empty one is a bare header (FORMERR).
        let is_cut_answer = self.is_truncated() && self.is_response() && questions == 1;
        let fits = least <= self.len || is_cut_answer;
        // Without a question: the later messages of a zone transfer, a bare header, a query for a cookie alone.
        let [_, answers, authorities, _] = self.counts;
        let has_subject = questions > 0
            || self.len == 12
            || (self.is_response() && answers > 0)
            || (records > 0 && answers == 0 && authorities == 0);
        known_opcode && fits && has_subject
    }

    /// What was captured of the questions behind the first; `None` where there are none, or their end is not known.
    #[must_use]
    pub fn more_questions(&self) -> Option<&'a [u8]> {
        let (_, end) = Name::read(self.bytes, HEADER_LEN)?;
        self.bytes.get(end + 4..self.records_at?).filter(|rest| !rest.is_empty())
    }

    fn read_questions(&mut self) -> Result<(), Fault> {
        let mut at = HEADER_LEN;
        for i in 0..self.counts[0] {
            let Some((name, end)) = Name::read(self.bytes, at) else {
                return if i > 0 { Ok(()) } else { Err(self.fault()) };
            };
            let Some(&[t0, t1, c0, c1]) = self.bytes.get(end..).and_then(<[u8]>::first_chunk) else {
                return if i > 0 { Ok(()) } else { Err(self.fault()) };
            };
            at = end + 4;
            if i == 0 {
                let [kind, class] = [[t0, t1], [c0, c1]].map(u16::from_be_bytes);
                self.question = Some(Question { name, kind, class });
            }
        }
        self.records_at = Some(at);
        Ok(())
    }

    /// Why a part of the message could not be read.
    fn fault(&self) -> Fault {
        if self.is_cut() { Fault::Cut } else { Fault::Alien }
    }

    /// Whether only a part of the message was captured.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        u32::try_from(self.bytes.len()).is_ok_and(|captured| captured < self.len)
    }

    /// Whether it is a response.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// OPCODE: 0 query, 4 notify, 5 update.
    #[must_use]
    pub const fn opcode(&self) -> u16 {
        self.flags >> 11 & 0xf
    }

    /// RCODE: 0 no error, 3 no such name.
    #[must_use]
    pub const fn rcode(&self) -> u16 {
        self.flags & 0xf
    }

    /// Whether the answer was too long for its transport.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// The resource records as far as captured.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        let [_, answers, authorities, additionals] = self.counts;
        Records::new(self.bytes, self.records_at, [answers, authorities, additionals])
    }

    /// What was captured of the bytes behind the last record; `None` where there are none, or the end is not known.
    #[must_use]
    pub fn behind(&self) -> Option<&'a [u8]> {
        let mut records = self.records();
        while records.next().is_some() {}
        let end = records.end()?;
        self.bytes.get(end..).filter(|behind| !behind.is_empty())
    }

    /// Options of the EDNS record, if there is one and it was captured.
    #[must_use]
    pub fn edns_options(&self) -> EdnsOptions<'a> {
        let opt = if self.counts[3] == 0 { None } else { self.records().find(|r| r.kind == kind::OPT) };
        opt.map_or_else(EdnsOptions::default, |record| record.edns_options())
    }
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They cannot be DNS.
    Alien,
    /// Too few to tell.
    Cut,
}

/// Dissects a head on port 53.
///
/// [`Content::NotDns`] are bytes that no DNS implementation sends. [`Content::Opaque`] are those that may be
/// the middle of a message, or were cut too short to tell.
#[must_use]
pub fn dissect<'a>(head: &Head<'a>) -> Content<'a> {
    if head.meta.key.protocol == UDP { datagram(head) } else { segment(head) }
}

fn datagram<'a>(head: &Head<'a>) -> Content<'a> {
    match Message::parse(head.payload(), head.payload_len()) {
        Ok(message) => Content::Dns(message),
        Err(Fault::Alien) if payload::is_blank(head.payload()) => Content::Opaque,
        Err(Fault::Alien) => Content::NotDns,
        Err(Fault::Cut) => Content::Opaque,
    }
}

/// A TCP segment: at the start of a message behind its length, or behind a length that was sent by itself,
/// or somewhere in the middle.
fn segment<'a>(head: &Head<'a>) -> Content<'a> {
    let payload = head.payload();
    if let Some((&[l0, l1], message)) = payload.split_first_chunk() {
        let len = u32::from(u16::from_be_bytes([l0, l1]));
        if let Ok(message) = Message::parse(message, len) {
            return Content::Dns(message);
        }
    }
    if let Ok(message) = Message::parse(payload, head.payload_len()) {
        return Content::Dns(message);
    }
    let tells = payload.len() >= TELLING_LEN && !record::is_within(payload) && !payload::is_blank(payload);
    if tells { Content::NotDns } else { Content::Opaque }
}

#[cfg(test)]
mod tests;

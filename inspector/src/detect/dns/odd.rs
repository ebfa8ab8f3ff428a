//! Parts of a DNS message that say nothing in ordinary ones: further questions, classes and types that nobody assigned,
//! records of names that nothing in the message leads to, cookies that were never given.

use super::question::Qname;
use crate::detect::novelty::Recent;
use crate::dissect::dns::{Message, Name, kind};

/// Codes for these, which no EDNS option has in practice.
pub(super) const QUESTIONS: u16 = 0xfff0;
pub(super) const CLASS: u16 = 0xfff1;
pub(super) const TYPE: u16 = 0xfff2;
pub(super) const OWNER: u16 = 0xfff3;
pub(super) const COOKIE: u16 = 0xfff4;

/// Records of a message that are looked at.
const MAX_RECORDS: usize = 24;
/// Bytes of a client's cookie, which a server's follows (RFC 7873 §4).
const CLIENT_COOKIE: usize = 8;
/// Operation of ordinary queries; updates have names of their own.
const QUERY: u16 = 0;
/// Types that ask for a whole zone.
const TRANSFERS: [u16; 2] = [251, 252];

/// Most bytes of one that count, so that one damaged message is none of a channel.
const MOST: usize = 48;

/// Calls `found` with what a message has of these, but for cookies, each once.
pub(super) fn each(message: &Message<'_>, mut found: impl FnMut(u16, &[u8])) {
    let Some(question) = message.question.as_ref().filter(|_| message.opcode() == QUERY) else { return };
    if let Some(more) = message.more_questions() {
        found(QUESTIONS, more.get(..MOST).unwrap_or(more));
    }
    // Internet, Chaos, Hesiod, none, any.
    if !matches!(question.class, 1 | 3 | 4 | 254 | 255) {
        found(CLASS, &question.class.to_be_bytes());
    }
    if is_unassigned(question.kind) {
        found(TYPE, &question.kind.to_be_bytes());
    }
    if message.is_response()
        && !TRANSFERS.contains(&question.kind)
        && let Some(owner) = stranger(message, &question.name)
    {
        found(OWNER, owner.as_bytes().get(..MOST).unwrap_or(owner.as_bytes()));
    }
}

/// Types without a meaning (IANA), those for private use among them: a program has one or two, and who tries them all does
/// so up to 260.
const fn is_unassigned(kind: u16) -> bool {
    matches!(kind, 270..=32767 | 32770..=u16::MAX)
}

/// The first owner of an address or text that neither the question nor any record before leads to.
fn stranger(message: &Message<'_>, asked: &Name<'_>) -> Option<String> {
    let is_telling = |kind| matches!(kind, kind::A | kind::AAAA | kind::TXT | kind::NULL | kind::CNAME);
    let records = || message.records().take(MAX_RECORDS);
    // Nearly all of them point to the question.
    let asked_at = asked.begins_at();
    if records().all(|record| !is_telling(record.kind) || record.name.begins_at() == asked_at) {
        return None;
    }
    let mut known = Vec::new();
    let learn = |known: &mut Vec<u64>, name: &Name<'_>| {
        known.extend(Qname::new(name).suffixes().map(|(_, hash)| hash));
    };
    learn(&mut known, asked);
    for record in records() {
        let owner = Qname::new(&record.name);
        let is_telling = is_telling(record.kind);
        let is_known = owner.suffixes().last().is_none_or(|(_, hash)| known.contains(&hash));
        if is_telling && !is_known {
            return Some(owner.text(0));
        }
        match record.target() {
            Some(target) => learn(&mut known, &target),
            None if is_telling || record.kind == kind::OPT => {}
            // Start of a zone, signatures and denials lead to nothing but their own names; other types may.
            None if matches!(record.kind, kind::SOA | 43 | 46..=48 | 50) => learn(&mut known, &record.name),
            None => return None,
        }
    }
    None
}

/// The cookies of a client and a server, as hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Cookies {
    given: Recent,
    sent: Recent,
    /// Whether either side has sent one.
    has: [bool; 2],
    /// Of those that either side gave back, how many the other had sent, and how many not.
    known: [u32; 2],
    strange: [u32; 2],
}

impl Cookies {
    /// What of a cookie in a message to the server or back is none: a server's that it never gave, a client's that it never
    /// sent. Where the other side has sent none it may not have been seen; nor a few, where packets were lost or overtaken.
    pub(super) fn alien<'a>(&mut self, cookie: &'a [u8], to_server: bool) -> Option<&'a [u8]> {
        let (client, server) = cookie.split_at_checked(CLIENT_COOKIE)?;
        let [sent, given] = &mut self.has;
        let (is_strange, part) = if to_server {
            *sent = true;
            self.sent.is_new(client);
            (!server.is_empty() && *given && self.given.is_new(server), server)
        } else {
            *given = true;
            self.given.is_new(server);
            (*sent && self.sent.is_new(client), client)
        };
        let side = usize::from(!to_server);
        let count = if is_strange { &mut self.strange } else { &mut self.known };
        count[side] = count[side].saturating_add(u32::from(!part.is_empty()));
        (is_strange && self.strange[side] > self.known[side]).then_some(part)
    }
}

//! Recognisers: does a payload begin like a message of a protocol that says what it is?
//!
//! They are for staying silent, and for naming declared tunnels: each looks at the few fields that a protocol
//! fixes, and asks for enough of them that random bytes pass about once in 2^16 times or less. Recognising is
//! not validating: a channel that imitates a protocol to the letter is recognised as it.

mod database;
mod directory;
mod games;
mod industry;
mod mail;
mod names;
mod peers;
mod queues;
mod remote;
mod secure;
mod tunnels;
mod voice;
mod web;

#[cfg(test)]
mod tests;

/// What follows from a protocol being recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is what it says.
    Plain,
    /// It carries other traffic, and says so.
    Tunnel,
    /// Its hosts talk to many others in connections that may look like nothing at all.
    PeerToPeer,
}

/// A protocol, and how its messages begin.
#[derive(Debug)]
pub struct Protocol {
    /// Its name, for people.
    pub name: &'static str,
    /// What follows from it.
    pub kind: Kind,
    /// Whether a message begins like one of its messages.
    begins: fn(&Message<'_>) -> bool,
}

impl Protocol {
    const fn plain(name: &'static str, begins: fn(&Message<'_>) -> bool) -> Self {
        Self { name, kind: Kind::Plain, begins }
    }

    const fn tunnel(name: &'static str, begins: fn(&Message<'_>) -> bool) -> Self {
        Self { name, kind: Kind::Tunnel, begins }
    }

    const fn peers(name: &'static str, begins: fn(&Message<'_>) -> bool) -> Self {
        Self { name, kind: Kind::PeerToPeer, begins }
    }
}

/// A payload of TCP or UDP, as much as was captured of it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Bytes of payload in the packet, captured or not.
    pub len: u32,
    /// Whether it is TCP's; otherwise UDP's.
    pub is_tcp: bool,
    /// Source and destination port.
    pub ports: [u16; 2],
}

impl Message<'_> {
    fn begins(&self, prefix: &[u8]) -> bool {
        self.bytes.starts_with(prefix)
    }

    fn begins_any(&self, prefixes: &[&[u8]]) -> bool {
        prefixes.iter().any(|prefix| self.begins(prefix))
    }

    fn has(&self, offset: usize, bytes: &[u8]) -> bool {
        self.bytes.get(offset..).is_some_and(|rest| rest.starts_with(bytes))
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        self.bytes.get(offset).copied()
    }

    fn be16(&self, offset: usize) -> Option<u32> {
        self.bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_be_bytes).map(u32::from)
    }

    fn be32(&self, offset: usize) -> Option<u32> {
        self.bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn le16(&self, offset: usize) -> Option<u32> {
        self.bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_le_bytes).map(u32::from)
    }

    fn le32(&self, offset: usize) -> Option<u32> {
        self.bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// Whether a length field `value` tells of a message of which `header` bytes are not counted, and which
    /// is this payload.
    fn is_length(&self, value: Option<u32>, header: u32) -> bool {
        value.is_some_and(|value| value.checked_add(header) == Some(self.len))
    }
}

pub use peers::{is_ciphertext_port, is_peers_port};

/// All recognisers, the ones that ask for most first within each file.
static FAMILIES: &[&[Protocol]] = &[
    secure::PROTOCOLS,
    web::PROTOCOLS,
    tunnels::PROTOCOLS,
    names::PROTOCOLS,
    voice::PROTOCOLS,
    peers::PROTOCOLS,
    directory::PROTOCOLS,
    remote::PROTOCOLS,
    database::PROTOCOLS,
    mail::PROTOCOLS,
    queues::PROTOCOLS,
    games::PROTOCOLS,
    industry::PROTOCOLS,
];

/// The protocol that a payload begins like, if one is known.
#[must_use]
pub fn recognise(message: &Message<'_>) -> Option<&'static Protocol> {
    FAMILIES.iter().copied().flatten().find(|protocol| (protocol.begins)(message))
}

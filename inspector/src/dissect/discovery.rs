//! Neighbour and router discovery (RFC 4861) and discovery of multicast listeners (RFC 2710, 9777).

use crate::observation::Head;

/// Bytes of type, code and checksum.
const HEADER: usize = 4;

/// Types of messages.
pub mod kind {
    /// A question of a router for listeners.
    pub const LISTENER_QUERY: u8 = 130;
    /// A listener that joins.
    pub const LISTENER_REPORT: u8 = 131;
    /// A listener that leaves.
    pub const LISTENER_DONE: u8 = 132;
    /// Router solicitation.
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// Router advertisement.
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Neighbour solicitation.
    pub const SOLICITATION: u8 = 135;
    /// Neighbour advertisement.
    pub const ADVERTISEMENT: u8 = 136;
    /// Redirect.
    pub const REDIRECT: u8 = 137;
    /// Report of version 2.
    pub const LISTENER_REPORT_2: u8 = 143;
}

/// Types of options.
pub mod option {
    /// Link-layer address of the sender.
    pub const SOURCE_ADDRESS: u8 = 1;
    /// Link-layer address of the target.
    pub const TARGET_ADDRESS: u8 = 2;
    /// Prefix information.
    pub const PREFIX: u8 = 3;
    /// MTU of the link.
    pub const MTU: u8 = 5;
    /// Recursive servers of DNS (RFC 8106).
    pub const DNS_SERVERS: u8 = 25;
    /// Suffixes of names (RFC 8106).
    pub const DNS_SUFFIXES: u8 = 31;
    /// URI of a captive portal (RFC 8910).
    pub const PORTAL: u8 = 37;
}

/// A message that was captured whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Type.
    pub kind: u8,
    /// Code, which is 0 in all of them.
    pub code: u8,
    /// What follows type, code and checksum.
    body: &'a [u8],
}

/// An option, without type and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Type.
    pub kind: u8,
    /// Its data.
    pub data: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the message of a head; `None` where it is cut, or no such message.
    #[must_use]
    pub fn parse(head: &Head<'a>) -> Option<Self> {
        let segment = head.segment();
        let is_whole = u32::try_from(segment.len()) == Ok(head.meta.l4_len());
        let body = segment.get(HEADER..).filter(|_| is_whole)?;
        let &[kind, code] = segment.first_chunk()?;
        (body.len() >= fixed(kind)?).then_some(Self { kind, code, body })
    }

    /// The bits of the fixed part that a sender has to leave at zero, from right to left as they come.
    #[must_use]
    pub fn unused(&self) -> u32 {
        let mask = match self.kind {
            kind::ROUTER_SOLICITATION
            | kind::SOLICITATION
            | kind::REDIRECT
            | kind::LISTENER_REPORT
            | kind::LISTENER_DONE => u32::MAX,
            // Router, solicited, override.
            kind::ADVERTISEMENT => 0x1fff_ffff,
            // Maximum delay, and number of records.
            kind::LISTENER_QUERY => 0xffff,
            kind::LISTENER_REPORT_2 => 0xffff_0000,
            _ => 0,
        };
        self.body.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) & mask)
    }

    /// The address that a neighbour asks for, or speaks for.
    #[must_use]
    pub fn target(&self) -> Option<[u8; 16]> {
        let has_one = matches!(self.kind, kind::SOLICITATION | kind::ADVERTISEMENT);
        self.body.get(4..)?.first_chunk().filter(|_| has_one).copied()
    }

    /// Hop limit, reachable time and retransmission timer of a router's advertisement.
    #[must_use]
    pub fn timers(&self) -> Option<[u8; 9]> {
        let (stated, timers) = self.body.first_chunk::<12>()?.split_at(4);
        let mut all = [0; 9];
        all[0] = stated[0];
        all[1..].copy_from_slice(timers);
        (self.kind == kind::ROUTER_ADVERTISEMENT).then_some(all)
    }

    /// The options, up to the first that cannot be read.
    pub fn options(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let mut rest = self.tail();
        std::iter::from_fn(move || {
            let (field, behind) = read(rest)?;
            rest = behind;
            Some(field)
        })
    }

    /// What is behind the options, or the records of a report, or belongs to these and has no meaning.
    #[must_use]
    pub fn behind(&self) -> &'a [u8] {
        let mut rest = self.tail();
        if self.kind != kind::LISTENER_REPORT_2 {
            while let Some((_, behind)) = read(rest) {
                rest = behind;
            }
            return rest;
        }
        let records = self.body.get(2..).and_then(<[u8]>::first_chunk).map_or(0, |n| u16::from_be_bytes(*n));
        for _ in 0..records {
            let Some(&[_, words, s0, s1]) = rest.first_chunk() else { return &[] };
            let sources = usize::from(u16::from_be_bytes([s0, s1]));
            let end = 20 + 16 * sources;
            let (auxiliary, behind) = rest
                .get(end..)
                .unwrap_or_default()
                .split_at_checked(4 * usize::from(words))
                .unwrap_or_default();
            if !auxiliary.is_empty() {
                return auxiliary;
            }
            rest = behind;
        }
        rest
    }

    /// What follows the fixed part; nothing in queries, which grew.
    fn tail(&self) -> &'a [u8] {
        let tail = fixed(self.kind).and_then(|len| self.body.get(len..)).unwrap_or_default();
        if self.kind == kind::LISTENER_QUERY { &[] } else { tail }
    }
}

/// Length of the part that each message of a type has, without type, code and checksum, bytes.
const fn fixed(kind: u8) -> Option<usize> {
    Some(match kind {
        kind::ROUTER_SOLICITATION | kind::LISTENER_REPORT_2 => 4,
        kind::ROUTER_ADVERTISEMENT => 12,
        kind::SOLICITATION
        | kind::ADVERTISEMENT
        | kind::LISTENER_QUERY
        | kind::LISTENER_REPORT
        | kind::LISTENER_DONE => 20,
        kind::REDIRECT => 36,
        _ => return None,
    })
}

/// The option that `bytes` begin with, and what follows it. Lengths are in units of 8 bytes, header included; what has
/// none makes the packet invalid (RFC 4861 §4.6).
fn read(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let &[kind, length] = bytes.first_chunk()?;
    let (option, behind) = bytes.split_at_checked(8 * usize::from(length))?;
    Some((Field { kind, data: option.get(2..)? }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Message<'_> {
        Message { kind, code: 0, body }
    }

    #[test]
    fn parts_of_a_solicitation() {
        let mut body = vec![0; 20];
        body[3] = 7;
        body[4..20].fill(0xfe);
        body.extend([1, 1, 2, 0, 0, 0, 0, 9]);
        let it = message(kind::SOLICITATION, &body);
        assert_eq!((it.unused(), it.target(), it.timers()), (7, Some([0xfe; 16]), None));
        let options: Vec<_> = it.options().collect();
        assert_eq!(options, [Field { kind: option::SOURCE_ADDRESS, data: &[2, 0, 0, 0, 0, 9] }]);
        assert!(it.behind().is_empty());
        body.extend([1, 0, 3]);
        assert_eq!(
            message(kind::SOLICITATION, &body).behind(),
            [1, 0, 3],
            "an option of no length ends them"
        );
    }

    #[test]
    fn flags_and_timers_are_no_unused_bits() {
        let mut body = [0; 20];
        body[0] = 0xe0;
        assert_eq!(message(kind::ADVERTISEMENT, &body).unused(), 0);
        let body = [64, 0xc8, 7, 8, 0, 0, 0x75, 0x30, 0, 0, 3, 0xe8];
        let router = message(kind::ROUTER_ADVERTISEMENT, &body);
        assert_eq!((router.unused(), router.timers()), (0, Some([64, 0, 0, 0x75, 0x30, 0, 0, 3, 0xe8])));
    }

    #[test]
    fn reports_have_nothing_behind_their_records() {
        let mut body = vec![0, 0, 0, 2];
        body.extend([4, 0, 0, 1]);
        body.extend([0xff; 32]);
        body.extend([4, 0, 0, 0]);
        body.extend([0xff; 16]);
        assert!(message(kind::LISTENER_REPORT_2, &body).behind().is_empty());
        body[41] = 1;
        body.extend([1, 2, 3, 4]);
        assert_eq!(message(kind::LISTENER_REPORT_2, &body).behind(), [1, 2, 3, 4]);
        body[41] = 0;
        assert_eq!(message(kind::LISTENER_REPORT_2, &body).behind(), [1, 2, 3, 4]);
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut state = 7_u64;
        for round in 0..20_000_usize {
            let body: Vec<u8> = (0..round % 90)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    // Short lengths are the ones that fit.
                    state.to_be_bytes()[0] >> (round % 6)
                })
                .collect();
            for kind in 128..145 {
                let it = message(kind, &body);
                let _ = (it.unused(), it.target(), it.timers(), it.behind());
                let options: usize = it.options().map(|field| field.data.len() + 2).sum();
                assert!(options <= body.len());
            }
        }
    }
}

//! SNMP versions 1 and 2c (RFC 1157, 3416): the community, and the first variable of a message.

/// A message, as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The community.
    pub community: &'a [u8],
    /// The first variable's object identifier, encoded.
    pub object: &'a [u8],
    /// Its value, if that is octets or nothing known; empty otherwise.
    pub value: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const OBJECT: u8 = 6;

impl<'a> Message<'a> {
    /// Reads a message; one of version 3, which may be encrypted, is none.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (SEQUENCE, message, _) = element(payload)? else { return None };
        let (INTEGER, [0 | 1], rest) = element(message)? else { return None };
        let (OCTETS, community, rest) = element(rest)? else { return None };
        let variable = variable(rest).unwrap_or_default();
        Some(Self { community, object: variable.0, value: variable.1 })
    }
}

/// Object and value of the first variable of a request, response or notification.
fn variable(pdu: &[u8]) -> Option<(&[u8], &[u8])> {
    let (0xa0..=0xa3 | 0xa5..=0xa8, fields, _) = element(pdu)? else { return None };
    // Request, error status and index, or bulk's counts.
    let rest = (0..3).try_fold(fields, |rest, _| match element(rest)? {
        (INTEGER, _, rest) => Some(rest),
        _ => None,
    })?;
    let (SEQUENCE, variables, _) = element(rest)? else { return None };
    let (SEQUENCE, first, _) = element(variables)? else { return None };
    let (OBJECT, object, rest) = element(first)? else { return None };
    let value = element(rest).filter(|(tag, ..)| matches!(*tag, OCTETS | 0x44));
    Some((object, value.map_or(&[], |(_, value, _)| value)))
}

/// Tag, contents as far as captured, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, len, rest @ ..] = bytes else { return None };
    let (len, rest) = match len {
        0..=0x7f => (usize::from(*len), rest),
        0x81 => rest.split_first().map(|(len, rest)| (usize::from(*len), rest))?,
        0x82 => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?,
        _ => return None,
    };
    let (value, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
    Some((*tag, value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request for `sysDescr` of version 2c.
    const GET: &[u8] = b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\0\x02\x01\0\
        \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";

    #[test]
    fn reads_the_community_and_the_first_variable() {
        let message = Message::parse(GET).unwrap();
        assert_eq!(message.community, b"public");
        assert_eq!(message.object, b"\x2b\x06\x01\x02\x01\x01\x01\0");
        assert_eq!(message.value, b"");
        for end in 0..GET.len() {
            let _ = Message::parse(&GET[..end]);
        }
    }
}

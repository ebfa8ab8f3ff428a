//! SNMP (RFC 1157, 3412, 3416): who a message is from, and its variables.

/// A message, as far as it was captured. Of version 3 what is not encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// The community, or the user of version 3.
    pub name: &'a [u8],
    /// The engine of version 3 that is asked or answers.
    pub engine: &'a [u8],
    /// Tag of the request, response or notification; 0 where it is encrypted or cut.
    pub kind: u8,
    variables: &'a [u8],
}

/// Tags of an event's notification: of version 1, of an acknowledged one, of version 2.
pub const NOTIFICATIONS: [u8; 3] = [0xa4, 0xa6, 0xa7];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const OPAQUE: u8 = 0x44;
const OBJECT: u8 = 6;
const TRAP: u8 = 0xa4;
/// Flag of version 3: what follows is encrypted.
const PRIVATE: u8 = 2;

impl<'a> Message<'a> {
    /// Reads a message.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (SEQUENCE, message, _) = element(payload)? else { return None };
        match element(message)? {
            (INTEGER, [0 | 1], rest) => {
                let (OCTETS, name, rest) = element(rest)? else { return None };
                Some(Self { name, ..Self::default() }.with_pdu(rest))
            }
            (INTEGER, [3], rest) => Self::version_3(rest),
            _ => None,
        }
    }

    fn version_3(rest: &'a [u8]) -> Option<Self> {
        let (SEQUENCE, header, rest) = element(rest)? else { return None };
        let (INTEGER, _, sizes) = element(header)? else { return None };
        let (INTEGER, _, flags) = element(sizes)? else { return None };
        let (OCTETS, [flags, ..], _) = element(flags)? else { return None };
        let (OCTETS, security, rest) = element(rest)? else { return None };
        let (SEQUENCE, security, _) = element(security)? else { return None };
        let (OCTETS, engine, times) = element(security)? else { return None };
        let (INTEGER, _, time) = element(times)? else { return None };
        let (INTEGER, _, user) = element(time)? else { return None };
        let (OCTETS, name, _) = element(user)? else { return None };
        let message = Self { name, engine, ..Self::default() };
        let scoped = (|| {
            let (SEQUENCE, scoped, _) = element(rest).filter(|_| flags & PRIVATE == 0)? else { return None };
            let (OCTETS, _, name) = element(scoped)? else { return None };
            let (OCTETS, _, pdu) = element(name)? else { return None };
            Some(pdu)
        })();
        Some(message.with_pdu(scoped.unwrap_or_default()))
    }

    fn with_pdu(self, bytes: &'a [u8]) -> Self {
        let read = || {
            let (kind @ 0xa0..=0xa8, fields, _) = element(bytes)? else { return None };
            // Request, error status and index, or bulk's counts; of a trap enterprise, agent, two numbers and a time.
            let skipped = if kind == TRAP { 5 } else { 3 };
            let rest = (0..skipped).try_fold(fields, |rest, _| Some(element(rest)?.2))?;
            let (SEQUENCE, variables, _) = element(rest)? else { return None };
            Some((kind, variables))
        };
        let (kind, variables) = read().unwrap_or_default();
        Self { kind, variables, ..self }
    }

    /// Each variable's object identifier, encoded, and its value if that is octets or nothing known, else nothing.
    pub fn variables(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.variables;
        std::iter::from_fn(move || {
            let (SEQUENCE, variable, after) = element(rest)? else { return None };
            rest = after;
            let (OBJECT, object, value) = element(variable)? else { return None };
            let value = element(value).filter(|(tag, ..)| matches!(*tag, OCTETS | OPAQUE));
            Some((object, value.map_or(&[][..], |(_, value, _)| value)))
        })
    }
}

/// The numbers of an object identifier from its second byte on (X.690 §8.19); none where one has more than 32 bits.
#[must_use]
pub fn arcs(object: &[u8]) -> Vec<u32> {
    let (mut arcs, mut arc) = (Vec::new(), 0_u64);
    for byte in object.iter().skip(1) {
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            match u32::try_from(std::mem::take(&mut arc)) {
                Ok(arc) => arcs.push(arc),
                Err(_) => return Vec::new(),
            }
        } else if arc > u64::from(u32::MAX) {
            return Vec::new();
        }
    }
    arcs
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
    use crate::detect::wire::noise;

    /// A request for `sysDescr` of version 2c.
    const GET: &[u8] = b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x07\x02\x01\0\x02\x01\0\
        \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0";

    #[test]
    fn reads_the_community_and_the_variables() {
        let message = Message::parse(GET).unwrap();
        assert_eq!((message.name, message.kind), (&b"public"[..], 0xa0));
        let variables: Vec<_> = message.variables().collect();
        assert_eq!(variables, [(&b"\x2b\x06\x01\x02\x01\x01\x01\0"[..], &b""[..])]);
        assert_eq!(arcs(variables[0].0), [6, 1, 2, 1, 1, 1, 0]);
        assert_eq!(arcs(b"\x2b\x8f\xff\xff\xff\x7f"), [u32::MAX]);
        assert!(arcs(b"\x2b\x9f\xff\xff\xff\x7f").is_empty());
        for end in 0..GET.len() {
            let _ = Message::parse(&GET[..end]).map(|message| message.variables().count());
        }
    }

    #[test]
    fn version_3_says_its_user_and_engine() {
        let bytes = b"\x30\x32\x02\x01\x03\x30\x0d\x02\x01\x07\x02\x02\x05\xdc\x04\x01\x04\x02\x01\x03\
            \x04\x15\x30\x13\x04\x05\x80\0\0\0\x01\x02\x01\0\x02\x01\0\x04\x04user\x04\0\x04\0\
            \x30\x07\x04\0\x04\0\xa0\x01\0";
        let message = Message::parse(bytes).unwrap();
        assert_eq!((message.name, message.engine), (&b"user"[..], &b"\x80\0\0\0\x01"[..]));
        for seed in 0..2000 {
            let bytes = [&bytes[..usize::try_from(seed).unwrap() % 52], &noise(seed, 40)].concat();
            let _ = Message::parse(&bytes).map(|message| message.variables().count());
        }
    }
}

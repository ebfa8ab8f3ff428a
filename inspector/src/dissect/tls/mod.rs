//! The clear part of TLS (RFC 8446, RFC 5246): hellos and certificates, as much of them as one packet holds.
//!
//! Libraries for TLS want whole records. A ClientHello with post-quantum keys has more than one packet, and what
//! is of interest is in its beginning, so this reads what is there.

/// Type of a record that holds handshake messages.
pub const HANDSHAKE: u8 = 22;

/// Type of a record that holds what the application says.
pub const APPLICATION_DATA: u8 = 23;

/// Reads big-endian numbers and length-prefixed pieces, of which the last may be cut.
#[derive(Clone, Copy, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let (number, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// A piece that is there in whole.
    fn whole(&mut self, len: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(piece)
    }

    /// A piece, or what was captured of it.
    fn piece(&mut self, len: usize) -> &'a [u8] {
        let (piece, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        piece
    }
}

/// A handshake message that a record begins with: its type and what was captured of it. Further messages of
/// the record, and of records behind it, are not in it.
fn message(payload: &[u8]) -> Option<(u8, &[u8])> {
    let mut reader = Reader(payload);
    let kind = reader.number(1)?;
    let major = reader.number(1)?;
    reader.number(1)?;
    if kind != usize::from(HANDSHAKE) || major != 3 {
        return None;
    }
    let record = reader.number(2)?;
    let mut record = Reader(reader.piece(record));
    let kind = u8::try_from(record.number(1)?).ok()?;
    let len = record.number(3)?;
    Some((kind, record.piece(len)))
}

/// What a ClientHello says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The name of the server that is asked for.
    pub server_name: Option<&'a [u8]>,
    /// The first protocol that is offered by ALPN.
    pub first_protocol: Option<&'a [u8]>,
    /// Whether all its extensions were captured.
    pub is_complete: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads a payload that begins with one.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (1, body) = message(payload)? else { return None };
        let mut reader = Reader(body);
        reader.whole(2 + 32)?;
        let session = reader.number(1)?;
        reader.whole(session)?;
        let suites = reader.number(2)?;
        reader.whole(suites)?;
        let methods = reader.number(1)?;
        reader.whole(methods)?;
        let mut hello = Self::default();
        let Some(len) = reader.number(2) else {
            return Some(Self { is_complete: true, ..hello });
        };
        hello.is_complete = reader.0.len() >= len;
        let mut extensions = Reader(reader.piece(len));
        while let (Some(kind), Some(len)) = (extensions.number(2), extensions.number(2)) {
            let Some(data) = extensions.whole(len) else { break };
            match kind {
                0 => hello.server_name = server_name(data),
                16 => hello.first_protocol = first_protocol(data),
                _ => {}
            }
        }
        Some(hello)
    }
}

fn server_name(data: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(data);
    reader.number(2)?;
    let kind = reader.number(1)?;
    let len = reader.number(2)?;
    reader.whole(len).filter(|_| kind == 0)
}

fn first_protocol(data: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(data);
    reader.number(2)?;
    let len = reader.number(1)?;
    reader.whole(len)
}

/// How the first certificate of a server begins (TLS 1.2 and before, where it is sent in clear): the part with
/// its serial number. `None` where the payload has none.
///
/// The message follows a ServerHello, in the same record or in the next.
#[must_use]
pub fn certificate(payload: &[u8]) -> Option<&[u8]> {
    let mut records = Reader(payload);
    while !records.0.is_empty() {
        let (22, 3) = (records.number(1)?, records.number(1)?) else { return None };
        records.number(1)?;
        let len = records.number(2)?;
        let mut record = Reader(records.piece(len));
        while !record.0.is_empty() {
            let kind = record.number(1)?;
            let len = record.number(3)?;
            let mut body = Reader(record.piece(len));
            if kind == 11 {
                body.number(3)?;
                let len = body.number(3)?;
                let certificate = body.piece(len);
                // SEQUENCE { SEQUENCE { [0] version, serial number …
                return (certificate.len() >= 64 && certificate.first() == Some(&0x30))
                    .then_some(certificate);
            }
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn prefixed(bytes: usize, data: &[u8]) -> Vec<u8> {
        let len = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&len[4 - bytes..], data].concat()
    }

    /// A record with one handshake message.
    pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[22, 3, 1][..], &prefixed(2, &[&[kind][..], &prefixed(3, body)].concat())].concat()
    }

    /// A ClientHello for a name.
    pub(crate) fn hello(name: &str) -> Vec<u8> {
        let names = prefixed(2, &[&[0][..], &prefixed(2, name.as_bytes())].concat());
        let protocols = prefixed(2, &prefixed(1, b"h2"));
        let extensions = [&[0, 0][..], &prefixed(2, &names), &[0, 16], &prefixed(2, &protocols)].concat();
        let body =
            [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &prefixed(2, &extensions)].concat();
        record(1, &body)
    }

    #[test]
    fn hellos_are_read_whole_and_cut() {
        let bytes = hello("www.example.org");
        let whole = ClientHello::parse(&bytes).unwrap();
        assert_eq!(whole.server_name, Some(&b"www.example.org"[..]));
        assert_eq!(whole.first_protocol, Some(&b"h2"[..]));
        assert!(whole.is_complete);
        for len in 0..bytes.len() {
            if let Some(cut) = ClientHello::parse(&bytes[..len]) {
                assert!(!cut.is_complete || cut.server_name.is_none());
            }
            let _ = certificate(&bytes[..len]);
        }
    }

    #[test]
    fn certificates_are_found_behind_the_hello() {
        let certificate_bytes = [&[0x30, 0x82, 1, 0][..], &[9; 200]].concat();
        let list = prefixed(3, &prefixed(3, &certificate_bytes));
        let payload = [record(2, &[1; 70]), record(11, &list)].concat();
        assert_eq!(certificate(&payload), Some(&certificate_bytes[..]));
        assert_eq!(certificate(&payload[..200]).map(<[u8]>::len), Some(200 - 79 - 5 - 4 - 6));
        assert_eq!(certificate(&record(2, &[1; 70])), None);
    }

    #[test]
    fn damaged_bytes_are_survived() {
        let whole = hello("www.example.org");
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = (ClientHello::parse(&bytes), certificate(&bytes));
            }
        }
    }
}

//! SMB requests (MS-CIFS, MS-SMB2) as far as they tell of named pipes.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The share of named pipes, `IPC$`.
    Pipes,
    /// A file or pipe whose name is a GUID.
    GuidName,
}

/// Reads a TCP payload that begins with a request of SMB 1, 2 or 3; `None` where it asks for something else, is an
/// answer or is encrypted.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<Request> {
    // Behind the type and length of NetBIOS.
    let header = payload.strip_prefix(&[0]).and_then(|rest| rest.get(3..))?;
    let (command, is_answer) = match *header {
        [0xff, b'S', b'M', b'B', command, _, _, _, _, flags, ..] => (u16::from(command), flags & 0x80 != 0),
        [0xfe, b'S', b'M', b'B', ..] => {
            let (low, high, flags) = (header.get(12)?, header.get(13)?, header.get(16)?);
            (u16::from_le_bytes([*low, *high]), flags & 1 != 0)
        }
        _ => return None,
    };
    // Names are UTF-16 or ASCII; without the zeros both read the same.
    let text = || header.iter().skip(32).filter(|byte| **byte != 0).copied().collect::<Vec<u8>>();
    match (header.first()?, command) {
        _ if is_answer => None,
        (0xff, 0x75) | (0xfe, 3) => has(&text(), 5, |part| part == b"\\IPC$").then_some(Request::Pipes),
        (0xff, 0xa2) | (0xfe, 5) => has(&text(), 36, is_guid).then_some(Request::GuidName),
        _ => None,
    }
}

fn has(text: &[u8], len: usize, is_wanted: impl Fn(&[u8]) -> bool) -> bool {
    text.windows(len).any(is_wanted)
}

fn is_guid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request of SMB 2 with a name.
    pub(crate) fn request(command: u8, name: &str) -> Vec<u8> {
        let mut header = vec![0xfe, b'S', b'M', b'B', 64, 0];
        header.resize(64, 0);
        header[12] = command;
        header.extend([9, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        [&[0, 0, 0, u8::try_from(header.len()).unwrap()][..], &header].concat()
    }

    #[test]
    fn pipes_and_names_are_read_and_cut_bytes_survived() {
        let pipes = request(3, "\\\\10.0.0.2\\IPC$");
        assert_eq!(parse(&pipes), Some(Request::Pipes));
        assert_eq!(parse(&request(3, "\\\\10.0.0.2\\data")), None);
        let guid = "{44fdg23a-1522-6f9e-d05d-1aa74a6b0d63}".replace('g', "a");
        assert_eq!(parse(&request(5, &guid)), Some(Request::GuidName));
        assert_eq!(parse(&request(5, "srvsvc")), None);
        let mut answer = pipes.clone();
        answer[4 + 16] = 1;
        assert_eq!(parse(&answer), None);
        for len in 0..pipes.len() - 2 {
            assert_eq!(parse(&pipes[..len]), None);
        }
    }
}

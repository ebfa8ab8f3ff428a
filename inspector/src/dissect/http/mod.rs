//! HTTP/1 messages (RFC 9112), as much of their head as one packet holds, and WebSocket frames.
//!
//! A parser of whole messages gives nothing of a head that is cut, and heads here are cut where the packet or
//! the capture ends. So this reads lines: what is there of them is given, a last line without its end is not.

pub mod websocket;

/// What a message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request: method, and target as far as it was captured.
    Request(&'a [u8], &'a [u8]),
    /// A response: status code.
    Response(u16),
}

/// The head of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its first line.
    pub start: Start<'a>,
    /// The lines after it, and what follows them.
    fields: &'a [u8],
}

/// Longest method: `UNSUBSCRIBE` has 11 letters, `VERSION-CONTROL` 15.
const METHOD_MAX: usize = 16;

/// The line that `bytes` begin with, without its end, and what follows; `None` where the end is missing.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let (line, rest) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

/// Whether a payload may begin like a message, with "HTTP" or a method: most don't by their first two bytes.
fn may_begin(payload: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    payload.iter().take(2).all(is_letter)
}

impl<'a> Message<'a> {
    /// Reads a payload; `None` where it does not begin like a message.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        if !may_begin(payload) {
            return None;
        }
        let (first, fields, is_whole) = match line(payload) {
            Some((first, fields)) => (first, fields, true),
            None => (payload, &[][..], false),
        };
        if let Some(rest) = first.strip_prefix(b"HTTP/1.") {
            let [_, b' ', hundreds, tens, ones, ..] = *rest else { return None };
            let digits = [hundreds, tens, ones].map(|digit| u16::from(digit.wrapping_sub(b'0')));
            let [h, t, o] = digits;
            let is_status = digits.iter().all(|digit| *digit < 10);
            return is_status.then_some(Self { start: Start::Response(h * 100 + t * 10 + o), fields });
        }
        let space = first.iter().take(METHOD_MAX).position(|byte| *byte == b' ')?;
        let (method, rest) = (first.get(..space)?, first.get(space + 1..)?);
        let is_method = space >= 3 && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-');
        let end = rest.iter().rposition(|byte| *byte == b' ');
        let target = match end {
            Some(end) if rest.get(end + 1..).is_some_and(|tail| tail.starts_with(b"HTTP/1.")) => {
                rest.get(..end)?
            }
            // The line is cut, in the target or in the version.
            _ if !is_whole => rest,
            _ => return None,
        };
        let is_target = matches!(target.first(), Some(b'/' | b'*')) || target.contains(&b':');
        (is_method && is_target).then_some(Self { start: Start::Request(method, target), fields })
    }

    /// Names and values of the header fields that are there in whole, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.fields;
        std::iter::from_fn(move || {
            loop {
                let (field, after) = line(rest).filter(|(field, _)| !field.is_empty())?;
                rest = after;
                let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
                return Some((field.get(..colon)?, field.get(colon + 1..)?.trim_ascii()));
            }
        })
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut rest = self.fields;
        while let Some((field, after)) = line(rest).filter(|(field, _)| !field.is_empty()) {
            rest = after;
            // Names are of this length or are no match: most lines need not be searched for their colon.
            if let Some((field, value)) = field.split_at_checked(name.len())
                && let Some(value) = value.strip_prefix(b":")
                && field.eq_ignore_ascii_case(name)
            {
                return Some(value.trim_ascii());
            }
        }
        None
    }

    /// Whether the empty line after the fields was captured.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut rest = self.fields;
        while let Some((field, after)) = line(rest) {
            if field.is_empty() {
                return true;
            }
            rest = after;
        }
        false
    }

    /// What was captured of the packet behind the empty line.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        let mut rest = self.fields;
        while let Some((field, after)) = line(rest) {
            rest = after;
            if field.is_empty() {
                return rest;
            }
        }
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_are_read() {
        let message =
            Message::parse(b"GET /a?b HTTP/1.1\r\nHost: x\r\nodd\r\ncookie:  a=b \r\n\r\nrest").unwrap();
        assert_eq!(message.start, Start::Request(b"GET", b"/a?b"));
        assert_eq!(message.field(b"Cookie"), Some(&b"a=b"[..]));
        assert_eq!(message.fields().count(), 2);
        assert!(message.is_complete());
        assert_eq!(message.body(), b"rest");
        let message = Message::parse(b"HTTP/1.1 304 Not Modified\nETag: \"x\"\n").unwrap();
        assert_eq!(message.start, Start::Response(304));
        assert!(!message.is_complete());
        assert_eq!(message.field(b"etag"), Some(&b"\"x\""[..]));
    }

    #[test]
    fn cut_heads_give_what_is_whole() {
        let whole = b"PROPFIND /dav HTTP/1.1\r\nHost: x\r\nCookie: abc\r\n\r\n";
        for len in 0..whole.len() {
            let Some(message) = Message::parse(&whole[..len]) else { continue };
            assert!(!message.is_complete());
            let cookie = message.field(b"cookie");
            assert!(cookie.is_none() || len >= whole.len() - 2, "{len}");
        }
    }

    #[test]
    fn what_is_not_http_is_not_read() {
        for payload in [
            &b""[..],
            b"GET",
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/1.1 2x0 OK\r\n",
            b"RTSP/1.0 200 OK\r\n",
            b"SIP/2.0 200 OK\r\n",
            b"OPTIONS rtsp://x RTSP/1.0\r\n",
            b"220 mail ESMTP\r\n",
            b"\x16\x03\x01\x02\x00",
        ] {
            assert_eq!(Message::parse(payload), None, "{payload:?}");
        }
    }

    #[test]
    fn arbitrary_bytes_are_survived() {
        let mut state = 7_u64;
        for round in 0..20_000_usize {
            let mut bytes = b"GET / HTTP/1.1\r\nA: b\r\nCookie: c=d\r\n\r\n"[..round % 38].to_vec();
            for _ in 0..round % 9 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(state >> 40).unwrap() % (bytes.len() + 1);
                bytes.insert(at, state.to_be_bytes()[0]);
            }
            if let Some(message) = Message::parse(&bytes) {
                assert!(message.fields().count() <= bytes.len());
                let _ = (message.is_complete(), message.body());
            }
        }
    }
}

//! Protocols of lines of text: mail, FTP, news, IRC, finger, and any other whose sides exchange text.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("SMTP or FTP", |m| {
        m.is_tcp && matches!(m.bytes, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..])
    }),
    Protocol::plain("SMTP", |m| m.begins_any(&[b"EHLO ", b"HELO ", b"MAIL FROM:"])),
    Protocol::plain("POP3", |m| m.is_tcp && m.begins_any(&[b"+OK", b"-ERR", b"CAPA\r\n"])),
    Protocol::plain("IMAP", |m| m.is_tcp && m.begins_any(&[b"* OK", b"* PREAUTH", b"* BYE"])),
    Protocol::plain("IRC", |m| {
        m.begins_any(&[b"NICK ", b"USER ", b"PASS ", b"CAP LS", b":irc.", b"NOTICE "])
    }),
    Protocol::plain("text", text),
];

/// Printable for so long that random bytes aren't (16 once in 2^22), or from the first byte to the last: whatever it is,
/// its beginning can be read.
fn text(m: &Message<'_>) -> bool {
    let is_printable = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let is_text = |b: &u8| is_printable(b) || matches!(b, 0x1b | 0);
    let begins = m.bytes.get(..16).is_some_and(|first| first.iter().all(is_printable));
    begins || (m.bytes.len() >= 4 && m.bytes.iter().take(64).all(is_text))
}

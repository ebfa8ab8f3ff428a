//! What a packet holds, in a line for people: of a DNS message what it asks, of others the first bytes of payload.

use std::fmt::Write as _;

use super::Finding;
use crate::dissect::dns::{Name, kind};
use crate::observation::{Content, Observation};

/// Detectors whose channels are in what packets carry. Of others the payload would tell nothing.
const OF_PAYLOAD: [&str; 6] =
    ["icmp-payload", "dns-volume", "http", "tls", "custom-protocol", "fixed-format"];

/// Bytes shown as numbers, bytes looked at for text among others, bytes of what is text all over (a request of HTTP
/// with its cookies), and characters of a name.
const NUMBERS: usize = 24;
const TEXT: usize = 96;
const ALL_TEXT: usize = 480;
const NAME: usize = 80;

/// Printable bytes in a row that make text: random bytes have a run of this length once in some 30 packets of
/// [`TEXT`] bytes ((95/256)^8 at each of them).
const RUN: usize = 8;

/// Of the packet that brought an alert to light. Observations have none: they are not for looking into what people
/// send.
pub(crate) fn of(finding: &Finding, observation: &Observation<'_>) -> Option<String> {
    let is_wanted = finding.severity.is_alert() && OF_PAYLOAD.contains(&finding.signature.detector);
    is_wanted.then(|| excerpt(observation)).flatten()
}

fn excerpt(observation: &Observation<'_>) -> Option<String> {
    let head = &observation.head;
    if let Content::Dns(message) = &observation.content
        && let Some(question) = &message.question
    {
        let verb = if message.is_response() { "answers" } else { "asks for" };
        let (kind, name) = (type_name(question.kind), name(&question.name));
        return Some(format!("{} {verb} {kind} {name}", head.src()));
    }
    // Of IP protocols without ports the whole datagram: nothing is known of a header.
    let is_known = matches!(head.meta.key.protocol, 1 | 6 | 17 | 58);
    let (bytes, len) =
        if is_known { (head.payload(), head.payload_len()) } else { (head.segment(), head.meta.l4_len()) };
    (!bytes.is_empty()).then(|| format!("{} sends {len} bytes: {}", head.src(), content(bytes)))
}

/// The beginning of a name, with a `?` for each byte that is not printable.
fn name(name: &Name<'_>) -> String {
    let mut text = String::new();
    for label in name.labels() {
        let printable = |byte: &u8| if matches!(byte, b'!'..=b'~') { char::from(*byte) } else { '?' };
        text.extend(label.iter().map(printable));
        text.push('.');
        if text.len() > NAME {
            text.truncate(NAME);
            return text + "...";
        }
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

fn type_name(number: u16) -> String {
    let known = match number {
        kind::A => "A",
        kind::NS => "NS",
        kind::CNAME => "CNAME",
        kind::SOA => "SOA",
        kind::NULL => "NULL",
        kind::PTR => "PTR",
        kind::MX => "MX",
        kind::TXT => "TXT",
        kind::KEY => "KEY",
        kind::AAAA => "AAAA",
        kind::SRV => "SRV",
        _ => return format!("TYPE{number}"),
    };
    known.to_owned()
}

/// Bytes as text if they are that, as numbers otherwise, and as both if there is text among them.
fn content(bytes: &[u8]) -> String {
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~');
    let text = |most: usize| {
        let seen = bytes.iter().take(most);
        seen.map(|byte| if is_text(byte) { char::from(*byte) } else { '.' }).collect::<String>()
    };
    let seen = bytes.get(..TEXT).unwrap_or(bytes);
    let printable = seen.iter().filter(|byte| is_text(byte) || matches!(byte, b'\r' | b'\n' | b'\t')).count();
    if printable * 10 >= seen.len() * 9 {
        return format!("\"{}\"", text(ALL_TEXT));
    }
    let mut numbers = String::new();
    for byte in seen.iter().take(NUMBERS) {
        let _ = write!(numbers, "{byte:02x} ");
    }
    if seen.chunk_by(|a, b| is_text(a) == is_text(b)).any(|run| run.len() >= RUN && run.iter().all(is_text)) {
        let _ = write!(numbers, "\"{}\"", text(TEXT));
    }
    numbers.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_as_text_and_the_rest_as_numbers() {
        assert_eq!(content(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "\"GET / HTTP/1.1..Host: a....\"");
        assert_eq!(content(&[0x45, 0, 0, 0x54, 0xd5, 0x40]), "45 00 00 54 d5 40");
        let mixed = [&[0xd5, 0x20, 8, 0x80, 0, 0, 0, 0, 0, 0][..], b"SSH-2.0-OpenSSH"].concat();
        assert_eq!(
            content(&mixed),
            "d5 20 08 80 00 00 00 00 00 00 53 53 48 2d 32 2e 30 2d 4f 70 65 6e 53 53 \". ........SSH-2.0-OpenSSH\""
        );
        assert!(content(&[0xff; 1400]).len() < 80);
    }

    #[test]
    fn names_are_cut_and_have_nothing_unprintable() {
        let wire = b"\x05a.b\x00\xff\x01c\x00";
        assert_eq!(name(&Name::read(wire, 0).unwrap().0), "a.b??.c.");
        assert_eq!(name(&Name::read(b"\0", 0).unwrap().0), ".");
        let long = [&[63][..], &[b'a'; 63], &[63], &[b'b'; 63], b"\0"].concat();
        let text = name(&Name::read(&long, 0).unwrap().0);
        assert_eq!(text, format!("{}.{}...", "a".repeat(63), "b".repeat(16)));
    }
}

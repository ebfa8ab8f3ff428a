//! Syslog over UDP as a carrier (RFC 3164, 5424).
//!
//! What is logged is free text, so the text alone says little: lines with a hash, a token or a dump are ordinary. Not so a
//! sender whose every line is but a code, or bytes that are no text; nor one that has another coded name in each line. Priorities
//! and dates are not judged: a relay's are of all kinds.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::{Enough, Field};
use super::names::{code_bytes, is_code};
use super::{LOG, Thresholds};
use crate::detect::noise;
use crate::detect::table::Table;
use crate::findings::Finding;
use crate::observation::Head;

/// Which part it is, as evidence has it.
const TEXT: u16 = 1;
const NAME: u16 = 2;

/// Longest date and name before a text, bytes, for a short text to count.
const BEFORE: usize = 48;
/// Least bytes of code in a text that is one. Base rate: hashes and identifiers have up to 32.
const CODE_BYTES: u32 = 33;

/// Looks at a datagram to port 514.
pub(super) fn observe(
    table: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let (key, line) = (&head.meta.key, head.payload());
    let scope = FixedState::default().hash_one((key.src, key.dst, key.ifindex, LOG.id));
    let mut look = |code: u16, value: &[u8]| {
        let Some(field) = table.entry((scope, code), Field::new) else { return };
        field.add(head, value, true);
        findings.extend(field.judge(
            &LOG,
            key,
            (code, true),
            Enough { values: t.texts, bytes: t.option_bytes },
        ));
    };
    let line = without_priority(line).unwrap_or(line);
    // Every line counts, so that codes in half of them are none of all.
    look(TEXT, if is_all_code(line) { line } else { b"" });
    let name = host(line);
    if is_code(name) {
        look(NAME, name);
    }
}

/// What follows the priority, a number below 192 between angle brackets.
fn without_priority(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
    rest.get(end + 1..)
}

/// Whether a line is but a code or random bytes, but for a date and names before it. Hexadecimal may be text.
fn is_all_code(line: &[u8]) -> bool {
    if is_compressed(line) {
        return false;
    }
    if !line.is_ascii() {
        return noise::is_uniform(line) || line.get(BEFORE..).is_some_and(noise::is_uniform);
    }
    let words =
        line.split(|byte| matches!(byte, b' ' | b'"' | b'=' | b':' | b',')).filter(|word| !is_hex_text(word));
    let bytes: u32 = words.map(code_bytes).fold(0, u32::saturating_add);
    let rest = u32::try_from(line.len().saturating_sub(BEFORE)).unwrap_or(u32::MAX);
    bytes >= CODE_BYTES && bytes.saturating_mul(5) >= rest.saturating_mul(2)
}

/// Whether a line is compressed, as some collectors take it: gzip (RFC 1952), zlib (RFC 1950 §2.2: a window of up to 32 KiB and
/// a header that 31 divides), or zlib behind rsyslog's `z`.
fn is_compressed(line: &[u8]) -> bool {
    let is_zlib = |bytes: &[u8]| {
        matches!(*bytes, [method, flags, ..]
            if method & 0xf == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]) % 31 == 0)
    };
    line.starts_with(&[0x1f, 0x8b, 8]) || is_zlib(line) || line.strip_prefix(b"z").is_some_and(is_zlib)
}

/// Whether a word is text in hexadecimal, as audit logs have command lines.
fn is_hex_text(word: &[u8]) -> bool {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let decoded = word.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    });
    let Some(decoded) = decoded.collect::<Option<Vec<_>>>() else { return false };
    let printable = decoded.iter().filter(|byte| matches!(byte, 0 | 9 | 10 | 0x20..=0x7e)).count();
    printable * 10 >= decoded.len() * 9
}

/// The name of the host that a line is of, if it begins with a date.
fn host(line: &[u8]) -> &[u8] {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    match words.next() {
        // RFC 5424: version, date and time, name.
        Some([b'1'..=b'9']) => words.nth(1).unwrap_or_default(),
        // RFC 3164: month, day, time, name.
        Some(month) if MONTHS.chunks(3).any(|it| it == month) => words.nth(2).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_priorities_are_read() {
        assert_eq!(host(b"Nov  4 22:13:20 gate su: hello"), b"gate");
        assert_eq!(host(b"1 2023-11-14T22:13:20Z gate app - - x"), b"gate");
        assert_eq!(host(b"audit: type=PROCTITLE msg=audit(1.2:3): proctitle=2F7573722F62696E"), b"");
        assert_eq!(without_priority(b"<165>1 x"), Some(&b"1 x"[..]));
        assert_eq!(without_priority(b"<16512>1 x"), None);
    }

    #[test]
    fn codes_are_told_from_lines_with_hashes_and_from_text_in_hexadecimal() {
        use crate::detect::wire::{hex, noise};
        let before = "Nov  4 22:13:20 gate su: ";
        assert!(is_all_code(format!("{before}{}", hex(&noise(1, 60))).as_bytes()));
        assert!(is_all_code(&noise(2, 100)));
        // Compressed lines, bare and as rsyslog sends them.
        for header in [&[0x78, 0x9c][..], &[0x78, 0xda], &[0x58, 0x85], b"z\x78\xda", &[0x1f, 0x8b, 8]] {
            assert!(!is_all_code(&[header, &noise(2, 100)].concat()), "{header:?}");
        }
        let digest = hex(&noise(3, 32));
        assert!(!is_all_code(format!("{before}pulled image sha256:{digest} from the mirror").as_bytes()));
        let command = hex(b"/usr/bin/find /home -name *.conf -exec cat {} ; and some more");
        assert!(!is_all_code(format!("type=PROCTITLE msg=audit(1.2:3): proctitle={command}").as_bytes()));
    }
}

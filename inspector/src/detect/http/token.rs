//! Tokens that carry much information: pieces of fields and paths that look like encoded ciphertext.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::hash;

/// Shortest token that is looked at, characters: as long as the shortest session identifiers.
const LEAST: usize = 16;
/// Shortest of letters of one case and digits, which words and numbers are too.
const LEAST_ONE_CASE: usize = 24;

/// Shortest of digits alone: two times or numbers of objects side by side have 40.
const LEAST_NUMBER: usize = 48;

/// Shortest prose, bytes.
const LEAST_PROSE: usize = 24;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) struct Token {
    /// Hash of its characters.
    pub(in crate::detect) hash: u64,
    /// Bytes that it can carry by its alphabet.
    pub(in crate::detect) bytes: u32,
}

/// What separates tokens: in a path also the slash, which is a character of base64 elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Place {
    Path,
    Field,
    /// Like a field; text in base64 counts too, as in paths, if it is prose: scripts keep structures and numbers there.
    Cookie,
}

/// Decodes `%2B` and the like.
pub(super) fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'%') {
        return Cow::Borrowed(value);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let escaped = digit(value.get(at + 1)).zip(digit(value.get(at + 2))).filter(|_| *byte == b'%');
        let (byte, step) =
            escaped.map_or((*byte, 1), |(high, low)| (u8::try_from(high * 16 + low).unwrap_or(*byte), 3));
        decoded.push(byte);
        at += step;
    }
    Cow::Owned(decoded)
}

/// Calls `found` with each token of a value that looks like encoded ciphertext.
pub(in crate::detect) fn each(value: &[u8], place: Place, mut found: impl FnMut(Token)) {
    let escaped = value.len();
    let value = unescape(value);
    let escapes = (escaped - value.len()) / 2;
    if escapes >= LEAST && is_raw(&value) {
        let bytes = u32::try_from(escapes).unwrap_or(u32::MAX);
        found(Token { hash: hash::of_bytes(&[&value]), bytes });
        return;
    }
    let is_inside = |byte: &u8| match byte {
        b'+' | b'-' | b'_' => true,
        b'/' => place != Place::Path,
        byte => byte.is_ascii_alphanumeric(),
    };
    for token in value.split(|byte| !is_inside(byte)) {
        // Content addresses: package archives, registries and caches of builds ask for files by their digests.
        if place == Place::Path && (is_digest(token) || is_content_id(token)) {
            continue;
        }
        let prose = || if place == Place::Field { None } else { prose(token) };
        if let Some(bytes) = information(token).or_else(prose) {
            found(Token { hash: hash::of_bytes(&[token]), bytes });
        }
    }
}

/// Bytes that a token can carry, if it looks like ciphertext in hexadecimal, base64 or base32.
fn information(token: &[u8]) -> Option<u32> {
    if token.len() < LEAST || is_uuid(token) {
        return None;
    }
    let n = token.len() as f64;
    let share = |class: fn(&u8) -> bool| token.iter().filter(|byte| class(byte)).count() as f64 / n;
    let (lower, upper) = (share(u8::is_ascii_lowercase), share(u8::is_ascii_uppercase));
    let (digit, hex) = (share(u8::is_ascii_digit), share(u8::is_ascii_hexdigit));
    let len = u32::try_from(token.len()).ok()?;
    let is_one_case = lower == 0.0 || upper == 0.0;
    if digit >= 1.0 {
        return (token.len() >= LEAST_NUMBER).then_some(len * 5 / 12);
    }
    if hex >= 1.0 && is_one_case {
        // Uniform: 0.625 of the characters are digits.
        return (0.35..=0.88).contains(&digit).then_some(len / 2);
    }
    if is_one_case {
        // Uniform base32: 0.19 digits; base36: 0.28.
        let is_code = len as usize >= LEAST_ONE_CASE && lower + upper + digit >= 1.0;
        return (is_code && (0.08..=0.45).contains(&digit) && mixes(token, 0.30)).then_some(len * 5 / 8);
    }
    // Uniform base64: 0.41 lower, 0.41 upper, 0.16 digits, 0.03 others.
    let is_code = lower >= 0.15 && upper >= 0.15 && (0.03..=0.4).contains(&digit);
    (is_code && mixes(token, 0.635) && !is_text(token)).then_some(len * 6 / 8)
}

/// Whether neighbouring characters are of different kinds (lower case, upper case, other) about as often as
/// `expected` of independent ones: words have runs of one kind.
fn mixes(token: &[u8], expected: f64) -> bool {
    let kind = |byte: u8| (byte.is_ascii_lowercase(), byte.is_ascii_uppercase());
    let changes = token.windows(2).filter(|pair| matches!(pair, [a, b] if kind(*a) != kind(*b))).count();
    let n = token.len() as f64 - 1.0;
    // 2.5 standard deviations, which lets through all but 1 in 160.
    changes as f64 / n >= expected - 2.5 * (expected * (1.0 - expected) / n).sqrt()
}

/// Whether escaped bytes are no text in any encoding: not UTF-8, and with control characters, which random bytes are once
/// in eight times.
fn is_raw(value: &[u8]) -> bool {
    let controls = value.iter().filter(|byte| matches!(byte, 0..=8 | 14..=31 | 127)).count();
    std::str::from_utf8(value).is_err() && controls * 32 >= value.len()
}

/// What a token is in base64, if it is that.
fn decoded(token: &[u8]) -> Option<Vec<u8>> {
    let whole = token.get(..token.len() / 4 * 4).unwrap_or_default();
    STANDARD_NO_PAD.decode(whole).or_else(|_| URL_SAFE_NO_PAD.decode(whole)).ok()
}

fn is_printable(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|byte| matches!(byte, 9 | 10 | 13 | 0x20..=0x7e)).count();
    printable * 10 >= bytes.len() * 8
}

/// Whether it is base64 of text: JSON in tracking cookies, names in query strings. Ciphertext is not.
fn is_text(token: &[u8]) -> bool {
    decoded(token).is_some_and(|bytes| is_printable(&bytes))
}

/// Bytes of prose in base64: words or lines, not structures.
fn prose(token: &[u8]) -> Option<u32> {
    let bytes = decoded(token).filter(|bytes| bytes.len() >= LEAST_PROSE && is_printable(bytes))?;
    let spaces = bytes.iter().filter(|byte| matches!(byte, b' ' | b'\n')).count();
    let is_structure = bytes.iter().any(|byte| matches!(byte, b'{' | b'}' | b'[' | b'<' | b'"' | b'='));
    (spaces * 16 >= bytes.len() && !is_structure).then(|| u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

/// Whether it is a SHA-256, SHA-384 or SHA-512 in hexadecimal.
pub(super) fn is_digest(token: &[u8]) -> bool {
    matches!(token.len(), 64 | 96 | 128) && token.iter().all(u8::is_ascii_hexdigit)
}

/// Whether it is a content identifier of IPFS, of version 0 or 1 with SHA-256 (`Qm…`, `baf…`).
fn is_content_id(token: &[u8]) -> bool {
    (token.len() == 46 && token.starts_with(b"Qm")) || (token.len() == 59 && token.starts_with(b"baf"))
}

fn is_uuid(token: &[u8]) -> bool {
    token.len() == 36
        && token.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::detect::wire::{hex, noise};

    fn bytes(value: &str, place: Place) -> Vec<u32> {
        let mut all = Vec::new();
        each(value.as_bytes(), place, |token| all.push(token.bytes));
        all
    }

    #[test]
    fn codes_of_ciphertext_are_found() {
        let found = |code: fn(&[u8]) -> String, len: usize| {
            (0..500).filter(|seed| bytes(&code(&noise(*seed, len)), Place::Field).len() == 1).count()
        };
        assert!(found(|b| STANDARD.encode(b), 96) >= 480);
        assert!(found(|b| URL_SAFE_NO_PAD.encode(b), 30) >= 450);
        assert!(found(hex, 32) >= 490);
        assert_eq!(bytes("TW=JTH6Zv0RGDzEsKqGYY0aZ3wWutNn4Vlh1HK0rlw%3D%3D; lang=en", Place::Field), [29]);
    }

    #[test]
    fn digests_in_paths_are_names_of_files() {
        let digest = hex(&noise(7, 32));
        assert!(bytes(&format!("/dists/stable/main/by-hash/SHA256/{digest}"), Place::Path).is_empty());
        assert_eq!(bytes(&format!("/x/{}", &digest[..62]), Place::Path), [31]);
    }

    #[test]
    fn words_numbers_identifiers_and_coded_text_are_not() {
        for value in [
            "__utma=1.1234567890.1234567890123.1234567890.12",
            "application/xhtml+xml,application/xml;q=0.9",
            "/articles/2024/how-to-find-covert-channels-in-http",
            "/com/example/AbstractSingletonProxyFactoryBean/getInstance",
            "0190a5e6-7c1f-4d2e-9b3a-5f6e7d8c9b0a",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImFiYyJ9",
            "1700000000000000000000",
        ] {
            assert!(bytes(value, Place::Path).is_empty(), "{value}");
            assert!(bytes(value, Place::Field).is_empty(), "{value}");
        }
    }

    #[test]
    fn numbers_escapes_and_prose_count_where_they_must_be_data() {
        let digits: String = noise(3, 72).iter().map(|byte| char::from(b'0' + byte % 10)).collect();
        assert_eq!(bytes(&digits, Place::Path), [30]);
        let escaped: String = hex(&noise(4, 60))
            .as_bytes()
            .chunks(2)
            .flat_map(|pair| ['%', char::from(pair[0]), char::from(pair[1])])
            .collect();
        assert_eq!(bytes(&escaped, Place::Field), [60]);
        let text = STANDARD.encode("root:x:0:0 the first line and some words more\nand another one");
        assert_eq!(bytes(&text, Place::Cookie).len(), 1);
        assert!(bytes(&text, Place::Field).is_empty());
        // Text of other scripts, and what pages keep in cookies.
        for value in [
            "%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82%20%D0%BC%D0%B8%D1%80%20%D0%B8%20%D0%B2%D1%81%D0%B5",
            "%C4%E3%BA%C3%CA%C0%BD%E7%C4%E3%BA%C3%CA%C0%BD%E7%C4%E3%BA%C3%CA%C0%BD%E7",
        ] {
            assert!(bytes(value, Place::Cookie).is_empty(), "{value}");
        }
        let json = STANDARD.encode(r#"{"id": "visitor", "pages": [1, 2, 3], "time": 1700000000}"#);
        assert!(bytes(&json, Place::Cookie).is_empty());
    }
}

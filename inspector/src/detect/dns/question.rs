//! A queried name: its registered domain, and how much information its other labels hold.

use std::fmt::Write as _;

use psl::{List, Psl as _};

use super::seen::{Seen, hash, mix};
use crate::dissect::dns::Name;

/// Longest label of a top-level domain that exists (IANA root zone, an IDN).
const LONGEST_TLD: usize = 24;

/// Bytes of information from which on a top-level domain that isn't listed is no private one, which people give
/// names: `localdomain` has 3.
const MADE_UP_TLD: f64 = 12.0;

/// A name in lower case, cut into labels: resolvers that mix cases (0x20) change nothing.
#[derive(Clone, Debug)]
pub(super) struct Qname {
    bytes: [u8; 256],
    /// Where each label ends in `bytes`.
    ends: [u8; 128],
    labels: usize,
}

impl Qname {
    pub(super) fn new(name: &Name<'_>) -> Self {
        let mut this = Self { bytes: [0; 256], ends: [0; 128], labels: 0 };
        let mut at = 0;
        for label in name.labels() {
            let end = at + label.len();
            let (Some(to), Some(slot)) = (this.bytes.get_mut(at..end), this.ends.get_mut(this.labels)) else {
                break;
            };
            to.copy_from_slice(label);
            to.make_ascii_lowercase();
            *slot = u8::try_from(end).unwrap_or(u8::MAX);
            at = end;
            this.labels += 1;
        }
        this
    }

    /// Number of labels.
    pub(super) fn len(&self) -> usize {
        self.labels
    }

    /// The `i`-th label from the left; empty where there is none.
    pub(super) fn label(&self, i: usize) -> &[u8] {
        let start = i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().map_or(0, usize::from);
        let end = self.ends.get(i).copied().map_or(0, usize::from);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Labels from the left.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.labels).map(|i| self.label(i))
    }

    /// Bytes in wire form.
    pub(super) fn wire_len(&self) -> usize {
        let text = self.labels.checked_sub(1).and_then(|i| self.ends.get(i)).copied().map_or(0, usize::from);
        text + self.labels + 1
    }

    /// Whether it ends in a suffix that exists.
    pub(super) fn is_public(&self) -> bool {
        List.find(self.iter().rev()).typ.is_some()
    }

    /// Where the name is accounted.
    pub(super) fn place(&self) -> Place {
        let info = List.find(self.iter().rev());
        let mut suffix_labels = 0;
        let mut length = 0;
        for label in self.iter().rev() {
            length += label.len() + usize::from(suffix_labels > 0);
            suffix_labels += 1;
            if length >= info.len {
                break;
            }
        }
        let top = self.label(self.labels.saturating_sub(1));
        let is_made_up = is_no_tld(top) || information(top) >= MADE_UP_TLD;
        if info.typ.is_none() && is_made_up && (self.labels > 1 || top.len() > LONGEST_TLD) {
            return Place::NoTld;
        }
        (self.labels - suffix_labels.min(self.labels)).checked_sub(1).map_or(Place::Suffix, Place::Domain)
    }

    /// The labels from the `i`-th on as text.
    pub(super) fn text(&self, from: usize) -> String {
        let mut text = String::new();
        for label in self.iter().skip(from) {
            if !text.is_empty() {
                text.push('.');
            }
            for &byte in label {
                if byte.is_ascii_graphic() {
                    text.push(char::from(byte));
                } else {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text
    }

    /// Hash of the labels before the `end`-th, as if they were the whole name.
    pub(super) fn hash_before(&self, end: usize) -> u64 {
        (0..end).rev().fold(0, |h, i| hash(h, self.label(i)))
    }

    /// Hashes of the name's suffixes, each with the label that it begins at: the top-level domain first, the
    /// whole name last.
    pub(super) fn suffixes(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..self.labels).rev().scan(0, |h, i| {
            *h = hash(*h, self.label(i));
            Some((i, *h))
        })
    }
}

/// Hash of a suffix given as text, as [`Qname::suffixes`] has it.
pub(super) fn suffix_hash(suffix: &str) -> u64 {
    let lower = suffix.trim_matches('.').to_ascii_lowercase();
    lower.rsplit('.').fold(0, |h, label| hash(h, label.as_bytes()))
}

/// Where a name is accounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Under the registered domain that begins with this label.
    Domain(usize),
    /// It is a public suffix itself.
    Suffix,
    /// Under a top-level domain that cannot exist, or that nobody would name so.
    NoTld,
}

/// Too long for a top-level domain, or with bytes that none has. Purely numeric ones are addresses that
/// somebody looked up as a name.
fn is_no_tld(label: &[u8]) -> bool {
    let digits = label.iter().filter(|b| b.is_ascii_digit()).count();
    let is_idn = label.starts_with(b"xn--");
    label.len() > LONGEST_TLD
        || (digits > 0 && digits < label.len() && !is_idn)
        || label.iter().any(|b| !(b.is_ascii_alphanumeric() || *b == b'-'))
}

/// Information that a name brings which its domain has not shown to this client before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct News {
    /// Whether the name is new.
    pub(super) is_new: bool,
    /// Bytes of new labels, those of words and numbers for a part of their length.
    pub(super) bytes: f64,
    /// Whether it is one key in a fixed place: an address or a hash that is looked up.
    pub(super) is_lookup: bool,
    /// Whether it is printable, and has characters that no host name has.
    pub(super) is_strange: bool,
}

impl News {
    /// Measures the labels before `domain_at` of a name that is new, for the account `scope` (client and domain).
    pub(super) fn of(name: &Qname, domain_at: usize, scope: u64, seen: &mut Seen) -> Self {
        if domain_at == 0 {
            return Self::default();
        }
        let key_labels = key_labels(name, domain_at);
        let mut bytes = 0.0;
        let mut fixed = true;
        for (i, label) in name.iter().take(domain_at).enumerate() {
            if seen.insert(hash(mix(scope, 1), label)) {
                let information = information(label);
                bytes += information;
                fixed &= i < key_labels || information < 4.0;
            }
        }
        // Known labels in a new order: at best a byte each, beyond those that any name has.
        let least = domain_at.saturating_sub(3).max(1) as f64;
        let is_lookup = key_labels > 0 && fixed;
        Self { is_new: true, bytes: bytes.max(least), is_lookup, is_strange: is_strange(name) }
    }
}

/// Whether a name has the characters of base64 that no host name has, and no others. (Programs look up whole URLs,
/// mail addresses and names of directories by mistake; what is not printable is as often a damaged packet.)
fn is_strange(name: &Qname) -> bool {
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*');
    let is_base64 = |byte: &u8| matches!(byte, b'+' | b'/' | b'=');
    name.iter().flatten().all(|byte| is_host(byte) || is_base64(byte)) && name.iter().flatten().any(is_base64)
}

/// Widths of hashes in hexadecimal: MD5, SHA-1, SHA-224, SHA-256, SHA-384 or half a SHA-512 … SHA-512.
const HASH_WIDTHS: [usize; 5] = [32, 40, 56, 64, 96];

/// How many labels at the front are one key: 4 for an IPv4 address in reverse, 32 for an IPv6 address,
/// 1 for a hash or the selector of a DKIM key (RFC 6376), 0 for anything else.
fn key_labels(name: &Qname, domain_at: usize) -> usize {
    let first = name.label(0);
    let is_octet = |label: &[u8]| matches!(label.len(), 1..=3) && label.iter().all(u8::is_ascii_digit);
    if domain_at >= 4 && (0..4).all(|i| is_octet(name.label(i))) {
        return 4;
    }
    let is_nibble = |label: &[u8]| matches!(label, [b] if b.is_ascii_hexdigit());
    if domain_at >= 32 && (0..32).all(|i| is_nibble(name.label(i))) {
        return 32;
    }
    if name.label(1) == b"_domainkey" {
        return 1;
    }
    let is_hash = HASH_WIDTHS.contains(&first.len()) && first.iter().all(u8::is_ascii_hexdigit);
    usize::from(is_hash && !is_hex_text(first))
}

/// Whether hexadecimal digits spell printable ASCII: nearly all high nibbles are 2, 3, 6 or 7, which a hash
/// of 32 digits manages once in 10^6.
fn is_hex_text(label: &[u8]) -> bool {
    let high = label.iter().step_by(2).filter(|b| matches!(b, b'2' | b'3' | b'6' | b'7')).count();
    high * 8 >= label.len() * 7 / 2
}

/// Mean cost of a character from which on a part of a label counts as a code, tenths of a bit. Words of host names
/// cost 42 to 46, random base32 58, random hexadecimal 62.
const CODE_COST: usize = 50;

/// What a byte counts in a label with bytes that no host name has: eight bits, where a character of a code has five.
const RAW_SHARE: f64 = 1.6;

/// Bytes of information in a new label, part by part between hyphens: the length of what looks like a code, a
/// quarter of a word's (1 to 1.5 bits a letter), log2(10)/8 a digit of a number.
pub(super) fn information(label: &[u8]) -> f64 {
    label.split(|byte| matches!(byte, b'-' | b'_')).map(part_information).sum()
}

fn part_information(part: &[u8]) -> f64 {
    let length = part.len() as f64;
    if !part.is_ascii() {
        return length * RAW_SHARE;
    }
    if part.iter().all(u8::is_ascii_digit) {
        return length * 0.415;
    }
    let costs = part.iter().filter_map(|&byte| COST.get(usize::from(byte))).copied();
    let cost: usize = costs.map(usize::from).sum();
    if cost >= CODE_COST * part.len() { length } else { length / 4.0 }
}

/// What a character costs in a code made for host names, tenths of a bit: letter frequencies of English, an
/// allowance for digits, and next to nothing for the rest.
static COST: [u8; 256] = {
    let mut table = [90; 256];
    let costs: [(&[u8], u8); 17] = [
        (b"e", 33),
        (b"a", 37),
        (b"s", 39),
        (b"riotn", 40),
        (b"l", 45),
        (b"c", 46),
        (b"dm", 50),
        (b"up", 51),
        (b"h", 54),
        (b"g", 56),
        (b"b", 58),
        (b"fy", 62),
        (b"wvk", 66),
        (b"0123456789", 71),
        (b"x", 81),
        (b"z", 85),
        (b"j", 88),
    ];
    let mut i = 0;
    while i < costs.len() {
        let (bytes, cost) = costs[i];
        let mut j = 0;
        while j < bytes.len() {
            table[bytes[j] as usize] = cost;
            j += 1;
        }
        i += 1;
    }
    table
};

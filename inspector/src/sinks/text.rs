//! Text that came out of packets, and numbers, for people's eyes.

use std::fmt::{self, Write};

/// Displays text from a packet without what could steer a terminal or mislead a reader: control characters,
/// and everything beyond ASCII that is no letter or digit (bidirectional overrides, blanks without width),
/// appear as escapes.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c == '\\' {
                f.write_str("\\\\")?;
            } else if c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric()) {
                f.write_char(c)?;
            } else if c.is_ascii() {
                write!(f, "\\x{:02x}", u32::from(c))?;
            } else {
                write!(f, "{}", c.escape_unicode())?;
            }
        }
        Ok(())
    }
}

/// A measured value with its unit, in the words that people use: `98 %`, `1.2 MB`, `3,421 packets`.
pub(super) fn measure(value: f64, unit: &str) -> String {
    match unit {
        "ratio" => format!("{} %", number(value * 100.0)),
        "bytes" => bytes(value),
        "seconds" => format!("{} s", number(value)),
        "" => number(value),
        "boolean" => if value > 0.0 { "yes" } else { "no" }.to_owned(),
        // Names of things, not amounts.
        "port" | "number" | "value" | "code" => format!("{value}"),
        _ => format!("{} {}", number(value), counted(unit, value)),
    }
}

/// A unit in words, in the singular where there is one.
fn counted(unit: &str, value: f64) -> String {
    let words = unit.replace('_', " ");
    if number(value) != "1" {
        return words;
    }
    let singular = [("ies", "y"), ("sses", "ss"), ("s", "")]
        .iter()
        .find_map(|(plural, singular)| words.strip_suffix(plural).map(|stem| format!("{stem}{singular}")));
    singular.unwrap_or(words)
}

/// Bytes in decimal multiples.
pub(super) fn bytes(value: f64) -> String {
    let mut value = value;
    let mut units = ["bytes", "kB", "MB", "GB", "TB", "PB"].iter();
    let mut unit = units.next().unwrap_or(&"");
    while value.abs() >= 999.5 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1_000.0, next);
    }
    format!("{} {unit}", number(value))
}

/// A number with thousands separated, and as many decimals as make three significant digits.
pub(super) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = if value.fract() == 0.0 || magnitude >= 100.0 {
        0
    } else if magnitude >= 10.0 {
        1
    } else if magnitude >= 0.1 {
        2
    } else {
        4
    };
    let plain = format!("{value:.decimals$}");
    let (integer, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let fraction = fraction.trim_end_matches('0');
    let (sign, digits) = integer.strip_prefix('-').map_or(("", integer), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && value.is_finite() {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_packet_reaches_the_terminal_raw() {
        let evil = "a\u{1b}[2J\u{9b}31mb\r\n\u{202e}gpj\u{200b}.exam\u{7f}ple\\";
        assert_eq!(
            Printable(evil).to_string(),
            "a\\x1b[2J\\u{9b}31mb\\x0d\\x0a\\u{202e}gpj\\u{200b}.exam\\x7fple\\\\"
        );
        assert_eq!(Printable("bücher.example 例え").to_string(), "bücher.example 例え");
    }

    #[test]
    fn measures_read_as_people_write_them() {
        for (value, unit, text) in [
            (0.98, "ratio", "98 %"),
            (0.0012, "ratio", "0.12 %"),
            (1_234_567.0, "bytes", "1.23 MB"),
            (999.0, "bytes", "999 bytes"),
            (999_999.0, "bytes", "1 MB"),
            (0.0, "bytes", "0 bytes"),
            (1.0, "packets", "1 packet"),
            (1.0, "queries", "1 query"),
            (1.0, "addresses", "1 address"),
            (1.0, "boolean", "yes"),
            (8080.0, "port", "8080"),
            (3_421.0, "packets", "3,421 packets"),
            (-1_000_000.0, "", "-1,000,000"),
            (4.4567, "bits_per_byte", "4.46 bits per byte"),
            (f64::NAN, "packets", "NaN packets"),
            (f64::INFINITY, "packets", "inf packets"),
            (12.34, "seconds", "12.3 s"),
            (99.96, "", "100"),
        ] {
            assert_eq!(measure(value, unit), text);
        }
    }
}

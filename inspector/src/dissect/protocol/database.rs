//! Databases and caches: MySQL, PostgreSQL, TDS, TNS, MongoDB, Redis, Cassandra, memcached.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("MySQL", mysql),
    Protocol::plain("PostgreSQL", postgresql),
    Protocol::plain("TDS", tds),
    Protocol::plain("TNS", |m| {
        m.is_tcp && m.is_length(m.be16(0), 0) && matches!(m.byte(4), Some(1..=19)) && m.has(2, &[0, 0])
    }),
    Protocol::plain("MongoDB", |m| {
        m.is_tcp && m.is_length(m.le32(0), 0) && matches!(m.le32(12), Some(1 | 1000 | 2001..=2013))
    }),
    Protocol::plain("Redis", redis),
    Protocol::plain("Cassandra", |m| {
        m.is_tcp && matches!(m.byte(0), Some(1..=6 | 0x81..=0x86)) && m.is_length(m.be32(5), 9)
    }),
    Protocol::plain("memcached", memcached),
    // A DSS with its length, and a DDM with its own.
    Protocol::plain("DRDA", |m| {
        m.is_tcp && m.byte(2) == Some(0xd0) && m.is_length(m.be16(0), 0) && m.is_length(m.be16(6), 6)
    }),
    Protocol::plain("ClickHouse", |m| m.is_tcp && m.has(2, b"ClickHouse")),
];

/// Lines of text, behind a header of eight bytes in UDP, or a header of 24 bytes that says what follows it.
fn memcached(m: &Message<'_>) -> bool {
    const SURE: &[&[u8]] = &[b"get ", b"gets ", b"set ", b"stats", b"VALUE ", b"STORED"];
    const OTHERS: &[&[u8]] = &[
        b"END\r",
        b"HD\r",
        b"EN\r",
        b"VA ",
        b"ERROR",
        b"CLIENT_ERROR",
        b"SERVER_ERROR",
        b"NOT_",
        b"EXISTS",
        b"DELETED",
        b"TOUCHED",
        b"OK\r",
        b"STAT ",
        b"VERSION ",
        b"add ",
        b"replace ",
        b"append ",
        b"prepend ",
        b"cas ",
        b"delete ",
        b"incr ",
        b"decr ",
        b"touch ",
        b"gat",
        b"version",
        b"flush_all",
        b"verbosity",
        b"quit",
        b"mg ",
        b"ms ",
        b"md ",
        b"ma ",
        b"mn\r",
    ];
    let rest = m.bytes.get(8..).unwrap_or_default();
    let in_datagram = !m.is_tcp && m.has(6, &[0, 0]);
    let is_line =
        |lines: &[&[u8]]| m.begins_any(lines) || (in_datagram && lines.iter().any(|it| rest.starts_with(it)));
    let is_binary = matches!(m.byte(0), Some(0x80 | 0x81))
        && m.be32(8).and_then(|len| len.checked_add(24)).is_some_and(|all| all <= m.len);
    m.begins_any(SURE) || (m.has_port(11211) && (is_line(SURE) || is_line(OTHERS) || is_binary))
}

/// A packet of three bytes' length, and its number: 0 is the server's greeting with a version, or a command of the
/// client; then comes the client's answer, which has 19 bytes of zero at least.
fn mysql(m: &Message<'_>) -> bool {
    let len = m.le32(0).map(|value| value & 0x00ff_ffff);
    let is_number = m.byte(3).is_some_and(|number| number <= 3);
    let is_text = |at| m.byte(at).is_some_and(|byte| byte.is_ascii_graphic());
    let is_told = match m.bytes.get(3..5) {
        Some([0, 9 | 10]) => matches!(m.bytes.get(5..7), Some([b'0'..=b'9', b'0'..=b'9' | b'.'])),
        Some([0, 3]) => is_text(5) && is_text(6) && is_text(7),
        Some([0, 1 | 14]) => m.len == 5,
        Some([1 | 2, _]) => m.has(13, &[0; 19]),
        _ => false,
    };
    m.is_tcp && m.is_length(len, 4) && (is_told || (is_number && m.has_port(3306)))
}

/// Start-up and SSL requests have a length and code; later messages a letter and length.
fn postgresql(m: &Message<'_>) -> bool {
    let code = m.be32(4);
    let is_start = m.is_length(m.be32(0), 0)
        && matches!(code, Some(0x0003_0000..=0x0003_0003 | 80_877_101..=80_877_104));
    let is_letter = matches!(m.byte(0), Some(b'R' | b'E' | b'Q' | b'p' | b'P' | b'S'));
    m.is_tcp
        && (is_start || (is_letter && m.has(1, &[0, 0]) && m.be32(1).is_some_and(|len| len < m.len.max(1))))
}

fn tds(m: &Message<'_>) -> bool {
    m.is_tcp && matches!(m.bytes, [1..=4 | 7 | 14 | 16..=18, 0 | 1, ..]) && m.is_length(m.be16(2), 0)
}

/// RESP: a type, and for strings, arrays and integers a number on a line of its own.
fn redis(m: &Message<'_>) -> bool {
    let is_counted = matches!(m.bytes, [b'*' | b'$' | b':', rest @ ..]
    if rest.iter().position(|byte| *byte == b'\r').is_some_and(|end| {
        let number = rest.get(..end).unwrap_or_default();
        let number = number.strip_prefix(b"-").unwrap_or(number);
        (1..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
    }));
    let is_status = m.begins_any(&[b"+OK\r\n", b"+PONG\r\n", b"-ERR ", b"-NOAUTH", b"PING\r\n"]);
    m.is_tcp && (is_counted || is_status)
}

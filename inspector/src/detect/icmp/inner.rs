//! What tunnels carry inside of messages, as far as its form gives it away: IP packets, and how applications begin.

use super::payload::Payload;

/// Where inner packets and greetings are looked for: tunnels put up to 28 bytes of their own in front.
const ZONE: usize = 32;

/// Whether an application's first words begin behind a short header or none: who carries a TCP connection in echoes
/// carries them, whatever it puts in front.
pub(super) fn is_greeting(data: &[u8]) -> bool {
    let starts = (0..=ZONE).filter_map(|at| data.get(at..));
    starts.into_iter().any(|rest| is_ssh(rest) || is_http(rest) || is_tls(rest))
}

/// An identification string (RFC 4253 §4.2).
fn is_ssh(data: &[u8]) -> bool {
    data.starts_with(b"SSH-2.0-") || data.starts_with(b"SSH-1.99-")
}

/// A request line or a status line (RFC 9112).
fn is_http(data: &[u8]) -> bool {
    const METHODS: [&[u8]; 5] = [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"CONNECT "];
    let line = data.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let is_request = || {
        METHODS.iter().any(|method| line.starts_with(method))
            && (line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"))
    };
    data.starts_with(b"HTTP/1.1 ") || data.starts_with(b"HTTP/1.0 ") || is_request()
}

/// A handshake record that begins with a hello (RFC 8446 §4 and 5.1): its length and the message's agree.
fn is_tls(data: &[u8]) -> bool {
    let Some(&[22, 3, 0..=4, r0, r1, 1 | 2, 0, h0, h1, 3, ..]) = data.first_chunk::<11>() else {
        return false;
    };
    u32::from(u16::from_be_bytes([r0, r1])) == u32::from(u16::from_be_bytes([h0, h1])) + 4
}

/// Whether a whole IP packet fills the payload to its end, behind a short header or none.
pub(super) fn is_packet(payload: &Payload<'_>) -> bool {
    let starts = payload.data.iter().enumerate().take(ZONE + 1);
    starts.filter(|(_, first)| matches!(**first >> 4, 4 | 6)).any(|(at, first)| {
        let inner = payload.data.get(at..).unwrap_or_default();
        let len = u32::try_from(at).map_or(0, |at| payload.len.saturating_sub(at));
        if first >> 4 == 4 { is_ipv4(inner, len) } else { is_ipv6(inner, len) }
    })
}

fn is_ipv4(inner: &[u8], len: u32) -> bool {
    let Some([first, _, b2, b3, ..]) = inner.first_chunk::<20>() else { return false };
    let header_len = usize::from(first & 15) * 4;
    let Some(header) = inner.get(..header_len) else { return false };
    let words = header.chunks_exact(2).map(|word| match *word {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        _ => 0,
    });
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    header_len >= 20
        && u32::from(u16::from_be_bytes([*b2, *b3])) == len
        && (sum & 0xffff) + (sum >> 16) == 0xffff
}

fn is_ipv6(inner: &[u8], len: u32) -> bool {
    let Some(header) = inner.first_chunk::<40>() else { return false };
    let [_, _, _, _, l0, l1, next, hop_limit, addresses @ ..] = header;
    let payload_len = u32::from(u16::from_be_bytes([*l0, *l1]));
    let (src, dst) = addresses.split_at(16);
    // Hop-by-hop, ICMP, TCP, UDP, routing, fragment, ESP, ICMPv6, nothing, options.
    let is_known = matches!(*next, 0 | 1 | 6 | 17 | 43 | 44 | 50 | 58 | 59 | 60);
    // Unspecified and mapped (00), global (2, 3), unique local and link-local; multicast only as destination.
    let is_address = |first: u8| matches!(first, 0 | 0x20..=0x3f | 0xfc | 0xfd | 0xfe);
    let is_source = src.first().is_some_and(|first| is_address(*first));
    let is_destination = dst.first().is_some_and(|first| is_address(*first) || *first == 0xff);
    payload_len + 40 == len && *hop_limit > 0 && is_known && is_source && is_destination
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_known_behind_a_header() {
        let hello = [&[0xd5; 28][..], &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], &[7; 99]].concat();
        for data in [
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            b"\x01\x02\x03\x04GET /index.html HTTP/1.1\r\nHost: a\r\n",
            b"HTTP/1.1 200 OK\r\n",
            &hello,
        ] {
            assert!(is_greeting(data));
        }
    }

    #[test]
    fn texts_of_pingers_are_no_greetings() {
        for data in [
            &b"abcdefghijklmnopqrstuvwabcdefghi"[..],
            b"GET well soon: this host is pinged by SSH-monitor, see http://example.org/",
            b"liboping -- ICMP ping library <http://octo.it/liboping/>",
            &[22, 3, 1, 2, 0, 1, 0, 1, 251, 3, 3, 0, 0],
            &[],
        ] {
            assert!(!is_greeting(data));
        }
    }
}

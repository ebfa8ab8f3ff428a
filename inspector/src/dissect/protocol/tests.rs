use super::*;
use crate::detect::wire::noise;

fn name(bytes: &[u8], is_tcp: bool, ports: [u16; 2]) -> Option<&'static str> {
    let len = u32::try_from(bytes.len()).unwrap();
    recognise(&Message { bytes, len, is_tcp, ports }).map(|protocol| protocol.name)
}

fn tcp(bytes: &[u8]) -> Option<&'static str> {
    name(bytes, true, [40_000, 9_999])
}

fn udp(bytes: &[u8]) -> Option<&'static str> {
    name(bytes, false, [40_000, 9_999])
}

#[test]
fn protocols_are_told_by_how_they_begin() {
    assert_eq!(tcp(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"), Some("TLS"));
    assert_eq!(tcp(b"SSH-2.0-OpenSSH_9.9\r\n"), Some("SSH"));
    assert_eq!(tcp(b"GET / HTTP/1.1\r\n"), Some("HTTP"));
    assert_eq!(tcp(b"\x05\x01\x00"), Some("SOCKS5"));
    assert_eq!(tcp(b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0"), Some("BitTorrent"));
    assert_eq!(tcp(b"\0\0\0\x08\x04\xd2\x16\x2f"), Some("PostgreSQL"));
    assert_eq!(tcp(b"\x08\0\0\0\x0a8.0.36\0"), Some("MySQL"));
    assert_eq!(tcp(b"\x09\0\0\0\x03SELECT 1"), Some("MySQL"));
    let login = [b"\x25\0\0\x01", &noise(1, 4)[..], &[0, 0, 0, 1, 45], &[0; 23], b"root\0"].concat();
    assert_eq!(tcp(&login), Some("MySQL"));
    assert_eq!(tcp(b"*1\r\n$4\r\nPING\r\n"), Some("Redis"));
    assert_eq!(tcp(b"\0\x10\xd0\x41\0\x01\0\x0a\x10\x41\0\x06\x11\x4a\0\0"), Some("DRDA"));
    assert_eq!(tcp(b"\0\0\0\x0c\0\x12\0\x03\0\0\0\x07\0\x02me"), Some("Kafka"));
    assert_eq!(tcp(b"\0\0\0\x40\xfeSMB\x40\0\0\0"), Some("SMB"));
    assert_eq!(tcp(b"RFB 003.008\n"), Some("VNC"));
    assert_eq!(udp(b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"), Some("STUN"));
    assert_eq!(udp(b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x01\x01"), Some("DTLS"));
    assert_eq!(udp(b"d1:ad2:id20:\xff\xfe"), Some("BitTorrent DHT"));
    assert_eq!(udp(&[&[1, 0, 0, 0][..], &[0x9b; 144]].concat()), Some("WireGuard"));
    assert_eq!(udp(&[&[0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0][..], &[0; 4]].concat()), Some("OpenVPN"));
    assert_eq!(udp(&[&[0xc3, 0, 0, 0, 1, 8][..], &[0x9b; 1194]].concat()), Some("QUIC"));
}

#[test]
fn protocols_of_a_port_have_more_than_the_port() {
    let at = |port: u16, is_tcp: bool, bytes: &[u8]| name(bytes, is_tcp, [40_001, port]);
    assert_eq!(at(11_211, true, b"STORED\r\n"), Some("memcached"));
    assert_eq!(at(11_211, false, b"\0\x07\0\0\0\x01\0\0END\r\n"), Some("memcached"));
    assert_eq!(at(139, true, &[0x81, 0, 0, 0x44, 0x20]), Some("NetBIOS session"));
    assert_eq!(at(5683, false, b"\x44\x01\x12\x34abcd\xb3foo"), Some("CoAP"));
    assert_eq!(at(3389, false, &[0xff, 0xff, 0xff, 0xff, 2, 0, 0x10, 1, 9, 9, 9, 9]), Some("RDP over UDP"));
    assert_eq!(at(21_116, true, &[&[9 << 2][..], b"\x1a\x07abcdefg"].concat()), Some("RustDesk"));
    assert_eq!(at(2427, false, b"RSIP 1200 *@gate.example MGCP 1.0\n"), Some("MGCP"));
    assert_eq!(at(2727, false, b"200 1200 OK\n"), Some("MGCP"));
    assert_eq!(at(4569, false, &[0x80, 1, 0, 0, 0, 0, 0, 1, 0, 0, 6, 1, 11, 2]), Some("IAX2"));
    assert_eq!(at(8801, false, &[5, 0, 1, 2, 3, 4, 5, 6, 7, 8]), Some("Zoom"));
    let hello = [&noise(1, 8)[..], &[0x12; 5], &[0x34; 5], &[0], &noise(2, 8), &[1, 11], &[0; 40]].concat();
    assert_eq!(at(9993, false, &hello), Some("ZeroTier"));
    // Of datagrams of nobody's, one in a hundred may begin like the port's.
    for port in
        [139, 2427, 3389, 4569, 5072, 5683, 6081, 6881, 8333, 8801, 9993, 11_211, 21_117, 27_015, 34_964]
    {
        for is_tcp in [false, true] {
            let found = (0..2000).filter(|seed| at(port, is_tcp, &noise(*seed, 80)).is_some()).count();
            assert!(found < 150, "{port}: {found} of 2000");
        }
    }
}

#[test]
fn noise_is_hardly_ever_a_protocol() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut recognised = 0;
    for i in 0..20_000 {
        let bytes: Vec<u8> = (0..64)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[4]
            })
            .collect();
        recognised += usize::from(name(&bytes, i % 2 == 0, [40_001, 9_999]).is_some());
    }
    assert!(recognised < 100, "{recognised} of 20000");
}

/// Programs that put a length before each message, as tunnels over TCP do, have no protocol for that.
#[test]
fn noise_behind_its_length_is_hardly_ever_a_protocol() {
    const RUNS: u64 = 20_000;
    for (width, counts_itself, is_big) in [
        (1, false, true),
        (2, false, true),
        (2, true, true),
        (2, false, false),
        (2, true, false),
        (3, false, true),
        (4, false, true),
        (4, true, true),
        (4, false, false),
        (4, true, false),
    ] {
        let mut found = std::collections::BTreeMap::new();
        for seed in 0..RUNS {
            let spread = noise(seed + RUNS, 1)[0];
            let len = if width == 1 { 64 + u64::from(spread) / 2 } else { 150 + 2 * u64::from(spread) };
            let value = len + if counts_itself { width } else { 0 };
            let mut header = value.to_le_bytes()[..usize::try_from(width).unwrap()].to_vec();
            if is_big {
                header.reverse();
            }
            let bytes = [header, noise(seed, usize::try_from(len).unwrap())].concat();
            if let Some(name) = name(&bytes, true, [40_001, 443]) {
                *found.entry(name).or_insert(0) += 1;
            }
        }
        let all: u64 = found.values().sum();
        assert!(all * 2000 <= RUNS, "{width} bytes, {counts_itself}, {is_big}: {found:?} of {RUNS}");
    }
}

#[test]
fn anything_cut_anywhere_is_borne() {
    for first in 0..=255_u8 {
        for fill in [0, 0xff, first] {
            for len in 0..40 {
                let bytes: Vec<u8> =
                    std::iter::once(first).chain(std::iter::repeat_n(fill, 40)).take(len).collect();
                for port in [53, 69, 88, 123, 137, 161, 500, 1701, 2152, 3544, 4500, 4789, 9993] {
                    for is_tcp in [false, true] {
                        let _ = name(&bytes, is_tcp, [port, 40_000]);
                    }
                }
            }
        }
    }
}

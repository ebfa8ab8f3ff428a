use bytemuck::Zeroable as _;
use inspector_common::HeadMeta;

use super::*;

/// A response to `www.Example.org TXT`: an alias, a text behind a pointer, a name server, EDNS with a cookie.
fn response() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 1, 0, 1];
    bytes.extend(b"\x03www\x07Example\x03org\x00\x00\x10\x00\x01");
    bytes.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01a\xc0\x10");
    bytes.extend(b"\xc0\x2d\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x06\x05hello");
    bytes.extend(b"\xc0\x10\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x05\x02ns\xc0\x10");
    bytes.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0c\x00\x0a\x00\x08abcdefgh");
    bytes
}

fn text(name: &Name<'_>) -> String {
    let labels = name.labels().map(|label| String::from_utf8_lossy(label).into_owned());
    labels.collect::<Vec<_>>().join(".")
}

fn head(protocol: u8, header_len: u8, payload: &[u8]) -> (HeadMeta, Vec<u8>) {
    let mut meta = HeadMeta::zeroed();
    meta.key.protocol = protocol;
    meta.l4_header_len = header_len;
    meta.ip_len = u32::from(header_len) + u32::try_from(payload.len()).unwrap();
    let mut bytes = vec![0; usize::from(header_len)];
    bytes.extend(payload);
    bytes.truncate(inspector_common::head::HEAD_MAX);
    (meta, bytes)
}

fn dissected(protocol: u8, payload: &[u8]) -> &'static str {
    let (meta, bytes) = head(protocol, if protocol == UDP { 8 } else { 20 }, payload);
    match dissect(&Head::new(&meta, &bytes)) {
        Content::Dns(_) => "dns",
        Content::NotDns => "not dns",
        _ => "opaque",
    }
}

/// Bytes that look random, the same in every run.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// Walks everything that a message offers; returns how many records it had.
fn walk(bytes: &[u8], len: u32) -> usize {
    let Ok(message) = Message::parse(bytes, len) else { return 0 };
    let mut records = message.records();
    let mut count = 0;
    for record in records.by_ref() {
        count += 1;
        assert!(record.name.labels().count() < 128);
        assert!(record.target().is_none_or(|name| name.labels().map(<[u8]>::len).sum::<usize>() < 256));
        assert!(record.edns_options().count() <= bytes.len());
    }
    assert!(records.next().is_none());
    let _ = (records.end(), message.edns_options().count());
    count
}

#[test]
fn reads_question_records_and_options() {
    let bytes = response();
    let message = Message::parse(&bytes, u32::try_from(bytes.len()).unwrap()).unwrap();
    assert_eq!((message.id, message.opcode(), message.rcode()), (0x1234, 0, 0));
    assert!(message.is_response() && !message.is_truncated() && !message.is_cut());
    let question = message.question.unwrap();
    assert_eq!(
        (text(&question.name).as_str(), question.kind, question.class),
        ("www.Example.org", kind::TXT, 1)
    );
    let mut records = message.records();
    let all: Vec<_> = records.by_ref().collect();
    assert_eq!(records.end(), Some(bytes.len()));
    assert_eq!(all.iter().map(|r| r.kind).collect::<Vec<_>>(), [kind::CNAME, kind::TXT, kind::NS, kind::OPT]);
    assert_eq!(text(&all[0].target().unwrap()), "a.Example.org");
    assert_eq!(text(&all[1].name), "a.Example.org");
    assert_eq!((all[1].ttl, all[1].rdata), (60, &b"\x05hello"[..]));
    assert_eq!(all[2].section, Section::Authority);
    let options: Vec<_> = message.edns_options().collect();
    assert_eq!(options, [EdnsOption { code: 10, data: b"abcdefgh", is_cut: false }]);
}

#[test]
fn cut_messages_give_what_was_captured() {
    let bytes = response();
    let len = u32::try_from(bytes.len()).unwrap();
    let full = walk(&bytes, len);
    assert_eq!(full, 4);
    for cut in 0..bytes.len() {
        let fault = Message::parse(&bytes[..cut], len).err();
        assert_eq!(fault.is_some(), cut < 33, "{cut}");
        assert!(fault.is_none_or(|fault| fault == Fault::Cut));
        assert!(walk(&bytes[..cut], len) <= full);
    }
}

#[test]
fn pointers_lead_backwards_or_nowhere() {
    let mut bytes = response();
    bytes[12..14].copy_from_slice(b"\xc0\x0c");
    walk(&bytes, 200);
    for (at, pointer) in [(20, 20), (20, 40), (40, 20)] {
        let mut message = vec![0; 64];
        message[at..at + 2].copy_from_slice(&[0xc0, pointer]);
        message[usize::from(pointer)..usize::from(pointer) + 2]
            .copy_from_slice(&[0xc0, u8::try_from(at).unwrap()]);
        let (name, end) = Name::read(&message, at).unwrap();
        assert_eq!((name.labels().count(), end), (0, at + 2));
        assert!(name.is_root());
    }
}

#[test]
fn hostile_bytes_neither_panic_nor_hang() {
    let original = response();
    for round in 0..100_000_u64 {
        let mut bytes = original.clone();
        let noise = noise(round, 12);
        for edit in noise.chunks_exact(2).take(1 + usize::from(noise[11] & 3)) {
            let at = usize::from(edit[0]) % bytes.len();
            bytes[at] = edit[1];
        }
        bytes.truncate(bytes.len() - usize::from(noise[10] & 15));
        walk(&bytes, u32::from(noise[9]) + 60);
    }
    for len in 0..600 {
        walk(&noise(9, len), 600);
        walk(&vec![0xc0; len], 600);
        walk(&vec![1; len], u32::MAX);
    }
}

#[test]
fn tells_dns_from_what_uses_its_port() {
    let message = response();
    let prefixed = [&[0, u8::try_from(message.len()).unwrap()][..], &message].concat();
    assert_eq!(dissected(UDP, &message), "dns");
    assert_eq!(dissected(6, &prefixed), "dns");
    assert_eq!(dissected(6, &message), "dns", "the length came in a segment of its own");
    assert_eq!(dissected(6, &prefixed[..2]), "opaque");
    assert_eq!(dissected(6, &message[45..]), "opaque", "too short to tell");
    let middle = message[33..].repeat(4);
    assert_eq!(dissected(6, &middle), "opaque", "the middle of a zone transfer");
    assert_eq!(dissected(UDP, b"\x10\xd1\x9e\x20"), "not dns");
    assert_eq!(dissected(UDP, &[0; 40]), "opaque", "what was in it was taken out");
    for seed in 1..2_000 {
        assert_eq!(dissected(UDP, &noise(seed, 60 + usize::try_from(seed % 400).unwrap())), "not dns");
        assert_eq!(dissected(6, &noise(seed, 400)), "not dns");
    }
}

#[test]
fn long_messages_and_first_fragments_are_dns() {
    let mut message = response();
    message.extend([7; 1_000]);
    assert_eq!(dissected(UDP, &message), "dns");
    let (mut meta, mut bytes) = head(UDP, 8, &response()[..40]);
    assert_eq!(meta.ip_len, 48);
    bytes[4..6].copy_from_slice(&200_u16.to_be_bytes());
    (meta.ip_len, meta.ip_fragment) = (48, 0x2000);
    assert!(matches!(dissect(&Head::new(&meta, &bytes)), Content::Dns(m) if m.len == 192));
}

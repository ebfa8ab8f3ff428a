use bytemuck::Zeroable as _;
use inspector_common::{Class, FlowKey, HeadMeta};

use super::*;
use crate::detect::Detector as _;
use crate::detect::icmp::IcmpPayload;
use crate::dissect;

const SECOND: u64 = 1_000_000_000;

/// fe80:: and a number.
fn local(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    (address[0], address[1], address[15]) = (0xfe, 0x80, last);
    address
}

/// A message of a sender with a checksum that is right.
fn segment(src: [u8; 16], dst: [u8; 16], [kind, code]: [u8; 2], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, code, 0, 0];
    bytes.extend(body);
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let pseudo = [&src[..], &dst, &length, &[0, 58], &bytes].concat();
    let sum: u32 =
        pseudo.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |b| u32::from(*b))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn observe(detector: &mut IcmpPayload, src: [u8; 16], bytes: &[u8], n: u64) -> Vec<Finding> {
    let mut meta = HeadMeta::zeroed();
    meta.time_ns = n * SECOND;
    meta.key = FlowKey { src, dst: local(99), protocol: 58, ..FlowKey::zeroed() };
    meta.ip_len = u32::try_from(bytes.len()).unwrap();
    meta.wire_len = meta.ip_len + 54;
    meta.captured = u16::try_from(bytes.len()).unwrap();
    meta.class = Class::Icmpv6Control as u8;
    let head = Head::new(&meta, bytes);
    let mut findings = vec![];
    detector.observe(&Observation { head, content: dissect::dissect(&head) }, &mut findings);
    findings
}

/// Type of a message, and what follows its checksum.
type Sent = (u8, Vec<u8>);

/// Everything found in messages of one sender.
fn found(messages: impl IntoIterator<Item = Sent>) -> Vec<Finding> {
    found_of(messages.into_iter().map(|message| (0, message)))
}

/// The same of messages with codes.
fn found_of(messages: impl IntoIterator<Item = (u8, Sent)>) -> Vec<Finding> {
    let mut detector = IcmpPayload::new(Thresholds::default());
    let of = |(n, (code, (kind, body))): (u64, (u8, Sent))| {
        observe(&mut detector, local(1), &segment(local(1), local(99), [kind, code], &body), n)
    };
    (0..).zip(messages).flat_map(of).collect()
}

/// A solicitation with these unused bytes and options.
fn solicitation(unused: [u8; 4], options: &[u8]) -> Sent {
    (kind::SOLICITATION, [&unused[..], &local(2), options].concat())
}

/// A router's advertisement with these timers and options.
fn advertisement(reachable: u32, options: &[u8]) -> Sent {
    let fixed = [&[64, 0, 7, 8][..], &reachable.to_be_bytes(), &[0; 4], options].concat();
    (kind::ROUTER_ADVERTISEMENT, fixed)
}

/// Nobody's first choice, and uniform.
fn scrambled(n: u32) -> [u8; 4] {
    (n + 1).wrapping_mul(0x9e37_79b1).to_be_bytes()
}

fn is_told_by(findings: &[Finding], name: &str) -> bool {
    let last = findings.last().expect("nothing was found");
    assert_eq!(last.severity, Severity::Medium);
    last.evidence.iter().any(|evidence| evidence.name == name)
}

#[test]
fn data_where_senders_repeat_themselves_is_found() {
    let option = |kind: u8, data: [u8; 6]| [&[kind, 1][..], &data].concat();
    let six = |n: u32| {
        let [a, b, c, d] = scrambled(n);
        [2, a, b, c, d, 1]
    };
    let cases: [(&str, Vec<Sent>); 8] = [
        ("values_of_unused_fields", (0..20).map(|n| solicitation(scrambled(n), &[])).collect()),
        (
            "values_of_unused_fields",
            (0..20).map(|n| (kind::LISTENER_REPORT, [&scrambled(n)[..], &[9; 16]].concat())).collect(),
        ),
        (
            "values_of_unassigned_options",
            (0..20).map(|n| solicitation([0; 4], &option(253, six(n)))).collect(),
        ),
        (
            "values_behind_options",
            (0..20).map(|n| solicitation([0; 4], &[&[1, 0][..], &scrambled(n)].concat())).collect(),
        ),
        ("link_layer_addresses", (0..20).map(|n| solicitation([0; 4], &option(1, six(n)))).collect()),
        ("values_of_timers", (0..20).map(|n| advertisement(u32::from_be_bytes(scrambled(n)), &[])).collect()),
        ("values_of_link", (0..20).map(|n| advertisement(0, &option(5, six(n)))).collect()),
        (
            "values_of_link",
            (0..20)
                .map(|n| {
                    advertisement(
                        0,
                        &[&[25, 3, 0, 0, 0, 0, 7, 8][..], &[0x20, 1], &[0; 10], &scrambled(n)].concat(),
                    )
                })
                .collect(),
        ),
    ];
    for (name, messages) in cases {
        assert!(is_told_by(&found(messages), name), "{name}");
    }
    let codes = found_of((0..40).map(|code| (code, solicitation([0; 4], &[]))));
    assert!(is_told_by(&codes, "values_of_unused_fields"));
}

#[test]
fn a_prefix_says_nothing_behind_its_length() {
    let prefix = |reserved: [u8; 4], host: [u8; 4]| {
        let data =
            [&[3, 4, 64, 0xc0][..], &[0; 8], &reserved, &[0x20, 1, 0xd, 0xb8], &[0; 8], &host].concat();
        advertisement(0, &data)
    };
    assert!(is_told_by(&found((0..20).map(|n| prefix(scrambled(n), [0; 4]))), "values_of_unused_fields"));
    assert!(is_told_by(&found((0..40).map(|n| prefix([0; 4], scrambled(n)))), "values_of_link"));
    assert!(found((0..200).map(|_| prefix([0; 4], [0, 0, 0, 1]))).is_empty(), "a router's own address");
}

#[test]
fn ordinary_discovery_is_silent() {
    // Detection of duplicates with a nonce (RFC 7527), lifetimes that run down, and who asks for a thousand neighbours.
    let nonces = (0..200).map(|n| solicitation([0; 4], &[&[14, 1, 0, 0][..], &scrambled(n)].concat()));
    let lifetimes = (0..200_u32).map(|n| {
        let left = (3600 - n).to_be_bytes();
        advertisement(0, &[&[3, 4, 64, 0xc0][..], &left, &left, &[0; 4], &[0x20, 1], &[0; 14]].concat())
    });
    let neighbours = (0..1000_u32).map(|n| {
        (
            kind::SOLICITATION,
            [&[0; 4][..], &local(0)[..12], &scrambled(n), &[1, 1, 2, 0, 0, 0, 0, 1]].concat(),
        )
    });
    let answers = (0..200).map(|_| {
        (kind::ADVERTISEMENT, [&[0xe0, 0, 0, 0][..], &local(1), &[2, 1, 2, 0, 0, 0, 0, 1]].concat())
    });
    let groups = (0..200).map(|n| {
        (kind::LISTENER_REPORT_2, [&[0, 0, 0, 1, 4, 0, 0, 0, 0xff, 2][..], &[0; 10], &scrambled(n)].concat())
    });
    let all = [
        nonces.collect::<Vec<_>>(),
        lifetimes.collect(),
        neighbours.collect(),
        answers.collect(),
        groups.collect(),
    ];
    for messages in all {
        assert!(found(messages).is_empty());
    }
}

#[test]
fn routers_of_many_networks_that_share_an_address_are_silent() {
    let messages = (0..400).map(|n| n % 12).map(|n| {
        let [a, b, c, d] = scrambled(n);
        advertisement(n * 1000, &[1, 1, 2, a, b, c, d, 1])
    });
    assert!(found(messages).is_empty());
}

#[test]
fn what_a_receiver_would_drop_is_no_evidence() {
    let mut detector = IcmpPayload::new(Thresholds::default());
    for n in 0..200 {
        let (kind, body) = solicitation(scrambled(n), &[]);
        let mut bytes = segment(local(1), local(99), [kind, 0], &body);
        bytes[2] ^= 1;
        assert!(observe(&mut detector, local(1), &bytes, n.into()).is_empty(), "its checksum is wrong");
    }
}

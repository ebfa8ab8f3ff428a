use std::iter;

use bytemuck::Zeroable as _;
use inspector_common::head::HEAD_MAX;
use inspector_common::{FlowKey, HeadMeta};

use super::*;
use crate::dissect;
use crate::findings::Severity;
use crate::observation::Head;

const SECOND: u64 = 1_000_000_000;
/// Some day in 2025, nanoseconds since 1970.
const START: u64 = 1_750_000_000 * SECOND;

/// A message between the client ::1 and the server ::2.
#[derive(Clone, Debug)]
struct Sent {
    at: u64,
    to_server: bool,
    kind: u8,
    id: u16,
    seq: u16,
    data: Vec<u8>,
}

impl Sent {
    fn request(at: u64, id: u16, seq: u16, data: Vec<u8>) -> Self {
        Self { at: START + at, to_server: true, kind: 8, id, seq, data }
    }

    fn reply(at: u64, id: u16, seq: u16, data: Vec<u8>) -> Self {
        Self { at: START + at, to_server: false, kind: 0, id, seq, data }
    }

    /// What a host answers by itself, 12 ms later.
    fn echoed(self) -> [Self; 2] {
        let reply = Self { at: self.at + 12_000_000, to_server: false, kind: 0, ..self.clone() };
        [self, reply]
    }

    fn segment(&self) -> Vec<u8> {
        let [id, seq] = [self.id, self.seq].map(u16::to_be_bytes);
        let mut bytes = vec![self.kind, 0, 0, 0, id[0], id[1], seq[0], seq[1]];
        bytes.extend(&self.data);
        let sum: u32 = bytes
            .chunks(2)
            .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |byte| u32::from(*byte)))
            .sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }
}

/// Everything a host answers by itself.
fn echoed(requests: impl IntoIterator<Item = Sent>) -> Vec<Sent> {
    let mut all: Vec<_> = requests.into_iter().flat_map(Sent::echoed).collect();
    all.sort_by_key(|sent| sent.at);
    all
}

fn class(kind: u8) -> Class {
    match kind {
        0 | 8 => Class::IcmpEcho,
        3 | 4 | 5 | 11 | 12 => Class::IcmpError,
        _ => Class::IcmpOther,
    }
}

fn address(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[15] = last;
    address
}

fn observe(detector: &mut IcmpPayload, sent: &Sent, findings: &mut Vec<Finding>) {
    observe_cut(detector, sent, HEAD_MAX, findings);
}

/// A message of which so many bytes were captured at most.
fn observe_cut(detector: &mut IcmpPayload, sent: &Sent, captured: usize, findings: &mut Vec<Finding>) {
    let segment = sent.segment();
    let bytes = &segment[..segment.len().min(captured)];
    let (src, dst) = if sent.to_server { (1, 2) } else { (2, 1) };
    let mut meta = HeadMeta::zeroed();
    meta.time_ns = sent.at;
    meta.key = FlowKey { src: address(src), dst: address(dst), protocol: 1, ..FlowKey::zeroed() };
    meta.ip_len = u32::try_from(segment.len()).unwrap();
    meta.wire_len = meta.ip_len + 34;
    meta.captured = u16::try_from(bytes.len()).unwrap();
    meta.l4_header_len = 8;
    meta.class = class(sent.kind) as u8;
    let head = Head::new(&meta, bytes);
    detector.observe(&Observation { head, content: dissect::dissect(&head) }, findings);
    detector.tick(sent.at);
}

/// The findings on these messages, in this order.
fn findings<'a>(sent: impl IntoIterator<Item = &'a Sent>) -> Vec<Finding> {
    let mut detector = IcmpPayload::new(Thresholds::default());
    let mut findings = vec![];
    for sent in sent {
        observe(&mut detector, sent, &mut findings);
    }
    findings
}

fn severity<'a>(sent: impl IntoIterator<Item = &'a Sent>) -> Option<Severity> {
    findings(sent).iter().map(|finding| finding.severity).max()
}

/// A repeatable source of random bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        iter::repeat_with(|| self.next().to_ne_bytes()[0]).take(len).collect()
    }

    fn symbols(&mut self, alphabet: &[u8], len: usize) -> Vec<u8> {
        let mut symbol = || alphabet[usize::try_from(self.next() % alphabet.len() as u64).unwrap()];
        iter::repeat_with(&mut symbol).take(len).collect()
    }
}

/// Views that one place may have: both directions, either one, every other message, and each one twice.
fn views(sent: &[Sent]) -> Vec<(&'static str, Vec<&Sent>)> {
    let mut random = Random(1);
    vec![
        ("both directions", sent.iter().collect()),
        ("requests only", sent.iter().filter(|sent| sent.to_server).collect()),
        ("replies only", sent.iter().filter(|sent| !sent.to_server).collect()),
        ("every other", sent.iter().filter(|_| random.next().is_multiple_of(2)).collect()),
        ("each twice", sent.iter().flat_map(|sent| [sent, sent]).collect()),
    ]
}

fn assert_silent(name: &str, sent: &[Sent]) {
    for (view, sent) in views(sent) {
        let found = findings(sent);
        assert!(found.is_empty(), "{name}, {view}: {:?}", found.first());
    }
}

fn assert_alert(name: &str, sent: &[Sent]) {
    for (view, sent) in views(sent) {
        if !sent.is_empty() {
            let severity = severity(sent);
            assert!(severity.is_some_and(Severity::is_alert), "{name}, {view}: {severity:?}");
        }
    }
}

/// The fill of iputils and BSD from `from` on.
fn fill(data: &mut Vec<u8>, from: u8, len: usize) {
    let missing = len.saturating_sub(data.len());
    data.extend((0..=255).cycle().skip(from.into()).take(missing));
}

/// Payload of iputils' ping sent at `at`.
fn iputils(at: u64, len: usize) -> Vec<u8> {
    let now = START + at;
    let mut data = (now / SECOND).to_le_bytes().to_vec();
    data.extend((now % SECOND / 1000).to_le_bytes());
    fill(&mut data, 0x10, len);
    data.truncate(len);
    data
}

fn windows(len: usize) -> Vec<u8> {
    (b'a'..=b'w').cycle().take(len).collect()
}

/// `count` requests, one each `gap` nanoseconds, with the payload that `payload` gives for time and number.
fn pings(count: u16, gap: u64, mut payload: impl FnMut(u64, u16) -> Vec<u8>) -> Vec<Sent> {
    // Sending is late by up to 3 ms, as it is.
    let at = |seq: u16| u64::from(seq) * gap + u64::from(seq) * 7919 % 3000 * 1000;
    (0..count).map(|seq| Sent::request(at(seq), 0x1234, seq + 1, payload(at(seq), seq))).collect()
}

/// Makes the payload of a request from time and number.
type Payload = Box<dyn FnMut(u64, u16) -> Vec<u8>>;

#[test]
fn pingers_are_silent() {
    let mut random = Random(2);
    let pattern = random.bytes(16);
    let uuid = random.bytes(16);
    let once = random.bytes(120);
    let text = b"liboping -- ICMP ping library <http://octo.it/liboping/>".to_vec();
    let mut macs = Random(3);
    let mut payloads: Vec<(&str, Payload)> = vec![
        ("iputils", Box::new(|at, _| iputils(at, 56))),
        ("iputils -s 1400", Box::new(|at, _| iputils(at, 1400))),
        ("iputils -s 8", Box::new(|_, _| (0..8).collect())),
        ("32-bit timeval, big endian (macOS)", {
            Box::new(|at, _| {
                let now = START + at;
                let seconds = u32::try_from(now / SECOND).unwrap();
                let micros = u32::try_from(now % SECOND / 1000).unwrap();
                let mut data = [seconds.to_be_bytes(), micros.to_be_bytes()].concat();
                fill(&mut data, 8, 56);
                data
            })
        }),
        ("OpenBSD: offset clock and MAC", {
            Box::new(move |at, _| {
                let now = START + at + 77_123_456_789 * 1000;
                let mut data = [(now / SECOND).to_be_bytes(), (now % SECOND).to_be_bytes()].concat();
                data.extend(macs.bytes(8));
                fill(&mut data, 0x18, 56);
                data
            })
        }),
        ("Windows", Box::new(|_, _| windows(32))),
        ("ping -p, random pattern", {
            Box::new(move |at, _| {
                let mut data = iputils(at, 16);
                data.extend(pattern.iter().cycle().take(40));
                data
            })
        }),
        ("pro-bing: nanoseconds and UUID", {
            Box::new(move |at, _| {
                let mut data = (START + at).to_be_bytes().to_vec();
                data.extend(&uuid);
                data
            })
        }),
        ("pyping: floating point seconds", {
            Box::new(|at, _| {
                let mut data = ((START + at) as f64 / 1e9).to_le_bytes().to_vec();
                data.resize(56, b'Q');
                data
            })
        }),
        ("cloudprober: clock over and over", {
            Box::new(|at, _| (START + at).to_be_bytes().into_iter().cycle().take(56).collect())
        }),
        ("Cisco: uptime and abcd", {
            Box::new(|at, _| {
                let uptime = u32::try_from((at + 99 * SECOND) / 1_000_000).unwrap();
                let mut data = [0_u32.to_be_bytes(), uptime.to_be_bytes()].concat();
                data.extend([0xab, 0xcd].iter().cycle().take(64));
                data
            })
        }),
        ("counter", {
            Box::new(|_, seq| {
                let mut data = u32::from(seq).to_be_bytes().to_vec();
                data.resize(32, 0x55);
                data
            })
        }),
        ("liboping", Box::new(move |_, _| text.clone())),
        ("nping, random data of one run", Box::new(move |_, _| once.clone())),
        ("hping3", Box::new(|_, _| vec![b'X'; 120])),
        ("empty", Box::new(|_, _| vec![])),
        ("mtr, random size and fill", {
            Box::new(move |_, _| {
                let [fill, len] = random.bytes(2)[..] else { unreachable!() };
                vec![fill; usize::from(len)]
            })
        }),
    ];
    for (name, payload) in &mut payloads {
        assert_silent(name, &echoed(pings(150, SECOND, payload)));
    }
}

#[test]
fn a_flood_is_silent() {
    let flood = pings(2000, 200_000, |at, _| iputils(at, 56));
    assert_silent("ping -f", &echoed(flood));
}

#[test]
fn sweeps_of_sizes_are_silent() {
    let upwards = pings(1472, SECOND / 10, |at, seq| iputils(at, seq.into()));
    assert_silent("iputils, 0 to 1471", &echoed(upwards));
    let jumbo = pings(90, SECOND / 10, |_, seq| windows(usize::from(seq) * 100));
    assert_silent("Windows, 0 to 8900", &echoed(jumbo));
    let mut low = 500;
    let halving = pings(20, SECOND, |at, seq| {
        low = if seq % 2 == 0 { low + 400 / (seq + 1) } else { low - 200 / (seq + 1) };
        iputils(at, low.into())
    });
    assert_silent("searching the path MTU", &echoed(halving));
}

#[test]
fn hours_of_several_monitors_are_silent() {
    let text = b"Prometheus Blackbox Exporter".to_vec();
    let mut all = vec![];
    for minute in 0..240_u64 {
        let at = minute * 60 * SECOND;
        let id = u16::try_from(minute * 7919 % 65536).unwrap();
        all.push(Sent::request(at, id, 1, iputils(at, 56)));
        all.push(Sent::request(at + 1000, 1, u16::try_from(minute * 37 % 65536).unwrap(), windows(32)));
        all.push(Sent::request(at + 2000, 7, u16::try_from(minute).unwrap(), text.clone()));
        let later = at + 20 * SECOND;
        all.push(Sent::request(later, id ^ 0x5555, 1, iputils(later, 1400)));
        all.push(Sent::request(later + 5000, 0, 0, vec![0; 24]));
    }
    assert_silent("monitors", &echoed(all));
}

#[test]
fn pings_in_captures_of_few_bytes_a_packet_are_silent() {
    let cisco = |_, seq: u16| (0..1400_u32).map(|at| (at + u32::from(seq)).to_le_bytes()[0]).collect();
    let pingers = [pings(60, SECOND, |at, _| iputils(at, 56)), pings(60, SECOND, cisco)];
    for sent in pingers {
        // Behind Ethernet and IPv6 or IPv4: captures of 64, 68, 96 and 128 bytes a packet.
        for captured in [10, 14, 30, 34, 42, 62, 74, 94] {
            let mut detector = IcmpPayload::new(Thresholds::default());
            let mut findings = Vec::new();
            for message in echoed(sent.clone()) {
                observe_cut(&mut detector, &message, captured, &mut findings);
            }
            assert!(findings.is_empty(), "{captured} bytes: {:?}", findings.first());
        }
    }
}

/// Options of the network header, and tags of one direction, leave less of one of both in a short capture.
#[test]
fn a_reply_of_which_more_or_less_was_captured_is_still_its_requests() {
    // What goes on in the end, and nobody sees.
    let numbered = |_, seq: u16| [vec![0x5a; 20], (0..28).collect(), seq.to_be_bytes().repeat(4)].concat();
    for (of_request, of_reply) in [(48, 60), (60, 48), (48, 64), (64, 60)] {
        let mut detector = IcmpPayload::new(Thresholds::default());
        let mut findings = Vec::new();
        for message in echoed(pings(3, SECOND, numbered)) {
            let captured = if message.to_server { of_request } else { of_reply };
            observe_cut(&mut detector, &message, captured, &mut findings);
        }
        assert!(findings.is_empty(), "{of_request}, {of_reply}: {:?}", findings.first());
    }
}

#[test]
fn truncated_and_late_replies_are_silent() {
    let requests = pings(100, SECOND, |at, _| iputils(at, 1000));
    let truncated = requests.iter().flat_map(|request| {
        let [request, mut reply] = request.clone().echoed();
        reply.data.truncate(64);
        [request, reply]
    });
    assert_silent("replies cut to 64 bytes", &truncated.collect::<Vec<_>>());
    let late = pings(200, SECOND / 100, |at, _| iputils(at, 56)).into_iter().flat_map(|request| {
        let [request, mut reply] = request.echoed();
        reply.at += SECOND * 9 / 10;
        [request, reply]
    });
    let mut late: Vec<_> = late.collect();
    late.sort_by_key(|sent| sent.at);
    assert_silent("a second of delay", &late);
}

#[test]
fn random_letters_and_digits_are_no_alert() {
    let alphabet: Vec<u8> = (0..128).filter(u8::is_ascii_alphanumeric).collect();
    let mut random = Random(4);
    let icmplib = pings(500, SECOND, |_, _| random.symbols(&alphabet, 56));
    for (view, sent) in views(&echoed(icmplib)) {
        assert!(severity(sent) <= Some(Severity::Low), "{view}");
    }
}

#[test]
fn timestamp_and_mask_queries_are_silent() {
    let millis = |at: u64| u32::try_from((START + at) / 1_000_000 % 86_400_000).unwrap();
    let mut all = vec![];
    for seq in 0..60_u16 {
        let at = u64::from(seq) * SECOND;
        let originate = millis(at).to_be_bytes();
        let query = [originate, [0; 4], [0; 4]].concat();
        let remote = millis(at + 5 * SECOND).to_le_bytes();
        let answer = [originate, remote, remote].concat();
        all.push(Sent { kind: 13, ..Sent::request(at, 9, seq, query) });
        all.push(Sent { kind: 14, ..Sent::reply(at + 12_000_000, 9, seq, answer) });
        all.push(Sent { kind: 17, ..Sent::request(at + 1, 9, seq, vec![0; 4]) });
        all.push(Sent { kind: 18, ..Sent::reply(at + 12_000_001, 9, seq, vec![255, 255, 255, 0]) });
    }
    assert_silent("queries", &all);
}

#[test]
fn nonces_of_node_information_queries_are_silent() {
    let mut random = Random(17);
    let mut detector = IcmpPayload::new(Thresholds::default());
    let mut found = vec![];
    for seq in 0..60_u64 {
        let mut bytes = vec![139, 0, 0, 0, 0, 2, 0, 0];
        bytes.extend(random.bytes(8));
        bytes.extend(address(2));
        let mut meta = HeadMeta::zeroed();
        meta.time_ns = START + seq * SECOND;
        meta.key = FlowKey {
            src: address(1),
            dst: address(2),
            protocol: 58,
            flags: FlowKey::IPV6,
            ..FlowKey::zeroed()
        };
        meta.ip_len = 32;
        meta.l4_header_len = 8;
        meta.class = Class::Icmpv6Other as u8;
        let head = Head::new(&meta, &bytes);
        detector.observe(&Observation { head, content: dissect::dissect(&head) }, &mut found);
    }
    assert!(found.is_empty(), "{:?}", found.first());
}

/// An error that quotes a UDP datagram of `datagram` bytes, and carries `behind` after it.
fn error(number: u16, datagram: &[u8], behind: &[u8]) -> Sent {
    let len = u16::try_from(28 + datagram.len()).unwrap().to_be_bytes();
    let mut quote = vec![0x45, 0, len[0], len[1], 1, 2, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    quote.extend([0x80, 0, 0, 53, 0, 0, 0, 0]);
    quote.extend(datagram);
    quote.extend(behind);
    Sent { kind: 3, ..Sent::reply(u64::from(number) * SECOND, 0, 0, quote) }
}

#[test]
fn errors_may_quote_anything() {
    let mut random = Random(5);
    let quotes: Vec<_> = (0..300).map(|number| error(number, &random.bytes(200), &[])).collect();
    assert_silent("quoted ciphertext", &quotes);
    let padded: Vec<_> = (0..300)
        .map(|number| {
            // RFC 4884: zeros up to 128 bytes, then an extension structure with an MPLS label stack.
            let extension = [&[0; 60][..], &[0x20, 0, 1, 2, 0, 8, 1, 1], &random.bytes(4)].concat();
            Sent { id: 32, ..error(number, &random.bytes(40), &extension) }
        })
        .collect();
    assert_silent("extensions", &padded);
    let stale: Vec<_> = (0..300).map(|number| error(number, &random.bytes(4), &random.bytes(18))).collect();
    assert_silent("quoted Ethernet padding", &stale);
}

#[test]
fn fields_that_have_no_value_alert_where_they_have_many() {
    let mut random = Random(16);
    let mut word = || u16::try_from(random.next() & 0xffff).unwrap() | 1;
    let errors = |mut sent: Box<dyn FnMut(Sent) -> Sent>| -> Vec<Sent> {
        (0..20).map(|number| sent(error(number, &[7; 24], &[]))).collect()
    };
    let (ids, seqs): (Vec<u16>, Vec<u16>) = (0..20).map(|_| (word(), word())).unzip();
    let at = |sent: &Sent| usize::try_from((sent.at - START) / SECOND).unwrap();
    let (id, seq) = (ids.clone(), seqs.clone());
    // Unused bytes of "port unreachable", and routers of redirects.
    for kind in [3, 5] {
        let (id, seq) = (id.clone(), seq.clone());
        let all = errors(Box::new(move |sent| Sent { kind, id: id[at(&sent)], seq: seq[at(&sent)], ..sent }));
        assert_eq!(severity(&all), Some(Severity::Medium), "{kind}");
    }
    // Lengths of what is quoted, garbage that stays, and a few routers.
    let lengths = errors(Box::new(move |sent| Sent { id: 32 + u16::try_from(at(&sent)).unwrap(), ..sent }));
    assert_silent("lengths", &lengths);
    assert_silent("garbage", &errors(Box::new(|sent| Sent { id: 0x4141, seq: 0x4242, ..sent })));
    let redirects = errors(Box::new(move |sent| Sent {
        kind: 5,
        id: 0x0a00,
        seq: u16::try_from(at(&sent) % 3).unwrap() + 1,
        ..sent
    }));
    assert_silent("redirects to three routers", &redirects);
}

#[test]
fn data_behind_a_quote_alerts() {
    let mut random = Random(6);
    let errors: Vec<_> = (0..10).map(|number| error(number, &random.bytes(24), &random.bytes(100))).collect();
    assert_eq!(severity(&errors[..2]), None);
    assert_eq!(severity(&errors), Some(Severity::Medium));
}

#[test]
fn errors_that_quote_nothing_alert() {
    let text = b"lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor invidunt ut \
        labore et dolore magna aliquyam erat, sed diam voluptua. At vero eos et accusam et justo duo dolores";
    let error = |(i, data): (u64, &[u8])| Sent { kind: 3, ..Sent::reply(i * SECOND, 0, 0, data.to_vec()) };
    let errors: Vec<_> = (0..).zip(text.chunks(9)).map(error).collect();
    assert_alert("text in place of a datagram", &errors);
}

#[test]
fn exfiltration_alerts() {
    let text = include_bytes!("mod.rs");
    let base64: Vec<u8> =
        (0..128).filter(|byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).collect();
    let mut random = Random(7);
    let mut ciphertext = |len: usize| random.bytes(len);
    let mut symbols = Random(8);
    let cases = [
        ("ciphertext, 120 bytes", pings(20, SECOND / 5, |_, _| ciphertext(120))),
        ("ciphertext, 1400 bytes", pings(20, SECOND / 5, |_, _| ciphertext(1400))),
        ("ciphertext in 8 bytes", pings(60, SECOND, |_, _| ciphertext(8))),
        ("ciphertext in the first 16 bytes", {
            pings(60, SECOND, |_, _| {
                let mut data = ciphertext(16);
                fill(&mut data, 0x10, 56);
                data
            })
        }),
        ("ciphertext behind clock and cookie", {
            pings(30, SECOND, |at, _| [iputils(at, 32), ciphertext(24)].concat())
        }),
        ("ciphertext, once a minute", pings(30, 60 * SECOND, |_, _| ciphertext(32))),
        ("base64 of ciphertext, 56 bytes", pings(60, SECOND, |_, _| symbols.symbols(&base64, 56))),
        ("text, 56 bytes", {
            pings(60, SECOND, |_, seq| text.iter().skip(usize::from(seq) * 56).take(56).copied().collect())
        }),
        ("beyond what heads hold", {
            pings(20, SECOND, |at, _| [iputils(at, 600), ciphertext(200)].concat())
        }),
    ];
    for (name, requests) in cases {
        assert_alert(name, &echoed(requests));
    }
}

#[test]
fn a_long_text_alerts_at_once() {
    let text = include_bytes!("mod.rs")[..600].to_vec();
    let sent = [Sent::request(0, 1, 1, text)];
    assert_eq!(severity(&sent), Some(Severity::Medium));
}

#[test]
fn a_tunnel_that_only_gets_to_greet_alerts() {
    // Its other end hears its own messages, so that one short greeting is all that is ever new.
    let header = |number: u16| {
        [&[0x11, 0x22, 0x33, 0x44, 10, 0, 0, 2, 0, 0, 0, 22][..], &number.to_be_bytes()].concat()
    };
    let sent = echoed(pings(40, SECOND, |_, number| {
        let greeting: &[u8] = if number == 1 { b"SSH-2.0-OpenSSH_9.6\r\n" } else { &[] };
        [header(number), greeting.to_vec()].concat()
    }));
    assert_alert("a greeting", &sent);
}

#[test]
fn downstream_in_replies_alerts() {
    let mut random = Random(9);
    let polls = pings(20, SECOND, |at, _| iputils(at, 56));
    let answered: Vec<_> = polls
        .iter()
        .flat_map(|poll| {
            let answer = random.bytes(100);
            [poll.clone(), Sent { data: answer, ..poll.clone().echoed()[1].clone() }]
        })
        .collect();
    assert_eq!(severity(&answered), Some(Severity::High));
    let replies: Vec<_> = answered.iter().filter(|sent| !sent.to_server).collect();
    assert_eq!(severity(replies.iter().copied()), Some(Severity::Medium));
    let last = findings(replies.iter().copied()).pop().unwrap();
    let directions = last.evidence.iter().find(|evidence| evidence.name == "directions_seen").unwrap();
    assert!((directions.value - 1.0).abs() < f64::EPSILON, "{directions:?}");
}

/// An IPv4 packet with a valid header.
fn ip_packet(random: &mut Random, len: u16) -> Vec<u8> {
    let total = (len + 20).to_be_bytes();
    let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2];
    let sum: u32 = header.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header.extend(random.bytes(len.into()));
    header
}

#[test]
fn tunnels_alert() {
    let mut random = Random(10);
    for (name, header) in
        [("raw IP", &b""[..]), ("icmptunnel", b"TUNL\x02"), ("tun with packet information", &[0, 0, 8, 0])]
    {
        let mut all = vec![];
        for seq in 0..20_u16 {
            let at = u64::from(seq) * SECOND / 10;
            let len = u16::try_from(random.next() % 1300).unwrap();
            all.push(Sent::request(at, 7, 0, [header, &ip_packet(&mut random, len)].concat()));
            all.push(Sent::reply(at + 1000, 7, 0, [header, &ip_packet(&mut random, len / 4)].concat()));
        }
        assert_alert(name, &all);
        assert_eq!(severity(&all[..12]), Some(Severity::High), "{name}");
    }
    // A header of its own and a stream inside, several replies to a request, as ptunnel and hans have them.
    let mut all = vec![];
    for seq in 0..30_u16 {
        let at = u64::from(seq) * SECOND / 2;
        let own = |state: u8| {
            [0xd5, 0x20, 8, 0x80, 10, 0, 0, 2, 0, 0, 0, 22, 0, 0, 0, state, 0, 0, 0xff, 0xff].to_vec()
        };
        all.push(Sent::request(at, 9, seq, [own(1), random.bytes(30)].concat()));
        all.push(Sent::reply(at + 1000, 9, seq, [own(2), random.bytes(400)].concat()));
        all.push(Sent::reply(at + 2000, 9, seq, [own(2), random.bytes(700)].concat()));
    }
    assert_alert("stream", &all);
    assert_eq!(severity(&all[..15]), Some(Severity::High));
    assert_eq!(findings(&all).last().unwrap().tool, Some("ptunnel"));
}

#[test]
fn timestamp_fields_with_data_alert() {
    let mut random = Random(11);
    let queries = pings(40, SECOND, |_, _| random.bytes(12));
    let queries: Vec<_> = queries.into_iter().map(|sent| Sent { kind: 13, ..sent }).collect();
    assert_eq!(severity(&queries), Some(Severity::Medium));
}

#[test]
fn identifiers_that_carry_data_alert() {
    let mut random = Random(12);
    let mut any = || u16::try_from(random.next() & 0xffff).unwrap();
    let pings = pings(80, SECOND, |at, _| iputils(at, 56));
    assert_alert(
        "identifier and sequence",
        &echoed(pings.into_iter().map(|sent| Sent { id: any(), seq: any(), ..sent })),
    );
}

#[test]
fn one_of_identifier_and_sequence_that_carries_data_alerts() {
    let mut random = Random(13);
    let mut any = || u16::try_from(random.next() & 0xffff).unwrap();
    let pings = || pings(120, SECOND, |at, _| iputils(at, 56));
    let identifier: Vec<_> = pings().into_iter().map(|sent| Sent { id: any(), ..sent }).collect();
    assert_alert("identifier", &echoed(identifier));
    let sequence: Vec<_> = pings().into_iter().map(|sent| Sent { seq: any(), ..sent }).collect();
    assert_alert("sequence", &echoed(sequence));
    let letters: Vec<_> = pings().into_iter().map(|sent| Sent { seq: 32 + any() % 90, ..sent }).collect();
    assert_alert("letters", &echoed(letters));
}

#[test]
fn single_bytes_and_changing_fills_alert() {
    let mut random = Random(14);
    let last = pings(60, SECOND, |at, _| {
        let mut data = iputils(at, 56);
        *data.last_mut().unwrap() = random.bytes(1)[0];
        data
    });
    assert_alert("last byte", &echoed(last));
    let fills = pings(40, SECOND, |_, _| vec![random.bytes(1)[0]; 56]);
    assert_alert("fills", &echoed(fills));
}

#[test]
fn one_letter_a_ping_alerts_and_short_fills_and_counters_do_not() {
    let text = b"the key is under the third stone on the left";
    let letters = |at: &[u8]| -> Vec<Sent> {
        let data = at.iter().map(|byte| vec![*byte]);
        echoed((0..).zip(data).map(|(i, data)| Sent::request(i * SECOND, 0, 0, data)))
    };
    assert_alert("one letter a ping", &letters(text));
    assert_silent("a counter", &letters(&(0..44).collect::<Vec<u8>>()));
    assert_silent("a fill", &letters(&[8; 44]));
    let sweep = (0..60_u16).map(|i| Sent::request(u64::from(i) * SECOND, 7, i, vec![8; usize::from(i % 4)]));
    let sweep = echoed(sweep);
    assert_silent("a sweep of lengths", &sweep);
}

#[test]
fn base64_of_text_alerts_and_random_letters_do_not() {
    use base64::Engine as _;
    let coded = |data: &[u8]| base64::engine::general_purpose::STANDARD.encode(data).into_bytes();
    let text = b"the key is under the third stone on the left, and the door has no lock at all any more, they say. \
        Whoever comes first leaves the lamp burning behind the small window, and waits for the others until four. If \
        nobody has come by then, all go home by different roads, and meet again at the same place a week from now.";
    let ping = |(i, data): (u16, Vec<u8>)| Sent::request(u64::from(i) * SECOND, 7, i, data);
    let covert = (0..).zip(text.chunks_exact(24)).map(|(i, data)| ping((i, coded(data))));
    assert_alert("base64 of text", &echoed(covert));
    let mut random = Random(9);
    let noise = (0..40).map(|i| (i, coded(&random.bytes(24))));
    let plain = noise.filter(|(_, data)| data.iter().all(u8::is_ascii_alphanumeric));
    assert_ne!(severity(&echoed(plain.map(ping))), Some(Severity::Medium), "letters and digits");
}

#[test]
fn counters_at_the_end_patterns_and_restarts_are_silent() {
    let counter = pings(200, SECOND, |at, number| [iputils(at, 54), number.to_be_bytes().to_vec()].concat());
    assert_silent("counter", &echoed(counter));
    let patterns =
        pings(120, SECOND, |_, number| vec![[0, 0xff, 0xaa, 0x55, 0x0f][usize::from(number / 24)]; 56]);
    assert_silent("patterns", &echoed(patterns));
    // Two pingers on a host, each of four echoes, over and over.
    let restarts = pings(240, SECOND, |at, _| iputils(at, 56)).into_iter().enumerate();
    let restarts = restarts.map(|(i, sent)| {
        let (run, seq) = (u16::try_from(i / 4).unwrap(), u16::try_from(i % 4).unwrap() + 1);
        Sent { id: 0x4000 + run * 37, seq, ..sent }
    });
    assert_silent("restarts", &echoed(restarts));
}

#[test]
fn large_new_payloads_need_no_number() {
    let mut random = Random(15);
    assert_eq!(severity(&pings(3, SECOND, |_, _| random.bytes(400))), Some(Severity::Medium));
}

#[test]
fn rare_events_of_a_long_life_do_not_add_up() {
    let mut random = Random(13);
    let mut all = vec![];
    for hour in 0..40_u64 {
        for minute in 0..60_u64 {
            let at = (hour * 60 + minute) * 60 * SECOND;
            all.push(Sent::request(at, 3, u16::try_from(minute).unwrap(), iputils(at, 56)));
        }
        // A scan with random data (nmap --data-length), the same in each of its probes.
        let at = hour * 3600 * SECOND + 30 * SECOND;
        let data = random.bytes(64);
        all.extend(
            (0..3).map(|n| Sent::request(at + n * SECOND, u16::try_from(hour).unwrap(), 0, data.clone())),
        );
    }
    assert_silent("hourly scan", &echoed(all));
}

#[test]
fn a_finding_is_pushed_again_as_it_grows_and_after_a_while() {
    let mut random = Random(14);
    let fast = findings(&pings(1000, SECOND / 100, |_, _| random.bytes(56)));
    assert!((10..=30).contains(&fast.len()), "{}", fast.len());
    let last = fast.last().unwrap();
    assert!(last.estimated_bytes > 1000 * 48 * 4 / 5, "{}", last.estimated_bytes);

    let slow = pings(100, SECOND, |_, _| random.bytes(56));
    let found = findings(&slow);
    assert!((15..=25).contains(&found.len()), "{}", found.len());
    let last = found.last().unwrap();
    assert!(last.estimated_bytes > 4500, "{}", last.estimated_bytes);
    assert!(last.traffic.packets_to_server >= 85);
}

#[test]
fn floods_of_pairs_stay_within_capacity_and_do_not_push_out_evidence() {
    let mut detector = IcmpPayload::new(Thresholds { capacity: 64, ..Thresholds::default() });
    let mut random = Random(15);
    let mut found = vec![];
    for (seq, sent) in (0_u32..).zip(pings(20, SECOND, |_, _| random.bytes(56))) {
        observe(&mut detector, &sent, &mut found);
        for spoofed in 0..30_u32 {
            let mut meta = HeadMeta::zeroed();
            meta.time_ns = sent.at;
            meta.key.src[..4].copy_from_slice(&(seq * 1000 + spoofed + 1).to_be_bytes());
            meta.class = Class::IcmpEcho as u8;
            meta.ip_len = 8;
            meta.l4_header_len = 8;
            let head = Head::new(&meta, &[8, 0, 0, 0, 0, 1, 0, 1]);
            detector.observe(&Observation { head, content: dissect::dissect(&head) }, &mut vec![]);
            let (used, capacity) = detector.occupancy();
            assert!(used <= capacity && capacity == 2 * 64, "{used} of {capacity}");
        }
    }
    assert!(!found.is_empty());
    // A tick looks at a part of the table.
    (0..64).for_each(|_| detector.tick(START + 3 * 3600 * SECOND));
    assert_eq!(detector.occupancy().0, 0);
}

#[test]
fn any_head_is_survived() {
    let mut random = Random(16);
    let mut detector = IcmpPayload::new(Thresholds { capacity: 128, ..Thresholds::default() });
    let classes = [
        Class::IcmpEcho,
        Class::IcmpError,
        Class::IcmpOther,
        Class::Icmpv6Echo,
        Class::Icmpv6Error,
        Class::Icmpv6Other,
    ];
    for _ in 0..20_000 {
        let len = usize::try_from(random.next() % 513).unwrap();
        let mut bytes = if random.next().is_multiple_of(2) { random.bytes(len) } else { vec![0x45; len] };
        if let Some(kind) = bytes.first_mut() {
            *kind %= 20;
        }
        let mut meta = HeadMeta::zeroed();
        meta.time_ns = random.next();
        meta.key.src = address(u8::try_from(random.next() % 20).unwrap());
        meta.key.flags = u8::try_from(random.next() % 2).unwrap();
        meta.ip_len = u32::try_from(random.next() & 0xffff_ffff).unwrap() >> (random.next() % 32);
        meta.wire_len = u32::MAX;
        meta.l4_header_len = 8;
        meta.class = classes[usize::try_from(random.next() % 6).unwrap()] as u8;
        let head = Head::new(&meta, &bytes);
        detector.observe(&Observation { head, content: dissect::dissect(&head) }, &mut vec![]);
        if random.next().is_multiple_of(100) {
            detector.tick(random.next());
        }
        assert!(detector.occupancy().0 <= 128);
    }
}

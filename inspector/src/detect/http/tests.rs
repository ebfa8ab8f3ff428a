mod halves;
mod tunnels;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;
use crate::detect::wire::{Wire, hex, noise};

fn bench() -> Wire<Http> {
    Wire::to(80, Http::new(Thresholds::default()))
}

fn code(len: usize, seed: u64) -> String {
    STANDARD.encode(noise(seed, len))
}

fn ask(bench: &mut Wire<Http>, path: &str, headers: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: www.example\r\nUser-Agent: x\r\n{headers}\r\n");
    bench.send(true, request.as_bytes());
}

fn answer(bench: &mut Wire<Http>, status: u16, headers: &str) {
    bench.send(false, format!("HTTP/1.1 {status} X\r\n{headers}\r\n<html>").as_bytes());
}

#[test]
fn cookies_that_nobody_set_and_that_change_alert() {
    let mut bench = bench();
    for seed in 0..9 {
        bench.connect();
        ask(&mut bench, "/", &format!("Cookie: SESSID={}; lang=en\r\n", code(90, seed)));
        answer(&mut bench, 200, "Content-Type: text/html\r\n");
    }
    assert!(bench.alerts() >= 1, "{:?}", bench.findings);
}

#[test]
fn cookies_of_a_server_that_rolls_them_of_scripts_and_of_many_users_are_silent() {
    let (mut rolling, mut scripts) = (bench(), bench());
    rolling.connect();
    scripts.connect();
    for n in 0..60 {
        ask(&mut rolling, "/", &format!("Cookie: laravel_session={}\r\n", code(180, n)));
        answer(&mut rolling, 200, &format!("Set-Cookie: laravel_session={}; path=/\r\n", code(180, n + 1)));
        let utma = format!("__utma=1.2.{n}; sid={}; _abck={}", code(15, 1), code(90, n / 10));
        ask(&mut scripts, "/", &format!("Cookie: {utma}\r\n"));
        answer(&mut scripts, 200, "");
    }
    assert_eq!(rolling.alerts() + scripts.alerts(), 0, "{:?} {:?}", rolling.findings, scripts.findings);
}

#[test]
fn cookies_without_the_responses_are_an_observation() {
    let mut bench = bench();
    bench.connect();
    (0..20).for_each(|seed| ask(&mut bench, "/", &format!("Cookie: a={}\r\n", code(90, seed))));
    assert_eq!(bench.severity(), Some(Severity::Low));
}

#[test]
fn set_cookies_that_are_never_returned_alert_unless_the_client_keeps_none() {
    let (mut covert, mut jarless, mut scoped) = (bench(), bench(), bench());
    for bench in [&mut covert, &mut jarless, &mut scoped] {
        bench.connect();
    }
    for n in 0..20 {
        let set = |rest: &str| format!("Set-Cookie: s={}; {rest}\r\n", code(120, n));
        ask(&mut covert, "/", "Cookie: sid=4f9a0c77e1b2; lang=en\r\n");
        answer(&mut covert, 200, &set("path=/"));
        ask(&mut jarless, "/", "");
        answer(&mut jarless, 200, &set("path=/"));
        ask(&mut scoped, "/", "Cookie: lang=en\r\n");
        answer(&mut scoped, 200, &set("path=/admin"));
    }
    assert!(covert.alerts() >= 1, "{:?}", covert.findings);
    assert_eq!(jarless.alerts() + scoped.alerts(), 0);
}

#[test]
fn validators_that_were_never_given_alert_and_caches_do_not() {
    let hex = |seed| hex(&noise(seed, 32));
    let (mut covert, mut cache) = (bench(), bench());
    covert.connect();
    cache.connect();
    for n in 0..20 {
        let headers = format!("If-None-Match: \"{}\"\r\n", hex(n));
        ask(&mut covert, &format!("/{n}"), &headers);
        answer(&mut covert, 200, "Content-Type: text/html\r\n");
        ask(&mut cache, &format!("/{n}"), &headers);
        let (status, etag) = if n % 3 == 0 { (200, hex(n + 100)) } else { (304, hex(n)) };
        answer(&mut cache, status, &format!("ETag: \"{etag}\"\r\n"));
    }
    assert!(covert.alerts() >= 1, "{:?}", covert.findings);
    assert_eq!(cache.findings, []);
}

#[test]
fn opaque_paths_alert_and_media_links_and_revocation_do_not() {
    let path = |n| format!("/a/{}", URL_SAFE_NO_PAD.encode(noise(n, 90)));
    let mut covert = bench();
    let mut others = [bench(), bench(), bench(), bench()];
    covert.connect();
    others.iter_mut().for_each(Wire::connect);
    for n in 0..30 {
        ask(&mut covert, &path(n), "");
        answer(&mut covert, 200, "Content-Type: text/html\r\n");
        let [media, links, revocation, words] = &mut others;
        ask(media, &path(n), "");
        answer(media, 200, "Content-Type: image/jpeg\r\n");
        ask(links, &path(n), "Referer: http://www.example/\r\n");
        answer(links, 200, "Content-Type: text/html\r\n");
        ask(revocation, &path(n), "");
        answer(revocation, 200, "Content-Type: application/ocsp-response\r\n");
        ask(words, &format!("/v1/users/0190a5e6-7c1f-4d2e-9b3a-5f6e7d8c9b{n:02}/posts"), "");
        answer(words, 200, "Content-Type: application/json\r\n");
    }
    assert!(covert.alerts() >= 1, "{:?}", covert.findings);
    for other in &others {
        assert_eq!(other.findings, []);
    }
}

#[test]
fn opaque_headers_alert_and_identifiers_and_signatures_do_not() {
    let (mut covert, mut plain) = (bench(), bench());
    covert.connect();
    plain.connect();
    for n in 0..30 {
        ask(&mut covert, "/", &format!("X-Trace: {}\r\n", code(72, n)));
        answer(&mut covert, 200, "");
        let signature = hex(&noise(n, 32));
        let signed = format!("X-Signature: sha256={signature}\r\nAuthorization: Bearer {}\r\n", code(90, n));
        ask(&mut plain, "/", &signed);
        answer(&mut plain, 200, &format!("X-Amz-Id-2: {}\r\n", code(57, n)));
    }
    assert!(covert.alerts() >= 1, "{:?}", covert.findings);
    assert_eq!(plain.findings, []);
}

fn frame(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0xfe];
    frame.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    frame.extend([1, 2, 3, 4]);
    frame.extend(data.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

fn websocket(first: &[u8]) -> Wire<Http> {
    let mut bench = bench();
    bench.connect();
    ask(&mut bench, "/socket", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    answer(&mut bench, 101, "Upgrade: websocket\r\n");
    bench.send(true, &frame(&[first, &[b'x'; 200]].concat()));
    bench
}

#[test]
fn other_protocols_in_websockets_alert_and_messages_of_applications_do_not() {
    for tunnel in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: intranet\r\n",
        &[22, 3, 1, 1, 0, 1, 0, 0, 250],
    ] {
        assert_eq!(websocket(tunnel).alerts(), 1, "{tunnel:?}");
    }
    for message in [
        &b"{\"type\":\"hello\"}"[..],
        b"GET /;post HTTP/1.1\r\nHost: www.example\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"42[\"message\"",
        b"RFB 003.008\n",
        &[0x10, 0x1f, 0, 4],
    ] {
        assert_eq!(websocket(message).findings, [], "{message:?}");
    }
}

#[test]
fn names_of_programs_parameters_and_passwords_that_are_data_alert() {
    let mut agents = bench();
    let mut parameters = bench();
    let mut passwords = bench();
    for seed in 0..12 {
        let code = code(75, seed);
        agents.connect();
        let request =
            format!("GET / HTTP/1.1\r\nHost: www.example\r\nUser-Agent: Mozilla/5.0 {code}\r\n\r\n");
        agents.send(true, request.as_bytes());
        answer(&mut agents, 200, "Content-Type: text/html\r\n");
        parameters.connect();
        ask(&mut parameters, &format!("/a?q={}", URL_SAFE_NO_PAD.encode(noise(seed, 90))), "");
        answer(&mut parameters, 200, "Content-Type: text/html\r\n");
        passwords.connect();
        ask(&mut passwords, "/", &format!("Authorization: Basic {code}\r\n"));
        answer(&mut passwords, 200, "Content-Type: text/html\r\n");
    }
    for (name, bench) in [("agents", agents), ("parameters", parameters), ("passwords", passwords)] {
        assert!(bench.alerts() >= 1, "{name}: {:?}", bench.findings);
    }
}

#[test]
fn signed_links_browsers_and_logins_are_silent() {
    let mut bench = bench();
    for seed in 0..30 {
        bench.connect();
        let path = format!("/v1/data?cursor={}&Signature={}", code(20, seed), hex(&noise(seed, 200)));
        ask(&mut bench, &path, "Authorization: Basic YWRtaW46YSBsb25nIHBhc3N3b3JkIG9mIHdvcmRz\r\n");
        answer(&mut bench, 200, "Content-Type: application/json\r\n");
        let agent = format!("Mozilla/5.0 (Linux; Android 14; Pixel {seed}) AppleWebKit/537.36 Mobile");
        let request =
            format!("GET /?session={seed} HTTP/1.1\r\nHost: www.example\r\nUser-Agent: {agent}\r\n\r\n");
        bench.send(true, request.as_bytes());
        answer(&mut bench, 200, "Content-Type: text/html\r\n");
    }
    assert_eq!(bench.alerts(), 0, "{:?}", bench.findings);
}

/// Fields of these names.
fn named(names: &[String]) -> String {
    names.join(": x\r\n") + ": x\r\n"
}

#[test]
fn names_of_fields_in_ever_new_orders_or_spellings_alert_and_those_of_programs_do_not() {
    const NAMES: [&str; 6] = ["Accept", "Cache-Control", "Connection", "DNT", "Pragma", "Via"];
    let (mut orders, mut spellings, mut programs) = (bench(), bench(), bench());
    for seed in 0..20 {
        let bits = noise(seed, 12);
        let mut shuffled: Vec<_> = bits.iter().zip(NAMES).collect();
        shuffled.sort();
        let spell =
            |(bit, name): (&u8, &str)| if bit & 1 == 0 { name.to_lowercase() } else { name.to_uppercase() };
        // A page, its parts, and what scripts ask for: other fields each, in the program's order.
        let some = NAMES.iter().skip(usize::try_from(seed % 5).unwrap());
        let lists: [Vec<String>; 3] = [
            shuffled.iter().map(|(_, name)| name.to_string()).collect(),
            bits.iter().zip(NAMES).map(spell).collect(),
            some.map(ToString::to_string).collect(),
        ];
        for (bench, names) in [&mut orders, &mut spellings, &mut programs].into_iter().zip(lists) {
            bench.connect();
            ask(bench, "/", &named(&names));
            answer(bench, 200, "Content-Type: text/html\r\n");
        }
    }
    assert!(
        orders.alerts() >= 1 && spellings.alerts() >= 1,
        "{:?} {:?}",
        orders.findings,
        spellings.findings
    );
    assert_eq!(programs.findings, []);
}

#[test]
fn pages_that_nobody_asked_for_and_text_in_paths_alert_and_links_within_a_site_do_not() {
    let (mut covert, mut site, mut text) = (bench(), bench(), bench());
    let page = |n| format!("/a/{}", URL_SAFE_NO_PAD.encode(noise(n, 30)));
    let prose = b"the key is under the third stone on the left, and the door has no lock at all any more, they say \
        whoever comes first leaves the lamp burning, and waits for the others until four or until it is light";
    for n in 0..20 {
        covert.connect();
        ask(&mut covert, "/", &format!("Referer: http://www.example{}\r\n", page(n)));
        answer(&mut covert, 200, "Content-Type: text/html\r\n");
        site.connect();
        ask(&mut site, &page(n + 1), &format!("Referer: http://www.example{}\r\n", page(n)));
        answer(&mut site, 200, "Content-Type: text/html\r\n");
        ask(&mut site, "/pixel", &format!("Referer: https://other.example{}\r\n", page(n + 50)));
        answer(&mut site, 200, "Content-Type: text/html\r\n");
        text.connect();
        let at = usize::try_from(n).unwrap() * 7;
        ask(&mut text, &format!("/{}", URL_SAFE_NO_PAD.encode(&prose[at..at + 40])), "");
        answer(&mut text, 200, "Content-Type: text/html\r\n");
    }
    assert!(covert.alerts() >= 1 && text.alerts() >= 1, "{:?} {:?}", covert.findings, text.findings);
    assert_eq!(site.findings, []);
}

#[test]
fn validators_that_change_while_the_tag_does_not_alert() {
    let mut bench = bench();
    bench.connect();
    for n in 0..20 {
        ask(&mut bench, "/", &format!("If-None-Match: \"{}\"\r\n", hex(&noise(n, 32))));
        answer(&mut bench, 200, "ETag: \"5f3-abc\"\r\n");
    }
    assert!(bench.alerts() >= 1, "{:?}", bench.findings);
}

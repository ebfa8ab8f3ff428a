//! Tunnels: in WebSockets, through proxies, in other upgraded connections, and in bodies.

use super::*;

/// Makes what a side sends `n`-th.
type Make<'a> = &'a dyn Fn(u64, bool) -> Vec<u8>;

/// A frame of a WebSocket, masked if it is a client's.
fn framed(opcode: u8, data: &[u8], to_server: bool) -> Vec<u8> {
    let mask = if to_server { [7, 99, 180, 3] } else { [0; 4] };
    let len = u16::try_from(data.len()).unwrap().to_be_bytes();
    let key = if to_server { &mask[..] } else { &[] };
    let data: Vec<u8> = data.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    [&[0x80 | opcode, 0x7e | u8::from(to_server) << 7], &len[..], key, &data].concat()
}

/// A connection that is turned into something else, in which both sides send 20 times what `make` gives.
fn upgraded(request: &str, status: u16, make: Make<'_>) -> Wire<Http> {
    let mut bench = bench();
    bench.connect();
    bench.send(true, request.as_bytes());
    answer(&mut bench, status, "Connection: Upgrade\r\n");
    for n in 0..40 {
        bench.send(true, &make(n, true));
        bench.send(false, &make(n, false));
    }
    bench
}

fn get(upgrade: &str) -> String {
    format!("GET /socket HTTP/1.1\r\nHost: www.example\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n")
}

fn connect(host: &str) -> String {
    format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// Ciphertext of changing length, of which neither side has the other's.
fn ciphertext(n: u64, to_server: bool) -> Vec<u8> {
    noise(2 * n + u64::from(to_server), 60 + usize::try_from(n * 37 % 400).unwrap())
}

#[test]
fn ciphertext_alone_alerts_wherever_http_ends() {
    let cases: [(String, u16, Make<'_>); 6] = [
        (get("websocket"), 101, &|n, up| framed(2, &ciphertext(n, up), up)),
        (get("websocket"), 101, &|n, up| framed(1, STANDARD.encode(ciphertext(n, up)).as_bytes(), up)),
        (get("websocket"), 101, &ciphertext),
        (get("tcp"), 101, &ciphertext),
        (get("h2c"), 101, &ciphertext),
        (connect("203.0.113.9:4444"), 200, &ciphertext),
    ];
    for (request, status, make) in &cases {
        let bench = upgraded(request, *status, *make);
        assert_eq!(bench.alerts(), 1, "{request}: {:?}", bench.findings);
        assert_eq!(bench.findings.iter().find_map(|it| it.tool), Some("ciphertext in HTTP"));
    }
}

#[test]
fn vpns_and_what_a_multiplexer_carries_alert() {
    let hello = |n: u64| [&[22, 3, 1, 1, 4, 1, 0, 1, 0, 3, 3][..], &noise(n, 254)].concat();
    let wireguard = |n: u64, up: bool| match (n, up) {
        (0, true) => [&[1, 0, 0, 0][..], &noise(1, 144)].concat(),
        (0, false) => [&[2, 0, 0, 0][..], &noise(2, 88)].concat(),
        _ => [&[4, 0, 0, 0, 1, 2, 3, 4, u8::try_from(n).unwrap(), 0, 0, 0, 0, 0, 0, 0][..], &noise(n, 96)]
            .concat(),
    };
    let vpn = |n: u64, up: bool| match n {
        0 => [&[0, 14, if up { 0x38 } else { 0x40 }][..], &noise(7, 8), &[0, 0, 0, 0, 0]].concat(),
        _ => [&[0, 201, 0x48][..], &noise(n, 200)].concat(),
    };
    let cases: [Make<'_>; 4] = [
        &|n, up| framed(2, &wireguard(n, up), up),
        &|n, up| framed(2, &vpn(n, up), up),
        &|n, up| framed(2, &[&[0, 0, 0, 1, 0, 0, 1, 9][..], &hello(n)].concat(), up),
        &|n, up| framed(2, &[&noise(n, 12)[..], b"SSH-2.0-OpenSSH_9.6\r\n"].concat(), up),
    ];
    for (i, make) in cases.iter().enumerate() {
        let bench = upgraded(&get("websocket"), 101, *make);
        assert_eq!(bench.alerts(), 1, "{i}: {:?}", bench.findings);
    }
}

#[test]
fn applications_that_use_websockets_and_proxies_are_silent() {
    let data = [22, 3, 3, 0, 200];
    let cases: [(String, u16, Make<'_>); 9] = [
        // Messages of text one way, pictures the other.
        (get("websocket"), 101, &|n, up| {
            let text = format!("{{\"ack\":{n}}}");
            if up { framed(1, text.as_bytes(), up) } else { framed(2, &ciphertext(n, up), up) }
        }),
        // Compressed, in both directions.
        (get("websocket"), 101, &|n, up| framed(0x42, &ciphertext(n, up), up)),
        // A protocol with a type, or a length.
        (get("websocket"), 101, &|n, up| framed(2, &[&[0x0a][..], &ciphertext(n, up)].concat(), up)),
        (get("websocket"), 101, &|n, up| {
            let data = ciphertext(n, up);
            framed(2, &[&u16::try_from(data.len()).unwrap().to_be_bytes()[..], &data].concat(), up)
        }),
        // Parts of large frames.
        (get("websocket"), 101, &|n, up| match (n, up) {
            (_, true) => framed(1, b"next", true),
            (0, _) => [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &ciphertext(0, false)].concat(),
            _ => ciphertext(n, false),
        }),
        // A remote screen.
        (get("websocket"), 101, &|n, up| match n {
            0 => framed(2, b"RFB 003.008\n", up),
            _ => framed(2, &ciphertext(n, up), up),
        }),
        (get("TLS/1.2, HTTP/1.1"), 101, &|n, up| match n {
            0 => [&[22, 3, 1, 1, 4, if up { 1 } else { 2 }, 0, 1, 0, 3, 3][..], &noise(n, 254)].concat(),
            _ => [&data[..], &ciphertext(n, up)].concat(),
        }),
        (connect("www.example:443"), 200, &|n, up| match n {
            0 => [&[22, 3, 1, 1, 4, if up { 1 } else { 2 }, 0, 1, 0, 3, 3][..], &noise(n, 254)].concat(),
            _ => ciphertext(n, up),
        }),
        (connect("mail.example:993"), 200, &|n, up| match n {
            0 => b"* OK IMAP4rev1 ready\r\n".to_vec(),
            _ => ciphertext(n, up),
        }),
    ];
    for (i, (request, status, make)) in cases.iter().enumerate() {
        let bench = upgraded(request, *status, *make);
        assert_eq!(bench.alerts(), 0, "{i}: {:?}", bench.findings);
    }
}

#[test]
fn tokens_that_are_new_with_every_websocket_alert_and_those_of_a_session_do_not() {
    for (token, expected) in [("", true), ("eyJhbGciOiJIUzI1NiJ9.", false)] {
        let mut bench = bench();
        for n in 0..20 {
            bench.connect();
            let code = URL_SAFE_NO_PAD.encode(noise(n, 150));
            ask(
                &mut bench,
                "/",
                &format!("Upgrade: websocket\r\nSec-WebSocket-Protocol: v1, {token}{code}\r\n"),
            );
            answer(&mut bench, 101, "");
        }
        assert_eq!(bench.alerts() > 0, expected, "{:?}", bench.findings);
    }
}

fn post(bench: &mut Wire<Http>, body: &[u8]) {
    let head = format!("POST /x HTTP/1.1\r\nHost: www.example\r\nContent-Length: {}\r\n\r\n", body.len());
    bench.send(true, &[head.as_bytes(), body].concat());
}

fn reply(bench: &mut Wire<Http>, headers: &str, body: &[u8]) {
    bench.send(false, &[format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat());
}

#[test]
fn scripts_that_pass_on_ciphertext_as_text_alert_and_encrypted_reports_do_not() {
    const HTML: &str = "Content-Type: text/html; charset=UTF-8\r\n";
    const BYTES: &str = "Content-Type: application/octet-stream\r\n";
    const GZIP: &str = "Content-Type: text/html\r\nContent-Encoding: gzip\r\n";
    const CHUNKED: &str = "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n";
    let ciphertext = |n: u64, up: bool| noise(2 * n + u64::from(up), 200);
    let page = |_: u64, _: bool| {
        b"<html><head><title>Welcome</title></head><body>and more text</body></html>".to_vec()
    };
    let chunk = |n: u64, up: bool| [b"c8\r\n", &ciphertext(n, up)[..]].concat();
    let cases: [(Make<'_>, &str, Make<'_>, bool); 6] = [
        (&ciphertext, HTML, &ciphertext, true),
        (&ciphertext, CHUNKED, &chunk, true),
        (&ciphertext, BYTES, &ciphertext, false),
        (&ciphertext, HTML, &page, false),
        (&page, HTML, &ciphertext, false),
        (&ciphertext, GZIP, &ciphertext, false),
    ];
    for (i, (request, headers, response, expected)) in cases.into_iter().enumerate() {
        let mut bench = bench();
        for n in 0..30 {
            bench.connect();
            post(&mut bench, &request(n, true));
            reply(&mut bench, headers, &response(n, false));
        }
        assert_eq!(bench.alerts() > 0, expected, "{i}: {:?}", bench.findings);
    }
}

#[test]
fn another_protocol_in_a_body_alerts_and_one_after_connect_does_not() {
    for (request, expected) in [("POST /index.html", true), ("CONNECT www.example:22", false)] {
        let mut bench = bench();
        bench.connect();
        let head = format!("{request} HTTP/1.1\r\nHost: www.example\r\nContent-Length: 102400\r\n\r\n");
        bench.send(true, head.as_bytes());
        bench.send(true, b"\x02\0\x15SSH-2.0-OpenSSH_9.6\r\n");
        assert_eq!(bench.alerts() > 0, expected, "{:?}", bench.findings);
    }
    // The answer of a proxy whose request was not seen.
    let mut bench = bench();
    bench.connect();
    answer(&mut bench, 200, "");
    bench.send(false, b"SSH-2.0-OpenSSH_9.6\r\n");
    assert_eq!(bench.alerts(), 0, "{:?}", bench.findings);
}

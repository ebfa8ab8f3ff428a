//! Streams that are made of two requests, with what flows' records count of them.

use inspector_common::{FlowKey, FlowRecord};

use super::*;
use crate::detect::wire::{CLIENT, SERVER};
use crate::observation::FlowUpdate;

/// When the bench's first packet is sent, nanoseconds.
const START: u64 = 1_700_000_000_000_000_000;

/// Counts `bytes` that the connection from this port sent until so many seconds after the start.
fn count(bench: &mut Wire<Http>, port: u16, to_server: bool, bytes: u64, seconds: u64) {
    let [client, server] =
        [CLIENT, SERVER].map(|host| std::net::Ipv4Addr::from(host).to_ipv6_mapped().octets());
    let key = FlowKey {
        src: client,
        dst: server,
        src_port: port,
        dst_port: 80,
        protocol: 6,
        ifindex: 1,
        ..bytemuck::Zeroable::zeroed()
    };
    let key = if to_server { key } else { key.reversed() };
    let record = FlowRecord {
        packets: 9,
        payload_bytes: bytes,
        last_ns: START + seconds * 1_000_000_000,
        ..bytemuck::Zeroable::zeroed()
    };
    let update = FlowUpdate { key: &key, record: &record, is_final: false };
    bench.detector.flow(&update, &mut bench.findings);
}

/// A request up from port 40,001 and one down from 40,002, for these paths, and 8 seconds of both.
fn session(up: &str, down: &str, header: &str, sent: u64) -> Wire<Http> {
    let mut bench = bench();
    bench.connect();
    bench.send(true, format!("POST {up} HTTP/1.1\r\n").as_bytes());
    bench.connect();
    ask(&mut bench, down, "");
    answer(&mut bench, 200, &format!("Content-Type: text/html\r\n{header}"));
    for second in 1..=8 {
        count(&mut bench, 40_001, true, 200 + second, second);
        count(&mut bench, 40_002, false, sent, second);
    }
    bench
}

#[test]
fn two_requests_of_one_path_that_never_end_alert() {
    let bench = session("/index.html?n=1", "/index.html?n=2", "Content-Length: 102400\r\n", 400);
    assert_eq!(bench.alerts(), 1, "{:?}", bench.findings);
}

#[test]
fn uploads_downloads_and_events_are_silent() {
    let length = "Content-Length: 102400\r\n";
    for (name, bench) in [
        ("an upload beside a download", session("/upload", "/film.mp4", length, 400)),
        ("an upload from the page", session("/form", "/form", length, 102_500)),
        ("events", session("/events", "/events", "Transfer-Encoding: chunked\r\n", 400)),
    ] {
        assert_eq!(bench.findings, [], "{name}");
    }
    // A download that takes its time, on a connection that was used to send something before.
    let mut bench = bench();
    for path in ["/a", "/a", "/a"] {
        bench.connect();
        bench.send(true, format!("POST {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}").as_bytes());
        answer(&mut bench, 200, "Content-Length: 102400\r\n");
        ask(&mut bench, path, "");
        answer(&mut bench, 200, "Content-Length: 102400\r\n");
    }
    for second in 1..=8 {
        for port in 40_001..=40_003 {
            count(&mut bench, port, true, 200 + second, second);
            count(&mut bench, port, false, 400, second);
        }
    }
    assert_eq!(bench.findings, []);
}

//! What hosts say in ARP.

use super::*;

/// A packet of an operation: who asks, and whom.
fn packet(operation: u16, from: ([u8; 6], [u8; 4]), to: ([u8; 6], [u8; 4])) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4];
    let parts = [&fixed[..], &operation.to_be_bytes(), &from.0, &from.1, &to.0, &to.1, &[0; 18]];
    [&ETHERNET[..], &[8, 6], &parts.concat()].concat()
}

const HOST: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 2], [10, 0, 0, 1]);
const OTHER: ([u8; 6], [u8; 4]) = ([0; 6], [10, 0, 0, 9]);

/// Six bytes that look random.
fn six(n: u32) -> [u8; 6] {
    [byte(n), byte(n + 1000), byte(n + 2000), byte(n + 3000), byte(n + 4000), byte(n + 5000)]
}

#[test]
fn data_in_fields_that_hosts_repeat_is_found() {
    found("link-padding", "target", &frames(60, |n| packet(1, HOST, (six(n), OTHER.1))));
    found("link-padding", "sender", &frames(60, |n| packet(1, (six(n), HOST.1), OTHER)));
    let text = |n: u32| six(n).map(|byte| b'a' + byte % 26);
    found("link-padding", "text", &frames(60, |n| packet(2, HOST, (text(n), OTHER.1))));
    found("link-padding", "operation", &frames(60, |n| packet(half(n) | 0x8000, HOST, OTHER)));
}

#[test]
fn ordinary_arp_is_silent() {
    // Polls of hosts whose addresses are known, at first and again; a scan; who asks whether an address is free.
    let neighbour = |n: u32| ([&[2][..], &six(n)[1..]].concat().try_into().unwrap(), [10, 0, 0, byte(n)]);
    silent("polls", &frames(200, |n| packet(1, HOST, neighbour(n % 50))));
    silent("answers", &frames(200, |n| packet(2, HOST, neighbour(n))));
    silent("scan", &frames(200, |n| packet(1, HOST, ([0; 6], [10, 0, byte(n), byte(n + 1000)]))));
    silent("probes", &frames(200, |n| packet(1, (neighbour(n).0, [0; 4]), OTHER)));
    silent("a cluster's address", &frames(200, |_| packet(2, ([3, 0xbf, 10, 0, 0, 1], HOST.1), OTHER)));
    silent("takeover", &frames(200, |n| packet(2, ([2, 0, 0, 0, 0, n.to_be_bytes()[3] & 1], HOST.1), OTHER)));
    let networks = |n: u32| packet(1, (neighbour(n % 12).0, HOST.1), OTHER);
    silent("networks that share a router's address", &frames(400, networks));
}

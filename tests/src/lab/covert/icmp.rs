//! Tunnels through ICMP echo: ptunnel, its successor ptunnel-ng, and icmptx.

use super::super::{Namespace, Process, files, until};
use super::{ENTRANCE, PATIENCE, Tunnel, entrance, inside};

/// By the line, so that its output tells when it is ready: a first request before that is lost.
const BY_LINE: [&str; 2] = ["stdbuf", "-oL"];

/// ptunnel-ng: TCP connections.
///
/// It carries one connection reliably: a second one, at the same time or later, often stalls it.
pub fn ptunnel_ng(client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
    let port = format!("-R{}", files::PORT);
    let common = ["ptunnel-ng", "-r127.0.0.1", &port];
    let server = start(server, &common, "Dropping privileges");
    let client = start(client, &[&common[..], &["-p", address, "-l", ENTRANCE]].concat(), "Relaying packets");
    Tunnel::new([server, client], entrance())
}

/// ptunnel: TCP connections, in a format of its own. The server's kernel answers each request as well.
pub fn ptunnel(client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
    let server = start(server, &["ptunnel"], "Ping proxy is listening in privileged mode");
    let far = ["-p", address, "-da", "127.0.0.1", "-dp", files::PORT];
    let client = start(client, &[&["ptunnel", "-lp", ENTRANCE], &far[..]].concat(), "Relaying packets");
    Tunnel::new([server, client], entrance())
}

/// icmptx: IP packets between an interface at either end. The server's kernel must not answer, or its echo
/// disturbs the tunnel.
pub fn icmptx(client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
    server.run(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all"]);
    let ends = [(server, "-s", "10.79.0.1"), (client, "-c", "10.79.0.2")].map(|(namespace, side, own)| {
        let process = namespace.spawn(&["icmptx", side, address]);
        let what = format!("the interface of icmptx in {}", namespace.name());
        until(&what, PATIENCE, || namespace.succeeds(&["ip", "link", "show", "tun0"]).then_some(()));
        namespace.ip(&format!("addr add {own}/24 dev tun0"));
        namespace.ip("link set tun0 mtu 1000 up");
        process
    });
    Tunnel::new(ends, inside("10.79.0.1"))
}

fn start(namespace: &Namespace, words: &[&str], ready: &str) -> Process {
    let mut process = namespace.spawn(&[&BY_LINE[..], words].concat());
    process.wait_for_output(ready, PATIENCE);
    process
}

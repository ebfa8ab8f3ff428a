//! Tunnels: iodine and ptunnel-ng, as their users run them.

use std::time::Duration;

use super::{Namespace, Process, files};

/// For setting up a tunnel.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tunnel through DNS by iodine: a network interface at either end.
#[derive(Debug)]
pub struct Iodine {
    _server: Process,
    _client: Process,
}

impl Iodine {
    /// The domain it hides under: not the honest resolver's, since names are judged by domain.
    pub const DOMAIN: &str = "t.example.org";

    /// Opens it with queries of one type, and without the raw UDP that it would rather use.
    pub fn open(client: &Namespace, server: &Namespace, address: &str, query: &str) -> Self {
        let network = "10.78.0.1/24";
        let server = server.spawn(&["iodined", "-f", "-c", "-P", "pw", "-l", address, network, Self::DOMAIN]);
        let words = ["iodine", "-f", "-r", "-P", "pw", "-T", query, "-m", "1000", address, Self::DOMAIN];
        let mut client = client.spawn(&words);
        client.wait_for_output("Connection setup complete", PATIENCE);
        Self { _server: server, _client: client }
    }

    /// Where a file is inside the tunnel.
    pub fn url(&self, name: &str) -> String {
        format!("http://10.78.0.1:{}/{name}", files::PORT)
    }
}

/// A tunnel for TCP connections through ICMP echo by ptunnel-ng.
///
/// It carries one connection reliably: a second one, at the same time or later, often stalls it.
#[derive(Debug)]
pub struct Ptunnel {
    _server: Process,
    _client: Process,
}

impl Ptunnel {
    /// Opens it.
    pub fn open(client: &Namespace, server: &Namespace, address: &str) -> Self {
        let port = format!("-R{}", files::PORT);
        // By the line, so that its output tells when it is ready: a first request before that is lost.
        let start = |namespace: &Namespace, flags: &[&str], ready: &str| {
            let words = [&["stdbuf", "-oL", "ptunnel-ng", "-r127.0.0.1", &port], flags].concat();
            let mut process = namespace.spawn(&words);
            process.wait_for_output(ready, PATIENCE);
            process
        };
        let server = start(server, &[], "Dropping privileges");
        let client = start(client, &["-p", address, "-l", "2222"], "Relaying packets");
        Self { _server: server, _client: client }
    }

    /// Where a file is by way of the tunnel.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:2222/{name}")
    }
}

/// Sends a server a little data in echo requests, by Python.
pub fn whisper(client: &Namespace, address: &str) {
    client.run(&["python3", "-c", include_str!("whisper.py"), address]);
}

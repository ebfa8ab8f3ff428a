//! Real tools for covert channels, as their users run them.

mod dns;
mod icmp;
mod stream;

pub use dns::{Iodine, dns2tcp};
pub use icmp::{icmptx, ptunnel, ptunnel_ng};
pub use stream::{converse, obfs4, udptunnel};

use std::time::Duration;

use super::{Namespace, Process, Scratch, files};

/// For setting up a tunnel.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the client listens for what is to go through a tunnel that takes connections.
const ENTRANCE: &str = "2222";

/// A tunnel that is up. Dropping it takes it down.
#[derive(Debug)]
pub struct Tunnel {
    /// Server and client.
    _ends: Vec<Process>,
    _files: Option<Scratch>,
    /// Address and port under which the file server at its far end is reached from the client.
    host: String,
    /// Flags of curl that lead into it.
    pub proxy: Vec<String>,
}

impl Tunnel {
    fn new(ends: impl IntoIterator<Item = Process>, host: impl Into<String>) -> Self {
        Self { _ends: ends.into_iter().collect(), _files: None, host: host.into(), proxy: Vec::new() }
    }

    /// With files that its ends need, and a proxy in front of it.
    fn with(self, files: Scratch, proxy: Vec<String>) -> Self {
        Self { _files: Some(files), proxy, ..self }
    }

    /// Where a file is by way of the tunnel.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.host)
    }
}

/// A tunnel that takes connections, to the file server.
fn entrance() -> String {
    format!("127.0.0.1:{ENTRANCE}")
}

/// A network inside a tunnel, with the file server at its server's end.
fn inside(address: &str) -> String {
    format!("{address}:{}", files::PORT)
}

/// Sends a server a little data in echo requests, by Python.
pub fn whisper(client: &Namespace, address: &str) {
    client.run(&["python3", "-c", include_str!("whisper.py"), address]);
}

//! A file on its way through a tunnel.

use std::time::Duration;

use super::{Namespace, Process, covert::Tunnel};

/// Tries, each through a tunnel of its own. One in about 40 transfers through ptunnel-ng stalled for good when it
/// was begun before the far end was ready; now that is waited for, and what the tests are about is that its
/// traffic is flagged, not that it is reliable.
const TRIES: u32 = 3;

/// For one try to end: five times what a tunnel takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Flags of curl. A port that nobody listens on yet belongs to a tunnel that is still being set up.
const CURL: [&str; 11] = [
    "curl",
    "--silent",
    "--show-error",
    "--fail",
    "--max-time",
    "15",
    "--retry",
    "10",
    "--retry-delay",
    "1",
    "--retry-connrefused",
];

/// Which way a file goes.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// From the client to the server: data that leaves.
    Out,
    /// From the server to the client: tools that come in.
    In,
}

/// A transfer by curl, and the tunnel that it goes through.
#[derive(Debug)]
pub struct Transfer<'a, Open: Fn() -> Tunnel> {
    client: &'a Namespace,
    way: Way,
    path: String,
    name: String,
    open: Open,
    tunnel: Option<Tunnel>,
    curl: Process,
}

impl<'a, Open: Fn() -> Tunnel> Transfer<'a, Open> {
    /// Opens a tunnel and begins to carry a file between a path here and a name at the tunnel's far end.
    pub fn begin(client: &'a Namespace, way: Way, path: &str, name: &str, open: Open) -> Self {
        let tunnel = open();
        let curl = start(client, way, path, name, &tunnel);
        let (path, name) = (path.to_owned(), name.to_owned());
        Self { client, way, path, name, open, tunnel: Some(tunnel), curl }
    }

    /// Waits until the file is there.
    pub fn finish(mut self) {
        for _ in 1..TRIES {
            if self.curl.wait(PATIENCE).success() {
                return;
            }
            // The old one must be gone before a new one takes its place.
            self.tunnel = None;
            let tunnel = (self.open)();
            self.curl = start(self.client, self.way, &self.path, &self.name, &tunnel);
            self.tunnel = Some(tunnel);
        }
        assert!(self.curl.wait(PATIENCE).success(), "the transfer failed: {}", self.curl.stderr());
    }
}

fn start(client: &Namespace, way: Way, path: &str, name: &str, tunnel: &Tunnel) -> Process {
    let flag = match way {
        Way::Out => "--upload-file",
        Way::In => "--output",
    };
    let proxy: Vec<&str> = tunnel.proxy.iter().map(String::as_str).collect();
    client.spawn(&[&CURL[..], &proxy, &[flag, path, &tunnel.url(name)]].concat())
}

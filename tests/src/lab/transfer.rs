//! A file on its way through a tunnel.

use std::time::Duration;

use super::{Namespace, Process};

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
pub struct Transfer<'a, T, Open: Fn() -> (String, T)> {
    client: &'a Namespace,
    way: Way,
    path: String,
    open: Open,
    tunnel: Option<T>,
    curl: Process,
}

impl<'a, T, Open: Fn() -> (String, T)> Transfer<'a, T, Open> {
    /// Opens a tunnel and begins to carry a file between a path here and the URL that comes with the tunnel.
    pub fn begin(client: &'a Namespace, way: Way, path: &str, open: Open) -> Self {
        let (url, tunnel) = open();
        let curl = start(client, way, path, &url);
        Self { client, way, path: path.to_owned(), open, tunnel: Some(tunnel), curl }
    }

    /// Waits until the file is there.
    pub fn finish(mut self) {
        for _ in 1..TRIES {
            if self.curl.wait(PATIENCE).success() {
                return;
            }
            // The old one must be gone before a new one takes its place.
            self.tunnel = None;
            let (url, tunnel) = (self.open)();
            self.tunnel = Some(tunnel);
            self.curl = start(self.client, self.way, &self.path, &url);
        }
        assert!(self.curl.wait(PATIENCE).success(), "the transfer failed: {}", self.curl.stderr());
    }
}

fn start(client: &Namespace, way: Way, path: &str, url: &str) -> Process {
    let flag = match way {
        Way::Out => "--upload-file",
        Way::In => "--output",
    };
    client.spawn(&[&CURL[..], &[flag, path, url]].concat())
}

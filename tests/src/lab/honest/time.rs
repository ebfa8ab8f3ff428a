//! Network time, by chrony. Nobody's clock is set.

use super::super::{Namespace, Process, Scratch};

/// A server of time, and a client that asks it four times a second.
#[derive(Debug)]
pub struct Clocks {
    _ends: [Process; 2],
    _folder: Scratch,
}

impl Clocks {
    /// Starts both.
    pub fn start(client: &Namespace, server: &Namespace, address: &str) -> Self {
        let folder = Scratch::new();
        let root = folder.path("");
        let start = |namespace: &Namespace, name: &str, own: &str| {
            let text = format!("{own}\ncmdport 0\nbindcmdaddress /\npidfile {root}/{name}.pid\n");
            let file = folder.write(name, text);
            // -x: leave the clock alone. -F 0: no filter of system calls, which other machines may trip.
            namespace.spawn(&["chronyd", "-x", "-d", "-F", "0", "-u", "root", "-f", &file])
        };
        let server = start(server, "server", "local stratum 3\nallow all");
        let asking = format!("server {address} iburst minpoll -2 maxpoll -2\nport 0");
        let client = start(client, "client", &asking);
        Self { _ends: [server, client], _folder: folder }
    }
}

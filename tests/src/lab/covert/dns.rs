//! Tunnels through DNS: iodine and dns2tcp.

use super::super::{Namespace, Scratch, files};
use super::{ENTRANCE, PATIENCE, Tunnel, entrance, inside};

/// How iodine talks to its server.
#[derive(Clone, Copy, Debug)]
pub enum Iodine {
    /// In queries of this type and their answers.
    Queries(&'static str),
    /// In its own format over UDP port 53, as it prefers where nothing is in the way.
    Raw,
}

/// The domain it hides under: not the honest resolver's, since names are judged by domain.
const DOMAIN: &str = "t.example.org";

impl Iodine {
    /// Opens it: a network interface at either end.
    pub fn open(self, client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
        let network = "10.78.0.1/24";
        let server = server.spawn(&["iodined", "-f", "-c", "-P", "pw", "-l", address, network, DOMAIN]);
        let way: &[&str] = match self {
            Self::Queries(query) => &["-r", "-T", query, "-m", "1000"],
            Self::Raw => &[],
        };
        let mut client = client.spawn(&[&["iodine", "-f", "-P", "pw"], way, &[address, DOMAIN]].concat());
        client.wait_for_output("Connection setup complete", PATIENCE);
        if matches!(self, Self::Raw) {
            client.wait_for_output("Sending raw traffic directly", PATIENCE);
        }
        Tunnel::new([server, client], inside("10.78.0.1"))
    }
}

/// dns2tcp: one TCP service of the server by way of queries for TXT records.
pub fn dns2tcp(client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
    let folder = Scratch::new();
    let port = files::PORT;
    let configuration = folder.write(
        "dns2tcpd.conf",
        format!(
            "listen = {address}\nport = 53\ndomain = {DOMAIN}\n\
             resources = files:127.0.0.1:{port}\n"
        ),
    );
    let mut server = server.spawn(&["dns2tcpd", "-F", "-d", "1", "-f", &configuration]);
    server.wait_for_output("Starting Server", PATIENCE);
    let words = ["dns2tcpc", "-d", "1", "-r", "files", "-l", ENTRANCE, "-z", DOMAIN, address];
    let mut client = client.spawn(&words);
    client.wait_for_output("Listening on port", PATIENCE);
    Tunnel::new([server, client], entrance()).with(folder, Vec::new())
}

//! Tunnels by TCP connections: obfs4, without the Tor that it is made for, and udptunnel.

use std::process::Command;

use super::super::{Namespace, Process, Scratch, files};
use super::{PATIENCE, Tunnel};

/// Where obfs4 listens: a port of no protocol.
const PORT: &str = "9443";

/// Where udptunnel's server listens: a port that is let through.
const WEB: &str = "443";

/// The port of the datagrams that udptunnel carries, at both ends.
const MEDIA: &str = "5004";

/// obfs4proxy: connections that look random from the first byte.
///
/// Both ends speak the protocol of Tor's pluggable transports: settings by environment, the key of the server on
/// its standard output, and handed to the client as name and password of SOCKS.
pub fn obfs4(client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
    let folder = Scratch::new();
    let state = |side| ("TOR_PT_STATE_LOCATION", folder.path(side));
    let mut server = transport(
        server,
        [
            state("server"),
            ("TOR_PT_SERVER_TRANSPORTS", "obfs4".to_owned()),
            ("TOR_PT_SERVER_BINDADDR", format!("obfs4-{address}:{PORT}")),
            ("TOR_PT_ORPORT", format!("127.0.0.1:{}", files::PORT)),
        ],
    );
    server.wait_for_output("SMETHODS DONE", PATIENCE);
    let arguments = after(&server, "ARGS:").replace(',', ";");
    let mut client = transport(
        client,
        [
            state("client"),
            ("TOR_PT_CLIENT_TRANSPORTS", "obfs4".to_owned()),
            ("TOR_PT_PROTOCOL_VERSION", "1".to_owned()),
            ("TOR_PT_EXIT_ON_STDIN_CLOSE", "0".to_owned()),
        ],
    );
    client.wait_for_output("CMETHODS DONE", PATIENCE);
    let socks = after(&client, "socks5 ");

    // It puts the two together again.
    let (name, password) = arguments.split_at(arguments.len() - 1);
    let (socks, user) = (format!("socks5://{socks}"), format!("{name}:{password}"));
    let proxy = ["--proxy", &socks, "--proxy-user", &user].map(str::to_owned).to_vec();
    Tunnel::new([server, client], format!("{address}:{PORT}")).with(folder, proxy)
}

fn transport(namespace: &Namespace, settings: [(&str, String); 4]) -> Process {
    let mut command: Command = namespace.command("obfs4proxy");
    Process::spawn(command.env("TOR_PT_MANAGED_TRANSPORT_VER", "1").envs(settings))
}

/// udptunnel: datagrams by a TCP connection. It has no service of its own to reach: see [`converse`].
pub fn udptunnel(client: &Namespace, server: &Namespace, address: &str) -> Tunnel {
    let local = format!("127.0.0.1/{MEDIA}");
    let mut server = server.spawn(&["udptunnel", "-s", WEB, "-v", &local]);
    server.wait_for_output("Listening", PATIENCE);
    let mut client = client.spawn(&["udptunnel", "-c", &format!("{address}/{WEB}"), "-v", &local]);
    client.wait_for_output("Connected", PATIENCE);
    Tunnel::new([server, client], "")
}

/// Exchanges datagrams of random bytes, as encrypted speech would be, through [`udptunnel`], some seconds long.
pub fn converse(client: &Namespace, server: &Namespace) {
    let words = ["python3", "-u", "-c", include_str!("converse.py"), MEDIA];
    let mut far = server.spawn(&[&words[..], &["answer"]].concat());
    far.wait_for_output("ready", PATIENCE);
    client.run(&[&words[..], &["ask"]].concat());
}

/// The word after a text in the output of a process.
fn after(process: &Process, text: &str) -> String {
    let output = process.stdout();
    let word = output.split_once(text).and_then(|(_, rest)| rest.split_whitespace().next());
    word.unwrap_or_else(|| panic!("{text:?} is not in {output}")).to_owned()
}

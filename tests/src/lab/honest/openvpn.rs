//! OpenVPN.

use super::super::{Namespace, Process, Scratch, files};
use super::PATIENCE;

/// How it goes over the network.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// UDP port 1194, with certificates.
    Udp,
    /// TCP port 443, with certificates.
    Tcp443,
    /// UDP port 1194, with a key that both sides have beforehand.
    StaticKey,
}

/// A tunnel between two hosts.
#[derive(Debug)]
pub struct OpenVpn {
    _ends: [Process; 2],
    _folder: Scratch,
}

/// The server's address in the tunnel.
const FAR: &str = "10.80.0.1";
/// The client's.
const NEAR: &str = "10.80.0.2";

impl OpenVpn {
    /// Opens it.
    pub fn open(way: Way, client: &Namespace, server: &Namespace, address: &str) -> Self {
        let folder = Scratch::new();
        let keys = match way {
            Way::StaticKey => static_key(client, &folder),
            Way::Udp | Way::Tcp443 => certificates(client, &folder),
        };
        let [listens, connects] = match way {
            Way::Udp | Way::StaticKey => [["--proto", "udp4"], ["--proto", "udp4"]],
            Way::Tcp443 => [["--proto", "tcp4-server"], ["--proto", "tcp4-client"]],
        };
        let port = if matches!(way, Way::Tcp443) { "443" } else { "1194" };
        let start = |namespace: &Namespace, flags: &[&str], keys: &[String]| {
            let common = ["openvpn", "--dev", "tun", "--ping", "1", "--verb", "3"];
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            namespace.spawn(&[&common[..], flags, &keys].concat())
        };
        let [server_keys, client_keys] = &keys;
        let far = [&listens[..], &["--local", address, "--lport", port, "--ifconfig", FAR, NEAR]].concat();
        let server = start(server, &far, server_keys);
        let near = [&connects[..], &["--nobind", "--remote", address, port, "--ifconfig", NEAR, FAR]];
        let retry = ["--connect-retry", "1", "1"];
        let mut client = start(client, &[&near.concat()[..], &retry].concat(), client_keys);
        client.wait_for_output("Initialization Sequence Completed", PATIENCE);
        Self { _ends: [server, client], _folder: folder }
    }

    /// Where a file of the server is by way of the tunnel.
    pub fn url(&self, name: &str) -> String {
        format!("http://{FAR}:{}/{name}", files::PORT)
    }
}

/// Flags of server and client.
type Keys = [Vec<String>; 2];

fn static_key(namespace: &Namespace, folder: &Scratch) -> Keys {
    let key = folder.path("static.key");
    namespace.run(&["openvpn", "--genkey", "secret", &key]);
    let flags = ["--secret", &key, "--cipher", "AES-256-CBC"].map(str::to_owned).to_vec();
    [flags.clone(), flags]
}

/// Each side has its own and knows the other's.
fn certificates(namespace: &Namespace, folder: &Scratch) -> Keys {
    let path = |side: &str, kind: &str| folder.path(&format!("{side}.{kind}"));
    let fingerprint = |side: &str| {
        let (key, certificate, name) = (path(side, "key"), path(side, "crt"), format!("/CN={side}"));
        let kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let request = ["openssl", "req", "-x509", "-days", "2", "-subj", &name];
        namespace.run(&[&request[..], &kind, &["-keyout", &key, "-out", &certificate]].concat());
        let show = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", &certificate];
        let shown = namespace.run(&show);
        shown.trim().rsplit('=').next().unwrap_or_default().to_owned()
    };
    let [server, client] = ["server", "client"].map(fingerprint);
    let flags = |side: &str, role: &str, peer: &str| {
        let (key, certificate) = (path(side, "key"), path(side, "crt"));
        ["--cert", &certificate, "--key", &key, role, "--dh", "none", "--peer-fingerprint", peer]
            .map(str::to_owned)
            .to_vec()
    };
    [flags("server", "--tls-server", &client), flags("client", "--tls-client", &server)]
}

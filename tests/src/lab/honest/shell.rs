//! Secure shell: OpenSSH's client with Dropbear's server, which runs without users of its own on the system.

use super::super::{Namespace, Process, Scratch};
use super::PATIENCE;

/// Where the server listens.
const PORT: &str = "2222";

/// A server that lets in by key.
#[derive(Debug)]
pub struct Shell<'a> {
    _server: Process,
    client: &'a Namespace,
    folder: Scratch,
    host: String,
}

impl<'a> Shell<'a> {
    /// Starts it.
    pub fn start(client: &'a Namespace, server: &Namespace, address: &str) -> Self {
        let folder = Scratch::new();
        let [key, host_key] = ["key", "host_key"].map(|name| folder.path(name));
        client.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key]);
        server.run(&["dropbearkey", "-t", "ed25519", "-f", &host_key]);
        // The server looks for keys in root's home: another one, for it alone, as it has mounts of its own.
        let home = folder.path("");
        let script = r#"mkdir "$0/.ssh" && cp "$0/key.pub" "$0/.ssh/authorized_keys" && mount --bind "$0" ~root &&
            exec dropbear -F -E -s -r "$1" -p "$2""#;
        let endpoint = format!("{address}:{PORT}");
        let mut process = server.spawn(&["bash", "-c", script, &home, &host_key, &endpoint]);
        process.wait_for_output("Not backgrounding", PATIENCE);
        Self { _server: process, client, folder, host: format!("root@{address}") }
    }

    /// Copies a file to the server.
    pub fn copy(&self, path: &str) {
        let key = self.folder.path("key");
        // -O: as Dropbear has no server of SFTP.
        let far = format!("{}:/dev/null", self.host);
        let words = ["scp", "-q", "-O", "-P", PORT, "-i", &key];
        self.client.run(&[&words[..], &TRUSTING, &[path, &far]].concat());
    }

    /// Logs in with a terminal and types commands key by key; gives what the terminal showed.
    pub fn type_commands(&self, commands: &[&str]) -> String {
        let key = self.folder.path("key");
        let script = r#"lines=$1; shift
            while read -r line; do
                for i in $(seq ${#line}); do printf %s "${line:i-1:1}"; sleep 0.0$((4 + RANDOM % 6)); done
                echo; sleep 0.3
            done <<< "$lines" | "$0" "$@""#;
        let lines = [commands, &["exit"]].concat().join("\n");
        let ssh = ["bash", "-c", script, "ssh", &lines, "-tt", "-p", PORT, "-i", &key];
        self.client.run(&[&ssh[..], &TRUSTING, &[&self.host]].concat())
    }
}

/// Of a host never seen before, and never again.
const TRUSTING: [&str; 8] = [
    "-F",
    "/dev/null",
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
];

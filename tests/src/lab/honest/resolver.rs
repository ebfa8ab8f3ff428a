//! A resolver.

use std::fmt::Write as _;

use super::super::{Namespace, Process, Scratch, Side, until};
use super::PATIENCE;

/// Hosts that the resolver knows: `host1.example.net` and on.
const HOSTS: usize = 30;

/// A resolver with a zone of its own, `example.net`.
#[derive(Debug)]
pub struct Resolver {
    _process: Process,
    _folder: Scratch,
}

impl Resolver {
    /// Starts dnsmasq at an address and waits until it answers.
    pub fn start(namespace: &Namespace, address: &str) -> Self {
        let folder = Scratch::new();
        let file = format!("--conf-file={}", folder.write("dnsmasq.conf", configuration(address)));
        let process = namespace.spawn(&["dnsmasq", "--keep-in-foreground", &file]);
        let at = format!("@{address}");
        until("the resolver to answer", PATIENCE, || {
            namespace.succeeds(&["dig", &at, "+time=1", "+tries=1", "host1.example.net"]).then_some(())
        });
        Self { _process: process, _folder: folder }
    }

    /// Looks up what a mail server, a browser and a mistyping user look up, some dozens of names; says how many
    /// look-ups that were.
    pub fn look_up_everything(&self, client: &Side, address: &str) -> usize {
        let mut queries = String::new();
        for host in 1..=HOSTS {
            for kind in ["A", "AAAA"] {
                let _ = writeln!(queries, "host{host}.example.net {kind}");
            }
            let _ = writeln!(queries, "-x 10.1.0.{host}");
        }
        for kind in ["MX", "TXT", "NS", "SOA"] {
            let _ = writeln!(queries, "example.net {kind}");
        }
        for name in ["www.example.net A", "_dmarc.example.net TXT", "key1._domainkey.example.net TXT"] {
            let _ = writeln!(queries, "{name}");
        }
        for typo in ["wwww", "mial", "webmial", "intranett", "printer", "wpad", "isatap", "autodiscover"] {
            let _ = writeln!(queries, "{typo}.example.net A");
        }
        let folder = Scratch::new();
        let path = folder.write("queries", &queries);
        client.run(&["dig", &format!("@{address}"), "+time=2", "+tries=2", "-f", &path]);
        queries.lines().count()
    }
}

fn configuration(address: &str) -> String {
    let mut text = format!(
        "no-resolv\nno-hosts\nno-daemon\nuser=root\nbind-interfaces\nlisten-address={address}\npid-file=\n\
         local=/net/\nlocal=/in-addr.arpa/\ncname=www.example.net,host1.example.net\n\
         mx-host=example.net,mail.example.net,10\nmx-host=example.net,backup.example.net,20\n\
         txt-record=example.net,\"v=spf1 ip4:10.1.0.0/24 include:_spf.example.net include:spf.example.org -all\"\n\
         txt-record=example.net,\"site-verification=rXOxyZounnZasA8Z7oaD3c14JdjS9aKSWvsR1EbUSIQ\"\n\
         txt-record=_dmarc.example.net,\"v=DMARC1; p=reject; rua=mailto:dmarc@example.net; adkim=s\"\n\
         txt-record=key1._domainkey.example.net,\"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"
    );
    for host in 1..=HOSTS {
        let _ = writeln!(text, "host-record=host{host}.example.net,10.1.0.{host},fd01::{host:x}");
    }
    text
}

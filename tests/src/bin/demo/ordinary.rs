//! The traffic that nobody should be woken for.

use inspector_tests::lab::files::{self, FileServer, random};
use inspector_tests::lab::honest::Resolver;
use inspector_tests::lab::{Network, Process, Scratch};

/// Bytes of the page that is downloaded.
const PAGE: u64 = 2_000_000;

/// Downloads each time, one after the other.
const DOWNLOADS: usize = 3;

/// An ordinary server, and a client that uses it.
pub(crate) struct Ordinary<'a> {
    network: &'a Network,
    resolver: Resolver,
    _files: FileServer,
    page: Vec<u8>,
    ping: Process,
    look_ups: usize,
    downloads: usize,
}

impl<'a> Ordinary<'a> {
    /// Starts the servers, and a ping that goes on.
    pub(crate) fn begin(network: &'a Network) -> Self {
        let server = &network.server;
        let resolver = Resolver::start(&server.namespace, server.address);
        let files = FileServer::start(&server.namespace);
        let page = random(PAGE);
        files.folder.write("page", &page);
        let ping = network.client.namespace.spawn(&["ping", "-i", "0.2", "-w", "60", server.address]);
        Self { network, resolver, _files: files, page, ping, look_ups: 0, downloads: 0 }
    }

    /// Looks up names and downloads pages.
    pub(crate) fn browse(&mut self) {
        let Network { client, server, .. } = self.network;
        self.look_ups += self.resolver.look_up_everything(client, server.address);
        let here = Scratch::new();
        let url = format!("http://{}:{}/page", server.address, files::PORT);
        for _ in 0..DOWNLOADS {
            let limited = ["curl", "--silent", "--fail", "--max-time", "20"];
            client.run(&[&limited[..], &["--output", &here.path("page"), &url]].concat());
            assert!(here.read("page") == self.page, "the page arrived damaged");
            self.downloads += 1;
        }
    }

    /// Ends it all, and says what it was.
    pub(crate) fn end(self) -> [(&'static str, String); 3] {
        let Self { network: _, resolver: _, _files: _, page, ping, look_ups, downloads } = self;
        let echoes = ping.stdout().matches("bytes from").count();
        [
            ("ping", format!("{echoes} echoes, with the usual 56 bytes")),
            ("DNS", format!("{look_ups} look-ups: A, AAAA, PTR, MX, TXT, NS, SOA, and mistyped names")),
            ("HTTP", format!("{downloads} downloads of {} MB, all intact", page.len() / 1_000_000)),
        ]
    }
}

//! The course of the demo.

use std::time::{Duration, Instant};

use inspector_tests::lab::covert::{Iodine, Tunnel, ptunnel_ng};
use inspector_tests::lab::files::{FileServer, random};
use inspector_tests::lab::{Inspector, Network, Scratch, Side, Transfer, Way};

use crate::ordinary::Ordinary;
use crate::screen::Screen;
use crate::verdict::{Channel, Verdict};

/// Bytes of the file that each tunnel carries.
const SIZE: u64 = 150_000;

/// From the start of a transfer to its finding.
const LIMIT: Duration = Duration::from_secs(15);

/// Plays it; whether inspector found what it should, and nothing else.
pub(crate) fn play() -> bool {
    let screen = Screen::begin();
    let network = Network::routed();
    let accomplice = network.second_server();
    let files = FileServer::start(&accomplice.namespace);
    let inspector = Inspector::watch(network.router(), &["lan", "wan*"]);
    let mut transcript = Transcript { inspector: &inspector, shown: 0 };
    screen.say("the router starts inspector run -i lan -i 'wan*'");
    Screen::quote(&watching(&inspector));

    let mut ordinary = Ordinary::begin(&network);
    ordinary.browse();
    screen.say("the office pings the server, looks up names and downloads pages, and goes on doing so");
    transcript.show();

    let (client, server) = (&network.client.namespace, &accomplice.namespace);
    let mut carrier =
        Carrier { screen: &screen, client: &network.client, files: &files, ordinary, transcript };
    screen.say("an intruder sends a file to the accomplice inside ICMP echo (ptunnel-ng)");
    let ptunnel = carrier.carry("icmp-payload", || ptunnel_ng(client, server, accomplice.address));
    screen.say("the intruder sends a file to the accomplice inside DNS queries (iodine)");
    let iodine =
        carrier.carry("dns-volume", || Iodine::Queries("TXT").open(client, server, accomplice.address));

    let ordinary = carrier.ordinary.end();
    let events = inspector.stop();
    screen.say("inspector has detached\n");
    let channels = [("ICMP tunnel", ptunnel), ("DNS tunnel", iodine)];
    let (client, accomplice) = (network.client.address, accomplice.address);
    Verdict { client, accomplice, channels, ordinary, events }.print()
}

/// The lines in which inspector says what it watches.
fn watching(inspector: &Inspector<'_>) -> String {
    let said = inspector.process.stderr();
    let lines = said.lines().filter(|line| line.starts_with("watching"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What inspector writes for people, as far as it has not been shown.
struct Transcript<'a> {
    inspector: &'a Inspector<'a>,
    shown: usize,
}

impl Transcript<'_> {
    fn show(&mut self) {
        let written = self.inspector.process.stdout();
        Screen::quote(&written[self.shown..]);
        self.shown = written.len();
    }
}

/// Sends files through tunnels.
struct Carrier<'a> {
    screen: &'a Screen,
    client: &'a Side,
    files: &'a FileServer,
    ordinary: Ordinary<'a>,
    transcript: Transcript<'a>,
}

impl Carrier<'_> {
    /// Opens a tunnel and sends a file through it, named after the detector, while ordinary traffic goes on; shows
    /// when it was flagged and when the file was there.
    fn carry(&mut self, detector: &'static str, open: impl Fn() -> Tunnel) -> Channel {
        let here = Scratch::new();
        let sent = here.write("file", random(SIZE));
        let begun = Instant::now();
        let transfer = Transfer::begin(&self.client.namespace, Way::Out, &sent, detector, open);
        let _ = self.transcript.inspector.alert(detector, LIMIT);
        let flagged_after = begun.elapsed();
        self.screen.say("inspector has noticed:");
        self.transcript.show();
        self.ordinary.browse();
        transfer.finish();
        let arrived = self.files.folder.path(detector);
        self.screen.say(&format!("the file has arrived, {} kB", SIZE / 1_000));
        self.transcript.show();
        let [sent, arrived] = [sent, arrived].map(|path| checksum(self.client, &path));
        Channel { detector, flagged_after, sent, arrived }
    }
}

fn checksum(side: &Side, path: &str) -> String {
    side.run(&["sha256sum", path]).split_whitespace().next().unwrap_or_default().to_owned()
}

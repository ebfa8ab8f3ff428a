//! Was it right?

use std::collections::BTreeSet;
use std::time::Duration;

use inspector_tests::lab::Event;

/// A tunnel that has carried its file.
pub(crate) struct Channel {
    /// The detector that should have flagged it.
    pub(crate) detector: &'static str,
    /// From the first packet of the tunnel.
    pub(crate) flagged_after: Duration,
    /// SHA-256 of the file as it was sent.
    pub(crate) sent: String,
    /// The same as it has arrived.
    pub(crate) arrived: String,
}

/// What there was, and what inspector has found.
pub(crate) struct Verdict {
    /// Where all traffic begins.
    pub(crate) client: &'static str,
    /// Where the tunnels end, and nothing else.
    pub(crate) accomplice: &'static str,
    /// The tunnels.
    pub(crate) channels: [(&'static str, Channel); 2],
    /// The ordinary traffic, and how much there was of it.
    pub(crate) ordinary: [(&'static str, String); 3],
    /// All that inspector has written.
    pub(crate) events: Vec<Event>,
}

impl Verdict {
    /// Prints it; whether each tunnel has exactly one finding, and nothing else has any.
    pub(crate) fn print(&self) -> bool {
        let mut is_right = true;
        println!("{:<12} {:<10} what", "traffic", "findings");
        for (name, channel) in &self.channels {
            let findings = self.findings(|event| self.is_of(event, channel));
            let is_intact = channel.sent == channel.arrived;
            is_right &= findings == 1 && is_intact;
            println!(
                "{name:<12} {findings:<10} flagged {:.1} s after it began; file {} (sha256 {}…)",
                channel.flagged_after.as_secs_f64(),
                if is_intact { "arrived intact" } else { "arrived DAMAGED" },
                &channel.sent[..16.min(channel.sent.len())]
            );
        }
        let is_covert = |event: &Event| self.channels.iter().any(|(_, channel)| self.is_of(event, channel));
        let others = self.findings(|event| !is_covert(event));
        is_right &= others == 0;
        for (name, amount) in &self.ordinary {
            println!("{name:<12} {:<10} {amount}", if others == 0 { "0" } else { "?" });
        }
        for event in self.events.iter().filter(|event| !is_covert(event)) {
            println!("not about a tunnel: {}", event.0);
        }
        let sentence = if is_right {
            "Both tunnels were flagged, once each, and nothing else was."
        } else {
            "inspector was WRONG: there should be one finding for each tunnel, and no other."
        };
        println!("\n{sentence}");
        is_right
    }

    /// Distinct findings: one that grows worse is written again, with the same id.
    fn findings(&self, of: impl Fn(&Event) -> bool) -> usize {
        let ids = self.events.iter().filter(|event| of(event)).map(|event| event.text("/covert/id"));
        ids.collect::<BTreeSet<_>>().len()
    }

    fn is_of(&self, event: &Event, channel: &Channel) -> bool {
        event.detector() == channel.detector
            && event.text("/src_ip") == self.client
            && event.text("/dest_ip") == self.accomplice
    }
}

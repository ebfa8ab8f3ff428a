//! What was in the traffic, in a few lines.

use std::fmt;

use inspector_common::{Account, Class, Tally};
use serde_json::json;

/// Packets by class, flows, and what was left out.
pub(super) struct Summary<'a> {
    /// A capture's or an interface's name.
    pub(super) name: &'a str,
    /// Its counters.
    pub(super) account: &'a Account,
    /// How many flows (one-way) it had; `None` where that isn't known apart from others.
    pub(super) flows: Option<u64>,
}

impl Summary<'_> {
    fn classes(&self) -> Vec<(&'static str, u64, u64)> {
        let count = |class: &Class| {
            let bytes = self.account.bytes.get(*class as usize).copied().unwrap_or_default();
            (class.name(), self.account.packets_of(*class), bytes)
        };
        Class::ALL.iter().map(count).filter(|(_, packets, _)| *packets > 0).collect()
    }

    fn lost(&self) -> Vec<(&'static str, u64)> {
        let lost =
            Tally::ALL.iter().filter_map(|tally| Some((tally.lost_reason()?, self.account.tallied(*tally))));
        lost.filter(|(_, count)| *count > 0).collect()
    }

    /// As an EVE `stats` event.
    pub(super) fn json(&self) -> serde_json::Value {
        let classes: serde_json::Map<_, _> = self
            .classes()
            .into_iter()
            .map(|(name, packets, bytes)| (name.to_owned(), json!({ "packets": packets, "bytes": bytes })))
            .collect();
        let lost: serde_json::Map<_, _> =
            self.lost().into_iter().map(|(reason, count)| (reason.to_owned(), json!(count))).collect();
        json!({
            "event_type": "stats",
            "stats": {
                "source": self.name, "packets": self.account.seen, "flows": self.flows,
                "classes": classes, "lost": lost,
            },
        })
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} packets", self.name, self.account.seen)?;
        if let Some(flows) = self.flows {
            write!(f, " in {flows} one-way flows")?;
        }
        for (name, packets, bytes) in self.classes() {
            write!(f, "\n  {name:<20} {packets:>12} packets {bytes:>16} bytes")?;
        }
        for (reason, count) in self.lost() {
            write!(f, "\n  left out, {reason:<10} {count:>12} packets")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable as _;

    #[test]
    fn only_what_occurred_is_listed() {
        let mut account = Account::zeroed();
        account.seen = 2;
        account.packets[Class::Arp as usize] = 2;
        account.bytes[Class::Arp as usize] = 120;
        account.tallies[Tally::HeadRingFull as usize] = 5;
        let summary = Summary { name: "a.pcap", account: &account, flows: Some(0) };
        let text = summary.to_string();
        assert!(text.starts_with("a.pcap: 2 packets in 0 one-way flows"), "{text}");
        assert!(text.contains("arp") && text.contains("ring_full") && !text.contains("tcp"), "{text}");
        assert_eq!(summary.json()["stats"]["classes"]["arp"]["bytes"], 120);
    }
}

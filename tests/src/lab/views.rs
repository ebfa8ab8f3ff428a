//! One inspector at each place from which traffic can be seen.

use super::{Event, Inspector, Network};

/// Inspectors at the client, at the router with both its interfaces, and at the server. The first and the last
/// see one direction only. They share nothing, so one run of the traffic tests all three.
#[derive(Debug)]
pub struct Views<'a> {
    /// Each with the name of its place.
    pub places: Vec<(&'static str, Inspector<'a>)>,
}

impl<'a> Views<'a> {
    /// Starts all three.
    pub fn of(network: &'a Network) -> Self {
        let client = Inspector::watch(&network.client.namespace, &["eth0"]);
        let router = Inspector::watch(network.router(), &["lan", "wan"]);
        let server = Inspector::watch(&network.server.namespace, &["eth0"]);
        Self { places: vec![("client", client), ("router", router), ("server", server)] }
    }

    /// Panics unless each has counted at least so many packets of a class, by whatever interface.
    pub fn assert_seen(&self, class: &str, packets: u64) {
        for (place, inspector) in &self.places {
            let seen = inspector.metrics().value("inspector_packets_total", &[("class", class)]);
            assert!(seen >= Some(packets), "{place} has seen {seen:?} packets of {class}, not {packets}");
        }
    }

    /// Ends all, and gives the alerts of each with the name of its place.
    pub fn stop(self) -> Vec<(&'static str, Event)> {
        let alerts = |(place, inspector): (&'static str, Inspector<'_>)| {
            inspector.stop().into_iter().filter(Event::is_alert).map(move |event| (place, event))
        };
        self.places.into_iter().flat_map(alerts).collect()
    }
}

//! One inspector at each place from which traffic can be seen.

use super::{Event, Inspector, Network, Side};

/// Inspectors at the client, at the router (if there is one) with both its interfaces, and at the server. They
/// share nothing, so one run of the traffic tests all three.
#[derive(Debug)]
pub struct Views<'a> {
    /// Each with the name of its place.
    pub places: Vec<(&'static str, Inspector<'a>)>,
}

impl<'a> Views<'a> {
    /// Starts all of them.
    pub fn of(network: &'a Network) -> Self {
        let end = |side: &'a Side| Inspector::start(&side.namespace, &["-i", "eth0"]);
        let mut places = vec![("client", end(&network.client))];
        let at_router = |router| ("router", Inspector::start(router, &["-i", "lan", "-i", "wan"]));
        places.extend(network.router.as_ref().map(at_router));
        places.push(("server", end(&network.server)));
        // They get ready side by side.
        let places = places.into_iter().map(|(place, inspector)| (place, inspector.when_ready())).collect();
        Self { places }
    }

    /// Panics unless each has counted at least so many packets of a class, by whatever interface.
    pub fn assert_seen(&self, class: &str, packets: u64) {
        for (place, inspector) in &self.places {
            let seen = inspector.metrics().value("inspector_packets_total", &[("class", class)]);
            assert!(seen >= Some(packets), "{place} has seen {seen:?} packets of {class}, not {packets}");
        }
    }

    /// Ends all, and gives the findings of each with the name of its place.
    pub fn stop(self) -> Vec<(&'static str, Event)> {
        let findings = |(place, inspector): (&'static str, Inspector<'_>)| {
            inspector.stop().into_iter().map(move |event| (place, event))
        };
        self.places.into_iter().flat_map(findings).collect()
    }

    /// Ends all, and panics at an alert; gives the observations.
    pub fn stop_silent(self) -> Vec<(&'static str, Event)> {
        let (alerts, observations): (Vec<_>, Vec<_>) =
            self.stop().into_iter().partition(|(_, event)| event.is_alert());
        assert!(alerts.is_empty(), "false alerts: {alerts:#?}");
        observations
    }
}

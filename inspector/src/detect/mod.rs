//! The detectors, one file each: thresholds at the top, tests at the bottom.
//!
//! A detector keeps bounded state, judges what it observes, and pushes a [`Finding`] whenever its
//! evidence crosses a threshold; it may push the same one again and again as evidence grows, since
//! [`crate::findings`] deduplicates. Detectors don't know each other, the source or the wall clock.

pub mod address;
pub mod beacon;
pub mod custom;
pub mod declared;
pub mod dns;
pub mod fixed;
mod header;
mod hops;
pub mod http;
pub mod icmp;
pub mod injection;
pub mod ip_header;
pub mod ipv6_header;
pub mod knock;
pub mod link_padding;
mod masquerade;
mod noise;
pub(crate) mod novelty;
pub mod order;
mod pace;
pub(crate) mod pairing;
pub mod rate;
pub mod retransmission;
mod shape;
pub mod size;
pub mod smb;
pub mod source_port;
pub(crate) mod table;
pub mod tcp_header;
pub mod timing;
pub mod tls;
#[cfg(test)]
pub(crate) mod wire;

use serde_json::Value;

use crate::findings::Finding;
use crate::observation::{FlowUpdate, Observation, Series};

/// One detector of the catalogue.
pub trait Detector: Send {
    /// Its name in the catalogue, which is also the `detector` label in metrics.
    fn name(&self) -> &'static str;

    /// Looks at one packet's head, which is no second copy of another unless it asks for them.
    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>);

    /// Whether it looks at second copies of packets too: where they are in what flow records count, or tell how a
    /// capture was made.
    fn sees_copies(&self) -> bool {
        false
    }

    /// Looks at the record of a flow that had packets since it last did, at each drain.
    fn flow(&mut self, update: &FlowUpdate<'_>, findings: &mut Vec<Finding>) {
        let _ = (update, findings);
    }

    /// Looks at what was added to a flow's series, at each drain.
    fn series(&mut self, series: &Series<'_>, findings: &mut Vec<Finding>) {
        let _ = (series, findings);
    }

    /// Lets time pass: expires state that was idle for too long. Called at least once a second of
    /// the source's clock, `now_ns` never decreasing.
    fn tick(&mut self, now_ns: u64);

    /// Entries in use in its tables, and their capacity.
    fn occupancy(&self) -> (usize, usize);

    /// What is to survive a restart, if anything, with times moved by `wall_offset_ns` to the wall clock.
    fn save(&self, wall_offset_ns: i64) -> Option<Value> {
        let _ = wall_offset_ns;
        None
    }

    /// Takes back what [`Self::save`] gave, maybe in another run, or refuses it and stays as it was.
    fn restore(&mut self, saved: Value, wall_offset_ns: i64) -> Result<(), serde_json::Error> {
        let _ = (saved, wall_offset_ns);
        Ok(())
    }
}

/// What an operator knows of their network, and the detectors don't.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Suffixes of names that are not judged.
    pub benign_suffixes: dns::BenignSuffixes,
    /// What declared tunnels ask of the operator.
    pub tunnels: declared::TunnelPolicy,
    /// Destinations that hosts may call at intervals.
    pub allowed_calls: Vec<beacon::Allowed>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            benign_suffixes: dns::BenignSuffixes::built_in(),
            tunnels: declared::TunnelPolicy::default(),
            allowed_calls: Vec::new(),
        }
    }
}

/// The names of all detectors.
#[must_use]
pub fn names() -> Vec<&'static str> {
    all().iter().map(|detector| detector.name()).collect()
}

/// Every detector, at its default thresholds and settings.
#[must_use]
pub fn all() -> Vec<Box<dyn Detector>> {
    with(&Settings::default())
}

/// Every detector, at its default thresholds, with an operator's settings.
#[must_use]
pub fn with(settings: &Settings) -> Vec<Box<dyn Detector>> {
    let Settings { benign_suffixes, tunnels, allowed_calls } = settings.clone();
    let beacon = beacon::Thresholds { allowed: allowed_calls, ..beacon::Thresholds::default() };
    vec![
        Box::new(icmp::IcmpPayload::new(icmp::Thresholds::default())),
        Box::new(dns::DnsVolume::with_benign(dns::Thresholds::default(), benign_suffixes)),
        Box::new(injection::Injection::new(injection::Thresholds::default())),
        Box::new(custom::CustomProtocol::new(custom::Thresholds::default())),
        Box::new(declared::DeclaredTunnel::new(declared::Thresholds::default(), tunnels)),
        Box::new(fixed::FixedFormat::new(fixed::Thresholds::default())),
        Box::new(http::Http::new(http::Thresholds::default())),
        Box::new(tls::Tls::new(tls::Thresholds::default())),
        Box::new(smb::Smb::new(smb::Thresholds::default())),
        Box::new(ip_header::IpHeader::new(ip_header::Thresholds::default())),
        Box::new(ipv6_header::Ipv6Header::new(ipv6_header::Thresholds::default())),
        Box::new(tcp_header::TcpHeader::new(tcp_header::Thresholds::default())),
        Box::new(link_padding::LinkPadding::new(link_padding::Thresholds::default())),
        Box::new(timing::Timing::new(timing::Thresholds::default())),
        Box::new(beacon::Beacon::new(beacon)),
        Box::new(retransmission::Retransmission::new(retransmission::Thresholds::default())),
        Box::new(order::PacketOrder::new(order::Thresholds::default())),
        Box::new(size::PacketLength::new(size::Thresholds::default())),
        Box::new(knock::PortKnock::new(knock::Thresholds::default())),
        Box::new(address::DstAddress::new(address::Thresholds::default())),
        Box::new(source_port::SourcePort::new(source_port::Thresholds::default())),
        Box::new(rate::PacketRate::new(rate::Thresholds::default())),
    ]
}

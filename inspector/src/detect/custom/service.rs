//! A server's port that a host speaks with in many short flows, each of which is too short to be judged.
//!
//! Of every flow the first payload of either side is looked at. If all of them, over many flows, are random and have no
//! header in common, so is what the service speaks.

use inspector_common::FlowKey;

use super::Thresholds;
use super::framing::Framing;
use crate::detect::noise;
use crate::detect::table::Entry;
use crate::dissect::payload::Payload;
use crate::findings::Traffic;

/// Where nobody answers, this many seconds must pass …
const STEADY_SECONDS: u64 = 10;
/// … with at most this many flows in each: more is a flood, with the port as its target.
const FLOOD: u64 = 20;

/// What opened the flows of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Openings {
    pub(super) judged: u32,
    pub(super) random: u32,
    short: u32,
    framing: Framing,
}

/// One host's use of another's port.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) key: FlowKey,
    /// The client's first.
    pub(super) sides: [Openings; 2],
    pub(super) traffic: Traffic,
    pub(super) bytes: u64,
    /// Some payload began like a protocol's.
    is_known: bool,
}

impl Service {
    pub(super) fn new(key: &FlowKey) -> Self {
        let sides = [Openings::default(); 2];
        Self { key: *key, sides, traffic: Traffic::default(), bytes: 0, is_known: false }
    }

    /// Adds the first payload of a flow's side `i`.
    pub(super) fn add(&mut self, i: usize, payload: &Payload<'_>, wire_len: u32, time_ns: u64) {
        let (bytes, len) = (payload.message.bytes, payload.message.len);
        self.traffic.add(i == 0, wire_len, time_ns);
        self.bytes += u64::from(len);
        self.is_known |= payload.protocol().is_some();
        let Some(side) = self.sides.get_mut(i).filter(|_| !self.is_known) else { return };
        if bytes.len() < noise::LEAST {
            side.short += 1;
            return;
        }
        side.judged += 1;
        side.framing.add(bytes, len);
        side.random += u32::from(noise::is_uniform(bytes));
    }

    /// Whether both sides open all flows with ciphertext, or one does so steadily that never gets an answer.
    pub(super) fn is_ciphertext(&self, t: &Thresholds) -> bool {
        let elapsed_ns = self.traffic.last_ns.saturating_sub(self.traffic.first_ns);
        if self.is_known || elapsed_ns < t.sustained_ns {
            return false;
        }
        let is_random = |side: &Openings, least: u32| {
            side.random >= least
                && side.judged - side.random <= side.judged / 16
                && side.short == 0
                && !side.framing.is_framed()
        };
        let [client, server] = &self.sides;
        if server.judged + server.short > 0 {
            return is_random(client, t.random_openings) && is_random(server, t.random_openings);
        }
        // Faster ones are floods.
        let seconds = elapsed_ns / 1_000_000_000;
        let is_steady = seconds >= STEADY_SECONDS && u64::from(client.judged) <= seconds * FLOOD;
        is_steady && is_random(client, 4 * t.random_openings)
    }
}

impl Entry for Service {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        let [client, server] = &self.sides;
        if self.is_known { 0 } else { 1 + u64::from(client.random + server.random > 2) }
    }
}

//! The fields of ARP (RFC 826): a host has one link-layer address, which is no group's, and operations are few.

use inspector_common::FlowKey;

use super::{ARP_FIELDS, ARP_LEN, Thresholds};
use crate::detect::header::{Alphabet, Carried, Gate, crossed, finding};
use crate::detect::table::Entry;
use crate::findings::Finding;

/// So often a host repeats its address on average, where several networks have hosts of one address.
const REPEATED: u32 = 4;

/// Greatest operation that is assigned (RFC 5494).
const LAST_OPERATION: u16 = 25;

/// What one host says of itself.
#[derive(Debug, Default)]
pub(super) struct Sender {
    addresses: Alphabet,
    /// Link-layer addresses of groups, but that of all.
    groups: Alphabet,
    operations: Alphabet,
    packets: u32,
    gate: Gate,
    last_ns: u64,
}

impl Sender {
    /// Takes a packet as captured, and gives a finding when it is time for one.
    pub(super) fn observe(
        &mut self,
        packet: &[u8],
        key: &FlowKey,
        time_ns: u64,
        limits: &Thresholds,
    ) -> Option<Finding> {
        self.last_ns = time_ns;
        self.packets = self.packets.saturating_add(1);
        let packet: &[u8; ARP_LEN] = packet.first_chunk()?;
        // Addresses of Ethernet and IPv4.
        let (&[0, 1, 8, 0, 6, 4, o0, o1], rest) = packet.split_first_chunk()? else { return None };
        let (sender, target) = (rest.first_chunk::<6>()?, rest.get(10..)?.first_chunk::<6>()?);
        // Who asks whether an address is free (RFC 5227) has none yet.
        let is_probe = rest.get(6..10) == Some(&[0; 4]);
        if !is_probe {
            self.addresses.add(number(*sender));
        }
        for address in [*sender, *target] {
            if address[0] & 1 != 0 && address != [0xff; 6] {
                self.groups.add(number(address));
            }
        }
        let operation = u16::from_be_bytes([o0, o1]);
        if !(1..=LAST_OPERATION).contains(&operation) {
            self.operations.add(operation.into());
        }
        let addresses = limits.addresses.max(self.addresses.total() / REPEATED);
        let evidence: Vec<_> = [
            ("group_addresses_of_hosts", &self.groups, limits.unused),
            ("operations_of_nobody", &self.operations, limits.unused),
            ("link_layer_addresses", &self.addresses, addresses),
        ]
        .into_iter()
        .filter(|(_, values, threshold)| values.distinct() >= *threshold)
        .map(|(name, values, threshold)| crossed(name, values.distinct().into(), threshold.into(), "values"))
        .collect();
        let packets = self.packets;
        if evidence.is_empty() || !self.gate.opens(packets) {
            return None;
        }
        let carried = Carried { packets: packets.into(), bits: 48.0, time_ns };
        Some(finding(&ARP_FIELDS, key, 0.8, carried, evidence))
    }
}

/// An address as a number.
fn number(address: [u8; 6]) -> u64 {
    address.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Entry for Box<Sender> {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.groups.distinct() + self.operations.distinct() + self.addresses.distinct())
    }
}

//! What a device says of itself: driver, offloads and queues by ethtool, XDP by the family `netdev`. Nothing
//! here takes a privilege or changes anything.

use std::io;
use std::os::fd::AsFd as _;

use super::genetlink::{Genetlink, attribute, attributes, find};
use crate::dataplane::sys;

/// A switch of the driver or the card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// It is on.
    pub is_on: bool,
    /// `ethtool -K` can turn it off or on.
    pub is_changeable: bool,
}

/// The offloads that come between the wire and an XDP program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// The driver merges TCP segments.
    pub lro: Offload,
    /// The card merges TCP segments.
    pub gro_hw: Offload,
    /// The network stack merges TCP segments; in front of generic XDP, behind native.
    pub gro: Offload,
    /// The card takes the VLAN tag off the frame.
    pub rx_vlan: Offload,
}

/// How many receive and transmit queues are in use, and how many there could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Pairs in use.
    pub combined: u32,
    /// The most that the card has.
    pub most: u32,
}

/// What a driver can do with XDP by its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpSupport {
    /// It runs programs.
    pub native: bool,
    /// It runs them on frames of several buffers.
    pub multi_buffer: bool,
}

/// Everything that a device says of itself; what it doesn't say, or the kernel cannot ask, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Name of the driver, such as `ixgbe`.
    pub driver: Option<String>,
    /// Offloads.
    pub offloads: Option<Offloads>,
    /// Queues.
    pub queues: Option<Queues>,
    /// XDP; Linux 6.3 on.
    pub xdp: Option<XdpSupport>,
}

/// The way to ask.
pub(super) struct Devices {
    socket: Genetlink,
    /// Numbers of the families, where the kernel has them.
    ethtool: Option<u16>,
    netdev: Option<u16>,
}

// Family "ethtool" (include/uapi/linux/ethtool_netlink.h).
const MSG_FEATURES_GET: u8 = 11;
const MSG_CHANNELS_GET: u8 = 17;
/// Attribute 1 of every request names the device; its own attribute 1 is the interface's index. The flag
/// `NLA_F_NESTED` is wanted here.
const HEADER: u16 = 1 | 0x8000;
const HEADER_DEV_INDEX: u16 = 1;
const FEATURES_HW: u16 = 2;
const FEATURES_ACTIVE: u16 = 4;
const FEATURES_NOCHANGE: u16 = 5;
const BITSET_NOMASK: u16 = 1;
const BITSET_BITS: u16 = 3;
const BITS_BIT: u16 = 1;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;
const CHANNELS_COMBINED_MAX: u16 = 5;
const CHANNELS_COMBINED_COUNT: u16 = 9;

// Family "netdev" (include/uapi/linux/netdev.h).
const CMD_DEV_GET: u8 = 1;
const DEV_IFINDEX: u16 = 1;
const DEV_XDP_FEATURES: u16 = 3;
const XDP_ACT_BASIC: u64 = 1;
const XDP_ACT_RX_SG: u64 = 32;

impl Devices {
    /// Opens the way, and finds out which families the kernel has.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Genetlink::open()?;
        let (ethtool, netdev) = (socket.family("ethtool").ok(), socket.family("netdev").ok());
        Ok(Self { socket, ethtool, netdev })
    }

    /// Asks all there is to ask of a device.
    pub(super) fn describe(&mut self, name: &str, index: u32) -> Device {
        let driver = sys::device::driver(self.socket.as_fd(), name).ok();
        let offloads = self.ethtool(MSG_FEATURES_GET, index).map(|answer| offloads(&answer));
        let queues = self.ethtool(MSG_CHANNELS_GET, index).and_then(|answer| queues(&answer));
        Device { driver, offloads, queues, xdp: self.xdp(index) }
    }

    fn ethtool(&mut self, command: u8, index: u32) -> Option<Vec<u8>> {
        let header = attribute(HEADER, &attribute(HEADER_DEV_INDEX, &index.to_ne_bytes()));
        self.socket.ask(self.ethtool?, command, &header).ok()
    }

    fn xdp(&mut self, index: u32) -> Option<XdpSupport> {
        let which = attribute(DEV_IFINDEX, &index.to_ne_bytes());
        let answer = self.socket.ask(self.netdev?, CMD_DEV_GET, &which).ok()?;
        let flags = u64::from_ne_bytes(*find(&answer, DEV_XDP_FEATURES)?.first_chunk()?);
        Some(XdpSupport { native: flags & XDP_ACT_BASIC != 0, multi_buffer: flags & XDP_ACT_RX_SG != 0 })
    }
}

fn offloads(answer: &[u8]) -> Offloads {
    let [changeable, active, fixed] =
        [FEATURES_HW, FEATURES_ACTIVE, FEATURES_NOCHANGE].map(|kind| names(answer, kind));
    let offload = |name: &str| {
        let is_in = |set: &[&[u8]]| set.contains(&name.as_bytes());
        Offload { is_on: is_in(&active), is_changeable: is_in(&changeable) && !is_in(&fixed) }
    };
    Offloads {
        lro: offload("rx-lro"),
        gro_hw: offload("rx-gro-hw"),
        gro: offload("rx-gro"),
        rx_vlan: offload("rx-vlan-hw-parse"),
    }
}

/// Names of the bits that are set in a bit set. A set with a mask lists all bits of the mask, and flags those
/// that are set; one without lists those only.
fn names(answer: &[u8], kind: u16) -> Vec<&[u8]> {
    let set = find(answer, kind).unwrap_or_default();
    let has_mask = find(set, BITSET_NOMASK).is_none();
    let bits = attributes(find(set, BITSET_BITS).unwrap_or_default());
    bits.filter(|(kind, bit)| *kind == BITS_BIT && (!has_mask || find(bit, BIT_VALUE).is_some()))
        .filter_map(|(_, bit)| find(bit, BIT_NAME)?.split_last().map(|(_, name)| name))
        .collect()
}

/// `None` for devices without combined queues.
fn queues(answer: &[u8]) -> Option<Queues> {
    let number = |kind| find(answer, kind)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    Some(Queues { combined: number(CHANNELS_COMBINED_COUNT)?, most: number(CHANNELS_COMBINED_MAX)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bit set without a mask, of the bits that are set.
    fn set(kind: u16, names: &[&str]) -> Vec<u8> {
        let bits: Vec<u8> = names.iter().flat_map(|name| bit(name, false)).collect();
        attribute(kind, &[attribute(BITSET_NOMASK, &[]), attribute(BITSET_BITS, &bits)].concat())
    }

    /// A bit set with a mask, of all bits.
    fn masked(kind: u16, names: &[(&str, bool)]) -> Vec<u8> {
        let bits: Vec<u8> = names.iter().flat_map(|(name, is_set)| bit(name, *is_set)).collect();
        attribute(kind, &attribute(BITSET_BITS, &bits))
    }

    fn bit(name: &str, flag: bool) -> Vec<u8> {
        let name = attribute(BIT_NAME, &[name.as_bytes(), &[0]].concat());
        let value = if flag { attribute(BIT_VALUE, &[]) } else { Vec::new() };
        attribute(BITS_BIT, &[attribute(1, &[0; 4]), name, value].concat())
    }

    #[test]
    fn offloads_are_on_off_or_fixed() {
        let answer = [
            attribute(HEADER, &attribute(HEADER_DEV_INDEX, &[4, 0, 0, 0])),
            masked(FEATURES_HW, &[("rx-lro", true), ("rx-gro-hw", false), ("rx-vlan-hw-parse", true)]),
            set(FEATURES_ACTIVE, &["rx-gro", "rx-gro-hw", "rx-vlan-hw-parse"]),
            set(FEATURES_NOCHANGE, &["tx-lockless"]),
        ];
        let offload = |is_on, is_changeable| Offload { is_on, is_changeable };
        let expected = Offloads {
            lro: offload(false, true),
            gro_hw: offload(true, false),
            gro: offload(true, false),
            rx_vlan: offload(true, true),
        };
        assert_eq!(offloads(&answer.concat()), expected);
        assert_eq!(offloads(&[]), Offloads::default());
    }

    #[test]
    fn queues_are_there_or_not() {
        let number = |kind, value: u32| attribute(kind, &value.to_ne_bytes());
        let answer = [number(CHANNELS_COMBINED_MAX, 8), number(CHANNELS_COMBINED_COUNT, 4)].concat();
        assert_eq!(queues(&answer), Some(Queues { combined: 4, most: 8 }));
        assert_eq!(queues(&number(2, 1)), None);
    }
}

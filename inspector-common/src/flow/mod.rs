//! Flow keys, and in [`record`] what accumulates per flow.

mod branchless;
pub mod fields;
pub mod known;
pub mod record;

use bytemuck::{Pod, Zeroable};

pub use fields::{Fields, changed};
pub use known::{KNOWN_PAGES, KnownPage};
pub(crate) use record::HEADER_ANOMALIES;
pub use record::{FlowRecord, Step};

/// Entries of the kernel's flow map unless the loader asks for another size: 17 MiB.
pub const FLOW_ENTRIES: u32 = 65_536;

/// Which way a packet crosses the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received: XDP.
    Ingress,
    /// Sent: TC.
    Egress,
}

impl Direction {
    /// The value of the `direction` label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// One direction of a flow on one interface, as a key of the kernel's flow map.
///
/// Addresses are IPv6; IPv4 is mapped into `::ffff:0:0/96`. Ports are in host byte order. For ICMP
/// and ICMPv6 `src_port` is the identifier of echoes and other queries (0 elsewhere) and `dst_port`
/// is `type << 8 | code`. Both are 0 for later fragments and for protocols without ports.
///
/// Aligned to eight bytes, since the BPF target goes byte by byte about what it doesn't know to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(8))]
pub struct FlowKey {
    /// Source address.
    pub src: [u8; 16],
    /// Destination address.
    pub dst: [u8; 16],
    /// Index of the interface; 0 and up count the interfaces of a capture.
    pub ifindex: u32,
    /// Source port, or ICMP identifier.
    pub src_port: u16,
    /// Destination port, or ICMP type and code.
    pub dst_port: u16,
    /// VLAN identifiers (12 bits) from the outside in; 0 where there is no tag.
    pub vlan: [u16; 2],
    /// IP protocol number of the layer 4 header.
    pub protocol: u8,
    /// [`FlowKey::IPV6`], [`FlowKey::EGRESS`] and [`FlowKey::FRAGMENT`].
    pub flags: u8,
    /// Which tunnel the packets came in, and 0 for those that came in none: the kind in the high
    /// four bits, see [`crate::parse::Tunnel`], and a hash of the tunnel's identifier.
    pub tunnel: u16,
}

const _: () = assert!(size_of::<FlowKey>() == 48);

/// All of it at once: field by field costs thirteen calls of the hasher.
impl core::hash::Hash for FlowKey {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        state.write(bytemuck::bytes_of(self));
    }
}

impl FlowKey {
    /// Flag: the packet is IPv6.
    pub const IPV6: u8 = 1;
    /// Flag: the packet was seen leaving.
    pub const EGRESS: u8 = 2;
    /// Flag: the packets are later fragments.
    pub const FRAGMENT: u8 = 4;

    /// The same flow the other way, on the same interface and side of it.
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self { src: self.dst, dst: self.src, src_port: self.dst_port, dst_port: self.src_port, ..*self }
    }

    /// Whether the packet is IPv6.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.flags & Self::IPV6 != 0
    }
}

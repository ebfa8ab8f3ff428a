//! The classes that every packet is counted under, exactly one each.

use bytemuck::Zeroable;

use crate::labelled::labelled;

/// How many classes there are room for in the kernel's counters; a power of two, so that the
/// program can mask an index.
pub const CLASS_SLOTS: usize = 32;

labelled! {
    /// What a packet is, as far as counting goes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Zeroable)]
    pub enum Class, "class" {
        /// Shorter than its link-layer header says it must be.
        Runt = "runt",
        /// ARP (EtherType 0x0806).
        Arp = "arp",
        /// LLDP (EtherType 0x88cc).
        Lldp = "lldp",
        /// IEEE 802.3 with a length instead of an EtherType: spanning tree, IS-IS, CDP.
        Llc = "llc",
        /// Any other EtherType, or more than two VLAN tags.
        OtherEthertype = "other_ethertype",
        /// PPPoE, discovery and session (EtherTypes 0x8863 and 0x8864). IP inside is a packet of its own.
        Pppoe = "pppoe",
        /// MPLS (EtherTypes 0x8847 and 0x8848). IP below the bottom label is a packet of its own.
        Mpls = "mpls",
        /// An IP header that contradicts itself or is cut short.
        MalformedIp = "malformed_ip",
        /// A fragment that is not the first: it has no layer 4 header.
        Fragment = "fragment",
        /// A layer 4 header that is cut short or contradicts itself.
        MalformedL4 = "malformed_l4",
        /// TCP, other than DNS.
        Tcp = "tcp",
        /// UDP, other than DNS and the encapsulations below.
        Udp = "udp",
        /// UDP or TCP with port 53 at either end.
        Dns = "dns",
        /// ICMP echo request or reply.
        IcmpEcho = "icmp_echo",
        /// ICMP errors that quote a packet: types 3, 4, 5, 11, 12.
        IcmpError = "icmp_error",
        /// Other ICMP types.
        IcmpOther = "icmp_other",
        /// ICMPv6 echo request or reply.
        Icmpv6Echo = "icmpv6_echo",
        /// ICMPv6 errors (types 1 to 4), which quote a packet.
        Icmpv6Error = "icmpv6_error",
        /// ICMPv6 that keeps the link going: neighbour and router discovery, multicast listeners.
        Icmpv6Control = "icmpv6_control",
        /// Other ICMPv6 types.
        Icmpv6Other = "icmpv6_other",
        /// IGMP.
        Igmp = "igmp",
        /// SCTP.
        Sctp = "sctp",
        /// GRE; what it carries is a packet of its own.
        Gre = "gre",
        /// IP in IP: protocols 4 and 41; what they carry is a packet of its own.
        IpInIp = "ip_in_ip",
        /// VXLAN: UDP to port 4789 or 8472 with a VXLAN header; the frame inside is a packet of its own.
        Vxlan = "vxlan",
        /// Geneve: UDP to port 6081 with a Geneve header; what it carries is a packet of its own.
        Geneve = "geneve",
        /// GTP-U: UDP to port 2152 with a GTPv1 header; the user's packet inside is one of its own.
        Gtpu = "gtpu",
        /// L2TPv3 over IP (protocol 115); not opened.
        L2tp = "l2tp",
        /// ESP.
        Esp = "esp",
        /// AH; what it authenticates is not looked at.
        Ah = "ah",
        /// Any other IP protocol, and IPv6 extension headers that are not followed.
        OtherIp = "other_ip",
    }
}

const _: () = assert!(Class::ALL.len() <= CLASS_SLOTS);

impl Class {
    /// The class with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether packets of this class have addresses, and so belong to a flow.
    #[inline(always)]
    #[must_use]
    pub const fn has_flow(self) -> bool {
        self as u8 >= Self::Fragment as u8
    }

    /// Whether flow sampling leaves this class alone: rare classes are always looked at, under
    /// budgets of their own. What carries bulk traffic is sampled.
    #[inline(always)]
    #[must_use]
    pub const fn is_exempt_from_sampling(self) -> bool {
        !matches!(
            self,
            Self::Tcp
                | Self::Udp
                | Self::Fragment
                | Self::Gre
                | Self::IpInIp
                | Self::Vxlan
                | Self::Geneve
                | Self::Gtpu
                | Self::L2tp
                | Self::Esp
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_classes_map_both_ways() {
        for (number, class) in Class::ALL.iter().enumerate() {
            assert_eq!(*class as usize, number);
            assert_eq!(Class::from_number(*class as u8), Some(*class));
        }
        assert_eq!(Class::from_number(200), None);
    }

    #[test]
    fn names_are_distinct_label_values() {
        for (i, class) in Class::ALL.iter().enumerate() {
            assert!(class.name().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            assert!(Class::ALL[..i].iter().all(|other| other.name() != class.name()));
        }
    }
}

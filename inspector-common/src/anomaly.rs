//! Header oddities that are counted on every packet, whatever its class.

use bytemuck::Zeroable;

use crate::labelled::labelled;

/// Room for anomalies in the kernel's counters.
pub const ANOMALY_SLOTS: usize = 16;

labelled! {
    /// One header oddity. Odd is not covert: each of them has a benign base rate.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Anomaly, "anomaly" {
        /// The IP header promises more bytes than the frame has.
        IpLength = "ip_length",
        /// IPv4 options present.
        Ipv4Options = "ipv4_options",
        /// The reserved bit of the IPv4 flags is set (RFC 791: must be zero).
        Ipv4ReservedFlag = "ipv4_reserved_flag",
        /// IPv4 fragment that must not be one: "don't fragment" with more fragments or an offset.
        FragmentWithDf = "fragment_with_df",
        /// IPv6 extension headers other than a fragment header.
        Ipv6Extensions = "ipv6_extensions",
        /// More IPv6 extension headers than are followed.
        Ipv6ExtensionLimit = "ipv6_extension_limit",
        /// UDP length field below 8 or beyond the IP payload.
        UdpLength = "udp_length",
        /// Reserved bits of the TCP header set (RFC 9293: must be zero).
        TcpReservedBits = "tcp_reserved_bits",
        /// TCP urgent pointer without the URG flag.
        TcpUrgentWithoutFlag = "tcp_urgent_without_flag",
        /// TCP acknowledgement number without the ACK flag, in a packet that is not a RST.
        TcpAckWithoutFlag = "tcp_ack_without_flag",
        /// TCP SYN that carries data.
        TcpSynData = "tcp_syn_data",
        /// TCP options after the handshake that begin with neither a timestamp nor a SACK.
        TcpOptions = "tcp_options",
        /// Bytes after the end of the datagram that are not zero, in the first or last eight of them.
        Trailer = "trailer",
    }
}

const _: () = assert!(Anomaly::ALL.len() <= ANOMALY_SLOTS);

/// The set of anomalies seen in one packet, a bit for each [`Anomaly`] by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Zeroable)]
pub struct Anomalies(pub u32);

impl Anomalies {
    /// Adds one anomaly.
    #[inline(always)]
    pub fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u32;
    }

    /// Adds one anomaly where `condition` holds.
    #[inline(always)]
    pub fn insert_if(&mut self, condition: bool, anomaly: Anomaly) {
        self.0 |= u32::from(condition) << anomaly as u32;
    }

    /// Whether the anomaly is in the set.
    #[must_use]
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u32) != 0
    }
}

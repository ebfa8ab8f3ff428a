//! What a source hands to the detectors: one head, dissected.

use std::net::IpAddr;

use inspector_common::{Class, FlowKey, HeadMeta};

use crate::dissect::{dns, icmp};

/// The first bytes of one packet, from its layer 4 header on.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What the classifier found.
    pub meta: &'a HeadMeta,
    /// The layer 4 segment, cut to [`inspector_common::head::HEAD_MAX`] bytes.
    pub bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// What was captured of the bytes after the layer 4 header.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(usize::from(self.meta.l4_header_len)..).unwrap_or_default()
    }

    /// How many bytes the packet carries after the layer 4 header, captured or not.
    #[must_use]
    pub fn payload_len(&self) -> u32 {
        self.meta.l4_len.saturating_sub(u32::from(self.meta.l4_header_len))
    }

    /// The packet's class.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::from_number(self.meta.class).unwrap_or(Class::OtherIp)
    }

    /// Source address.
    #[must_use]
    pub fn src(&self) -> IpAddr {
        address(self.meta.key.src)
    }

    /// Destination address.
    #[must_use]
    pub fn dst(&self) -> IpAddr {
        address(self.meta.key.dst)
    }
}

/// The address of a flow key: IPv4 where it is mapped into IPv6.
#[must_use]
pub fn address(bytes: [u8; 16]) -> IpAddr {
    IpAddr::from(bytes).to_canonical()
}

/// What a dissector made of a head.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// ICMP or ICMPv6.
    Icmp(icmp::Message<'a>),
    /// A DNS message, or as much of one as the head holds.
    Dns(dns::Message<'a>),
    /// On port 53 but not DNS.
    NotDns,
    /// No dissector is meant for this class.
    Opaque,
}

/// A head and its dissection: what a detector sees of a packet.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    /// The head.
    pub head: Head<'a>,
    /// Its dissection.
    pub content: Content<'a>,
}

impl Observation<'_> {
    /// Time of the packet, nanoseconds of the source's clock.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        self.head.meta.time_ns
    }

    /// The packet's flow.
    #[must_use]
    pub fn key(&self) -> &FlowKey {
        &self.head.meta.key
    }
}

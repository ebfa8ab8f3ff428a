//! What a source hands to the detectors: heads, flow records, series.

use std::net::IpAddr;

use inspector_common::{Class, FlowKey, FlowRecord, HeadMeta, SeriesEntry};

use crate::checksum::Checks;
use crate::dissect::payload::Payload;
use crate::dissect::{discovery, dns, icmp};

/// What a source gives to the engine, in the order of its clock.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The first bytes of a packet, from its network header on.
    Head(&'a HeadMeta, &'a [u8]),
    /// The record of a flow that had packets since the last drain.
    Flow(FlowUpdate<'a>),
    /// New entries of a flow's series.
    Series(Series<'a>),
    /// The time, nanoseconds of the source's clock: a drain is over.
    Time(u64),
}

/// One direction of a flow, as it stands.
///
/// The same flow comes again as it goes on, with what has accumulated since its first packet, and may
/// come twice without a change.
#[derive(Clone, Copy, Debug)]
pub struct FlowUpdate<'a> {
    /// Whose it is.
    pub key: &'a FlowKey,
    /// What has accumulated.
    pub record: &'a FlowRecord,
    /// Whether the flow was idle for so long that its record is dropped with this: that happens only where a drain took
    /// its time, since what is over has no news.
    pub is_final: bool,
}

/// What was added to the series of one direction of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Whose it is.
    pub key: &'a FlowKey,
    /// The new entries, oldest first.
    pub entries: &'a [SeriesEntry],
    /// How many entries before the first of these nobody could read in time; their gaps and lengths
    /// are missing.
    pub missed: u64,
    /// Whether these are the flow's first, or its first after another flow had its slot.
    pub is_start: bool,
    /// Time of the last entry, nanoseconds of the source's clock.
    pub last_ns: u64,
}

/// The first bytes of one packet, from its network header on.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What the classifier found.
    pub meta: &'a HeadMeta,
    /// What was captured of the packet, and of what follows it in the frame.
    pub bytes: &'a [u8],
    /// What its checksums say, which many detectors ask.
    pub(crate) checks: Checks,
}

impl<'a> Head<'a> {
    /// The head of a packet.
    #[must_use]
    pub fn new(meta: &'a HeadMeta, bytes: &'a [u8]) -> Self {
        let mut head = Self { meta, bytes, checks: Checks::default() };
        head.checks = Checks::of(&head);
        head
    }

    /// The network header with its options or extension headers, up to the layer 4 header.
    #[must_use]
    pub fn network(&self) -> &'a [u8] {
        let end = usize::from(self.meta.l4_offset).min(self.bytes.len());
        self.bytes.get(..end).unwrap_or_default()
    }

    /// What was captured of the layer 4 segment, header included.
    #[must_use]
    pub fn segment(&self) -> &'a [u8] {
        let end = usize::try_from(self.meta.ip_len).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.get(usize::from(self.meta.l4_offset)..end).unwrap_or_default()
    }

    /// What was captured of the bytes after the layer 4 header.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.segment().get(usize::from(self.meta.l4_header_len)..).unwrap_or_default()
    }

    /// What was captured of the bytes in the frame after the end of the datagram.
    #[must_use]
    pub fn trailer(&self) -> &'a [u8] {
        let start = usize::try_from(self.meta.ip_len).unwrap_or(usize::MAX);
        if start == 0 { &[] } else { self.bytes.get(start..).unwrap_or_default() }
    }

    /// How many bytes the packet carries after the layer 4 header, captured or not.
    #[must_use]
    pub fn payload_len(&self) -> u32 {
        self.meta.l4_len().saturating_sub(u32::from(self.meta.l4_header_len))
    }

    /// Whether the head was handed on for one of these [`inspector_common::head::reason`]s.
    #[must_use]
    pub const fn has_reason(&self, reasons: u8) -> bool {
        self.meta.reasons & reasons != 0
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
#[inline]
pub fn address(bytes: [u8; 16]) -> IpAddr {
    match bytes.strip_prefix(&MAPPED) {
        Some(&[a, b, c, d]) => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(bytes),
    }
}

/// What IPv4 addresses begin with where they are mapped into IPv6.
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// What a dissector made of a head.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// ICMP or ICMPv6.
    Icmp(icmp::Message<'a>),
    /// What neighbours and routers say of themselves, in ICMPv6.
    Discovery(discovery::Message<'a>),
    /// A DNS message, or as much of one as the head holds.
    Dns(dns::Message<'a>),
    /// On port 53 but not DNS.
    NotDns,
    /// What TCP or UDP carries.
    Payload(Payload<'a>),
    /// There is nothing in it, or no dissector is meant for its class.
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

impl<'a> Observation<'a> {
    /// What the packet carries, if it is of class TCP or UDP and not empty.
    #[must_use]
    pub const fn payload(&self) -> Option<&Payload<'a>> {
        if let Content::Payload(payload) = &self.content { Some(payload) } else { None }
    }

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

//! Packets that end with their IPv6 headers ("no next header", RFC 8200 §4.7).
//!
//! They are sent by nothing but tunnels that keep a path open, which are encapsulated or of Teredo's addresses (RFC 4380). What
//! lies behind the headers has to be ignored, and what the sender varies in them is for somebody.

use inspector_common::FlowKey;

use super::extensions::digest;
use super::{HOP_LIMIT, State};
use crate::detect::header::{Carried, crossed, finding};
use crate::findings::Finding;
use crate::observation::Head;

const NO_NEXT_HEADER: u8 = 59;
const TEREDO: [u8; 4] = [0x20, 1, 0, 0];

/// Different hop limits of such packets of one host that tell: paths change between two or three.
const HOPS: u32 = 6;

/// Whether a packet is one.
pub(super) fn is_nothing(head: &Head<'_>) -> bool {
    let key = &head.meta.key;
    let is_bubble = key.tunnel != 0 || key.src.starts_with(&TEREDO) || key.dst.starts_with(&TEREDO);
    key.is_ipv6() && key.protocol == NO_NEXT_HEADER && key.flags & FlowKey::FRAGMENT == 0 && !is_bubble
}

impl State {
    /// Adds one.
    pub(super) fn nothing(&mut self, head: &Head<'_>, key: &FlowKey) -> Option<Finding> {
        let behind = head.segment();
        if behind.iter().any(|byte| *byte != 0) {
            self.contents.add(digest(behind));
            self.content_bytes = self.content_bytes.saturating_add(head.meta.l4_len());
        }
        self.hops.add(head.meta.ttl.into());
        let distinct = self.hops.distinct();
        if distinct < HOPS || !self.gates[2].opens(distinct) {
            return None;
        }
        let evidence = vec![crossed("hop_limits_of_empty_packets", distinct.into(), HOPS.into(), "values")];
        let (packets, bits) = (self.hops.total().into(), self.hops.entropy());
        Some(finding(&HOP_LIMIT, key, 0.85, Carried { packets, bits, time_ns: self.last_ns }, evidence))
    }
}

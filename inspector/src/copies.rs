//! Second copies of packets: mirrors of both directions of a port, taps before and behind a router, and captures on all
//! interfaces of a host show each packet twice. Detectors that ask how much is new, or what comes after what, would see
//! half as much of it.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::quality::RandomState;

use crate::observation::Head;

/// Packets that are remembered: those of 5 ms at 50,000 heads a second. A power of two.
const SLOTS: usize = 256;

/// How much later a copy comes, nanoseconds: what a router or a mirror takes. Who repeats a packet for want of an answer
/// waits for longer, and repeats what was judged.
const LATEST_NS: u64 = 5_000_000;

/// The last heads.
#[derive(Debug)]
pub(crate) struct Copies {
    /// With a key of its own in each run, so that nobody can make a packet that passes for a copy of another.
    hash: RandomState,
    /// Digests, and the times of their packets.
    seen: Box<[(u64, u64)]>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { hash: RandomState::default(), seen: vec![(0, 0); SLOTS].into() }
    }
}

impl Copies {
    /// Whether a packet like this one came by a moment ago, on the same interface and with all the same but for the hops
    /// that it has left. It is remembered.
    pub(crate) fn is_copy(&mut self, head: &Head<'_>) -> bool {
        let (digest, now_ns) = (self.digest(head), head.meta.time_ns);
        let Ok(slot) = usize::try_from(digest % SLOTS as u64) else { return false };
        let Some(seen) = self.seen.get_mut(slot) else { return false };
        let (before, then_ns) = std::mem::replace(seen, (digest, now_ns));
        before == digest && then_ns != 0 && now_ns.abs_diff(then_ns) <= LATEST_NS
    }

    fn digest(&self, head: &Head<'_>) -> u64 {
        let meta = head.meta;
        let mut hasher = self.hash.build_hasher();
        hasher.write(bytemuck::bytes_of(&meta.key));
        hasher.write_u64(u64::from(meta.ip_len) << 32 | u64::from(meta.flow_label));
        hasher.write_u32(u32::from(meta.ip_id) << 16 | u32::from(meta.ip_fragment));
        hasher.write_u32(u32::from(meta.tos) << 16 | u32::from(meta.vlan_pcp) << 8);
        let start = if meta.key.is_ipv6() { 40 } else { 20 };
        hasher.write(head.bytes.get(start..).unwrap_or_default());
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use inspector_common::{FlowKey, HeadMeta};

    use super::*;

    const MS: u64 = 1_000_000;

    fn meta(time_ns: u64) -> HeadMeta {
        let key = FlowKey { src_port: 4000, dst_port: 53, protocol: 17, ..FlowKey::zeroed() };
        HeadMeta { time_ns, key, ip_id: 7, ip_len: 48, l4_offset: 20, ttl: 64, ..HeadMeta::zeroed() }
    }

    fn is_copy(copies: &mut Copies, meta: &HeadMeta, last: u8) -> bool {
        let mut bytes = [0x45; 48];
        (bytes[8], bytes[47]) = (meta.ttl, last);
        copies.is_copy(&Head::new(meta, &bytes))
    }

    #[test]
    fn the_same_packet_soon_after_is_a_copy_whatever_hops_it_has_left() {
        let mut copies = Copies::default();
        assert!(!is_copy(&mut copies, &meta(MS), 1));
        assert!(is_copy(&mut copies, &meta(MS + 8_000), 1));
        assert!(is_copy(&mut copies, &HeadMeta { ttl: 63, ..meta(2 * MS) }, 1));
        assert!(!is_copy(&mut copies, &meta(8 * MS), 1), "sent again");
    }

    #[test]
    fn any_difference_makes_it_another_packet() {
        let other = [
            HeadMeta { ip_id: 8, ..meta(MS) },
            HeadMeta { tos: 4, ..meta(MS) },
            HeadMeta { vlan_pcp: 1, ..meta(MS) },
            HeadMeta { flow_label: 9, ..meta(MS) },
            HeadMeta { key: FlowKey { ifindex: 2, ..meta(MS).key }, ..meta(MS) },
            HeadMeta { key: meta(MS).key.reversed(), ..meta(MS) },
        ];
        for other in other {
            let mut copies = Copies::default();
            assert!(!is_copy(&mut copies, &meta(MS), 1));
            assert!(!is_copy(&mut copies, &other, 1), "{other:?}");
        }
        let mut copies = Copies::default();
        assert!(!is_copy(&mut copies, &meta(MS), 1) && !is_copy(&mut copies, &meta(MS), 2));
    }
}

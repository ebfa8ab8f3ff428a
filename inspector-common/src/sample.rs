//! Flow-consistent sampling: both directions of a flow, and every host with the same seed, decide
//! alike, and a sampled flow keeps every one of its packets.

use bytemuck::{Pod, Zeroable};

use crate::{FlowKey, Packet};

/// Keeps one flow in `N`, by a hash of the flow that ignores its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Sampler {
    /// Flows whose hash is below this are left out: zero, as a new map has it, keeps every flow.
    left_out: u32,
    seed: u32,
}

const _: () = assert!(size_of::<Sampler>() == 8);

impl Sampler {
    /// Keeps one flow in `one_in`; 0 and 1 keep every flow.
    #[must_use]
    pub const fn new(one_in: u32, seed: u32) -> Self {
        let left_out = if one_in <= 1 { 0 } else { u32::MAX - u32::MAX / one_in };
        Self { left_out, seed }
    }

    /// Whether the packet is accounted to its flow: its flow is kept, or its class is exempt.
    #[inline(always)]
    #[must_use]
    pub fn takes(self, packet: &Packet) -> bool {
        packet.class.is_exempt_from_sampling() || self.keeps(&packet.key)
    }

    /// Whether the flow is kept.
    #[inline(always)]
    #[must_use]
    pub fn keeps(self, key: &FlowKey) -> bool {
        self.left_out == 0 || self.hash(key) >= self.left_out
    }

    /// The same for both directions: the two endpoints are mixed apart and added.
    #[inline(always)]
    fn hash(self, key: &FlowKey) -> u32 {
        let ends = endpoint(&key.src, key.src_port).wrapping_add(endpoint(&key.dst, key.dst_port));
        let hash = mix(ends ^ (u64::from(self.seed) << 32 | u64::from(key.protocol)));
        (hash >> 32) as u32
    }
}

impl FlowKey {
    /// A hash of the key, the two directions apart.
    #[inline(always)]
    #[must_use]
    pub fn hash(&self) -> u64 {
        let ends = mix(endpoint(&self.src, self.src_port)).wrapping_add(endpoint(&self.dst, self.dst_port));
        let rest =
            u64::from(self.ifindex) << 32 | u64::from(self.tunnel) << 16 | u64::from(self.protocol) << 8;
        mix(ends ^ rest ^ u64::from(self.flags))
    }
}

#[inline(always)]
fn endpoint(address: &[u8; 16], port: u16) -> u64 {
    let [high, low] = bytemuck::cast::<[u8; 16], [u64; 2]>(*address);
    mix(u64::from_le(high) ^ mix(u64::from_le(low) ^ u64::from(port)))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline(always)]
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> FlowKey {
        let mut key = FlowKey::zeroed();
        key.src[12..].copy_from_slice(&n.to_be_bytes());
        key.dst[12..].copy_from_slice(&[192, 0, 2, 1]);
        (key.src_port, key.dst_port, key.protocol) = (40_000, 443, 6);
        key
    }

    #[test]
    fn both_directions_decide_alike_and_the_share_is_right() {
        let sampler = Sampler::new(16, 7);
        let kept = (0..100_000).map(key).filter(|k| {
            assert_eq!(sampler.keeps(k), sampler.keeps(&k.reversed()));
            sampler.keeps(k)
        });
        let share = kept.count() as f64 / 100_000.0;
        assert!((share - 1.0 / 16.0).abs() < 0.004, "{share}");
    }

    #[test]
    fn every_host_and_interface_decides_alike() {
        let sampler = Sampler::new(8, 7);
        for key in (0..1_000).map(key) {
            let elsewhere = FlowKey {
                ifindex: 9,
                vlan: [7, 0],
                tunnel: 0x1234,
                flags: key.flags | FlowKey::EGRESS,
                ..key
            };
            assert_eq!(sampler.keeps(&key), sampler.keeps(&elsewhere), "{key:?}");
        }
        // Hosts of a fleet don't all run the same version: which flows a seed keeps is forever.
        let kept = |seed| {
            (0..64).filter(|n| Sampler::new(8, seed).keeps(&key(*n))).fold(0u64, |set, n| set | 1 << n)
        };
        assert_eq!([kept(0), kept(7)], [0x0242_8002_0002_0002, 0x0044_0023_0020_40c8]);
    }

    #[test]
    fn what_a_lower_rate_keeps_a_higher_one_keeps_too() {
        for key in (0..10_000).map(key) {
            let kept = [1, 2, 4, 8, 16].map(|one_in| Sampler::new(one_in, 7).keeps(&key));
            assert!(kept.is_sorted_by(|higher, lower| higher >= lower), "{kept:?}");
        }
    }

    #[test]
    fn one_in_one_keeps_all_and_seeds_differ() {
        assert!((0..1000).all(|n| Sampler::new(1, 3).keeps(&key(n)) && Sampler::new(0, 3).keeps(&key(n))));
        let (a, b) = (Sampler::new(2, 1), Sampler::new(2, 2));
        assert!((0..1000).any(|n| a.keeps(&key(n)) != b.keeps(&key(n))));
    }
}

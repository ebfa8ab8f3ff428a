//! Programs that tell what a machine takes for what others, too, need: a call, a look at the clock, a flow map.
#![expect(clippy::needless_pass_by_value, reason = "it is how aya's macro calls a program")]

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_get_numa_node_id;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::LruPerCpuHashMap;
use aya_ebpf::programs::XdpContext;

/// What tells flows apart: addresses, ports, protocol.
#[repr(C)]
struct Key {
    addresses: [u8; 32],
    ports: [u8; 4],
    protocol: u32,
}

/// What is kept of a flow.
#[repr(C)]
struct Record {
    packets: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
}

/// As many as inspector keeps.
#[map]
static BARE: LruPerCpuHashMap<Key, Record> = LruPerCpuHashMap::with_max_entries(65_536, 0);

const ETHERNET: usize = 14;
const TCP: u32 = 6;
const UDP: u32 = 17;

/// Counts packets and bytes of each flow: the least that a flow exporter does.
#[xdp(frags)]
fn yard_flows(ctx: XdpContext) -> u32 {
    if let Some(key) = key(&ctx) {
        count(&key, (ctx.data_end() - ctx.data()) as u64);
    }
    XDP_PASS
}

#[inline(always)]
fn count(key: &Key, bytes: u64) {
    // SAFETY: the helper takes nothing and touches no memory.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    if let Some(record) = BARE.get_ptr_mut(key) {
        // SAFETY: it is this CPU's value, and a program is not interrupted by itself.
        let record = unsafe { &mut *record };
        record.packets += 1;
        record.bytes += bytes;
        record.last_ns = now_ns;
    } else {
        // A map that cannot take it in loses the flow: nobody reads this one.
        let _lost = BARE.insert(key, Record { packets: 1, bytes, first_ns: now_ns, last_ns: now_ns }, 0);
    }
}

/// IPv4 and IPv6 without options, tags or fragments' fine print.
#[inline(always)]
fn key(ctx: &XdpContext) -> Option<Key> {
    let mut key = Key { addresses: [0; 32], ports: [0; 4], protocol: 0 };
    let ports = match read::<2>(ctx, ETHERNET - 2)? {
        [0x08, 0x00] => {
            key.addresses[..8].copy_from_slice(&read::<8>(ctx, ETHERNET + 12)?);
            key.protocol = u32::from(read::<1>(ctx, ETHERNET + 9)?[0]);
            ETHERNET + 20
        }
        [0x86, 0xdd] => {
            key.addresses = read::<32>(ctx, ETHERNET + 8)?;
            key.protocol = u32::from(read::<1>(ctx, ETHERNET + 6)?[0]);
            ETHERNET + 40
        }
        _ => return None,
    };
    if matches!(key.protocol, TCP | UDP) {
        key.ports = read::<4>(ctx, ports)?;
    }
    Some(key)
}

#[inline(always)]
fn read<const N: usize>(ctx: &XdpContext, at: usize) -> Option<[u8; N]> {
    let start = ctx.data() + at;
    if start + N > ctx.data_end() {
        return None;
    }
    // SAFETY: the bytes lie in the frame, and the verifier proves it again.
    Some(unsafe { (start as *const [u8; N]).read_unaligned() })
}

/// Eight calls of a helper that does next to nothing.
#[xdp(frags)]
fn yard_calls(_: XdpContext) -> u32 {
    eight_times(|| {
        // SAFETY: the helper takes nothing and touches no memory.
        let _node = unsafe { bpf_get_numa_node_id() };
    });
    XDP_PASS
}

/// Eight looks at the exact clock.
#[xdp(frags)]
fn yard_clock(_: XdpContext) -> u32 {
    eight_times(|| {
        // SAFETY: as above.
        let _now_ns = unsafe { bpf_ktime_get_ns() };
    });
    XDP_PASS
}

#[inline(always)]
fn eight_times(call: impl Fn()) {
    let mut left = 8;
    while left > 0 {
        call();
        left -= 1;
    }
}

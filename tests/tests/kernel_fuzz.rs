//! Broken frames: no panic on the host, and no difference between the kernel and the host.

use bytemuck::Zeroable as _;
use inspector_common::{
    Account, Direction, Origin, Sampler, SliceFrame, Start, Wanted, classify, classify_inner,
};
use inspector_tests::kernel::frames::{Random, mutate, well_formed};
use inspector_tests::kernel::{self, LOOPBACK, PROGRAMS, Twin};
use inspector_tests::skip;

#[test]
fn a_million_broken_frames_on_the_host() {
    let seeds = well_formed();
    let mut random = Random(1);
    let mut account = Account::zeroed();
    let mut with_head = 0;
    for _ in 0..1_000_000 {
        let frame = mutate(&seeds[random.below(seeds.len())], &mut random);
        let wire_len = u32::try_from(frame.len() + random.below(3) * 40).expect("short");
        let start = match random.below(8) {
            0 => Start::Network { ethertype: 0x0800, offset: 14 },
            1 => Start::Network {
                ethertype: 0x86dd,
                offset: u32::try_from(random.below(70_000)).expect("short"),
            },
            _ => Start::Ethernet,
        };
        let frame = SliceFrame::new(&frame, wire_len);
        let mut packet = classify(&frame, start, Origin::new(LOOPBACK, Direction::Egress));
        account.seen += 1;
        account.count(&packet);
        with_head += u32::from(Wanted::by_class(&packet).is_some());
        if packet.inner.offset != 0 {
            assert!(packet.inner.offset > packet.l3_offset, "{packet:?}");
            classify_inner(&mut packet, &frame);
            account.count(&packet);
            assert!(packet.is_inner() && packet.inner.offset == 0, "one level only: {packet:?}");
        }
        assert!(packet.payload_len <= packet.l4_len, "{packet:?}");
        assert!(
            packet.class.has_flow() || packet.key.protocol == 0 || packet.l4_len <= packet.ip_len,
            "{packet:?}"
        );
    }
    assert!(account.inner.iter().sum::<u64>() > 10_000, "{account:?}");
    assert_eq!(account.seen, account.packets.iter().sum::<u64>(), "each frame in exactly one class");
    let used = account.packets.iter().filter(|count| **count > 0).count();
    assert!(used >= 24 && with_head > 100_000, "the frames reach {used} classes and {with_head} heads");
}

#[tokio::test]
async fn ten_thousand_broken_frames_in_the_kernel() {
    if let Some(reason) = kernel::missing() {
        return skip("ten_thousand_broken_frames_in_the_kernel", reason);
    }
    let seeds = well_formed();
    for program in PROGRAMS {
        let mut twin = Twin::load(program, Sampler::new(1, 0)).await;
        let mut random = Random(2);
        let mut compared = 0;
        while compared < 10_000 {
            let frame = mutate(&seeds[random.below(seeds.len())], &mut random);
            if twin.takes(&frame) {
                twin.compare(&frame, &format!("{program}, broken frame {compared}")).await;
                compared += 1;
            }
        }
    }
}

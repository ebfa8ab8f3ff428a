//! The counters add up whatever is full, sampled or over budget, and the programs stay within their
//! budgets.
#![expect(clippy::expect_used, reason = "a test's helpers panic like the test itself")]

use inspector::dataplane::{DataPlane, Egress, Settings};
use inspector::observation::{Event, FlowUpdate};
use inspector_common::{Account, Budget, Class, Control, Features, HeadGroup, Sampler, Tally};
use inspector_tests::kernel::frames::{Random, well_formed};
use inspector_tests::kernel::{self, MAX_VERIFIED, PROGRAMS, XDP_PASS};
use inspector_tests::skip;

/// Runs `count` frames of every kind and many flows.
fn flood(plane: &mut DataPlane, count: usize) {
    let seeds = well_formed();
    let mut random = Random(3);
    for _ in 0..count {
        let mut frame = seeds[random.below(seeds.len())].clone();
        // The last byte of the source address, and its port where there is one.
        for at in [29, 34, 35] {
            if let Some(byte) = frame.get_mut(at) {
                *byte = random.byte();
            }
        }
        assert_eq!(plane.test_run("inspector_frags", &frame).expect("a frame fits"), XDP_PASS);
    }
}

fn assert_adds_up(account: &Account, frames: u64) {
    assert_eq!(account.seen, frames);
    assert!(account.is_consistent(), "{account:?}");
    let heads =
        [Tally::HeadSubmitted, Tally::HeadOverBudget, Tally::HeadRingFull].map(|t| account.tallied(t));
    let always = [
        Class::IcmpEcho,
        Class::IcmpOther,
        Class::IcmpError,
        Class::Icmpv6Echo,
        Class::Icmpv6Other,
        Class::Icmpv6Error,
        Class::OtherIp,
        Class::Igmp,
        Class::Arp,
        Class::OtherEthertype,
    ];
    let always: u64 =
        always.iter().map(|class| account.packets_of(*class) + account.inner[*class as usize]).sum();
    let inner: u64 = account.inner.iter().sum();
    let sum: u64 = heads.iter().sum();
    assert!(always <= sum && sum <= frames + inner, "{always} heads at least, {sum} accounted for");
}

#[tokio::test]
async fn sampled_and_unsampled() {
    if let Some(reason) = kernel::missing() {
        return skip("sampled_and_unsampled", reason);
    }
    for one_in in [1, 8] {
        let control = Control { sampler: Sampler::new(one_in, 0), ..Control::default() };
        let mut plane = kernel::load(&Settings { control, ..Settings::default() }).await;
        flood(&mut plane, 5_000);
        let account = kernel::account(&plane);
        assert_adds_up(&account, 5_000);
        assert_eq!(account.tallied(Tally::SampledOut) > 0, one_in > 1, "{account:?}");
        let mut drained = 0;
        let each = |event: Event<'_>| {
            if let Event::Flow(FlowUpdate { record, .. }) = event {
                drained += record.packets;
            }
        };
        plane.drain(each).expect("the flow map can be read");
        assert_eq!(drained, account.tallied(Tally::FlowInserted) + account.tallied(Tally::FlowUpdated));
    }
}

#[tokio::test]
async fn sampling_changes_while_the_programs_run() {
    if let Some(reason) = kernel::missing() {
        return skip("sampling_changes_while_the_programs_run", reason);
    }
    let mut plane = kernel::load(&Settings::default()).await;
    let mut left_out = Vec::new();
    for one_in in [1, 8, 1, 2] {
        plane.set_sampler(Sampler::new(one_in, 5)).expect("the sampler can be set");
        let before = kernel::account(&plane).tallied(Tally::SampledOut);
        flood(&mut plane, 2_000);
        let account = kernel::account(&plane);
        assert!(account.is_consistent(), "{account:?}");
        left_out.push(account.tallied(Tally::SampledOut) - before);
    }
    assert_eq!([left_out[0], left_out[2]], [0, 0]);
    assert!(left_out[1] > left_out[3] && left_out[3] > 0, "{left_out:?}");
}

#[tokio::test]
async fn ring_full() {
    if let Some(reason) = kernel::missing() {
        return skip("ring_full", reason);
    }
    let control = Control { limits: [u32::MAX; HeadGroup::SLOTS], ..Control::default() };
    let mut plane = kernel::load(&Settings { control, ring_bytes: Some(4096), ..Settings::default() }).await;
    flood(&mut plane, 2_000);
    let account = kernel::account(&plane);
    assert_adds_up(&account, 2_000);
    assert!(account.tallied(Tally::HeadRingFull) > 0, "{account:?}");
    let read = plane.read_heads(usize::MAX, |_, _| ());
    assert_eq!(u64::try_from(read).expect("few"), account.tallied(Tally::HeadSubmitted));
}

#[tokio::test]
async fn head_budget_spent() {
    if let Some(reason) = kernel::missing() {
        return skip("head_budget_spent", reason);
    }
    let mut control = Control { limits: Budget::DEFAULT_LIMITS, ..Control::default() };
    control.limits[HeadGroup::Dns as usize] = 2;
    let mut plane = kernel::load(&Settings { control, ..Settings::default() }).await;
    flood(&mut plane, 2_000);
    let account = kernel::account(&plane);
    assert_adds_up(&account, 2_000);
    assert!(account.tallied(Tally::HeadOverBudget) > 0, "{account:?}");
}

#[tokio::test]
async fn flow_map_overrun() {
    if let Some(reason) = kernel::missing() {
        return skip("flow_map_overrun", reason);
    }
    let mut plane = kernel::load(&Settings { flow_entries: Some(64), ..Settings::default() }).await;
    flood(&mut plane, 5_000);
    let account = kernel::account(&plane);
    assert_adds_up(&account, 5_000);
    let drained = plane.drain(|_| ()).expect("the flow map can be read");
    assert_eq!(drained.flows, 64, "what is in the map stays");
    assert_eq!(account.tallied(Tally::FlowInserted), 64);
    assert!(account.tallied(Tally::FlowMapFull) > 0, "{account:?}");
}

#[tokio::test]
async fn programs_stay_within_the_verifiers_budget() {
    let name = "programs_stay_within_the_verifiers_budget";
    if let Some(reason) = kernel::missing() {
        return skip(name, reason);
    }
    let mut plane = kernel::load(&Settings::default()).await;
    assert_eq!(plane.programs(), PROGRAMS, "the kernel refused a program");
    for facts in plane.program_facts().expect("the programs are loaded") {
        let Some(verified) = facts.verified_instructions else {
            return skip(name, "this kernel doesn't say how many instructions it verified");
        };
        println!("{}: {verified} verified instructions", facts.name);
        assert!(verified <= MAX_VERIFIED, "{}: {verified}", facts.name);
    }
}

/// Settings are constants to the verifier: it doesn't even look at what is left out.
#[tokio::test]
async fn what_is_left_out_costs_no_instructions() {
    let name = "what_is_left_out_costs_no_instructions";
    if let Some(reason) = kernel::missing() {
        return skip(name, reason);
    }
    let verified = async |features: Features, egress: Egress| -> Vec<u32> {
        let control = Control { features, ..Control::default() };
        let mut plane = kernel::load(&Settings { control, egress, ..Settings::default() }).await;
        let facts = plane.program_facts().expect("the programs are loaded");
        facts.iter().filter_map(|facts| facts.verified_instructions).collect()
    };
    let everything = verified(Features::ALL, Egress::Auto).await;
    if everything.is_empty() {
        return skip(name, "this kernel doesn't say how many instructions it verified");
    }
    println!("everything: {everything:?}");
    let parts = [("heads", Features::HEADS), ("series", Features::SERIES), ("inner", Features::INNER)];
    for (name, part) in parts {
        let without = verified(Features::ALL.without(part), Egress::Auto).await;
        println!("without {name}: {without:?}");
        assert_eq!(without.len(), everything.len());
        assert!(without.iter().zip(&everything).all(|(without, with)| without < with), "{name}");
    }
    println!("none of them: {:?}", verified(Features::ALL.without(Features::ALL), Egress::Auto).await);
    assert_eq!(verified(Features::ALL, Egress::Off).await.len() + 1, everything.len());
}

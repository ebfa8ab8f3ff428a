//! The 21 techniques of CCgen v2: found at their default rate, and their cover silent.

use std::collections::BTreeSet;

use inspector_tests::ccgen::{Scene, Technique, alerts};

#[test]
fn every_technique_is_found_at_the_default_rate() {
    let mut missed = Vec::new();
    for technique in Technique::ALL {
        // Of gaps it takes more to be sure that they are always found.
        for seed in 0..if technique.is_timing() { 20 } else { 4 } {
            let cover = technique.cover().frames(technique.packets(), seed);
            if alerts(&technique.embed(&cover, 1.0, seed), 1, 0).is_empty() {
                missed.push((technique.name(), seed));
            }
        }
    }
    assert_eq!(missed, []);
}

#[test]
fn the_covers_are_silent() {
    for technique in [Technique::Ttl, Technique::TimingBer] {
        for seed in 0..10 {
            let cover = technique.cover().frames(technique.packets(), seed);
            assert_eq!(alerts(&cover, 1, 0), BTreeSet::new(), "{:?}, seed {seed}", technique.cover());
        }
    }
}

/// What must be zero, or cannot come from one host, tells from a few packets.
#[test]
fn forbidden_values_are_found_in_a_tenth_of_the_packets() {
    for technique in [Technique::IpFlags, Technique::Urgent, Technique::Ttl, Technique::IpProto] {
        for seed in 0..4 {
            let cover = technique.cover().frames(technique.packets(), seed);
            let found = alerts(&technique.embed(&cover, 0.1, seed), 1, 0);
            assert!(!found.is_empty(), "{}, seed {seed}", technique.name());
        }
    }
}

#[test]
fn a_technique_changes_packets_of_the_client_and_nothing_else() {
    for technique in Technique::ALL {
        let cover = technique.cover().frames(technique.packets(), 1);
        assert_eq!(technique.embed(&cover, 0.0, 1), cover, "{}", technique.name());
        let embedded = technique.embed(&cover, 1.0, 1);
        let of = |is_sent: bool| embedded.iter().filter(move |frame| frame.is_sent == is_sent);
        assert!(cover.iter().filter(|frame| !frame.is_sent).eq(of(false)), "{}", technique.name());
        let changed = of(true).filter(|frame| !cover.contains(frame)).count();
        assert!(changed > 100, "{}: {changed}", technique.name());
    }
}

#[test]
fn other_channels_are_found_by_their_detector_and_their_covers_are_silent() {
    for seed in 0..6 {
        let scenes =
            [Scene::initial_numbers(40, seed), Scene::flow_label(300, seed), Scene::injection(300, seed)];
        for Scene { cover, covert, detector } in scenes {
            assert_eq!(alerts(&cover, 1, 0), BTreeSet::new(), "{detector}, seed {seed}");
            assert_eq!(alerts(&covert, 1, 0), BTreeSet::from([detector]), "seed {seed}");
        }
    }
}

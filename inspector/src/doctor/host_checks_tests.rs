//! Each thing that can be wrong with a host, and what is said of it.

use super::*;
use crate::doctor::sample;

/// The checks of a name, as level, text and remedy.
fn about(host: &Host, name: &str) -> Vec<(Level, String, String)> {
    let checks = checks(host).into_iter().filter(|check| check.name == name);
    checks.map(|check| (check.level, check.says, check.remedy.unwrap_or_default())).collect()
}

/// The only check of a name.
fn only(host: &Host, name: &str) -> (Level, String, String) {
    let mut checks = about(host, name);
    assert_eq!(checks.len(), 1, "{name}: {checks:?}");
    checks.remove(0)
}

/// A host whose kernel refuses `bpf()` with an error.
fn refusing(code: i32) -> Host {
    let source = io::Error::from_raw_os_error(code);
    let features = sample::features(Support::Refused(code), &[]);
    Host { features, has_jit: None, load: Err(DataplaneError::Descriptor { source }), ..sample::host() }
}

#[test]
fn nothing_is_wrong_with_a_sound_host() {
    let checks = checks(&sample::host());
    assert!(checks.iter().all(|check| check.level == Level::Ok && check.remedy.is_none()), "{checks:?}");
    assert!(only(&sample::host(), "features").1.contains("xdp.frags"));
}

#[test]
fn every_problem_has_a_remedy_of_one_sentence() {
    let unprivileged = Host { missing_capabilities: Some(vec!["CAP_BPF"]), ..refusing(libc::EPERM) };
    let old = Host { features: sample::features(Support::Missing, &[]), ..sample::host() };
    let slow = Host { has_jit: Some(false), times_programs: Some(true), ..sample::host() };
    for host in [unprivileged, old, slow, refusing(libc::EPERM), refusing(libc::ENOSYS)] {
        for check in checks(&host).iter().filter(|check| check.level >= Level::Warn) {
            let remedy = check.remedy.as_deref().unwrap_or_default();
            assert!(!remedy.is_empty() && !remedy.ends_with('.') && !remedy.contains(". "), "{check:?}");
        }
    }
}

#[test]
fn what_cannot_be_tried_without_privilege_is_said_so() {
    let missing = vec!["CAP_BPF", "CAP_PERFMON"];
    let load = Err(DataplaneError::Privilege { missing: missing.clone() });
    let host = Host { missing_capabilities: Some(missing), load, ..refusing(libc::EPERM) };
    let (level, says, remedy) = only(&host, "privileges");
    assert_eq!((level, says.as_str()), (Level::Stop, "CAP_BPF, CAP_PERFMON missing"));
    assert!(remedy.contains("root") && remedy.contains("AmbientCapabilities"));
    assert_eq!(only(&host, "programs").0, Level::Unknown);
    assert_eq!(only(&host, "features").0, Level::Unknown);
    // The privileges are what is wrong, not the kernel.
    assert!(about(&host, "bpf()").is_empty());
}

#[test]
fn a_refusal_is_put_down_to_what_explains_it_best() {
    let remedy = |host: Host| {
        let (level, says, remedy) = only(&host, "bpf()");
        assert_eq!(level, Level::Stop);
        assert!(says.contains("refuses"), "{says}");
        // Said once.
        assert!(about(&host, "programs").is_empty());
        remedy
    };
    let host = || refusing(libc::EPERM);
    assert!(remedy(host()).contains("security module"));
    assert!(remedy(Host { is_in_user_namespace: Some(true), ..host() }).contains("user namespace"));
    assert!(remedy(Host { has_seccomp_filter: Some(true), ..host() }).contains("seccomp"));
    assert!(remedy(Host { may_raise_limits: false, ..host() }).contains("LimitMEMLOCK"));
    assert!(remedy(Host { lockdown: Some("integrity".to_owned()), ..host() }).contains("lockdown"));
}

#[test]
fn the_memlock_limit_matters_on_old_kernels_only() {
    let level = |coarse_clock, memlock, may_raise_limits| {
        let features = sample::features(Support::Present, &[(Feature::CoarseClock, coarse_clock)]);
        only(&Host { features, memlock: Some(memlock), may_raise_limits, ..sample::host() }, "memlock").0
    };
    let low = Memlock::Bytes(65_536);
    assert_eq!(level(Support::Present, low, false), Level::Ok);
    assert_eq!(level(Support::Missing, low, false), Level::Stop);
    assert_eq!(level(Support::Missing, low, true), Level::Ok);
    assert_eq!(level(Support::Missing, Memlock::Unlimited, false), Level::Ok);
    assert_eq!(level(Support::Missing, Memlock::Bytes(MAP_BYTES), false), Level::Ok);
    assert_eq!(level(Support::Refused(libc::EPERM), low, false), Level::Unknown);
}

#[test]
fn a_missing_feature_says_what_replaces_it_and_stops_only_if_nothing_does() {
    let host = |feature| {
        let features = sample::features(Support::Present, &[(feature, Support::Missing)]);
        Host { features, ..sample::host() }
    };
    for feature in Feature::ALL {
        let about = about(&host(feature), "features");
        assert_eq!(about.len(), 2, "{about:?}");
        assert!(!about[0].1.contains(feature.name()));
        let (level, says, remedy) = &about[1];
        assert_eq!(*level, if feature.is_required() { Level::Stop } else { Level::Note });
        assert!(says.contains(feature.name()) && says.contains(feature.without()), "{says}");
        assert!(remedy.contains(&format!("{}.{}", feature.since().0, feature.since().1)), "{remedy}");
    }
}

#[test]
fn a_program_that_the_kernel_refuses_stops_it() {
    let load = Err(DataplaneError::KernelTooOld { release: "4.19.0".to_owned() });
    let (level, says, remedy) = only(&Host { load, ..sample::host() }, "programs");
    assert_eq!((level, says.as_str()), (Level::Stop, "Linux 4.19.0 is too old"));
    assert!(remedy.contains("5.10"));
}

#[test]
fn what_could_not_be_read_is_left_out() {
    let host = Host {
        cpus: None,
        memlock: None,
        has_seccomp_filter: None,
        lockdown: None,
        unprivileged_bpf_disabled: None,
        times_programs: None,
        has_bpffs: None,
        is_in_user_namespace: None,
        has_jit: None,
        ..sample::host()
    };
    let names: Vec<&str> = checks(&host).iter().map(|check| check.name).collect();
    assert_eq!(names, ["privileges", "programs", "features"]);
}

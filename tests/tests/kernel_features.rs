//! Features of the kernel are found where they are.

use inspector::dataplane::features::{Support, is_jit_on, probe};
use inspector::dataplane::kernel_release;
use inspector_tests::{kernel, skip};

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn no_feature_is_missed_on_a_kernel_that_has_it() {
    if let Some(reason) = kernel::missing() {
        return skip("no_feature_is_missed_on_a_kernel_that_has_it", reason);
    }
    let running = version(&kernel_release());
    for (feature, support) in probe().iter() {
        // Older kernels may have it all the same, since distributions take features back.
        if running >= feature.since() {
            assert_eq!(support, Support::Present, "{} on {}", feature.name(), kernel_release());
        }
        assert!(
            !matches!(support, Support::Refused(_)),
            "{} could not be tried: {support:?}",
            feature.name()
        );
    }
    assert!(is_jit_on().is_some());
}

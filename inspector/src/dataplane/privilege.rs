//! What the loader may do: checked before it starts, given up once it runs.

use caps::{CapSet, Capability};
use tracing::warn;

use super::error::DataplaneError;

/// What attaching takes. Without CAP_PERFMON the verifier refuses pointer comparisons.
const NEEDED: [(Capability, &str); 3] = [
    (Capability::CAP_BPF, "CAP_BPF"),
    (Capability::CAP_NET_ADMIN, "CAP_NET_ADMIN"),
    (Capability::CAP_PERFMON, "CAP_PERFMON"),
];

/// Fails with what is missing.
pub(super) fn check() -> Result<(), DataplaneError> {
    // Where the set cannot be read, the kernel will say what is missing.
    match missing() {
        Some(missing) if !missing.is_empty() => Err(DataplaneError::Privilege { missing }),
        _ => Ok(()),
    }
}

/// Capabilities that attaching takes and this thread has not; `None` where that cannot be read.
/// CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as in the kernel.
#[must_use]
pub fn missing() -> Option<Vec<&'static str>> {
    let held = caps::read(None, CapSet::Effective).ok()?;
    let is_admin = held.contains(&Capability::CAP_SYS_ADMIN);
    let has =
        |capability| held.contains(&capability) || (is_admin && capability != Capability::CAP_NET_ADMIN);
    Some(NEEDED.iter().filter(|(c, _)| !has(*c)).map(|(_, name)| *name).collect())
}

/// Whether this thread may raise limits such as the one on locked memory.
#[must_use]
pub fn may_raise_limits() -> bool {
    caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_RESOURCE).unwrap_or(false)
}

/// Gives up every capability of this thread, and of those it starts, but two: before Linux 6.0 reading a
/// map takes CAP_BPF, and attaching to an interface that comes later, or taking a clsact filter off again,
/// takes CAP_NET_ADMIN.
pub(super) fn drop_what_running_does_not_take() {
    let keep = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN].into_iter().collect();
    let dropped =
        [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable].into_iter().try_for_each(|set| {
            let kept = caps::read(None, set)?.intersection(&keep).copied().collect();
            caps::set(None, set, &kept)
        });
    if let Err(error) = dropped {
        warn!("cannot give up privileges that are no longer needed: {error}");
    }
}

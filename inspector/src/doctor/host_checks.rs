//! What the host's state means for inspector, and what to do about it.

use std::io;

use super::check::{Check, Level};
use super::host::{Host, Memlock};
use crate::dataplane::DataplaneError;
use crate::dataplane::features::{Feature, Support};

/// Memory of all maps, bytes: the goal that their sizes were chosen for, on two CPUs.
const MAP_BYTES: u64 = 48 << 20;

/// Everything that was looked at, the decisive first.
pub(super) fn checks(host: &Host) -> Vec<Check> {
    let checks =
        [privileges(host), bpf(host), programs(host), memlock(host), jit(host)].into_iter().flatten();
    let settings =
        [bpffs(host), seccomp(host), lockdown(host), user_namespace(host), unprivileged(host), timing(host)];
    checks.chain(features(host)).chain(settings.into_iter().flatten()).collect()
}

fn lacks_privileges(host: &Host) -> bool {
    host.missing_capabilities.as_ref().is_some_and(|missing| !missing.is_empty())
}

fn privileges(host: &Host) -> Option<Check> {
    let check = |level, says: &str| Some(Check::new("privileges", level, says));
    match host.missing_capabilities.as_deref() {
        None => check(Level::Unknown, "capabilities cannot be read; loading the programs tells"),
        Some([]) => check(Level::Ok, "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"),
        Some(missing) => Some(
            Check::new("privileges", Level::Stop, format!("{} missing", missing.join(", "))).remedy(
                "run it as root, or give it the three by AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON in a systemd unit",
            ),
        ),
    }
}

/// The error number with which the kernel refused to try a feature, if it did.
fn refusal(host: &Host) -> Option<i32> {
    host.features.iter().find_map(|(_, support)| match support {
        Support::Refused(code) => Some(code),
        _ => None,
    })
}

/// Only where it is refused to somebody who has the privileges.
fn bpf(host: &Host) -> Option<Check> {
    let code = refusal(host).filter(|_| !lacks_privileges(host))?;
    let error = io::Error::from_raw_os_error(code);
    Some(
        Check::new("bpf()", Level::Stop, format!("the kernel refuses it ({error})"))
            .remedy(why_refused(host)),
    )
}

/// The likeliest reason why `bpf()` fails for somebody who has the privileges, put as what to do.
fn why_refused(host: &Host) -> String {
    if host.is_in_user_namespace == Some(true) {
        "run it in the host's user namespace: capabilities of a container's own one don't count for BPF"
            .to_owned()
    } else if host.has_seccomp_filter == Some(true) {
        "allow bpf() in the seccomp profile (Docker 22.06 and later do so with --cap-add BPF; systemd: add bpf to SystemCallFilter=)".to_owned()
    } else if is_memlock_short(host) {
        raise_memlock()
    } else if host.lockdown.as_deref().is_some_and(|mode| mode != "none") {
        "leave lockdown (kernel parameter lockdown=), or allow BPF in the security module's policy".to_owned()
    } else {
        "look for a security module that denies bpf() in `dmesg` and the audit log".to_owned()
    }
}

fn programs(host: &Host) -> Option<Check> {
    let check = |level, says: String| Some(Check::new("programs", level, says));
    match &host.load {
        Ok(programs) => check(Level::Ok, format!("the kernel takes {}", programs.join(", "))),
        Err(DataplaneError::Privilege { .. }) => {
            check(Level::Unknown, "loading them cannot be tried without the privileges".to_owned())
        }
        // Said above, with what to do.
        Err(_) if refusal(host).is_some() => None,
        // These texts name the remedy themselves, after a semicolon.
        Err(error) => {
            let text = error.to_string();
            match text.rsplit_once("; ") {
                Some((says, remedy)) => Some(Check::new("programs", Level::Stop, says).remedy(remedy)),
                None => check(Level::Stop, text),
            }
        }
    }
}

/// Whether maps and programs count against the limit on locked memory: until Linux 5.11 moved them to the
/// control group's account. The coarse clock came with the same release, and can be tried (libbpf tells by
/// it too).
fn counts_locked_memory(host: &Host) -> Option<bool> {
    match host.features.support(Feature::CoarseClock) {
        Support::Present => Some(false),
        Support::Missing => Some(true),
        Support::Refused(_) => None,
    }
}

fn is_memlock_short(host: &Host) -> bool {
    let is_low = matches!(host.memlock, Some(Memlock::Bytes(bytes)) if bytes < MAP_BYTES);
    is_low && !host.may_raise_limits && counts_locked_memory(host) != Some(false)
}

fn raise_memlock() -> String {
    "raise the limit on locked memory: LimitMEMLOCK=infinity in the systemd unit, or `ulimit -l unlimited`"
        .to_owned()
}

fn memlock(host: &Host) -> Option<Check> {
    let limit = match host.memlock? {
        Memlock::Unlimited => "no limit".to_owned(),
        Memlock::Bytes(bytes) => format!("{} KiB", bytes >> 10),
    };
    let check = |level, says: &str| Check::new("memlock", level, format!("{limit}; {says}"));
    Some(match counts_locked_memory(host) {
        Some(false) => check(Level::Ok, "this kernel doesn't count BPF memory against it"),
        _ if !is_memlock_short(host) => check(Level::Ok, "enough, or raised at the start"),
        Some(true) => check(Level::Stop, "the maps take about 48 MiB").remedy(raise_memlock()),
        None => {
            check(Level::Unknown, "too little for the maps on kernels before 5.11").remedy(raise_memlock())
        }
    })
}

fn jit(host: &Host) -> Option<Check> {
    if host.has_jit? {
        return Some(Check::new("JIT", Level::Ok, "programs are compiled to machine code"));
    }
    let check = Check::new("JIT", Level::Warn, "off: programs are interpreted, several times slower");
    Some(check.remedy("turn it on by `sysctl -w net.core.bpf_jit_enable=1`"))
}

/// One line for all that are there, and one for each that is not.
fn features(host: &Host) -> Vec<Check> {
    let (mut present, mut checks) = (Vec::new(), Vec::new());
    for (feature, support) in host.features.iter() {
        match support {
            Support::Present => present.push(feature.name()),
            Support::Missing => checks.push(missing(feature)),
            Support::Refused(_) => {}
        }
    }
    if !present.is_empty() {
        checks.insert(0, Check::new("features", Level::Ok, present.join(", ")));
    }
    if refusal(host).is_some() {
        let says = if lacks_privileges(host) {
            "the kernel's features cannot be tried without the privileges"
        } else {
            "the kernel's features cannot be tried"
        };
        checks.push(Check::new("features", Level::Unknown, says));
    }
    checks
}

fn missing(feature: Feature) -> Check {
    let (major, minor) = feature.since();
    let level = if feature.is_required() { Level::Stop } else { Level::Note };
    let says = format!("{} is missing: {}", feature.name(), feature.without());
    Check::new("features", level, says).remedy(format!("Linux {major}.{minor} and later have it"))
}

fn bpffs(host: &Host) -> Option<Check> {
    let says =
        if host.has_bpffs? { "mounted" } else { "not mounted, and not needed: inspector pins nothing" };
    Some(Check::new("bpffs", Level::Ok, says))
}

fn seccomp(host: &Host) -> Option<Check> {
    Some(match (host.has_seccomp_filter?, refusal(host).is_some()) {
        (false, _) => Check::new("seccomp", Level::Ok, "no filter"),
        (true, false) => Check::new("seccomp", Level::Ok, "a filter is in force, and lets bpf() pass"),
        (true, true) => Check::new("seccomp", Level::Note, "a filter is in force, which may refuse bpf()"),
    })
}

fn lockdown(host: &Host) -> Option<Check> {
    Some(match host.lockdown.as_deref()? {
        "none" => Check::new("lockdown", Level::Ok, "off"),
        mode => Check::new("lockdown", Level::Ok, format!("{mode}, which network programs don't mind")),
    })
}

fn user_namespace(host: &Host) -> Option<Check> {
    let says = "not the host's: capabilities don't reach BPF from here";
    (host.is_in_user_namespace? && host.load.is_err()).then(|| Check::new("user ns", Level::Note, says))
}

fn unprivileged(host: &Host) -> Option<Check> {
    let says = match host.unprivileged_bpf_disabled? {
        0 => {
            "bpf() is open to everybody (kernel.unprivileged_bpf_disabled is 0), though not for what inspector does"
        }
        _ => "bpf() is for the privileged only (kernel.unprivileged_bpf_disabled)",
    };
    Some(Check::new("unprivileged", Level::Ok, says))
}

fn timing(host: &Host) -> Option<Check> {
    host.times_programs?.then(|| {
        Check::new("BPF stats", Level::Note, "on: the kernel times each run, about 20 ns more a packet")
            .remedy("turn them off by `sysctl -w kernel.bpf_stats_enabled=0`")
    })
}

#[cfg(test)]
#[path = "host_checks_tests.rs"]
mod tests;

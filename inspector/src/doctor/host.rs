//! What the host is like: capabilities, limits, and the kernel's settings and features.

use std::fs;

use crate::dataplane::features::{self, Features};
use crate::dataplane::{self, DataPlane, DataplaneError, Settings, privilege};

/// Everything that was found out about the host. `None`: it could not be read.
#[derive(Debug)]
pub struct Host {
    /// The kernel's release.
    pub release: String,
    /// CPUs that are there, and that there may ever be: maps have room for the latter.
    pub cpus: Option<Cpus>,
    /// Capabilities that are needed and missing.
    pub missing_capabilities: Option<Vec<&'static str>>,
    /// It may raise its own limits.
    pub may_raise_limits: bool,
    /// How much memory it may lock.
    pub memlock: Option<Memlock>,
    /// A seccomp filter is in force.
    pub has_seccomp_filter: Option<bool>,
    /// Lockdown of the kernel: `none`, `integrity` or `confidentiality`.
    pub lockdown: Option<String>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Option<u8>,
    /// The kernel times every program's run.
    pub times_programs: Option<bool>,
    /// A bpffs is mounted.
    pub has_bpffs: Option<bool>,
    /// Root here is not root outside.
    pub is_in_user_namespace: Option<bool>,
    /// Programs are compiled.
    pub has_jit: Option<bool>,
    /// What the kernel can do.
    pub features: Features,
    /// Loading inspector's own programs, and which ones the kernel took.
    pub load: Result<Vec<&'static str>, DataplaneError>,
}

/// How many CPUs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus {
    /// Running.
    pub online: usize,
    /// That the kernel makes room for.
    pub possible: usize,
}

/// A limit on locked memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memlock {
    /// None.
    Unlimited,
    /// Bytes, the hard limit.
    Bytes(u64),
}

impl Host {
    /// Looks at everything, and loads the programs; nothing is attached and nothing stays. Needs a tokio
    /// runtime.
    #[must_use]
    pub fn examine() -> Self {
        // Before loading, which may raise the limit.
        let memlock = read("/proc/self/limits").and_then(|text| memlock(&text));
        let features = features::probe();
        let load = DataPlane::load(&Settings::default()).map(|plane| plane.programs());
        Self {
            release: dataplane::kernel_release(),
            cpus: cpus(),
            missing_capabilities: privilege::missing(),
            may_raise_limits: privilege::may_raise_limits(),
            memlock,
            has_seccomp_filter: read("/proc/self/status").and_then(|text| seccomp(&text)),
            lockdown: read("/sys/kernel/security/lockdown").and_then(|text| lockdown(&text)),
            unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
            times_programs: number("/proc/sys/kernel/bpf_stats_enabled").map(|value: u8| value != 0),
            has_bpffs: read("/proc/self/mounts").map(|text| bpffs(&text)),
            is_in_user_namespace: read("/proc/self/uid_map").map(|text| is_partial(&text)),
            has_jit: features::is_jit_on(),
            features,
            load,
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn number<T: std::str::FromStr>(path: &str) -> Option<T> {
    read(path)?.trim().parse().ok()
}

fn cpus() -> Option<Cpus> {
    let count = |name: &str| read(&format!("/sys/devices/system/cpu/{name}")).and_then(|text| count(&text));
    Some(Cpus { online: count("online")?, possible: count("possible")? })
}

/// How many numbers a list such as `0-3,8` holds.
fn count(list: &str) -> Option<usize> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(last.checked_sub(first)? + 1)
    };
    list.trim().split(',').map(range).sum()
}

/// The hard limit in `/proc/self/limits`.
fn memlock(limits: &str) -> Option<Memlock> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    match line.split_whitespace().nth(1)? {
        "unlimited" => Some(Memlock::Unlimited),
        bytes => bytes.parse().ok().map(Memlock::Bytes),
    }
}

/// Mode 2 in `/proc/self/status` is a filter. Kernels without seccomp have no such line.
fn seccomp(status: &str) -> Option<bool> {
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?;
    Some(mode.trim() == "2")
}

/// The word in brackets: `none [integrity] confidentiality`.
fn lockdown(modes: &str) -> Option<String> {
    let (_, rest) = modes.split_once('[')?;
    rest.split_once(']').map(|(mode, _)| mode.to_owned())
}

/// Whether `/proc/self/mounts` lists a file system of the type `bpf`.
fn bpffs(mounts: &str) -> bool {
    mounts.lines().any(|line| line.split(' ').nth(2) == Some("bpf"))
}

/// Whether a user namespace has fewer users than the first one, which has all 2³² - 1.
fn is_partial(uid_map: &str) -> bool {
    let fields: Vec<&str> = uid_map.split_whitespace().collect();
    fields != ["0", "0", "4294967295"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_counted() {
        for (list, number) in [("0", 1), ("0-1\n", 2), ("0-3,8,10-11", 7)] {
            assert_eq!(count(list), Some(number), "{list}");
        }
        assert_eq!(count(""), None);
        assert_eq!(count("3-1"), None);
    }

    #[test]
    fn limits_filters_and_modes_are_read() {
        let limits =
            |hard| format!("Limit  Soft Hard Units\nMax locked memory         65536       {hard}   bytes\n");
        assert_eq!(memlock(&limits("8388608")), Some(Memlock::Bytes(8_388_608)));
        assert_eq!(memlock(&limits("unlimited")), Some(Memlock::Unlimited));
        assert_eq!(memlock("nothing"), None);
        assert_eq!(seccomp("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"), Some(true));
        assert_eq!(seccomp("Seccomp:\t0\n"), Some(false));
        assert_eq!(seccomp("Name:\tx\n"), None);
        assert_eq!(lockdown("none [integrity] confidentiality\n").as_deref(), Some("integrity"));
        assert_eq!(lockdown(""), None);
    }

    #[test]
    fn mounts_and_user_namespaces_are_recognised() {
        assert!(bpffs("proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,relatime 0 0\n"));
        assert!(!bpffs("bpf /sys/fs/bpf tmpfs rw 0 0\n"));
        assert!(!is_partial("         0          0 4294967295\n"));
        assert!(is_partial("         0       1000          1\n"));
        assert!(is_partial(""));
    }
}

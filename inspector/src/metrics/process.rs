//! What Prometheus clients say of their own process, read from /proc.

use std::fs;

/// Clock ticks a second in /proc: `USER_HZ`, which is 100 on every architecture that aya builds for.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process at one time. What /proc does not show (it may be hidden from a service) is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// User and system time used, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory that is in RAM, in bytes.
    pub resident_bytes: Option<u64>,
    /// Address space, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// Limit of open file descriptors.
    pub max_fds: Option<u64>,
    /// When it was started, in seconds since the Unix epoch.
    pub start_seconds: Option<f64>,
}

impl Process {
    /// This process, now.
    #[must_use]
    pub fn read() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let stat = read("/proc/self/stat");
        let status = read("/proc/self/status");
        // Less the one that reads the folder.
        let open_fds = fs::read_dir("/proc/self/fd").map(|fds| fds.count().saturating_sub(1)).ok();
        let start = field(&stat, 22).zip(boot_seconds(&read("/proc/stat")));
        Self {
            cpu_seconds: field(&stat, 14)
                .zip(field(&stat, 15))
                .map(|(user, system)| (user + system) as f64 / TICKS_PER_SECOND),
            resident_bytes: kilobytes(&status, "VmRSS:"),
            virtual_bytes: kilobytes(&status, "VmSize:"),
            open_fds: open_fds.and_then(|fds| fds.try_into().ok()),
            max_fds: max_fds(&read("/proc/self/limits")),
            start_seconds: start.map(|(ticks, boot)| boot as f64 + ticks as f64 / TICKS_PER_SECOND),
        }
    }
}

/// A field of /proc/PID/stat by its number in proc(5), from 3 on. The second is the command's name, which may
/// hold blanks and parentheses.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

fn max_fds(limits: &str) -> Option<u64> {
    let value = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    value.split_whitespace().next()?.parse().ok()
}

fn boot_seconds(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn reads_itself() {
        let process = Process::read();
        let Process { cpu_seconds, resident_bytes, virtual_bytes, open_fds, max_fds, start_seconds } =
            process;
        assert!(cpu_seconds.is_some_and(|seconds| (0.0..1e6).contains(&seconds)), "{process:?}");
        assert!(resident_bytes.unwrap() > 100_000 && resident_bytes < virtual_bytes, "{process:?}");
        assert!(open_fds.unwrap() >= 3 && open_fds < max_fds, "{process:?}");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((0.0..3_600.0).contains(&(now - start_seconds.unwrap())), "{process:?}");
    }

    #[test]
    fn the_command_name_does_not_shift_the_fields() {
        let stat = "7 (a) S 9 (b) R 1 7 7 0 -1 4194304 90 0 0 0 12 34 0 0 20 0 1 0 5678 1000 25";
        assert_eq!((field(stat, 14), field(stat, 15), field(stat, 22)), (Some(12), Some(34), Some(5678)));
        assert_eq!((field("", 14), field("7 (a) S", 14)), (None, None));
        assert_eq!(
            max_fds("Max open files            unlimited            unlimited            files"),
            None
        );
    }
}

//! What an init owes its machine: file systems, modules, processors, and an end.

use std::fs;
use std::process::ExitCode;

use nix::kmod::init_module;
use nix::mount::{MsFlags, mount};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::reboot::{RebootMode, reboot};
use nix::unistd::Pid;

/// Where the host puts the modules, and the list of them in the order in which they load.
const MODULES: &str = "/modules";

/// Mounts what the checks read and write.
pub(crate) fn mount_all() {
    let file_systems = [
        ("devtmpfs", "/dev"),
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("bpf", "/sys/fs/bpf"),
        ("tmpfs", "/tmp"),
    ];
    for (kind, target) in file_systems {
        fs::create_dir_all(target).expect("a folder to mount on");
        mount(Some(kind), target, Some(kind), MsFlags::empty(), None::<&str>)
            .unwrap_or_else(|error| panic!("{kind} on {target}: {error}"));
    }
}

/// Loads the modules that the host has picked.
pub(crate) fn load_modules() {
    let order = fs::read_to_string(format!("{MODULES}/order")).expect("the host lists the modules");
    for name in order.lines() {
        let image = fs::read(format!("{MODULES}/{name}")).expect("a listed module is there");
        init_module(&image, c"").unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Numbers of the processors that are running.
pub(crate) fn online_cpus() -> Vec<usize> {
    cpus("online")
}

/// Numbers of the processors that the kernel keeps room for.
pub(crate) fn possible_cpus() -> Vec<usize> {
    cpus("possible")
}

/// The kernel writes ranges, such as `0-1,3`.
fn cpus(which: &str) -> Vec<usize> {
    let list = fs::read_to_string(format!("/sys/devices/system/cpu/{which}")).expect("the kernel lists CPUs");
    let number = |text: &str| text.parse::<usize>().expect("a CPU's number");
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        number(first)..=number(last)
    };
    list.trim().split(',').flat_map(range).collect()
}

/// Stays on one processor, which then also receives what is sent from it.
pub(crate) fn run_on(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).expect("few CPUs");
    sched_setaffinity(Pid::this(), &set).expect("the CPU is online");
}

/// Switches the machine off.
pub(crate) fn power_off() -> ExitCode {
    // Returns only if the kernel refuses.
    let refused = reboot(RebootMode::RB_POWER_OFF);
    panic!("cannot switch off: {refused:?}");
}

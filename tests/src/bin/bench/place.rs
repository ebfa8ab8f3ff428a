//! Where a measurement runs: a network namespace and a CPU.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::thread;

use inspector_tests::lab::Namespace;
use rustix::thread::{CpuSet, LinkNameSpaceType, move_into_link_name_space};
use rustix::thread::{sched_getaffinity, sched_setaffinity};

use crate::error::{Failed, Failure};

/// CPUs that this process may run on.
pub(crate) fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// Does the work on a thread of its own, on the last CPU and, if there is one, inside a namespace. Interrupts, and
/// whatever else the system has to do, are mostly on the first.
pub(crate) fn alone<T: Send>(
    namespace: Option<&Namespace>,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Some(cpu) = cpus().last() {
                let mut set = CpuSet::new();
                set.set(*cpu);
                sched_setaffinity(None, &set).or_failed("staying on one CPU")?;
            }
            if let Some(namespace) = namespace {
                enter(namespace)?;
            }
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn enter(namespace: &Namespace) -> Result<(), Failure> {
    let file = File::open(format!("/run/netns/{}", namespace.name())).or_failed("finding the namespace")?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .or_failed("entering the namespace")
}

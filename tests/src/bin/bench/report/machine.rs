//! What the figures were measured on.

use std::fs;

use serde::Serialize;

use crate::place;

/// The machine, as far as it bears on the figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    /// Release of the running kernel.
    pub(crate) kernel: String,
    /// Whether the kernel knows that it runs in a virtual machine.
    pub(crate) is_virtual: bool,
    /// Tasks that ran or waited to run, on average over the last minute, at the beginning.
    pub(crate) load: f64,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim())
        };
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cpu: field("model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            cpus: place::cpus().len(),
            kernel: inspector::dataplane::kernel_release(),
            is_virtual: field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        }
    }
}

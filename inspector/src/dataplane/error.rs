//! What can keep the data plane from working. Each text is one sentence: what, where, what to do.

use std::io;

use aya::EbpfError;
use aya::maps::MapError;

use crate::metrics::StatsError;

/// The data plane cannot work.
#[derive(Debug, thiserror::Error)]
pub enum DataplaneError {
    /// Capabilities are missing.
    #[error(
        "no privilege to load BPF programs ({} missing); run inspector as root, or give it CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
        .missing.join(", ")
    )]
    Privilege {
        /// What is missing.
        missing: Vec<&'static str>,
    },
    /// The kernel lacks what no fallback replaces.
    #[error("Linux {release} is too old; inspector needs 5.10 or later (`inspector replay` works on any)")]
    KernelTooOld {
        /// The kernel's release.
        release: String,
    },
    /// No interface of this name.
    #[error("no interface named {name}; `ip link` lists those that exist")]
    NoSuchInterface {
        /// The name or pattern as given.
        name: String,
    },
    /// `auto` found nothing.
    #[error("no interface has a default route, so `auto` means none; name one with -i")]
    NoDefaultRoute,
    /// More interfaces than there are counters for.
    #[error("inspector watches at most {limit} interfaces at a time; name fewer with -i")]
    TooManyInterfaces {
        /// How many there is room for.
        limit: usize,
    },
    /// Two interfaces fall on the same entry of the map from interfaces to counters.
    #[error(
        "{first} and {second} have interface indexes {period} apart, which one inspector cannot tell apart; run one for each"
    )]
    IndexClash {
        /// An interface.
        first: String,
        /// The other.
        second: String,
        /// How far apart indexes must not be.
        period: u32,
    },
    /// Another XDP program is attached.
    #[error(
        "{interface} is busy: XDP program {program} is attached to it, and inspector never removes what is not its own; \
         detach it first (`ip link set dev {interface} xdp off`, or `bpftool link detach id N` if a link holds it), or name another interface"
    )]
    Busy {
        /// The interface.
        interface: String,
        /// Number and name of the program that is there.
        program: String,
    },
    /// The interface takes no program in the mode asked for.
    #[error("cannot attach to {interface} in {mode} mode ({source}); {remedy}")]
    Attach {
        /// The interface.
        interface: String,
        /// `native` or `generic`.
        mode: &'static str,
        /// What the kernel said.
        source: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The kernel refused a program.
    #[error(
        "the kernel refused the program {program} ({source}); please report this with the output of `uname -r`"
    )]
    Program {
        /// The program's name.
        program: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The object could not be loaded.
    #[error(
        "cannot load the BPF object ({source}); if the kernel says no memory or not permitted, raise `ulimit -l` and check that bpf() is not locked down"
    )]
    Load {
        /// What went wrong.
        source: Box<EbpfError>,
    },
    /// The object is not the one that this loader was built with.
    #[error("the BPF object lacks {what}; build loader and object together with `cargo build --release`")]
    Object {
        /// What is missing.
        what: &'static str,
    },
    /// A map could not be set up or read.
    #[error("cannot use the BPF map {map} ({source})")]
    Map {
        /// The map's name.
        map: &'static str,
        /// What went wrong.
        source: Box<MapError>,
    },
    /// The counters could not be read.
    #[error(transparent)]
    Counters {
        /// What went wrong.
        #[from]
        source: StatsError,
    },
    /// A file descriptor could not be had.
    #[error("out of file descriptors ({source}); raise `ulimit -n`")]
    Descriptor {
        /// What the system said.
        source: io::Error,
    },
    /// The kernel's list of interfaces and routes could not be read.
    #[error("cannot ask the kernel for its interfaces ({source})")]
    Netlink {
        /// What went wrong.
        source: io::Error,
    },
}

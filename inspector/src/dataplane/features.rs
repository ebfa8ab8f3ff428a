//! What the running kernel can do, found out by trying: tiny programs are loaded, tiny maps created, and
//! links asked for where they cannot come to be. Version numbers are not looked at, since distributions
//! take features back to older kernels and leave others out.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::MapType;
use aya::sys::is_map_supported;

use super::sys::{
    self,
    bpf::{self, Instruction},
};

// Numbers of the kernel's interface (include/uapi/linux/bpf.h and if_link.h).
const BPF_MAP_TYPE_HASH: u32 = 1;
const BPF_MAP_TYPE_RINGBUF: u32 = 27;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
const BPF_XDP: u32 = 37;
const BPF_TCX_EGRESS: u32 = 47;
const XDP_FLAGS_HW_MODE: u32 = 1 << 3;
const KTIME_GET_COARSE_NS: i32 = 160;
const XDP_GET_BUFF_LEN: i32 = 188;
const XDP_LOAD_BYTES: i32 = 189;
/// Loopback has this index in every network namespace.
const LOOPBACK: u32 = 1;

/// A kernel feature that inspector uses where it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Ring buffers, which heads come through.
    RingBuffer,
    /// Links for XDP programs, which go away with the loader.
    XdpLink,
    /// Reading many entries of a map by one call.
    BatchReads,
    /// The clock of a few milliseconds' resolution, read once a tick.
    CoarseClock,
    /// Frames of several buffers.
    XdpFrags,
    /// Reading bytes of a frame wherever they lie, and its length over all buffers.
    XdpLoadBytes,
    /// Programs on what leaves, any number of them.
    Tcx,
}

impl Feature {
    /// All of them, the oldest first but for those that nothing replaces.
    pub const ALL: [Self; 7] = [
        Self::RingBuffer,
        Self::XdpLink,
        Self::BatchReads,
        Self::CoarseClock,
        Self::XdpFrags,
        Self::XdpLoadBytes,
        Self::Tcx,
    ];

    /// Its name, as the kernel's documentation has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingBuffer => "ring buffer",
            Self::XdpLink => "bpf_link for XDP",
            Self::BatchReads => "batch reads",
            Self::CoarseClock => "bpf_ktime_get_coarse_ns",
            Self::XdpFrags => "xdp.frags",
            Self::XdpLoadBytes => "bpf_xdp_load_bytes",
            Self::Tcx => "TCX",
        }
    }

    /// The mainline release that brought it: major and minor number.
    #[must_use]
    pub const fn since(self) -> (u32, u32) {
        match self {
            Self::BatchReads => (5, 6),
            Self::RingBuffer => (5, 8),
            Self::XdpLink => (5, 9),
            Self::CoarseClock => (5, 11),
            Self::XdpFrags | Self::XdpLoadBytes => (5, 18),
            Self::Tcx => (6, 6),
        }
    }

    /// What inspector does without it.
    #[must_use]
    pub const fn without(self) -> &'static str {
        match self {
            Self::RingBuffer => "it cannot run, since heads have no way to userspace",
            Self::XdpLink => "it cannot run, since a program would outlive its loader",
            Self::BatchReads => "maps are read entry by entry, which takes about five times as long",
            Self::CoarseClock => "the exact clock is read once a tick in its place",
            Self::XdpFrags => {
                "frames longer than one buffer are seen in the network stack (generic mode), not in the driver"
            }
            Self::XdpLoadBytes => "bytes are copied word by word, and only from a frame's first buffer",
            Self::Tcx => "what leaves is seen by a clsact filter (modules sch_ingress and cls_bpf)",
        }
    }

    /// Whether nothing replaces it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::RingBuffer | Self::XdpLink)
    }

    fn verdict(self) -> Support {
        verdict(self.try_it())
    }

    fn try_it(self) -> io::Result<()> {
        match self {
            Self::RingBuffer => {
                bpf::create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, sys::device::page_bytes()).map(drop)
            }
            Self::XdpLink => try_xdp_link(),
            Self::BatchReads => try_batch_read(),
            Self::CoarseClock => xdp(0, &[call(KTIME_GET_COARSE_NS)]).map(drop),
            Self::XdpFrags => xdp(BPF_F_XDP_HAS_FRAGS, &[]).map(drop),
            Self::XdpLoadBytes => xdp(0, &LOAD_BYTES).map(drop),
            Self::Tcx => try_tcx(),
        }
    }
}

/// Whether a feature is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It works.
    Present,
    /// The kernel doesn't know it.
    Missing,
    /// The kernel refused to try, with this error number: `EPERM` without privilege.
    Refused(i32),
}

/// The verdict on each feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features([Support; Feature::ALL.len()]);

impl Features {
    /// The verdict that a function gives on each.
    pub fn new(verdict: impl Fn(Feature) -> Support) -> Self {
        Self(Feature::ALL.map(verdict))
    }

    /// Whether a feature is known to work.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.support(feature) == Support::Present
    }

    /// The verdict on one.
    #[must_use]
    pub fn support(&self, feature: Feature) -> Support {
        self.iter().find(|(each, _)| *each == feature).map_or(Support::Missing, |(_, support)| support)
    }

    /// All verdicts, in the order of [`Feature::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Feature, Support)> + '_ {
        Feature::ALL.into_iter().zip(self.0)
    }
}

/// Tries every feature. Takes well under a millisecond each, attaches nothing, and leaves nothing behind.
#[must_use]
pub fn probe() -> Features {
    lift_limits();
    Features::new(Feature::verdict)
}

/// Tries one feature, as [`probe`] does all.
pub(super) fn has(feature: Feature) -> bool {
    lift_limits();
    feature.verdict() == Support::Present
}

/// Before Linux 5.11 maps and programs count against the memlock limit. aya raises it if that is what refuses.
fn lift_limits() {
    let _ = is_map_supported(MapType::Array);
}

/// `EINVAL`, and what batch commands give for maps that have none (`ENOTSUPP`, which libc doesn't name), mean
/// that the kernel doesn't know what it was asked for.
fn verdict(result: io::Result<()>) -> Support {
    const ENOTSUPP: i32 = 524;
    match result.map_err(|error| error.raw_os_error().unwrap_or_default()) {
        Ok(()) => Support::Present,
        Err(libc::EINVAL | libc::E2BIG | ENOTSUPP) => Support::Missing,
        Err(code) => Support::Refused(code),
    }
}

/// Whether the kernel compiles programs to machine code; `None` if it doesn't let us try.
#[must_use]
pub fn is_jit_on() -> Option<bool> {
    let program = xdp(0, &[]).ok()?;
    Some(bpf::jited_bytes(program.as_fd()).ok()? > 0)
}

/// Moves a number to a register.
const fn set(register: u8, value: i32) -> Instruction {
    Instruction { code: 0xb7, registers: register, offset: 0, immediate: value }
}

/// Moves one register to another.
const fn copy(to: u8, from: u8) -> Instruction {
    Instruction { code: 0xbf, registers: to | from << 4, offset: 0, immediate: 0 }
}

/// Adds a number to a register.
const fn add(register: u8, value: i32) -> Instruction {
    Instruction { code: 0x07, registers: register, offset: 0, immediate: value }
}

/// Calls a helper.
const fn call(helper: i32) -> Instruction {
    Instruction { code: 0x85, registers: 0, offset: 0, immediate: helper }
}

const EXIT: Instruction = Instruction { code: 0x95, registers: 0, offset: 0, immediate: 0 };

/// Keeps the context in r6, asks for the frame's length, and loads its first eight bytes to the stack.
const LOAD_BYTES: [Instruction; 8] = [
    copy(6, 1),
    call(XDP_GET_BUFF_LEN),
    copy(1, 6),
    set(2, 0),
    copy(3, 10),
    add(3, -8),
    set(4, 8),
    call(XDP_LOAD_BYTES),
];

/// Loads a program that does `body` and passes the packet on.
fn load(kind: u32, flags: u32, verdict: i32, body: &[Instruction]) -> io::Result<OwnedFd> {
    let program = [body, &[set(0, verdict), EXIT]].concat();
    bpf::load_program(kind, flags, &program)
}

fn xdp(flags: u32, body: &[Instruction]) -> io::Result<OwnedFd> {
    const XDP_PASS: i32 = 2;
    load(BPF_PROG_TYPE_XDP, flags, XDP_PASS, body)
}

/// Asks for a link on loopback in offload mode, which loopback has not. Only a kernel that has XDP links comes
/// to look at the device and says so (`EOPNOTSUPP`, or that somebody else is there).
fn try_xdp_link() -> io::Result<()> {
    let program = xdp(0, &[])?;
    match bpf::create_link(program.as_fd(), LOOPBACK, BPF_XDP, XDP_FLAGS_HW_MODE) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EBUSY | libc::EEXIST)) => {
            Ok(())
        }
        result => result.map(drop),
    }
}

/// Asks for a link on an interface that there cannot be: a kernel that has TCX misses it.
fn try_tcx() -> io::Result<()> {
    const TC_ACT_UNSPEC: i32 = -1;
    let program = load(BPF_PROG_TYPE_SCHED_CLS, 0, TC_ACT_UNSPEC, &[])?;
    match bpf::create_link(program.as_fd(), 0, BPF_TCX_EGRESS, 0) {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        result => result.map(drop),
    }
}

/// Reads a map like the flow map, with nothing in it.
fn try_batch_read() -> io::Result<()> {
    let map = bpf::create_map(BPF_MAP_TYPE_HASH, 4, 4, 1)?;
    sys::lookup_batch(map.as_fd(), None, &mut [0u32; 4], &mut [0u32; 4]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_know_is_told_from_what_it_forbids() {
        let of = |code| verdict(Err(io::Error::from_raw_os_error(code)));
        assert_eq!(of(libc::EINVAL), Support::Missing);
        assert_eq!(of(524), Support::Missing);
        assert_eq!(of(libc::EPERM), Support::Refused(libc::EPERM));
        assert_eq!(of(libc::ENOSYS), Support::Refused(libc::ENOSYS));
        assert_eq!(verdict(Ok(())), Support::Present);
    }

    #[test]
    fn each_feature_is_listed_once_and_says_what_replaces_it() {
        for (i, feature) in Feature::ALL.iter().enumerate() {
            assert!(Feature::ALL.iter().skip(i + 1).all(|other| other.name() != feature.name()));
            assert_eq!(feature.without().contains("cannot run"), feature.is_required());
            assert!(feature.since() >= (5, 6));
        }
        let features = Features::new(|feature| match feature {
            Feature::Tcx => Support::Missing,
            Feature::CoarseClock => Support::Refused(libc::EPERM),
            _ => Support::Present,
        });
        let present = Feature::ALL.iter().filter(|feature| features.has(**feature)).count();
        assert_eq!(present, Feature::ALL.len() - 2);
        assert_eq!(features.support(Feature::Tcx), Support::Missing);
    }
}

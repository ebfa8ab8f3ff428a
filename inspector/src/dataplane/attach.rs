//! Attaching the XDP program: modes, variants, and what the kernel's refusals mean.

use std::io;

use aya::Ebpf;
use aya::programs::xdp::{XdpError, XdpLinkId};
use aya::programs::{ProgramError, Xdp, XdpMode};
use tracing::{debug, warn};

use super::egress::{self, AttachedEgress};
use super::error::DataplaneError;
use super::interface::{self, Interface};

/// How to attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// In the driver where it can, else in the network stack.
    #[default]
    Auto,
    /// Only in the driver.
    Native,
    /// Only in the network stack: slower, and after the card has merged packets.
    Generic,
}

impl Mode {
    const fn attempts(self) -> &'static [(XdpMode, &'static str)] {
        const NATIVE: (XdpMode, &str) = (XdpMode::Driver, "native");
        const GENERIC: (XdpMode, &str) = (XdpMode::Skb, "generic");
        match self {
            Self::Auto => &[NATIVE, GENERIC],
            Self::Native => &[NATIVE],
            Self::Generic => &[GENERIC],
        }
    }
}

/// The variants of the program, in the order in which they are tried: multi-buffer first, since
/// drivers with a large MTU take nothing else.
const VARIANTS: [&str; 2] = ["inspector_frags", "inspector_plain"];

/// An attached program.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) interface: Interface,
    pub(super) mode: &'static str,
    pub(super) program_id: u32,
    variant: &'static str,
    link: XdpLinkId,
    pub(super) egress: Option<AttachedEgress>,
}

/// Attaches to the interface in the first mode and variant that the kernel takes.
pub(super) async fn attach(
    ebpf: &mut Ebpf,
    variants: &[&'static str],
    interface: &Interface,
    mode: Mode,
) -> Result<Attached, DataplaneError> {
    if let Some(id) = interface.xdp_program {
        return Err(busy(interface, id));
    }
    let mut refusal = None;
    for (xdp_mode, name) in mode.attempts() {
        if let Some(error) = refusal.take() {
            warn!("{}: native mode refused ({error}), falling back to generic", interface.name);
        }
        match attach_in(ebpf, variants, interface, *xdp_mode) {
            Ok((variant, program_id, link)) => {
                let interface = interface.clone();
                return Ok(Attached { interface, mode: name, program_id, variant, link, egress: None });
            }
            Err(Refusal::Program(error)) => return Err(error),
            Err(Refusal::Attach(error)) if is_taken(&error) => return Err(taken(interface, &error).await),
            Err(Refusal::Attach(error)) => refusal = Some(error),
        }
    }
    let source = refusal.unwrap_or_else(|| io::Error::other("no mode to try"));
    let remedy = remedy(&source, mode);
    let mode = mode.attempts().last().map_or("", |(_, name)| *name);
    Err(DataplaneError::Attach { interface: interface.name.clone(), mode, source, remedy })
}

enum Refusal {
    Program(DataplaneError),
    Attach(io::Error),
}

/// Tries each loaded variant in one mode; gives the last refusal where none is taken.
fn attach_in(
    ebpf: &mut Ebpf,
    variants: &[&'static str],
    interface: &Interface,
    mode: XdpMode,
) -> Result<(&'static str, u32, XdpLinkId), Refusal> {
    let mut refusal = None;
    for variant in variants {
        let program = program(ebpf, variant).map_err(Refusal::Program)?;
        match program.attach_to_if_index(interface.index, mode) {
            Ok(link) => {
                let id = program.info().map_or(0, |info| info.id());
                return Ok((variant, id, link));
            }
            Err(error) => {
                let error = cause(error);
                if is_taken(&error) {
                    return Err(Refusal::Attach(error));
                }
                refusal = Some(error);
            }
        }
    }
    Err(Refusal::Attach(refusal.unwrap_or_else(|| io::Error::other("no program to try"))))
}

/// Loads every variant that this kernel takes, and says which. Multi-buffer programs need Linux
/// 5.18; without them the single-buffer one does.
pub(super) fn load(ebpf: &mut Ebpf) -> Result<Vec<&'static str>, DataplaneError> {
    let mut loaded = Vec::new();
    let mut refusal = None;
    for variant in VARIANTS {
        match program(ebpf, variant)?.load() {
            Ok(()) => loaded.push(variant),
            Err(source) => {
                let error = refused(variant, source);
                // Older kernels are meant to refuse the first one.
                if variant == VARIANTS[0] {
                    debug!("{error}");
                } else {
                    warn!("{error}");
                }
                refusal = Some(error);
            }
        }
    }
    match refusal {
        Some(error) if loaded.is_empty() => Err(error),
        _ => Ok(loaded),
    }
}

pub(super) fn program<'a>(ebpf: &'a mut Ebpf, variant: &'static str) -> Result<&'a mut Xdp, DataplaneError> {
    let program = ebpf.program_mut(variant).ok_or(DataplaneError::Object { what: variant })?;
    program.try_into().map_err(|source| refused(variant, source))
}

/// The verifier's log runs to thousands of lines; its last lines say what it was about.
pub(super) fn refused(program: &'static str, error: ProgramError) -> DataplaneError {
    let source = match error {
        ProgramError::LoadError { io_error, verifier_log } => {
            let log = verifier_log.to_string();
            debug!("{program}: {log}");
            let reason = log.lines().rev().find(|line| !is_statistics(line)).unwrap_or_default();
            io::Error::new(io_error.kind(), format!("{io_error}; {}", reason.trim()))
        }
        other => cause(other),
    };
    DataplaneError::Program { program, source }
}

fn is_statistics(line: &str) -> bool {
    ["verification time", "stack depth", "processed"].iter().any(|start| line.starts_with(start))
        || line.trim().is_empty()
}

/// Detaches one program; the kernel does the same when the loader dies.
pub(super) fn detach(ebpf: &mut Ebpf, attached: Attached) {
    let Attached { interface, variant, link, egress, mode: _, program_id: _ } = attached;
    if let Some(Err(error)) = egress.map(|egress| egress::detach(ebpf, egress)) {
        debug!("{}: detaching from what leaves said {error}", interface.name);
    }
    if let Ok(program) = program(ebpf, variant)
        && let Err(error) = program.detach(link)
    {
        // Gone with its interface, most likely.
        warn!("{}: detaching said {error}", interface.name);
    }
}

/// The system's error inside aya's.
pub(super) fn cause(error: ProgramError) -> io::Error {
    match error {
        ProgramError::SyscallError(error) => error.io_error,
        ProgramError::XdpError(XdpError::NetlinkError(error)) => error
            .raw_os_error()
            .map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error),
        other => io::Error::other(other.to_string()),
    }
}

/// EBUSY: a program in this mode; EEXIST: one in another mode.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST))
}

async fn taken(interface: &Interface, error: &io::Error) -> DataplaneError {
    match interface::current(interface.index).await.and_then(|now| now.xdp_program) {
        Some(id) => busy(interface, id),
        None => {
            DataplaneError::Busy { interface: interface.name.clone(), program: format!("unknown ({error})") }
        }
    }
}

fn busy(interface: &Interface, id: u32) -> DataplaneError {
    DataplaneError::Busy { interface: interface.name.clone(), program: interface::program_name(id) }
}

/// What the kernel's refusal asks for (measured on 6.18: no native support gives EOPNOTSUPP, an MTU
/// beyond one buffer ERANGE; drivers' own reasons come as EINVAL).
fn remedy(error: &io::Error, mode: Mode) -> &'static str {
    match (error.raw_os_error(), mode) {
        (Some(libc::EOPNOTSUPP), Mode::Native) => "the driver has no XDP support: use --mode generic or auto",
        (Some(libc::ERANGE), Mode::Native) => {
            "the MTU is too large for this driver's XDP: lower it, or use --mode generic or auto"
        }
        (Some(libc::EINVAL), _) => {
            "the driver refuses XDP as it is set up: look at LRO, MTU and queue count (`dmesg` says which), or use --mode generic"
        }
        (Some(libc::ENOMEM | libc::ENOSPC), _) => {
            "the card has no queues or memory left for XDP: halve its queues (`ethtool -L`), or use --mode generic"
        }
        (Some(libc::EPERM), _) => "it takes CAP_NET_ADMIN in this network namespace: run inspector as root",
        (Some(libc::ENODEV), _) => "the interface is gone: check `ip link`",
        _ => "use --mode generic, or name another interface",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_interface_is_never_a_reason_to_fall_back() {
        for (code, taken) in [
            (libc::EBUSY, true),
            (libc::EEXIST, true),
            (libc::EOPNOTSUPP, false),
            (libc::ERANGE, false),
            (libc::EINVAL, false),
        ] {
            assert_eq!(is_taken(&io::Error::from_raw_os_error(code)), taken);
        }
    }

    #[test]
    fn each_refusal_has_its_remedy() {
        let says = |code, mode| remedy(&io::Error::from_raw_os_error(code), mode);
        assert!(says(libc::EOPNOTSUPP, Mode::Native).contains("--mode generic"));
        assert!(says(libc::ERANGE, Mode::Native).contains("MTU"));
        assert!(says(libc::EPERM, Mode::Auto).contains("CAP_NET_ADMIN"));
        assert!(!says(libc::EIO, Mode::Auto).is_empty());
    }
}

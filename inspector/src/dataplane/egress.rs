//! Attaching the TC program to what an interface sends: by TCX (Linux 6.6 on), else by a clsact filter.

use std::io;

use aya::Ebpf;
use aya::programs::tc::{self, NlOptions, SchedClassifierLinkId, TcAttachOptions, TcError};
use aya::programs::{LinkOrder, ProgramError, SchedClassifier, TcAttachType};
use tracing::{debug, info, warn};

use super::attach::{cause, refused};
use super::error::DataplaneError;
use super::interface::Interface;

/// The program.
pub(super) const PROGRAM: &str = "inspector_egress";

/// Whether to look at what leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Egress {
    /// Where the kernel lets us.
    #[default]
    Auto,
    /// Only at what arrives.
    Off,
}

/// An attached egress program.
#[derive(Debug)]
pub(super) struct AttachedEgress {
    pub(super) mode: &'static str,
    pub(super) program_id: u32,
    link: SchedClassifierLinkId,
}

pub(super) fn program(ebpf: &mut Ebpf) -> Result<&mut SchedClassifier, DataplaneError> {
    let program = ebpf.program_mut(PROGRAM).ok_or(DataplaneError::Object { what: PROGRAM })?;
    program.try_into().map_err(|source| refused(PROGRAM, source))
}

/// Loads the program, and says whether the kernel took it.
pub(super) fn load(ebpf: &mut Ebpf) -> Result<bool, DataplaneError> {
    match program(ebpf)?.load() {
        Ok(()) => Ok(true),
        Err(source) => {
            warn!("{}", refused(PROGRAM, source));
            Ok(false)
        }
    }
}

/// Attaches after whatever is there. A refusal is no reason to stop: what arrives is still seen.
pub(super) fn attach(ebpf: &mut Ebpf, interface: &Interface) -> Option<AttachedEgress> {
    let attached = program(ebpf).map_err(io::Error::other).and_then(|program| {
        let (mode, link) = by_tcx(program, interface).or_else(|error| {
            debug!("{}: no TCX ({error}), trying a clsact filter", interface.name);
            by_clsact(program, interface)
        })?;
        let program_id = program.info().map_or(0, |info| info.id());
        Ok(AttachedEgress { mode, program_id, link })
    });
    match attached {
        Ok(attached) => {
            let AttachedEgress { mode, program_id, .. } = &attached;
            info!(interface = interface.name, mode, program_id, "attached to what leaves");
            Some(attached)
        }
        Err(error) => {
            warn!("{}: cannot look at what leaves ({error}); only what arrives is seen", interface.name);
            None
        }
    }
}

fn by_tcx(
    program: &mut SchedClassifier,
    interface: &Interface,
) -> io::Result<(&'static str, SchedClassifierLinkId)> {
    let options = TcAttachOptions::TcxOrder(LinkOrder::default());
    let link = program.attach_with_options(&interface.name, TcAttachType::Egress, options);
    Ok(("tcx", link.map_err(cause)?))
}

/// A filter outlives a loader that was killed, so one of an earlier run is removed first. It can't be
/// another inspector's: that one would have its XDP program there.
fn by_clsact(
    program: &mut SchedClassifier,
    interface: &Interface,
) -> io::Result<(&'static str, SchedClassifierLinkId)> {
    match tc::qdisc_add_clsact(&interface.name).map_err(tc_cause) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
            if tc::qdisc_detach_program(&interface.name, TcAttachType::Egress, PROGRAM).is_ok() {
                info!("{}: removed the egress filter of a run that was killed", interface.name);
            }
        }
        Err(error) => return Err(error),
    }
    let options = TcAttachOptions::Netlink(NlOptions::default());
    let link = program.attach_with_options(&interface.name, TcAttachType::Egress, options);
    Ok(("tc", link.map_err(cause)?))
}

fn tc_cause(error: TcError) -> io::Error {
    match error {
        TcError::NetlinkError(error) => error
            .raw_os_error()
            .map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error),
        TcError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Detaches.
pub(super) fn detach(ebpf: &mut Ebpf, attached: AttachedEgress) -> Result<(), ProgramError> {
    match program(ebpf) {
        Ok(program) => program.detach(attached.link),
        Err(_) => Ok(()),
    }
}

//! `bpf()` commands of the probes: tiny programs, tiny maps, and links that lead nowhere.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use bytemuck::{Pod, Zeroable};

const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_LINK_CREATE: libc::c_int = 28;

/// One instruction, as the kernel takes it.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(in crate::dataplane) struct Instruction {
    /// Operation.
    pub(in crate::dataplane) code: u8,
    /// Destination in the lower four bits, source in the upper four (little-endian hosts).
    pub(in crate::dataplane) registers: u8,
    /// Offset of jumps and memory accesses.
    pub(in crate::dataplane) offset: i16,
    /// Operand, or number of the helper.
    pub(in crate::dataplane) immediate: i32,
}

/// Start of `union bpf_attr` of `BPF_MAP_CREATE`; what follows is zero.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MapAttr {
    kind: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries: u32,
}

/// Start of `union bpf_attr` of `BPF_PROG_LOAD`; what follows is zero.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ProgramAttr {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// Start of `union bpf_attr` of `BPF_LINK_CREATE`; what follows is zero.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct LinkAttr {
    program: u32,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// Start of `union bpf_attr` of `BPF_OBJ_GET_INFO_BY_FD`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct InfoAttr {
    fd: u32,
    bytes: u32,
    info: u64,
}

/// Start of `struct bpf_prog_info`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ProgramInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_bytes: u32,
    translated_bytes: u32,
}

/// Creates a map.
///
/// # Errors
/// `EINVAL` where the kernel has no such map, `EPERM` without privilege (or, before Linux 5.11,
/// beyond the memlock limit).
pub(in crate::dataplane) fn create_map(
    kind: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries: u32,
) -> io::Result<OwnedFd> {
    let attr = MapAttr { kind, key_bytes, value_bytes, entries };
    // SAFETY: the command reads the attribute only, and it holds no pointer.
    unsafe { descriptor(BPF_MAP_CREATE, &attr) }
}

/// Loads a program under a GPL-compatible licence.
///
/// # Errors
/// `EINVAL` where the kernel knows a flag or a helper not, `EACCES` where the verifier refuses, `EPERM`
/// without privilege.
pub(in crate::dataplane) fn load_program(
    kind: u32,
    flags: u32,
    instructions: &[Instruction],
) -> io::Result<OwnedFd> {
    let attr = ProgramAttr {
        kind,
        count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        flags,
        ..ProgramAttr::zeroed()
    };
    // SAFETY: the command reads `count` instructions and a string that ends in NUL; both live.
    unsafe { descriptor(BPF_PROG_LOAD, &attr) }
}

/// Links a program to an interface; dropping the descriptor takes it off again.
///
/// # Errors
/// `EINVAL` where the kernel has no such link, `ENODEV` without such an interface, `EOPNOTSUPP`,
/// `EBUSY` and others where it cannot be attached.
pub(in crate::dataplane) fn create_link(
    program: BorrowedFd<'_>,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
) -> io::Result<OwnedFd> {
    let attr = LinkAttr { program: program.as_raw_fd().cast_unsigned(), ifindex, attach_type, flags };
    // SAFETY: the command reads the attribute only, and it holds no pointer.
    unsafe { descriptor(BPF_LINK_CREATE, &attr) }
}

/// Bytes of machine code that a program was compiled to; 0 if it is interpreted.
///
/// # Errors
/// What the kernel said.
pub(in crate::dataplane) fn jited_bytes(program: BorrowedFd<'_>) -> io::Result<u32> {
    let mut info = ProgramInfo::zeroed();
    let attr = InfoAttr {
        fd: program.as_raw_fd().cast_unsigned(),
        bytes: u32::try_from(size_of::<ProgramInfo>()).unwrap_or(0),
        info: (&raw mut info) as u64,
    };
    // SAFETY: the command writes at most `bytes` bytes to `info`, which may hold any bits.
    let result = unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) };
    result.map(|_| info.jited_bytes)
}

/// Runs a command whose result is a new descriptor.
///
/// # Safety
/// As for [`bpf`].
unsafe fn descriptor<A: Pod>(command: libc::c_int, attr: &A) -> io::Result<OwnedFd> {
    // SAFETY: passed on.
    let fd = unsafe { bpf(command, attr) }?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Runs a command; gives what the kernel returned, which is not negative.
///
/// # Safety
/// Every pointer in the attribute is to live memory of the size that the command reads or writes.
unsafe fn bpf<A: Pod>(command: libc::c_int, attr: &A) -> io::Result<libc::c_int> {
    // SAFETY: the attribute lives and has this size; its pointers are the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<A>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    libc::c_int::try_from(result).map_err(io::Error::other)
}

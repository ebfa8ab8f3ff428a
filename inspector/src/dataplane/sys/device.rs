//! What only an ioctl tells of a network device, and the size of a page.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use bytemuck::{Pod, Zeroable};

const SIOCETHTOOL: libc::Ioctl = 0x8946;
const ETHTOOL_GDRVINFO: u32 = 3;

/// `struct ethtool_drvinfo`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    expansion_rom: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

/// `struct ifreq` of this command.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Request {
    interface: [u8; libc::IFNAMSIZ],
    data: usize,
    rest: [u8; 16],
}

/// Name of an interface's driver, by any socket of its network namespace. Takes no privilege.
///
/// # Errors
/// `ENODEV` without such an interface, `EOPNOTSUPP` where it has no driver that says its name.
pub(in crate::dataplane) fn driver(socket: BorrowedFd<'_>, interface: &str) -> io::Result<String> {
    let mut info = DriverInfo { command: ETHTOOL_GDRVINFO, ..DriverInfo::zeroed() };
    let mut request = Request { data: (&raw mut info) as usize, ..Request::zeroed() };
    // The last byte stays zero: it ends the name.
    let Some(room) =
        request.interface.get_mut(..interface.len()).filter(|_| interface.len() < libc::IFNAMSIZ)
    else {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    };
    room.copy_from_slice(interface.as_bytes());
    // SAFETY: the request and the structure that it points to live, and are as large as the kernel takes them
    // to be.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let name = info.driver.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Bytes of a page of memory.
pub(in crate::dataplane) fn page_bytes() -> u32 {
    // SAFETY: the call takes no pointer; it gives -1 for names that it doesn't know.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u32::try_from(bytes).unwrap_or(4096)
}

//! System calls that no library offers, and marker traits: the only unsafe code of the loader.
//!
//! Each function states its call's return contract.
#![expect(unsafe_code, reason = "raw system calls and Pod markers, kept in this one folder")]

pub(super) mod bpf;
pub(super) mod device;

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use aya::maps::{MapData, RingBuf};
use bytemuck::{Pod, Zeroable};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A shared record as aya wants map values: any bit pattern is one.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct MapValue<T>(pub(super) T);

// SAFETY: `bytemuck::Pod` promises what `aya::Pod` asks for.
unsafe impl<T: Pod> aya::Pod for MapValue<T> {}

/// `union bpf_attr` of the batch commands.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

const BPF_MAP_LOOKUP_BATCH: libc::c_int = 24;
const BPF_MAP_DELETE_BATCH: libc::c_int = 27;

/// What one batch read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Entries at the front of the buffers.
    pub(super) entries: usize,
    /// Where the next batch begins; `None` after the last.
    pub(super) next: Option<u32>,
}

/// Reads the entries of a hash map from `position` on (`None`: the first) into `keys` and `values`,
/// as many as both hold. Linux 5.6 on.
///
/// # Errors
/// `ENOSPC` where not even one bucket of the map fits, `EINVAL` where the kernel has no batches.
pub(super) fn lookup_batch<K: Pod, V: Pod>(
    map: BorrowedFd<'_>,
    position: Option<u32>,
    keys: &mut [K],
    values: &mut [V],
) -> io::Result<Batch> {
    let mut next = 0u32;
    let capacity = keys.len().min(values.len());
    let mut attr = BatchAttr {
        in_batch: position.as_ref().map_or(0, address_of),
        out_batch: (&raw mut next) as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: u32::try_from(capacity).unwrap_or(u32::MAX),
        map_fd: map.as_raw_fd().cast_unsigned(),
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: every pointer in the attribute is to live memory of the size that the kernel writes:
    // `count` keys and values, and a bucket number of four bytes.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_LOOKUP_BATCH, &raw mut attr, size_of::<BatchAttr>()) };
    // 0: there may be more. ENOENT: that was the end, and `count` entries are there all the same.
    let entries = attr.count as usize;
    if result == 0 {
        return Ok(Batch { entries, next: Some(next) });
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOENT) => Ok(Batch { entries, next: None }),
        error => Err(error),
    }
}

/// Removes `keys` from a hash map; those that are gone already are passed over. Linux 5.6 on.
///
/// # Errors
/// `EINVAL` where the kernel has no batches.
pub(super) fn delete_batch<K: Pod>(map: BorrowedFd<'_>, keys: &[K]) -> io::Result<()> {
    let mut rest = keys;
    while !rest.is_empty() {
        let mut attr = BatchAttr {
            keys: rest.as_ptr() as u64,
            count: u32::try_from(rest.len()).unwrap_or(u32::MAX),
            map_fd: map.as_raw_fd().cast_unsigned(),
            ..BatchAttr::zeroed()
        };
        // SAFETY: the attribute points to `count` live keys, which the kernel only reads.
        let result = unsafe {
            libc::syscall(libc::SYS_bpf, BPF_MAP_DELETE_BATCH, &raw mut attr, size_of::<BatchAttr>())
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // ENOENT: `count` keys were removed, and the next one was not there.
        if error.raw_os_error() != Some(libc::ENOENT) {
            return Err(error);
        }
        rest = rest.get(attr.count as usize + 1..).unwrap_or_default();
    }
    Ok(())
}

fn address_of<T>(value: &T) -> u64 {
    std::ptr::from_ref(value) as u64
}

/// Has the runtime wait for the ring's descriptor.
pub(super) fn readable(ring: RingBuf<MapData>) -> io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: the ring owns its map's descriptor and gives the same one each time.
    let registered = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    registered.map_err(|error| error.into_parts().1)
}

/// The two positions of a ring buffer, in bytes since it was made: how far it was read, and how far written.
#[derive(Debug)]
pub(super) struct RingPositions {
    read: Mapped,
    written: Mapped,
}

impl RingPositions {
    /// Maps the first two pages of a ring buffer.
    ///
    /// # Errors
    /// Where the map is no ring buffer, or may not be written to.
    pub(super) fn map(ring: BorrowedFd<'_>) -> io::Result<Self> {
        let read = Mapped::new(ring, 0, libc::PROT_READ | libc::PROT_WRITE)?;
        // SAFETY: it takes a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Ok(Self { read, written: Mapped::new(ring, page, libc::PROT_READ)? })
    }

    /// Bytes that nobody has read yet.
    pub(super) fn unread(&self) -> usize {
        let read = self.read.position().load(Ordering::Acquire);
        self.written.position().load(Ordering::Acquire).wrapping_sub(read)
    }

    /// Has everything count as read. A reader of the same ring would lose its place.
    pub(super) fn discard(&self) {
        let written = self.written.position().load(Ordering::Acquire);
        self.read.position().store(written, Ordering::Release);
    }
}

/// A shared page that begins with a position.
#[derive(Debug)]
struct Mapped(NonNull<AtomicUsize>);

impl Mapped {
    fn new(ring: BorrowedFd<'_>, offset: libc::off_t, protection: libc::c_int) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let page = unsafe {
            let anywhere = std::ptr::null_mut();
            libc::mmap(anywhere, POSITION, protection, libc::MAP_SHARED, ring.as_raw_fd(), offset)
        };
        // MAP_FAILED: errno says why.
        match NonNull::new(page) {
            Some(page) if page.as_ptr() != libc::MAP_FAILED => Ok(Self(page.cast())),
            _ => Err(io::Error::last_os_error()),
        }
    }

    const fn position(&self) -> &AtomicUsize {
        // SAFETY: the page is mapped as long as this exists, and both sides use it as an atomic word.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference outlives this. Fails only for bad arguments.
        unsafe { libc::munmap(self.0.as_ptr().cast(), POSITION) };
    }
}

/// Bytes of a position; the kernel maps the whole page.
const POSITION: usize = size_of::<AtomicUsize>();

/// Nanoseconds of the clock that the BPF programs stamp packets with (`CLOCK_MONOTONIC`).
pub(super) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec; the call cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The kernel's release, as `uname -r` prints it.
pub(super) fn kernel_release() -> String {
    let mut name = mem::MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the pointer is to a live utsname, all of whose fields may be zero; the call fails only
    // for a bad pointer.
    let name = unsafe {
        libc::uname(name.as_mut_ptr());
        name.assume_init()
    };
    // SAFETY: the kernel ends the field with a NUL, and it was zeroed before.
    unsafe { CStr::from_ptr(name.release.as_ptr()) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_and_the_kernel_has_a_name() {
        let before = monotonic_ns();
        assert!(before > 0 && monotonic_ns() >= before);
        assert!(kernel_release().starts_with(|c: char| c.is_ascii_digit()));
    }
}

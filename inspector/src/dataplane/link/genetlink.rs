//! Questions to families of the generic netlink protocol: one request, one answer.

use std::io;
use std::iter;
use std::os::fd::{AsFd, BorrowedFd};

use rtnetlink::sys::Socket;
use rtnetlink::sys::protocols::NETLINK_GENERIC;

/// The family that knows all others; it has this number everywhere.
const CONTROLLER: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
/// Of every family that is spoken here.
const VERSION: u8 = 1;
/// `struct nlmsghdr`, and behind it `struct genlmsghdr`.
const HEADERS: (usize, usize) = (16, 4);
/// Flags in the upper bits of an attribute's kind.
const NLA_TYPE_MASK: u16 = 0x3fff;

/// A socket of this network namespace.
pub(super) struct Genetlink {
    socket: Socket,
    sequence: u32,
}

impl Genetlink {
    /// Opens it.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The number of a family. `ENOENT`: this kernel doesn't have it.
    pub(super) fn family(&mut self, name: &str) -> io::Result<u16> {
        let name = attribute(CTRL_ATTR_FAMILY_NAME, &[name.as_bytes(), &[0]].concat());
        let answer = self.ask(CONTROLLER, CTRL_CMD_GETFAMILY, &name)?;
        let id = find(&answer, CTRL_ATTR_FAMILY_ID).and_then(|value| value.first_chunk());
        id.map(|bytes| u16::from_ne_bytes(*bytes)).ok_or_else(broken)
    }

    /// Sends a command with its attributes, and gives the attributes of the answer.
    pub(super) fn ask(&mut self, family: u16, command: u8, attributes: &[u8]) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        self.socket.send(&request(family, command, self.sequence, attributes), 0)?;
        // The kernel has answered by the time that sending returns, so this doesn't wait.
        let (answer, _) = self.socket.recv_from_full()?;
        read(&answer, self.sequence)
    }
}

impl AsFd for Genetlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer makes no sense")
}

fn request(family: u16, command: u8, sequence: u32, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADERS.0 + HEADERS.1 + attributes.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend([family, NLM_F_REQUEST].map(u16::to_ne_bytes).concat());
    // The sender's port is filled in by the kernel.
    message.extend([sequence, 0].map(u32::to_ne_bytes).concat());
    message.extend([command, VERSION, 0, 0]);
    message.extend(attributes);
    message
}

/// The attributes of the answer to the request of this number.
fn read(message: &[u8], sequence: u32) -> io::Result<Vec<u8>> {
    let (header, payload) = message.split_at_checked(HEADERS.0).ok_or_else(broken)?;
    let kind = u16::from_ne_bytes([header[4], header[5]]);
    if header[8..12] != sequence.to_ne_bytes() {
        return Err(broken());
    }
    if kind == NLMSG_ERROR {
        let code = payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
        return Err(io::Error::from_raw_os_error(code.saturating_neg()));
    }
    payload.get(HEADERS.1..).map(<[u8]>::to_vec).ok_or_else(broken)
}

/// An attribute, padded to four bytes.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut attribute = [length, kind].map(u16::to_ne_bytes).concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// The attributes in a buffer, kind and value; ends at one that is cut short.
pub(super) fn attributes(mut buffer: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    iter::from_fn(move || {
        let header: &[u8; 4] = buffer.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & NLA_TYPE_MASK;
        let value = buffer.get(4..length)?;
        buffer = buffer.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of a kind.
pub(super) fn find(buffer: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(buffer).find(|(each, _)| *each == kind).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_read_back() {
        let buffer = [attribute(2, b"abc"), attribute(0x8000 | 7, &5u32.to_ne_bytes())].concat();
        assert_eq!(buffer.len(), 16);
        let read: Vec<_> = attributes(&buffer).collect();
        assert_eq!(read, [(2, &b"abc"[..]), (7, &5u32.to_ne_bytes())]);
        assert_eq!(find(&buffer, 7), Some(&5u32.to_ne_bytes()[..]));
        assert_eq!(find(&buffer, 3), None);
    }

    #[test]
    fn broken_attributes_end_the_list() {
        for broken in [&[9, 0, 1, 0, 0][..], &[3, 0, 1, 0], &[0, 0, 0, 0], &[4, 0, 1]] {
            assert_eq!(attributes(broken).count(), 0, "{broken:?}");
        }
        let cut = [attribute(1, &[0; 4]), vec![8, 0, 2, 0, 1]].concat();
        assert_eq!(attributes(&cut).count(), 1);
    }

    #[test]
    fn answers_are_told_from_refusals_and_from_strangers() {
        let mut answer = request(20, 1, 5, &attribute(1, &[7; 8]));
        assert_eq!(find(&read(&answer, 5).unwrap(), 1), Some(&[7; 8][..]));
        assert_eq!(read(&answer, 6).unwrap_err().kind(), io::ErrorKind::InvalidData);
        answer.truncate(10);
        assert_eq!(read(&answer, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut refusal = request(NLMSG_ERROR, 0, 5, &[]);
        refusal[16..].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
        assert_eq!(read(&refusal, 5).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}

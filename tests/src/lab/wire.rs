//! Frames onto an interface, as they are.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

/// A packet socket that sends on one interface, from whatever namespace it is used later.
#[derive(Debug)]
pub struct Wire {
    socket: OwnedFd,
    to: LinkAddr,
}

impl Wire {
    /// On an interface of the namespace that the calling thread is in.
    pub fn on(interface: &str) -> Self {
        // Without a protocol it receives nothing.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
            .expect("root can open packet sockets");
        let links = getifaddrs().expect("the interfaces can be listed");
        let link = links.filter(|link| link.interface_name == interface).find_map(|link| link.address);
        let to = link.as_ref().and_then(|address| address.as_link_addr().copied());
        Self { socket, to: to.expect("the interface exists") }
    }

    /// Sends a frame, Ethernet header first.
    pub fn send(&self, frame: &[u8]) {
        sendto(self.socket.as_raw_fd(), frame, &self.to, MsgFlags::empty())
            .unwrap_or_else(|error| panic!("sending {} bytes: {error}", frame.len()));
    }
}

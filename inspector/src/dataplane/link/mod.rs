//! Everything that can be known of interfaces without touching them.

mod device;
mod genetlink;
mod program;

use std::io;

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};

pub use device::{Device, Offload, Offloads, Queues, XdpSupport};
pub use program::{Place, XdpProgram};

use super::error::DataplaneError;
use super::sys;
use device::Devices;

/// What frames on an interface begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// An Ethernet header.
    Ethernet,
    /// An Ethernet header, and everything that arrives was sent by this host.
    Loopback,
    /// Something else, or at once with the IP header.
    Other,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// What sort of virtual interface it is, such as `veth` or `vlan`; `None` for hardware.
    pub kind: Option<String>,
    /// What its frames begin with.
    pub layer: Layer,
    /// Its MTU, bytes.
    pub mtu: u32,
    /// It has been set up.
    pub is_up: bool,
    /// Something is at the other end.
    pub has_carrier: bool,
    /// Index of the bond or bridge that it is part of.
    pub master: Option<u32>,
    /// Index of the interface below it, for VLANs and the like.
    pub lower: Option<u32>,
    /// XDP programs on it, whoever's they are.
    pub programs: Vec<XdpProgram>,
    /// What its device says of itself.
    pub device: Device,
}

impl Link {
    /// What the kernel's message about an interface says; programs and device are still to be asked for.
    pub(super) fn of(message: &LinkMessage) -> Option<Self> {
        let flags = message.header.flags;
        let mut link = Self {
            name: String::new(),
            index: message.header.index,
            kind: None,
            layer: match message.header.link_layer_type {
                LinkLayerType::Ether => Layer::Ethernet,
                LinkLayerType::Loopback => Layer::Loopback,
                _ => Layer::Other,
            },
            mtu: 0,
            is_up: flags.contains(LinkFlags::Up),
            has_carrier: flags.contains(LinkFlags::LowerUp),
            master: None,
            lower: None,
            programs: Vec::new(),
            device: Device::default(),
        };
        let mut is_lower_elsewhere = false;
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::Controller(index) => link.master = Some(*index),
                LinkAttribute::Link(index) => link.lower = Some(*index),
                LinkAttribute::LinkNetNsId(_) => is_lower_elsewhere = true,
                LinkAttribute::LinkInfo(infos) => link.kind = infos.iter().find_map(kind),
                _ => {}
            }
        }
        // A veth's link is its peer, which is not below it.
        if is_lower_elsewhere || link.kind.as_deref() == Some("veth") {
            link.lower = None;
        }
        (!link.name.is_empty()).then_some(link)
    }
}

fn kind(info: &LinkInfo) -> Option<String> {
    match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    }
}

/// All interfaces of this network namespace. Needs a tokio runtime, and no privilege.
///
/// # Errors
/// The kernel doesn't answer.
pub async fn survey() -> Result<Vec<Link>, DataplaneError> {
    let netlink = |source| DataplaneError::Netlink { source };
    let mut devices = Devices::open().map_err(netlink)?;
    let messages = dump().await.map_err(netlink)?;
    let mut describe = |message: &LinkMessage| {
        let mut link = Link::of(message)?;
        let programs = program::attached(message);
        link.programs = programs.into_iter().map(|(id, place)| program::describe(id, place)).collect();
        link.device = devices.describe(&link.name, link.index);
        Some(link)
    };
    Ok(messages.iter().filter_map(&mut describe).collect())
}

/// The kernel's list of interfaces.
pub(super) async fn dump() -> io::Result<Vec<LinkMessage>> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let connection = tokio::spawn(connection);
    let messages = handle.link().get().execute().try_collect().await;
    connection.abort();
    messages.map_err(io::Error::other)
}

/// The greatest MTU whose frames fit into one buffer, which is all that native XDP without multi-buffer
/// takes: a page without the headroom for XDP (256 bytes), the kernel's `skb_shared_info` (320 bytes)
/// and the Ethernet header. Drivers may take less: `ena` and `mlx5_core` 3,498, some of Intel's about 3,000.
#[must_use]
pub fn max_plain_mtu() -> u32 {
    sys::device::page_bytes() - 256 - 320 - 14
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnetlink::packet_route::link::InfoKind;

    fn message(attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.header.link_layer_type = LinkLayerType::Ether;
        message.header.flags = LinkFlags::Up;
        message.attributes = attributes;
        message
    }

    #[test]
    fn what_is_below_is_told_from_a_peer_and_from_another_namespace() {
        let of = |kind, more: Vec<LinkAttribute>| {
            let info = LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]);
            let base = vec![LinkAttribute::IfName("x".to_owned()), LinkAttribute::Link(3), info];
            Link::of(&message([base, more].concat())).unwrap()
        };
        let vlan = of(InfoKind::Vlan, vec![LinkAttribute::Mtu(1500)]);
        assert_eq!((vlan.lower, vlan.kind.as_deref(), vlan.mtu), (Some(3), Some("vlan"), 1500));
        assert_eq!((vlan.is_up, vlan.has_carrier, vlan.layer), (true, false, Layer::Ethernet));
        assert_eq!(of(InfoKind::Veth, vec![]).lower, None);
        assert_eq!(of(InfoKind::MacVlan, vec![LinkAttribute::LinkNetNsId(0)]).lower, None);
    }

    #[test]
    fn an_interface_without_a_name_is_none() {
        assert_eq!(Link::of(&message(vec![LinkAttribute::Mtu(1500)])), None);
    }
}

//! Two network namespaces with a veth pair between them.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd as _;

use futures_util::TryStreamExt as _;
use nix::sched::{CloneFlags, setns, unshare};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkMessage};
use rtnetlink::packet_route::tc::TcMessage;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, LinkVlan};

/// Name of either end of the veth pair.
pub(crate) const ETH: &str = "eth0";

/// Address of the end that is watched.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Address of the other end.
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

const PREFIX_LEN: u8 = 24;

/// Both namespaces. They go away with it, once the thread has entered others.
#[derive(Debug)]
pub(crate) struct Lab {
    host: Namespace,
    peer: Namespace,
}

impl Lab {
    /// Makes the namespaces and leaves the calling thread in the host's, where everything is watched.
    pub(crate) async fn new() -> Self {
        let lab = Self { peer: Namespace::new(), host: Namespace::new() };
        let other_end = LinkUnspec::new_with_name(ETH).setns_by_fd(lab.peer.0.as_raw_fd()).build();
        let pair = LinkVeth::new(ETH, ETH).set_info_data(InfoData::Veth(InfoVeth::Peer(other_end))).build();
        netlink(async |handle| handle.link().add(pair).execute().await).await;
        lab.in_peer(async || bring_up(PEER).await).await;
        bring_up(HOST).await;
        lab
    }

    /// Does something in the other namespace, and comes back.
    pub(crate) async fn in_peer<T>(&self, what: impl AsyncFnOnce() -> T) -> T {
        self.peer.enter();
        let result = what().await;
        self.host.enter();
        result
    }

    /// Has both ends carry frames of this many bytes behind the Ethernet header.
    pub(crate) async fn set_mtu(&self, mtu: u32) {
        self.in_peer(async || change(ETH, |link| link.mtu(mtu)).await).await;
        change(ETH, |link| link.mtu(mtu)).await;
    }

    /// How many filters there are on what leaves by an interface of the host's.
    pub(crate) async fn egress_filters(&self, interface: &str) -> usize {
        self.host.enter();
        let index = index(interface).await.cast_signed();
        let filters: Vec<TcMessage> =
            netlink(async |handle| handle.traffic_filter(index).get().egress().execute().try_collect().await)
                .await;
        filters.len()
    }

    /// A VLAN device on the watched end.
    pub(crate) async fn add_vlan(&self, name: &str, id: u16) {
        let base = index(ETH).await;
        netlink(async |handle| handle.link().add(LinkVlan::new(name, base, id).up().build()).execute().await)
            .await;
    }
}

#[derive(Debug)]
struct Namespace(File);

impl Namespace {
    /// A new one, with the calling thread in it.
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("root can make network namespaces");
        // Neighbour discovery would add packets to those that the checks send.
        for which in ["all", "default"] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1")
                .expect("the kernel has IPv6");
        }
        Self(File::open("/proc/thread-self/ns/net").expect("the namespace can be opened"))
    }

    fn enter(&self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("root can enter network namespaces");
    }
}

async fn bring_up(address: Ipv4Addr) {
    for interface in ["lo", ETH] {
        change(interface, LinkMessageBuilder::up).await;
    }
    let index = index(ETH).await;
    netlink(async |handle| handle.address().add(index, IpAddr::V4(address), PREFIX_LEN).execute().await)
        .await;
}

async fn change(
    interface: &str,
    what: impl FnOnce(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec>,
) {
    let change = what(LinkUnspec::new_with_index(index(interface).await)).build();
    netlink(async |handle| handle.link().set(change).execute().await).await;
}

async fn index(interface: &str) -> u32 {
    let links: Vec<LinkMessage> = netlink(async |handle| {
        handle.link().get().match_name(interface.to_owned()).execute().try_collect().await
    })
    .await;
    links.first().expect("the interface exists").header.index
}

/// Asks the kernel in the namespace that the calling thread is in.
async fn netlink<T>(what: impl AsyncFnOnce(Handle) -> Result<T, rtnetlink::Error>) -> T {
    let (connection, handle, _) = rtnetlink::new_connection().expect("netlink can be had");
    let connection = tokio::spawn(connection);
    let answer = what(handle).await;
    connection.abort();
    answer.unwrap_or_else(|error| panic!("netlink: {error}"))
}

//! Packets that the kernel's own stack makes, offloads and all.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use inspector::dataplane::Hooks;
use inspector::observation::Event;
use inspector_common::{Class, Direction};

use crate::lab::{ETH, HOST, Lab};
use crate::watch::Watch;

/// Datagrams of each kind.
const DATAGRAMS: u16 = 20;

/// Bytes over TCP: enough for frames in several buffers.
const STREAM: usize = 1 << 20;

const UDP_PORT: u16 = 4_000;
const DNS_PORT: u16 = 53;
const TCP_PORT: u16 = 4_001;

/// A plain question for the address of example.org.
const QUESTION: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01";

/// Datagrams are counted to the packet, DNS gives heads, and TCP gets through unharmed.
pub(crate) async fn packets_of_the_stack_are_counted() {
    let lab = Lab::new().await;
    let mut watch = Watch::on(&[ETH], Hooks::default()).await;
    // Held open, so that nothing is answered with errors.
    let _receivers =
        [UDP_PORT, DNS_PORT].map(|port| UdpSocket::bind((HOST, port)).expect("the port is free"));
    let listener = TcpListener::bind((HOST, TCP_PORT)).expect("the port is free");
    let receiver = thread::spawn(move || receive(&listener));
    let local_port = lab.in_peer(async || send_all()).await;
    assert_eq!(receiver.join().expect("receiving works"), STREAM);

    let wanted = u64::from(DATAGRAMS);
    let account =
        watch.account_once(ETH, Direction::Ingress, |account| account.packets_of(Class::Dns) >= wanted).await;
    assert_eq!([Class::Udp, Class::Dns].map(|class| account.packets_of(class)), [wanted; 2], "{account:?}");
    for account in [account, watch.account(ETH, Direction::Egress)] {
        assert!(account.packets_of(Class::Tcp) > 0 && account.is_consistent(), "{account:?}");
    }

    let mut heads = watch.heads();
    heads.retain(|(meta, _)| meta.key.dst_port == DNS_PORT);
    assert_eq!(heads.len(), usize::from(DATAGRAMS));
    assert!(heads.iter().all(|(_, bytes)| bytes.ends_with(QUESTION)), "{heads:02x?}");

    let (mut udp_packets, mut tcp_bytes) = (0, 0);
    watch.drain(|event| {
        if let Event::Flow(flow) = event {
            match (flow.key.src_port, flow.key.dst_port) {
                (port, UDP_PORT) if port == local_port => udp_packets += flow.record.packets,
                (_, TCP_PORT) => tcp_bytes += flow.record.payload_bytes,
                _ => {}
            }
        }
    });
    assert_eq!(udp_packets, wanted);
    assert!(tcp_bytes >= STREAM as u64, "{tcp_bytes} bytes of TCP");
}

/// Sends everything, and gives the local port of the UDP flow.
fn send_all() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port is free");
    for _ in 0..DATAGRAMS {
        socket.send_to(b"nothing to see", (HOST, UDP_PORT)).expect("the peer is there");
        socket.send_to(QUESTION, (HOST, DNS_PORT)).expect("the peer is there");
    }
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((HOST, TCP_PORT)), Duration::from_secs(20))
        .expect("the peer accepts");
    stream.write_all(&vec![b'x'; STREAM]).expect("the peer reads");
    socket.local_addr().expect("it is bound").port()
}

fn receive(listener: &TcpListener) -> usize {
    let (mut stream, _) = listener.accept().expect("the peer connects");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("the peer sends");
    received.len()
}

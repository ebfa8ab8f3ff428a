//! Devices other than a plain veth.

use inspector::dataplane::Hooks;
use inspector_common::{Class, Direction};
use inspector_tests::lab::Wire;

use crate::lab::{ETH, Lab};
use crate::watch::Watch;

const FRAMES: u64 = 10;

const VLAN: &str = "eth0.7";
const VLAN_ID: u8 = 7;

/// UDP in IPv4 to the broadcast address of the link, behind these tags.
fn datagram(tags: &[u8], payload_len: u16) -> Vec<u8> {
    let mut frame = [[0xff; 6], [2, 0, 0, 0, 0, 2]].concat();
    frame.extend(tags);
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((28 + payload_len).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0x10, 0, 0x20, 0]);
    frame.extend((8 + payload_len).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(std::iter::repeat_n(0x55, payload_len.into()));
    frame
}

/// An MTU beyond one buffer: in the driver where the kernel has multi-buffer programs, else in the network stack.
pub(crate) async fn jumbo_frames_are_counted() {
    let lab = Lab::new().await;
    lab.set_mtu(9_000).await;
    let watch = Watch::on(&[ETH], Hooks::default()).await;
    let has_multi_buffer = watch.plane.programs().contains(&"inspector_frags");
    assert_eq!(watch.mode(ETH, Direction::Ingress), if has_multi_buffer { "native" } else { "generic" });
    let frame = datagram(&[], 8_900);
    expect_datagrams(&lab, &watch, ETH, &frame, frame.len()).await;
}

/// A VLAN device takes programs in the network stack only, where the tag is gone.
pub(crate) async fn vlan_device_is_watched() {
    let lab = Lab::new().await;
    lab.add_vlan(VLAN, VLAN_ID.into()).await;
    let watch = Watch::on(&[VLAN], Hooks::default()).await;
    assert_eq!(watch.mode(VLAN, Direction::Ingress), "generic");
    let tag = [0x81, 0, 0, VLAN_ID];
    let frame = datagram(&tag, 100);
    expect_datagrams(&lab, &watch, VLAN, &frame, frame.len() - tag.len()).await;
}

async fn expect_datagrams(lab: &Lab, watch: &Watch, interface: &str, frame: &[u8], seen_len: usize) {
    let wire = lab.in_peer(async || Wire::on(ETH)).await;
    for _ in 0..FRAMES {
        wire.send(frame);
    }
    let account = watch.account_once(interface, Direction::Ingress, |account| account.seen >= FRAMES).await;
    assert_eq!((account.seen, account.packets_of(Class::Udp)), (FRAMES, FRAMES), "{account:?}");
    assert_eq!(account.bytes[Class::Udp as usize], FRAMES * seen_len as u64);
}

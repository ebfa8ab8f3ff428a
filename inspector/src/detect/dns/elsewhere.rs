//! DNS on ports that are not its own.
//!
//! A tunnel's server may listen anywhere. Of multicast DNS and its kin, which have ports of their own, the names are
//! those of devices; so only messages between two hosts count that ask for a name of the public tree.

use inspector_common::Class;

use super::question::{Place, Qname};
use crate::dissect::dns::Message;
use crate::observation::Head;

/// NetBIOS, multicast DNS and link-local names.
const LOCAL_PORTS: [u16; 3] = [137, 5353, 5355];

/// The message in a datagram on another port than 53, if there is one.
pub(super) fn message<'a>(head: &Head<'a>) -> Option<Message<'a>> {
    let key = &head.meta.key;
    let is_local = LOCAL_PORTS.contains(&key.src_port) && LOCAL_PORTS.contains(&key.dst_port);
    if head.class() != Class::Udp || is_local || head.dst().is_multicast() {
        return None;
    }
    let message = Message::parse(head.payload(), head.payload_len()).ok()?;
    let question = message.question.as_ref()?;
    // One question of the Internet's class; a response repeats it and says that it is one.
    let is_one = message.counts[0] == 1 && matches!(question.class, 1 | 255) && message.opcode() == 0;
    let name = Qname::new(&question.name);
    (is_one && name.len() > 1 && name.is_public() && matches!(name.place(), Place::Domain(_)))
        .then_some(message)
}

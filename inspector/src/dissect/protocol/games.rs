//! Games: connectionless messages of Quake's and Source's family, RakNet, Minecraft, Steam.

use super::{Message, Protocol};

pub(super) static PROTOCOLS: &[Protocol] = &[
    Protocol::plain("Source or Quake", |m| !m.is_tcp && m.begins(&[0xff, 0xff, 0xff, 0xff])),
    Protocol::plain("Steam", |m| m.begins(b"VS01") || m.has(4, b"VT01")),
    Protocol::plain("RakNet", raknet),
    Protocol::plain("TeamSpeak", |m| m.begins_any(&[b"TS3INIT1", &[0xf4, 0xbe, 3, 0]])),
    Protocol::plain("Mumble", |m| !m.is_tcp && m.len == 12 && m.begins(&[0, 0, 0, 0])),
    Protocol::plain("ENet", |m| !m.is_tcp && matches!(m.bytes, [0x8f | 0x9f, 0xff, _, _, 0x82, 0xff, ..])),
];

/// Its offline message identifier, after a type and up to eight bytes.
fn raknet(m: &Message<'_>) -> bool {
    const MAGIC: [u8; 16] =
        [0, 0xff, 0xff, 0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78];
    !m.is_tcp && [1, 9, 17].iter().any(|at| m.has(*at, &MAGIC))
}

//! ICMP (RFC 792) and ICMPv6 (RFC 4443) messages.

use crate::observation::Head;

/// A message's header and what the head holds of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whether it is ICMPv6.
    pub is_v6: bool,
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum as sent.
    pub checksum: u16,
    /// Identifier of echoes and queries; elsewhere the first half of the rest of the header.
    pub id: u16,
    /// Sequence number of echoes and queries; elsewhere the second half.
    pub seq: u16,
    /// Data after the 8-byte header, as far as captured.
    pub data: &'a [u8],
    /// Bytes of data in the packet, captured or not.
    pub data_len: u32,
}

impl<'a> Message<'a> {
    /// Reads the message of an ICMP or ICMPv6 head; `None` where its header is cut short.
    #[must_use]
    pub fn parse(head: &Head<'a>) -> Option<Self> {
        let [kind, code, c0, c1, i0, i1, s0, s1] = *head.bytes.first_chunk()?;
        Some(Self {
            is_v6: head.meta.key.is_ipv6(),
            kind,
            code,
            checksum: u16::from_be_bytes([c0, c1]),
            id: u16::from_be_bytes([i0, i1]),
            seq: u16::from_be_bytes([s0, s1]),
            data: head.payload(),
            data_len: head.payload_len(),
        })
    }

    /// Whether it is an echo request.
    #[must_use]
    pub fn is_echo_request(&self) -> bool {
        self.kind == if self.is_v6 { 128 } else { 8 }
    }

    /// Whether it is an echo reply.
    #[must_use]
    pub fn is_echo_reply(&self) -> bool {
        self.kind == if self.is_v6 { 129 } else { 0 }
    }
}

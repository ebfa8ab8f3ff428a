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
        let [kind, code, c0, c1, i0, i1, s0, s1] = *head.segment().first_chunk()?;
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

    /// The sum (ones' complement) of the 16-bit words of the data that were not captured, as the checksum
    /// has it: equal for equal data. 0 where all was captured.
    ///
    /// In ICMPv6 the pseudo-header is in it too, which is the same for both directions of a pair.
    #[must_use]
    pub fn unseen_sum(&self) -> u16 {
        if u32::try_from(self.data.len()).is_ok_and(|captured| captured >= self.data_len) {
            return 0;
        }
        let (words, odd) = self.data.as_chunks();
        let words = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>();
        let odd = odd.iter().map(|byte| u64::from(*byte) << 8).sum::<u64>();
        let sum = (u64::from(self.data_sum()) + 0xffff - (words + odd) % 0xffff) % 0xffff;
        u16::try_from(sum).unwrap_or_default()
    }

    /// The same of all data, captured or not.
    #[must_use]
    pub fn data_sum(&self) -> u16 {
        let header = [u16::from_be_bytes([self.kind, self.code]), self.id, self.seq].map(u64::from);
        // Ones' complement arithmetic is arithmetic modulo 0xffff.
        let header = header.iter().sum::<u64>() % 0xffff;
        let sum = (u64::from(!self.checksum) + 0xffff - header) % 0xffff;
        u16::try_from(sum).unwrap_or_default()
    }

    /// The captured data without what is random by design: the nonce of node information queries (RFC 4620).
    #[must_use]
    pub fn data_after_nonce(&self) -> &'a [u8] {
        let nonce_len = if self.is_v6 && matches!(self.kind, 139 | 140) { 8 } else { 0 };
        self.data.get(nonce_len..).unwrap_or_default()
    }

    /// Whether it answers another message, by its type (IANA).
    #[must_use]
    pub fn is_reply(&self) -> bool {
        if self.is_v6 {
            matches!(self.kind, 129 | 140 | 145 | 147 | 149 | 158 | 161)
        } else {
            matches!(self.kind, 0 | 14 | 16 | 18 | 34 | 36 | 38 | 43)
        }
    }

    /// Whether it is an echo reply.
    #[must_use]
    pub fn is_echo_reply(&self) -> bool {
        self.kind == if self.is_v6 { 129 } else { 0 }
    }
}

//! The storage techniques of CCgen v2 (FernUniversität in Hagen), generated: a cover of ordinary connections, and
//! the same with a channel in one header field of a share of the client's packets.
//!
//! "v2s" maps each value of a field to one symbol; "r2s" maps a range of values to a symbol and draws from the
//! range, so that no value repeats much; "dev" adds the symbol's deviation to the field's ordinary value.

#![expect(clippy::cast_possible_truncation, reason = "fields are cut to their widths on purpose")]

mod cover;
mod embed;

pub use cover::{Frame, cover};
pub use embed::embed;

/// Where a channel hides, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Technique {
    /// The reserved bit of the IPv4 flags.
    IpFlags,
    /// Identifications 0 and 0x0100.
    IpId,
    /// Two lengths of the datagram, by padding behind the payload.
    IpLen,
    /// The same by ranges of lengths.
    IpLenRange,
    /// The IP protocol number.
    IpProto,
    /// TOS 0 and 4.
    IpTos,
    /// Two source ports.
    SrcPort,
    /// The same by ranges of ports.
    SrcPortRange,
    /// The same by deviation from the port before.
    SrcPortDeviation,
    /// TTL 100 and 200.
    Ttl,
    /// Low and high TTLs.
    TtlRange,
    /// The TTL or one less.
    TtlDeviation,
    /// Two destination addresses.
    IpAddress,
    /// 13 bits of the fragment offset.
    IpFragment,
    /// 16 bits of the urgent pointer, without the flag.
    Urgent,
}

impl Technique {
    /// All storage techniques of the list.
    pub const ALL: [Self; 15] = [
        Self::IpFlags,
        Self::IpId,
        Self::IpLen,
        Self::IpLenRange,
        Self::IpProto,
        Self::IpTos,
        Self::SrcPort,
        Self::SrcPortRange,
        Self::SrcPortDeviation,
        Self::Ttl,
        Self::TtlRange,
        Self::TtlDeviation,
        Self::IpAddress,
        Self::IpFragment,
        Self::Urgent,
    ];

    /// The detector that it is for. Padded lengths overlap with the bytes that follow in the stream.
    #[must_use]
    pub const fn detector(self) -> &'static str {
        match self {
            Self::IpFlags
            | Self::IpId
            | Self::IpTos
            | Self::Ttl
            | Self::TtlRange
            | Self::TtlDeviation
            | Self::IpFragment => "ip-header",
            Self::Urgent => "tcp-header",
            Self::IpLen | Self::IpLenRange => "injection",
            Self::IpProto => "custom-protocol",
            Self::SrcPort | Self::SrcPortRange | Self::SrcPortDeviation => "source-port",
            Self::IpAddress => "dst-address",
        }
    }
}

/// Numbers that look random and are the same each time: a linear congruential generator (Knuth, TAOCP 2 §3.3.4, as
/// in MMIX).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// The next number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = (self.0 >> 33) as u32;
        high % limit
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        f64::from(self.below(1_000_000)) < probability * 1e6
    }
}

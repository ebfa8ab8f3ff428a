//! The 21 techniques of CCgen v2 (TU Wien and FernUniversität in Hagen), generated: a cover of ordinary traffic, and
//! the same with a channel in a share of one client's packets.
//!
//! Techniques, names and parameters are those of its documentation (Iglesias et al., "Covert Channel Techniques") and
//! mapping files: "v2s" maps each value of a field to one symbol; "r2s" maps a range of values to a symbol and draws
//! from the range, so that no value repeats much; "dev" puts the symbol into the change of a field; "con" are
//! fields that hold more than a byte. By default every packet of the flow carries a symbol while the message lasts.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "fields are cut to their widths on purpose, and times are positive"
)]

mod cover;
mod message;
mod numbers;
mod recall;
mod scenes;
mod storage;
mod timing;
mod wire;

pub use cover::{Cover, Frame};
pub use numbers::Numbers;
pub use recall::{Recall, alerts};
pub use scenes::Scene;

use message::Message;

/// Where a channel hides, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Technique {
    /// The reserved bit of the IPv4 flags, 1 bit.
    IpFlags,
    /// The high byte of the identification; the low one is zero, and so is "don't fragment".
    IpId,
    /// The length of the datagram, 50 to 305, whatever the frame's is.
    IpLen,
    /// The IP protocol number, one of 1, 4, 6 and 17, whatever follows.
    IpProto,
    /// The six upper bits of TOS.
    IpTos,
    /// The source port, 1000 to 1255, whatever the connection's is.
    SrcPort,
    /// TTL 100 or 200.
    Ttl,
    /// The last byte of the destination address.
    IpAddr,
    /// TTL 50 to 70 or 190 to 210.
    TtlRange,
    /// Source port 800 to 1200 or 1800 to 2200.
    SrcPortRange,
    /// Length 45 to 75 or 105 to 135, in steps of 5.
    IpLenRange,
    /// 13 bits of the fragment offset, with "more fragments".
    IpFragment,
    /// 16 bits of the urgent pointer, without the flag.
    Urgent,
    /// TTL 61 and 62: the other one for a 1.
    TtlDeviation,
    /// The source port is the one before plus a byte.
    SrcPortDeviation,
    /// Gaps of 100 or 200 ms (Berk et al.).
    TimingBer,
    /// Gaps below or above 200 ms (Gasior and Yang).
    TimingGas,
    /// Gaps of an even or odd multiple of 100 ms (Shah et al.).
    TimingSha,
    /// Gaps of 200 ms, or 50 ms more and less in turn (after Zander et al.).
    TimingZan,
    /// Four gaps, one for each symbol after each other (after Zander et al.).
    TimingZan2,
    /// A packet for a 1, 300 ms for a 0 (Castillo et al.).
    TimingEd1,
}

impl Technique {
    /// All of the list, in its order.
    pub const ALL: [Self; 21] = [
        Self::IpFlags,
        Self::IpId,
        Self::IpLen,
        Self::IpProto,
        Self::IpTos,
        Self::SrcPort,
        Self::Ttl,
        Self::IpAddr,
        Self::TtlRange,
        Self::SrcPortRange,
        Self::IpLenRange,
        Self::IpFragment,
        Self::Urgent,
        Self::TtlDeviation,
        Self::SrcPortDeviation,
        Self::TimingBer,
        Self::TimingGas,
        Self::TimingSha,
        Self::TimingZan,
        Self::TimingZan2,
        Self::TimingEd1,
    ];

    /// Its name in CCgen's own configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpFlags => "ipflags_v2s",
            Self::IpId => "ipid_v2s",
            Self::IpLen => "iplen_v2s",
            Self::IpProto => "ipproto_v2s",
            Self::IpTos => "iptos_v2s",
            Self::SrcPort => "srcport_v2s",
            Self::Ttl => "ttl_v2s",
            Self::IpAddr => "ipaddr_v2s",
            Self::TtlRange => "ttl_r2s",
            Self::SrcPortRange => "srcport_r2s",
            Self::IpLenRange => "iplen_r2s",
            Self::IpFragment => "ipfragment_con",
            Self::Urgent => "urg-pointer_con",
            Self::TtlDeviation => "ttl_dev",
            Self::SrcPortDeviation => "srcport_dev",
            Self::TimingBer => "timing_ber",
            Self::TimingGas => "timing_gas",
            Self::TimingSha => "timing_sha",
            Self::TimingZan => "timing_zan",
            Self::TimingZan2 => "timing_zan2",
            Self::TimingEd1 => "timing_ed1",
        }
    }

    /// What it is hidden in here: gaps need a stream that doesn't wait for answers.
    #[must_use]
    pub const fn cover(self) -> Cover {
        if self.is_timing() { Cover::Log } else { Cover::Pages { connections: 5 } }
    }

    /// Whether it hides in gaps.
    #[must_use]
    pub const fn is_timing(self) -> bool {
        matches!(
            self,
            Self::TimingBer
                | Self::TimingGas
                | Self::TimingSha
                | Self::TimingZan
                | Self::TimingZan2
                | Self::TimingEd1
        )
    }

    /// Packets that the client sends in the shorter of its covers: as many as in CCgen's own captures, and more for gaps,
    /// of which it takes some hundred to judge.
    #[must_use]
    pub const fn packets(self) -> usize {
        if self.is_timing() { 600 } else { 300 }
    }

    /// The cover with the channel in a share (`rate`, 0 to 1) of the client's packets. The message is English text
    /// for even seeds, and looks like ciphertext for odd ones.
    #[must_use]
    pub fn embed(self, cover: &[Frame], rate: f64, seed: u64) -> Vec<Frame> {
        let mut numbers = Numbers::new(seed ^ 0x5eed);
        let mut message = Message::new(seed);
        if self.is_timing() {
            return timing::embed(cover, self, rate, &mut message, &mut numbers);
        }
        let mut frames = cover.to_vec();
        let mut field = storage::Field::default();
        for frame in &mut frames {
            if frame.is_sent && numbers.happens(rate) {
                field.write(&mut frame.bytes, self, &mut message, &mut numbers);
            }
        }
        frames
    }
}

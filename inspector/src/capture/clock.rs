//! The clock of one pcapng interface: from its own units to nanoseconds since the Unix epoch.

use super::bytes::ByteOrder;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;
/// The resolution of an interface that says nothing, as `if_tsresol` would say it.
const MICROSECONDS: u8 = 6;

const NS_PER_S: u64 = 1_000_000_000;

/// How many nanoseconds a unit of the interface's timestamps is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// This many nanoseconds.
    Nanoseconds(u64),
    /// One of so many parts of a nanosecond.
    PartOfNanosecond(u64),
    /// 2⁻ⁿ seconds.
    NegativePowerOfTwo(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    offset_ns: i64,
}

impl Clock {
    /// The clock that an interface's options describe. Damage ends the options, and what makes no sense
    /// leaves the default: microseconds since the epoch.
    pub(super) fn described(order: ByteOrder, mut options: &[u8]) -> Self {
        let (mut resolution, mut offset_s) = (MICROSECONDS, 0);
        while let Some([code, length]) = order.halves(options) {
            let length = usize::from(length);
            let Some(value) = options.get(4..4 + length) else { break };
            match code {
                OPTION_END => break,
                OPTION_TSRESOL => resolution = *value.first().filter(|_| length == 1).unwrap_or(&resolution),
                OPTION_TSOFFSET => offset_s = value.try_into().map_or(offset_s, |bytes| order.i64(bytes)),
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Self::new(resolution, offset_s)
    }

    /// `resolution` as in `if_tsresol`: 10⁻ⁿ seconds, or 2⁻ⁿ with the top bit set.
    fn new(resolution: u8, offset_s: i64) -> Self {
        let exponent = resolution & 0x7f;
        let unit = if resolution & 0x80 != 0 {
            Unit::NegativePowerOfTwo(exponent)
        } else if let Some(below_second) = 9_u8.checked_sub(exponent) {
            Unit::Nanoseconds(10_u64.pow(below_second.into()))
        } else {
            Unit::PartOfNanosecond(10_u64.saturating_pow(u32::from(exponent) - 9))
        };
        Self { unit, offset_ns: offset_s.saturating_mul(1_000_000_000) }
    }

    /// Nanoseconds since the Unix epoch; what does not fit into 64 bits ends at their limits.
    #[inline]
    pub(super) fn nanoseconds(self, timestamp: u64) -> u64 {
        let ns = match self.unit {
            Unit::Nanoseconds(factor) => timestamp.saturating_mul(factor),
            Unit::PartOfNanosecond(divisor) => timestamp / divisor,
            Unit::NegativePowerOfTwo(exponent) => {
                let scaled = (u128::from(timestamp) * u128::from(NS_PER_S)) >> exponent;
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
        };
        ns.saturating_add_signed(self.offset_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_units() {
        for (resolution, timestamp, ns) in [
            (0, 3, 3 * NS_PER_S),
            (3, 1_500, 1_500_000_000),
            (6, 7, 7_000),
            (9, 7, 7),
            (12, 7_999, 7),
            (127, u64::MAX, 1),
            (0x80, 3, 3 * NS_PER_S),
            (0x8a, 1_536, 1_500_000_000),
            (0xa0, (5 << 32) | (1 << 31), 5_500_000_000),
            (0xff, u64::MAX, 0),
        ] {
            assert_eq!(Clock::new(resolution, 0).nanoseconds(timestamp), ns, "if_tsresol {resolution}");
        }
    }

    #[test]
    fn saturates() {
        assert_eq!(Clock::new(6, 0).nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(0x80, 0).nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(6, i64::MIN).nanoseconds(5), 0);
        assert_eq!(Clock::new(0, i64::MAX).nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(6, -1).nanoseconds(1_000_001), 1_000);
    }
}

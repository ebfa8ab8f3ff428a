//! The clock of one capture interface: from its own units to nanoseconds since the Unix epoch.

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
    /// Microseconds since the epoch: what pcapng assumes where an interface says nothing.
    pub(super) const MICROSECONDS: Self = Self { unit: Unit::Nanoseconds(1_000), offset_ns: 0 };

    /// A clock as pcapng describes it: `resolution` as in `if_tsresol` (10⁻ⁿ seconds, or 2⁻ⁿ with the top bit
    /// set), `offset_s` as in `if_tsoffset`.
    pub(super) fn new(resolution: u8, offset_s: i64) -> Self {
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
        assert_eq!(Clock::MICROSECONDS, Clock::new(6, 0));
        for (resolution, timestamp, ns) in [
            (0, 3, 3 * NS_PER_S),
            (3, 1_500, 1_500_000_000),
            (6, 7, 7_000),
            (9, 7, 7),
            (12, 7_999, 7),
            (127, u64::MAX, 1),
            (0x80, 3, 3 * NS_PER_S),
            (0x80 | 10, 1_536, 1_500_000_000),
            (0x80 | 32, (5 << 32) | (1 << 31), 5_500_000_000),
            (0xff, u64::MAX, 0),
        ] {
            assert_eq!(Clock::new(resolution, 0).nanoseconds(timestamp), ns, "if_tsresol {resolution}");
        }
    }

    #[test]
    fn saturates() {
        assert_eq!(Clock::MICROSECONDS.nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(0x80, 0).nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(6, i64::MIN).nanoseconds(5), 0);
        assert_eq!(Clock::new(0, i64::MAX).nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(6, -1).nanoseconds(1_000_001), 1_000);
    }
}

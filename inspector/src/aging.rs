//! When a flow is over: idle for so long that its record makes room for others.

use inspector_common::FlowRecord;

const SECOND: u64 = 1_000_000_000;

/// How often flows are looked through for idle ones, nanoseconds of the source's clock.
pub const AGING_NS: u64 = 10 * SECOND;

/// How long a flow may be idle, nanoseconds, by how full the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A flow of one packet: a scan, a flood, a lost probe. Most of them never have a second.
    single_ns: u64,
    /// Any other.
    idle_ns: u64,
}

impl Patience {
    /// The patience that a table with `entries` of `capacity` taken can afford. Half full is ordinary:
    /// flows may then be silent for as long as the keep-alives of common protocols (15 to 120 s).
    #[must_use]
    pub const fn with(entries: u64, capacity: u64) -> Self {
        let (single, idle) = match entries.saturating_mul(8) / if capacity == 0 { 1 } else { capacity } {
            0..=3 => (60, 150),
            4..=5 => (15, 60),
            6 => (4, 20),
            _ => (1, 5),
        };
        Self { single_ns: single * SECOND, idle_ns: idle * SECOND }
    }

    /// Whether the flow is over at `now_ns`.
    #[must_use]
    pub const fn is_over(self, record: &FlowRecord, now_ns: u64) -> bool {
        let limit = if record.packets <= 1 { self.single_ns } else { self.idle_ns };
        now_ns.saturating_sub(record.last_ns) > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable as _;

    #[test]
    fn the_fuller_the_table_the_sooner_a_flow_is_over_and_single_packets_go_first() {
        let flow = |packets| FlowRecord { packets, last_ns: 10 * SECOND, ..FlowRecord::zeroed() };
        let over =
            |entries, packets, at: u64| Patience::with(entries, 800).is_over(&flow(packets), at * SECOND);
        for entries in [0, 399, 400, 600, 700, 800] {
            assert!(over(entries, 1, 10 + 151) && over(entries, 2, 10 + 151));
            assert!(!over(entries, 1, 11) && !over(entries, 2, 15), "{entries}");
        }
        assert!(over(800, 1, 12) && !over(800, 2, 12) && over(800, 2, 16));
        assert!(!over(100, 2, 150) && over(100, 1, 100));
        assert!(Patience::with(1, 0).is_over(&flow(1), 12 * SECOND));
    }
}

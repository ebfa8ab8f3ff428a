//! How many flows are looked at: fewer while the data plane cannot keep up, all again when it can.

use std::time::Duration;

/// What one drain says of how the data plane keeps up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How long the drain took.
    pub drain: Duration,
    /// Flows in the flow map.
    pub flows: u64,
    /// Flows that fit.
    pub capacity: u64,
    /// Packets and heads since the drain before that the flow map or the ring had no room for.
    pub refused: u64,
}

impl Load {
    /// Drains come each second: one that takes half of it leaves too little for the heads.
    const SLOW: Duration = Duration::from_millis(500);
    const FAST: Duration = Duration::from_millis(150);

    fn is_too_much(&self) -> bool {
        self.refused > 0 || self.drain > Self::SLOW || self.flows * 10 > self.capacity * 9
    }

    /// Half of what would be too much: twice the flows still fit.
    fn is_light(&self) -> bool {
        self.refused == 0 && self.drain < Self::FAST && self.flows * 10 < self.capacity * 4
    }
}

/// Keeps one flow in `N`, and changes `N` by steps of two.
#[derive(Clone, Debug)]
pub struct AdaptiveSampling {
    /// The `N` that the operator asked for: it never looks at more.
    least: u32,
    one_in: u32,
    heavy: u32,
    light: u32,
}

impl AdaptiveSampling {
    /// Drains under too much load before fewer flows are looked at: one may be a hiccup.
    const STEP_DOWN_AFTER: u32 = 2;
    /// Drains under light load before more flows are looked at again: flows that were left out have to
    /// go first, and a flood comes in waves.
    const STEP_UP_AFTER: u32 = 30;
    /// Fewer than one flow in this many are never looked at.
    const LIMIT: u32 = 1024;

    /// Begins with one flow in `least`.
    #[must_use]
    pub const fn new(least: u32) -> Self {
        Self { least, one_in: least, heavy: 0, light: 0 }
    }

    /// One flow in so many is looked at.
    #[must_use]
    pub const fn one_in(&self) -> u32 {
        self.one_in
    }

    /// The share of flows that is looked at, 0 to 1.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        1.0 / f64::from(self.one_in.max(1))
    }

    /// Takes in what a drain says; `true` if the sampling is to be changed.
    pub fn observe(&mut self, load: &Load) -> bool {
        self.heavy = if load.is_too_much() { self.heavy + 1 } else { 0 };
        self.light = if load.is_light() { self.light + 1 } else { 0 };
        let before = self.one_in;
        if self.heavy >= Self::STEP_DOWN_AFTER && self.one_in < Self::LIMIT {
            self.heavy = 0;
            self.one_in = self.one_in.saturating_mul(2);
        } else if self.light >= Self::STEP_UP_AFTER && self.one_in > self.least {
            self.light = 0;
            self.one_in = (self.one_in / 2).max(self.least);
        }
        self.one_in != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIGHT: Load = Load { drain: Duration::from_millis(5), flows: 100, capacity: 1_000, refused: 0 };

    fn after(sampling: &mut AdaptiveSampling, load: Load, drains: u32) -> u32 {
        for _ in 0..drains {
            sampling.observe(&load);
        }
        sampling.one_in()
    }

    #[test]
    fn each_kind_of_pressure_steps_down_and_calm_steps_up_again_later() {
        let pressures = [
            Load { refused: 1, ..LIGHT },
            Load { drain: Duration::from_millis(501), ..LIGHT },
            Load { flows: 901, ..LIGHT },
        ];
        for pressure in pressures {
            let mut sampling = AdaptiveSampling::new(1);
            assert_eq!(after(&mut sampling, pressure, 1), 1, "one is a hiccup");
            assert_eq!(after(&mut sampling, pressure, 1), 2);
            assert_eq!(after(&mut sampling, pressure, 4), 8);
            assert_eq!(after(&mut sampling, LIGHT, 29), 8);
            assert_eq!(after(&mut sampling, LIGHT, 1), 4);
            assert_eq!(after(&mut sampling, LIGHT, 100), 1);
        }
    }

    #[test]
    fn what_is_neither_light_nor_too_much_changes_nothing() {
        let mut sampling = AdaptiveSampling::new(1);
        after(&mut sampling, Load { refused: 1, ..LIGHT }, 2);
        assert_eq!(after(&mut sampling, Load { flows: 600, ..LIGHT }, 1_000), 2);
        let mut alternating =
            (0..1_000).map(|n| if n % 2 == 0 { LIGHT } else { Load { flows: 950, ..LIGHT } });
        assert!(!alternating.any(|load| sampling.observe(&load)));
    }

    #[test]
    fn it_stays_between_what_was_asked_for_and_the_limit() {
        let mut sampling = AdaptiveSampling::new(16);
        assert_eq!(after(&mut sampling, LIGHT, 1_000), 16);
        assert_eq!(after(&mut sampling, Load { refused: 9, ..LIGHT }, 1_000), 1_024);
        assert!((sampling.ratio() - 1.0 / 1_024.0).abs() < 1e-12);
        assert_eq!(after(&mut sampling, LIGHT, 10_000), 16);
    }
}

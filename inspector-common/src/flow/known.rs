//! Which flows may be in the flow map: a byte each, so that a flood of new flows needs few look-ups there.
//!
//! A look-up costs two cache misses where the map is large. Once a window's new flows are spent, one that is not in
//! the map would be left out after it, so it is left out before, unless its mark says that it may be in the map. Marks
//! are shared by flows with the same hash: such a flow is looked up in vain.

use bytemuck::{Pod, Zeroable};

use super::FlowKey;

/// Marks in a page.
const PLACES: u32 = 4096;
const PAGE: usize = PLACES as usize;

/// Pages of marks: 256 KiB of them, four for each entry of the flow map, that stay in a core's cache.
pub const KNOWN_PAGES: u32 = 64;

/// A mark that was just set; each drain that does not find a flow with it takes one off.
const FRESH: u8 = 2;

/// One page of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct KnownPage([u8; PAGE]);

/// Where a flow's mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The page.
    pub page: u32,
    place: u32,
}

impl FlowKey {
    /// Where the flow's mark is.
    #[inline(always)]
    #[must_use]
    pub fn mark(&self) -> Mark {
        let [low, high] = bytemuck::cast::<u64, [u32; 2]>(self.hash().to_le());
        Mark { page: high & (KNOWN_PAGES - 1), place: low & (PLACES - 1) }
    }
}

impl KnownPage {
    /// Whether a flow with this mark may be in the map.
    #[inline(always)]
    #[must_use]
    pub fn has(&self, mark: Mark) -> bool {
        self.0[place(mark)] != 0
    }

    /// Notes that a flow with this mark is in the map.
    #[inline(always)]
    pub fn set(&mut self, mark: Mark) {
        self.0[place(mark)] = FRESH;
    }

    /// Forgets what is neither in `live`, the marks of the flows that a drain found, nor new. A drain may miss a flow
    /// that moves meanwhile, so a mark goes with the second drain.
    pub fn age(&mut self, live: &Self) {
        for (mark, live) in self.0.iter_mut().zip(&live.0) {
            *mark = if *live == 0 { mark.saturating_sub(1) } else { FRESH };
        }
    }
}

/// Masked again, since the verifier doesn't know where the mark was made.
#[inline(always)]
const fn place(mark: Mark) -> usize {
    mark.place as usize & (PAGE - 1)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use super::*;

    #[test]
    fn a_mark_lasts_while_its_flow_is_found_and_one_drain_longer() {
        let key = FlowKey { src_port: 7, ..FlowKey::zeroed() };
        let (mut page, mut live) = (KnownPage::zeroed(), KnownPage::zeroed());
        assert!(!page.has(key.mark()));
        page.set(key.mark());
        live.set(key.mark());
        for _ in 0..10 {
            page.age(&live);
            assert!(page.has(key.mark()));
        }
        page.age(&KnownPage::zeroed());
        assert!(page.has(key.mark()), "a drain may miss it");
        page.age(&KnownPage::zeroed());
        assert!(!page.has(key.mark()));
    }

    #[test]
    fn flows_spread_over_all_marks() {
        let keys = (0..=u16::MAX).map(|src_port| FlowKey { src_port, ..FlowKey::zeroed() });
        let mut pages = vec![KnownPage::zeroed(); KNOWN_PAGES as usize];
        for key in keys {
            pages[key.mark().page as usize].set(key.mark());
        }
        let marked: usize = pages.iter().map(|page| page.0.iter().filter(|mark| **mark != 0).count()).sum();
        // n draws of m marks hit m (1 - e^(-n/m)) of them: 58,000 for n = 65,536 and m = 262,144.
        assert!((57_000..59_000).contains(&marked), "{marked}");
    }
}

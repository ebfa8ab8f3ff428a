//! Keeping the marks of known flows to those that the flow map holds.

use std::io;

use aya::maps::{Array, Map, MapData};
use bytemuck::Zeroable as _;
use inspector_common::FlowKey;
use inspector_common::flow::{KNOWN_PAGES, KnownPage};

use super::error::DataplaneError;
use super::sys::MapValue;

/// The kernel's marks, as userspace keeps them.
pub(super) struct Known {
    map: Array<MapData, MapValue<KnownPage>>,
    /// Marks of the flows that the drain found so far.
    live: Vec<KnownPage>,
}

impl Known {
    /// Takes over the map `KNOWN`.
    pub(super) fn new(map: Map) -> Result<Self, DataplaneError> {
        let map = map
            .try_into()
            .map_err(|source| DataplaneError::Map { map: "KNOWN", source: Box::new(source) })?;
        Ok(Self { map, live: vec![KnownPage::zeroed(); KNOWN_PAGES as usize] })
    }

    /// Notes a flow that a drain found and leaves in the map.
    pub(super) fn found(&mut self, key: &FlowKey) {
        let mark = key.mark();
        if let Some(page) = self.live.get_mut(mark.page as usize) {
            page.set(mark);
        }
    }

    /// Ends a drain: marks of flows that are gone go. A flow that the kernel enters between the reading and the writing
    /// of its page loses its mark until the next drain; in a flood it would not be counted as long.
    pub(super) fn age(&mut self) -> io::Result<()> {
        for (index, live) in (0..).zip(&mut self.live) {
            let MapValue(mut page) = self.map.get(&index, 0).map_err(io::Error::other)?;
            let before = page;
            page.age(live);
            if page != before {
                self.map.set(index, MapValue(page), 0).map_err(io::Error::other)?;
            }
            *live = KnownPage::zeroed();
        }
        Ok(())
    }
}

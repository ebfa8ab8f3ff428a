//! Reading the series of candidate flows.

use std::io;

use aya::maps::{Array, Map, MapData};
use inspector_common::SeriesSlot;

use super::error::DataplaneError;
use super::sys::MapValue;
use crate::observation::Event;
use crate::series::SeriesReader;

/// The kernel's map of series, as userspace reads it.
pub(super) struct SeriesMap {
    map: Array<MapData, MapValue<SeriesSlot>>,
    reader: SeriesReader,
}

impl SeriesMap {
    /// Takes over the map `SERIES`.
    pub(super) fn new(map: Map) -> Result<Self, DataplaneError> {
        let map = map
            .try_into()
            .map_err(|source| DataplaneError::Map { map: "SERIES", source: Box::new(source) })?;
        Ok(Self { map, reader: SeriesReader::default() })
    }

    /// Gives what was added to the slots since they were last read.
    pub(super) fn read(&mut self, slots: &[u32], sink: &mut impl FnMut(Event<'_>)) -> io::Result<()> {
        for index in slots {
            let MapValue(slot) = self.map.get(index, 0).map_err(io::Error::other)?;
            self.reader.read(*index, &slot, sink);
        }
        Ok(())
    }

    /// One slot.
    pub(super) fn slot(&self, index: u32) -> io::Result<SeriesSlot> {
        self.map.get(&index, 0).map(|MapValue(slot)| slot).map_err(io::Error::other)
    }
}

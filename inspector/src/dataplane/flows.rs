//! Draining the flow map, in batches where the kernel has them.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::{HashMap, Map, MapData, MapError};
use bytemuck::Zeroable as _;
use inspector_common::{FlowKey, FlowRecord};

use super::error::DataplaneError;
use super::sys::{self, MapValue};

/// Entries of the first batch. A batch must hold the map's fullest bucket, or it grows.
const BATCH: usize = 4096;

/// The kernel's flow map, as userspace reads it.
pub(super) struct Flows {
    map: HashMap<MapData, MapValue<FlowKey>, MapValue<FlowRecord>>,
    fd: OwnedFd,
    keys: Vec<FlowKey>,
    records: Vec<FlowRecord>,
    has_batches: bool,
}

impl Flows {
    /// Takes over the map `FLOWS`.
    pub(super) fn new(map: Map) -> Result<Self, DataplaneError> {
        let Map::HashMap(data) = &map else {
            return Err(DataplaneError::Object { what: "the flow map" });
        };
        let fd = data.fd().as_fd().try_clone_to_owned();
        let fd = fd.map_err(|source| DataplaneError::Descriptor { source })?;
        let map = map
            .try_into()
            .map_err(|source| DataplaneError::Map { map: "FLOWS", source: Box::new(source) })?;
        let (keys, records) = (vec![FlowKey::zeroed(); BATCH], vec![FlowRecord::zeroed(); BATCH]);
        Ok(Self { map, fd, keys, records, has_batches: true })
    }

    /// Gives every entry to `each`, as it is while the kernel goes on writing. An entry that moves
    /// meanwhile may be given twice or not at all.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&FlowKey, &FlowRecord)) -> io::Result<()> {
        if self.has_batches {
            match self.drain_batches(&mut each) {
                // Before Linux 5.6 there are no batches; nothing has been given out yet.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.has_batches = false,
                result => return result,
            }
        }
        self.drain_singly(&mut each)
    }

    /// The record of one flow.
    pub(super) fn get(&self, key: &FlowKey) -> io::Result<Option<FlowRecord>> {
        match self.map.get(&MapValue(*key), 0) {
            Ok(MapValue(record)) => Ok(Some(record)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Removes flows that are over.
    pub(super) fn remove(&mut self, keys: &[FlowKey]) -> io::Result<()> {
        for keys in keys.chunks(BATCH) {
            match sys::delete_batch(self.fd.as_fd(), keys) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.remove_singly(keys)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn remove_singly(&mut self, keys: &[FlowKey]) -> io::Result<()> {
        for key in keys {
            match self.map.remove(&MapValue(*key)) {
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(())
    }

    fn drain_batches(&mut self, each: &mut impl FnMut(&FlowKey, &FlowRecord)) -> io::Result<()> {
        let mut position = None;
        loop {
            match sys::lookup_batch(self.fd.as_fd(), position, &mut self.keys, &mut self.records) {
                Ok(batch) => {
                    for (key, record) in self.keys.iter().zip(&self.records).take(batch.entries) {
                        each(key, record);
                    }
                    if batch.next.is_none() {
                        return Ok(());
                    }
                    position = batch.next;
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    let size = self.keys.len() * 2;
                    self.keys.resize(size, FlowKey::zeroed());
                    self.records.resize(size, FlowRecord::zeroed());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn drain_singly(&self, each: &mut impl FnMut(&FlowKey, &FlowRecord)) -> io::Result<()> {
        for entry in &self.map {
            let (MapValue(key), MapValue(record)) = entry.map_err(io::Error::other)?;
            each(&key, &record);
        }
        Ok(())
    }
}

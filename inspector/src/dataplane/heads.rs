//! Reading heads out of the ring buffer.

use std::io;

use aya::maps::{Map, MapData, RingBuf};
use inspector_common::HeadMeta;
use tokio::io::unix::AsyncFd;

use super::error::DataplaneError;
use super::sys;

/// The kernel's ring of heads.
pub(super) struct Heads {
    ring: AsyncFd<RingBuf<MapData>>,
}

impl Heads {
    /// Takes over the map `HEADS`. Needs a tokio runtime.
    pub(super) fn new(map: Map) -> Result<Self, DataplaneError> {
        let ring: RingBuf<MapData> = map
            .try_into()
            .map_err(|source| DataplaneError::Map { map: "HEADS", source: Box::new(source) })?;
        Ok(Self { ring: sys::readable(ring).map_err(|source| DataplaneError::Descriptor { source })? })
    }

    /// Waits until the kernel says that much has piled up; a reader polls besides.
    pub(super) async fn piled_up(&mut self) -> io::Result<()> {
        self.ring.readable_mut().await?.clear_ready();
        Ok(())
    }

    /// Gives every head that is there to `each`, at most `limit` of them, and says how many.
    pub(super) fn read(&mut self, limit: usize, mut each: impl FnMut(&HeadMeta, &[u8])) -> usize {
        let ring = self.ring.get_mut();
        let mut read = 0;
        while read < limit
            && let Some(record) = ring.next()
        {
            if let Some((meta, bytes)) = parse(&record) {
                each(&meta, bytes);
            }
            read += 1;
        }
        read
    }
}

/// A record of the ring: the head's header and as many bytes as it says were captured.
fn parse(record: &[u8]) -> Option<(HeadMeta, &[u8])> {
    let (meta, data) = record.split_at_checked(size_of::<HeadMeta>())?;
    let meta: HeadMeta = bytemuck::pod_read_unaligned(meta);
    Some((meta, data.get(..usize::from(meta.captured))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable as _;

    #[test]
    fn a_record_is_cut_to_what_was_captured() {
        let meta = HeadMeta { captured: 3, time_ns: 9, ..HeadMeta::zeroed() };
        let mut record = bytemuck::bytes_of(&meta).to_vec();
        record.extend([1, 2, 3, 0xee, 0xee]);
        assert_eq!(parse(&record), Some((meta, &[1u8, 2, 3][..])));
        assert_eq!(parse(&record[..82]), None, "shorter than it says");
        assert_eq!(parse(&record[..40]), None);
    }
}

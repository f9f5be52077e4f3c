//! A disk in memory, for tests and for worlds that are to be forgotten: everything written is
//! durable at once. It can be made to run full.

use crate::disk::{Disk, DiskError, SegmentBytes};
use crate::ids::SegmentId;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

/// Segments in memory.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    segments: BTreeMap<SegmentId, Vec<u8>>,
    /// How many bytes all segments together may have.
    bytes_max: Option<u64>,
}

impl MemoryDisk {
    /// An empty disk without a bound.
    pub fn new() -> Arc<MemoryDisk> {
        Arc::default()
    }

    /// From now on all segments together have at most so many bytes. What is there stays.
    pub fn limit(&self, bytes_max: Option<u64>) {
        self.state().bytes_max = bytes_max;
    }

    /// How many bytes all segments together have.
    pub fn bytes(&self) -> u64 {
        self.state().bytes()
    }

    /// Changes the bytes of a segment, as a fault of the disk would. Maps of it do not change.
    pub fn spoil(&self, segment: SegmentId, spoil: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = self.state().segments.get_mut(&segment) {
            spoil(bytes);
        }
    }

    /// A copy of all segments as they are now.
    pub fn copy(&self) -> Arc<MemoryDisk> {
        let segments = self.state().segments.clone();
        Arc::new(MemoryDisk { state: Mutex::new(State { segments, bytes_max: None }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.segments.values().map(|bytes| bytes.len() as u64).sum()
    }

    fn get(&self, segment: SegmentId) -> Result<&Vec<u8>, DiskError> {
        self.segments.get(&segment).ok_or_else(|| missing(segment))
    }

    fn get_mut(&mut self, segment: SegmentId) -> Result<&mut Vec<u8>, DiskError> {
        self.segments.get_mut(&segment).ok_or_else(|| missing(segment))
    }

    fn check_room(&self, segment: SegmentId, more: u64) -> Result<(), DiskError> {
        match self.bytes_max {
            Some(max) if more > 0 && self.bytes() + more > max => {
                Err(DiskError::Full { what: format!("segment {segment}") })
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn missing(segment: SegmentId) -> DiskError {
    DiskError::Failed { what: format!("segment {segment}"), why: "there is none".into() }
}

impl Disk for MemoryDisk {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        Ok(self.state().segments.keys().copied().collect())
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        let mut state = self.state();
        state.check_room(segment, u64::from(bytes))?;
        let mut content = head.to_vec();
        content.resize(bytes as usize, 0);
        state.segments.insert(segment, content);
        Ok(())
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        Ok(self.state().get(segment)?.len() as u32)
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        let state = self.state();
        let from = state.get(segment)?.get(offset as usize..).unwrap_or_default();
        let bytes = from.len().min(into.len());
        into[..bytes].copy_from_slice(&from[..bytes]);
        Ok(bytes)
    }

    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.state();
        let end = offset as usize + bytes.len();
        let len = state.get(segment)?.len();
        state.check_room(segment, end.saturating_sub(len) as u64)?;
        let content = state.get_mut(segment)?;
        if len < end {
            content.resize(end, 0);
        }
        content[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.state().get(segment).map(|_| ())
    }

    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError> {
        self.state().get_mut(segment)?.truncate(bytes as usize);
        Ok(())
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.state().segments.remove(&segment).map(|_| ()).ok_or_else(|| missing(segment))
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        let mut aligned = rkyv::util::AlignedVec::<8>::new();
        aligned.extend_from_slice(self.state().get(segment)?);
        Ok(Arc::new(Copied(aligned)))
    }
}

/// The bytes of a segment at the time it was mapped.
struct Copied(rkyv::util::AlignedVec<8>);

impl SegmentBytes for Copied {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn is_resident(&self, _: Range<usize>) -> bool {
        true
    }
}

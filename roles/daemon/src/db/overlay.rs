//! A disk that is read and never written to: what would be written stays in memory.
//!
//! So a database can be opened, with all that belongs to opening it, while a server uses it: what
//! is seen is a state that it had a moment ago. A segment that the server removes between being
//! listed and being mapped is missed; whoever opens the database tries again then. One that was
//! mapped stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use store::{Disk, DiskError, MemoryDisk, SegmentBytes, SegmentId};

/// Reads from one disk, and writes to memory.
pub struct Overlay {
    below: Arc<dyn Disk>,
    above: Arc<MemoryDisk>,
    state: Mutex<State>,
}

/// Which segments are no longer those of the disk below.
#[derive(Default)]
struct State {
    above: BTreeSet<SegmentId>,
    begun: BTreeSet<SegmentId>,
    mapped: BTreeMap<SegmentId, Arc<dyn SegmentBytes>>,
    removed: BTreeSet<SegmentId>,
}

impl Overlay {
    /// Nothing has been written.
    pub fn new(below: Arc<dyn Disk>) -> Overlay {
        Overlay { below, above: MemoryDisk::new(), state: Mutex::default() }
    }

    /// Whether a segment is not of the disk below: it was begun here.
    pub fn is_begun(&self, segment: SegmentId) -> bool {
        self.state().begun.contains(&segment)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the names of segments")
    }

    fn of(&self, segment: SegmentId) -> &dyn Disk {
        if self.state().above.contains(&segment) { &*self.above } else { &*self.below }
    }

    /// The bytes of a segment of the disk below, if they were mapped.
    fn mapped(&self, segment: SegmentId) -> Option<Arc<dyn SegmentBytes>> {
        self.state().mapped.get(&segment).cloned()
    }

    /// Brings a segment into memory, as it is to be changed.
    fn raise(&self, segment: SegmentId) -> Result<(), DiskError> {
        let mut state = self.state();
        if !state.above.contains(&segment) {
            let mut bytes = vec![0; self.below.len(segment)? as usize];
            let read = self.below.read(segment, 0, &mut bytes)?;
            bytes.truncate(read);
            let len = u32::try_from(read).expect("offsets in a segment have 32 bits");
            self.above.create(segment, &bytes, len)?;
            state.above.insert(segment);
            state.mapped.remove(&segment);
        }
        Ok(())
    }
}

impl Disk for Overlay {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        let below = self.below.list()?;
        let state = self.state();
        let mapped = state.mapped.keys().copied();
        let all: BTreeSet<SegmentId> =
            below.into_iter().chain(mapped).chain(self.above.list()?).collect();
        Ok(all.difference(&state.removed).copied().collect())
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        let mut state = self.state();
        state.above.insert(segment);
        state.begun.insert(segment);
        state.removed.remove(&segment);
        self.above.create(segment, head, bytes)
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        match self.mapped(segment) {
            Some(bytes) => Ok(u32::try_from(bytes.bytes().len()).expect("shorter than 4 GiB")),
            None => self.of(segment).len(segment),
        }
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        let Some(mapped) = self.mapped(segment) else {
            return self.of(segment).read(segment, offset, into);
        };
        let from = mapped.bytes().get(offset as usize..).unwrap_or_default();
        let count = from.len().min(into.len());
        into[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError> {
        self.raise(segment)?;
        self.above.write(segment, offset, bytes)
    }

    fn sync(&self, _: SegmentId) -> Result<(), DiskError> {
        Ok(())
    }

    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError> {
        self.raise(segment)?;
        self.above.truncate(segment, bytes)
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        let mut state = self.state();
        state.removed.insert(segment);
        state.mapped.remove(&segment);
        match state.above.remove(&segment) {
            true => self.above.remove(segment),
            false => Ok(()),
        }
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        if let Some(bytes) = self.mapped(segment) {
            return Ok(bytes);
        }
        let bytes = self.of(segment).map(segment)?;
        let mut state = self.state();
        if !state.above.contains(&segment) {
            state.mapped.insert(segment, bytes.clone());
        }
        Ok(bytes)
    }
}

//! A disk that is read and never written to: what would be written stays in memory.
//!
//! So a database can be opened, with all that belongs to opening it, while a server uses it: what
//! is seen is a state that it had a moment ago. Segments that the server removes meanwhile are
//! missed; whoever opens the database tries again then.

use std::collections::BTreeSet;
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
    removed: BTreeSet<SegmentId>,
}

impl Overlay {
    /// Nothing has been written.
    pub fn new(below: Arc<dyn Disk>) -> Overlay {
        Overlay { below, above: MemoryDisk::new(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the names of segments")
    }

    fn of(&self, segment: SegmentId) -> &dyn Disk {
        if self.state().above.contains(&segment) { &*self.above } else { &*self.below }
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
        }
        Ok(())
    }
}

impl Disk for Overlay {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        let below = self.below.list()?;
        let state = self.state();
        let all: BTreeSet<SegmentId> = below.into_iter().chain(self.above.list()?).collect();
        Ok(all.difference(&state.removed).copied().collect())
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        let mut state = self.state();
        state.above.insert(segment);
        state.removed.remove(&segment);
        self.above.create(segment, head, bytes)
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        self.of(segment).len(segment)
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        self.of(segment).read(segment, offset, into)
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
        match state.above.remove(&segment) {
            true => self.above.remove(segment),
            false => Ok(()),
        }
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        self.of(segment).map(segment)
    }
}

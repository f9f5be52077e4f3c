//! A disk in memory that fails, runs full and gets cold when it is told to.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use store::{Disk, DiskError, MemoryDisk, Place, SegmentBytes, SegmentId};

/// What happens to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskEvent {
    /// Nothing becomes durable by itself any more.
    Waits,
    /// What has been asked for becomes durable.
    Commit,
    /// All becomes durable by itself again.
    GoesOn,
    /// There is no room for more segments.
    Full,
    /// There is again.
    Empty,
    /// The next write fails.
    Fails,
    /// Nothing is in memory.
    Cold,
    /// All is in memory again.
    Warm,
}

/// What is the matter with it.
#[derive(Default)]
struct Faults {
    /// The next write fails, and all after it.
    fails: bool,
    /// What is in memory, if not all is.
    resident: Option<BTreeSet<(SegmentId, usize)>>,
}

/// The disk.
pub struct TestDisk {
    memory: Arc<MemoryDisk>,
    faults: Arc<Mutex<Faults>>,
}

impl TestDisk {
    /// An empty one.
    pub fn new() -> TestDisk {
        TestDisk { memory: MemoryDisk::new(), faults: Arc::default() }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap()
    }

    /// Whether there is room for more segments.
    pub fn has_room(&self, has: bool) {
        self.memory.limit((!has).then(|| self.memory.bytes()));
    }

    /// From now on nothing is written.
    pub fn fail(&self) {
        self.faults().fails = true;
    }

    /// Nothing is in memory any more.
    pub fn cool(&self) {
        self.faults().resident = Some(BTreeSet::new());
    }

    /// A record was brought into memory.
    pub fn warm(&self, place: Place) {
        if let Some(resident) = &mut self.faults().resident {
            resident.insert((place.segment, place.offset as usize));
        }
    }

    /// The server starts again: what failed does not any more.
    pub fn restart(&self) {
        self.faults().fails = false;
        self.memory.limit(None);
    }

    /// All is in memory.
    pub fn warm_all(&self) {
        self.faults().resident = None;
    }

    /// Changes a byte of a record.
    pub fn damage(&self, place: Place) {
        let at = (place.offset + place.bytes / 2) as usize;
        self.memory.spoil(place.segment, |bytes| bytes[at] ^= 0x10);
    }

    fn check(&self) -> Result<(), DiskError> {
        match self.faults().fails {
            true => {
                Err(DiskError::Failed { what: "the disk".to_owned(), why: "it broke".to_owned() })
            }
            false => Ok(()),
        }
    }
}

/// A segment that may not be in memory.
struct TestBytes {
    segment: SegmentId,
    bytes: Arc<dyn SegmentBytes>,
    faults: Arc<Mutex<Faults>>,
}

impl SegmentBytes for TestBytes {
    fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }

    fn is_resident(&self, range: Range<usize>) -> bool {
        let faults = self.faults.lock().unwrap();
        let resident = faults.resident.as_ref();
        resident.is_none_or(|resident| resident.contains(&(self.segment, range.start)))
    }
}

impl Disk for TestDisk {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        self.memory.list()
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        self.check()?;
        self.memory.create(segment, head, bytes)
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        self.memory.len(segment)
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        self.memory.read(segment, offset, into)
    }

    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError> {
        self.check()?;
        self.memory.write(segment, offset, bytes)
    }

    fn sync(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.check()?;
        self.memory.sync(segment)
    }

    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError> {
        self.memory.truncate(segment, bytes)
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.memory.remove(segment)
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        let (bytes, faults) = (self.memory.map(segment)?, self.faults.clone());
        Ok(Arc::new(TestBytes { segment, bytes, faults }))
    }
}

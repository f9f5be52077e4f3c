//! A disk with sectors that cannot be read: what stands there is never read through a map, where
//! that would end the process, and the rest of the store lives on.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod bed;

use bed::{open, options, write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use store::{
    Committer, Disk, DiskError, Found, Heard, MemoryDisk, Place, SegmentBytes, SegmentId, Together,
};
use wire::ids::DoId;

const SEGMENT_BYTES: u32 = 16 << 10;

/// A disk whose maps keep nothing in memory, and whose reads of some places fail.
#[derive(Default)]
struct BadDisk {
    memory: Arc<MemoryDisk>,
    bad: Mutex<Option<Place>>,
    /// Reading ahead is a read of the whole segment: it is let through.
    ahead_works: AtomicBool,
    fetched: AtomicU32,
}

struct Cold(Arc<dyn SegmentBytes>);

impl SegmentBytes for Cold {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn is_resident(&self, _: Range<usize>) -> bool {
        false
    }
}

impl Disk for BadDisk {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        self.memory.list()
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        self.memory.create(segment, head, bytes)
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        self.memory.len(segment)
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        let is_ahead = offset == 0 && self.ahead_works.load(Ordering::Relaxed);
        let bad = self.bad.lock().unwrap().filter(|bad| bad.segment == segment && !is_ahead);
        let hits =
            |bad: Place| offset < bad.offset + bad.bytes && bad.offset < offset + into.len() as u32;
        if bad.is_some_and(hits) {
            return Err(DiskError::Failed { what: "a read".into(), why: "I/O error".into() });
        }
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.memory.read(segment, offset, into)
    }

    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError> {
        self.memory.write(segment, offset, bytes)
    }

    fn sync(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.memory.sync(segment)
    }

    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError> {
        self.memory.truncate(segment, bytes)
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        self.memory.remove(segment)
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        Ok(Arc::new(Cold(self.memory.map(segment)?)))
    }
}

/// Object 1 stands in a sealed segment with a bad place, and is never written; object 2 is. In
/// the end all segments are swept in which anything is of no use.
fn swept_around(disk: &Arc<BadDisk>, bad: impl FnOnce(&BadDisk, Place) -> Place) -> Together {
    let options = store::Options { scrub: false, ..options(SEGMENT_BYTES) };
    let mut store = open(disk.clone(), &options);
    write(&mut store, 1, 1, 300);
    for version in 0..100 {
        write(&mut store, 2, version, 300);
    }
    store.settle();
    let place = store.parts[0].place_of(DoId(1)).unwrap();
    *disk.bad.lock().unwrap() = Some(bad(disk, place));
    for version in 100..1000 {
        if version == 500 {
            store.committer.sweep_all();
        }
        write(&mut store, 2, version, 300);
        store.settle();
    }
    assert_eq!(store.parts[0].place_of(DoId(1)), Some(place), "it was not read");
    assert!(disk.list().unwrap().contains(&place.segment));
    let stats = store.committer.stats();
    assert!(stats.swept > 5 && !stats.read_only, "{stats:?}");
    store
}

#[test]
fn a_segment_that_cannot_be_read_ahead_stays() {
    let disk = Arc::new(BadDisk::default());
    let mut store = swept_around(&disk, |disk, place| {
        let bytes = 8;
        Place { offset: disk.len(place.segment).unwrap() - bytes, bytes, ..place }
    });
    // Its object is not damaged.
    let Found::Away(place) = store.part(0).find(DoId(1)) else { panic!("it is not in memory") };
    store.heard.clear();
    store.part(0).fetch(place);
    store.settle();
    assert!(store.heard.iter().any(|(_, it)| *it == Heard::Fetched(place, Ok(()))));
}

#[test]
fn a_record_that_is_lost_while_its_segment_is_swept_stays() {
    let disk = Arc::new(BadDisk::default());
    disk.ahead_works.store(true, Ordering::Relaxed);
    let mut store = swept_around(&disk, |_, place| place);
    let place = store.parts[0].place_of(DoId(1));
    assert!(matches!(store.part(0).find(DoId(1)), Found::Damaged(at) if Some(at) == place));
}

#[test]
fn a_footer_that_is_lost_while_its_segment_is_swept_keeps_it() {
    let disk = Arc::new(BadDisk::default());
    disk.ahead_works.store(true, Ordering::Relaxed);
    let mut store = swept_around(&disk, |disk, place| {
        let bytes = 8;
        Place { offset: disk.len(place.segment).unwrap() - bytes, bytes, ..place }
    });
    assert!(matches!(store.part(0).find(DoId(1)), Found::Away(_)));
}

#[test]
fn what_is_not_in_memory_is_fetched_before_it_is_moved() {
    let disk = Arc::new(BadDisk::default());
    let options = store::Options { scrub: false, ..options(SEGMENT_BYTES) };
    let mut store = open(disk.clone(), &options);
    (0..30).for_each(|do_id| write(&mut store, do_id, 1, 300));
    store.settle();
    for version in 2..400 {
        if version == 100 {
            store.committer.sweep_all();
        }
        write(&mut store, 0, version, 300);
        store.settle();
    }
    let stats = store.committer.stats();
    assert!(stats.swept > 5 && stats.moved_bytes > 29 * 300, "{stats:?}");
    assert!(u64::from(disk.fetched.load(Ordering::Relaxed)) > stats.swept + 29);
    assert_eq!((stats.objects, stats.damaged), (30, 0));
    store.committer.close().unwrap();
    let mut store = open(disk.memory.clone(), &options);
    assert!((1..30).all(|do_id| bed::version(&mut store, do_id) == Some(1)));
}

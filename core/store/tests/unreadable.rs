//! A disk with sectors that cannot be read: what stands there is never read through a map, where
//! that would end the process, and the rest of the store lives on. And a system that is short of
//! descriptors for a while, which is not taken for damage.
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
    /// There are no descriptors.
    is_busy: AtomicBool,
}

impl BadDisk {
    fn check_busy(&self) -> Result<(), DiskError> {
        match self.is_busy.load(Ordering::Relaxed) {
            true => Err(DiskError::Busy { what: "a file".into(), why: "too many open".into() }),
            false => Ok(()),
        }
    }
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
        self.check_busy()?;
        self.memory.create(segment, head, bytes)
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        self.memory.len(segment)
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        self.check_busy()?;
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
        self.check_busy()?;
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

fn refusals(store: &mut Together) -> usize {
    store.heard.drain(..).filter(|(_, heard)| matches!(heard, Heard::Refused { .. })).count()
}

#[test]
fn writes_go_on_when_segments_can_be_made_and_mapped_again() {
    let disk = Arc::new(BadDisk::default());
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    store.settle();
    disk.is_busy.store(true, Ordering::Relaxed);
    let mut written = 0;
    while refusals(&mut store) == 0 {
        write(&mut store, written, 1, 300);
        store.settle();
        written += 1;
    }
    let stats = store.committer.stats();
    assert!(stats.full && !stats.read_only, "{stats:?}");
    assert!(written > SEGMENT_BYTES / 344, "{written}");
    // Nobody comes in a hurry for what was in vain.
    assert!((0..10).all(|_| !store.chore()));
    assert!(store.committer.stats().full);
    disk.is_busy.store(false, Ordering::Relaxed);
    (0..10).for_each(|_| {
        store.chore();
    });
    assert!(!store.committer.stats().full);
    for do_id in written..written + 500 {
        write(&mut store, do_id, 1, 300);
        store.settle();
    }
    assert_eq!(refusals(&mut store), 0);
    // The first segment was mapped after all, so its objects are not kept in memory any more.
    assert!(matches!(store.part(0).find(DoId(0)), Found::Away(_)));
    store.committer.close().unwrap();
    let mut store = open(disk.memory.clone(), &options(SEGMENT_BYTES));
    assert!((0..written - 1).all(|do_id| bed::version(&mut store, do_id) == Some(1)));
}

#[test]
fn a_fetch_is_tried_again_and_the_object_is_not_damaged() {
    let disk = Arc::new(BadDisk::default());
    let options = store::Options { scrub: false, ..options(SEGMENT_BYTES) };
    let mut store = open(disk.clone(), &options);
    (0..100).for_each(|do_id| write(&mut store, do_id, 1, 300));
    store.settle();
    store.heard.clear();
    let Found::Away(place) = store.part(0).find(DoId(1)) else { panic!("it is not in memory") };
    disk.is_busy.store(true, Ordering::Relaxed);
    store.part(0).fetch(place);
    store.settle();
    (0..10).for_each(|_| assert!(!store.chore(), "it is tried at leisure"));
    assert!(store.heard.is_empty(), "{:?}", store.heard);
    assert!(matches!(store.part(0).find(DoId(1)), Found::Away(_)));
    disk.is_busy.store(false, Ordering::Relaxed);
    store.settle();
    store.settle();
    assert_eq!(store.heard, [(store.parts[0].id(), Heard::Fetched(place, Ok(())))]);
    assert!(matches!(store.part(0).find_waiting(DoId(1)), Found::Here(_)));
}

#[test]
fn a_segment_is_swept_when_it_can_be_read_again() {
    let disk = Arc::new(BadDisk::default());
    let options = store::Options { scrub: false, ..options(SEGMENT_BYTES) };
    let mut store = open(disk.clone(), &options);
    (0..200).for_each(|version| write(&mut store, 2, version, 300));
    store.settle();
    let before = store.committer.stats().swept;
    for version in 200..240 {
        write(&mut store, 2, version, 300);
        store.commit();
    }
    disk.is_busy.store(true, Ordering::Relaxed);
    store.settle();
    (0..10).for_each(|_| assert!(!store.chore(), "it is tried at leisure"));
    disk.is_busy.store(false, Ordering::Relaxed);
    (0..10).for_each(|_| {
        store.chore();
        store.settle();
    });
    let stats = store.committer.stats();
    assert!(stats.swept > before && !stats.read_only, "{stats:?}");
}

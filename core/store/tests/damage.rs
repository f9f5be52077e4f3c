//! Whatever happens to the bytes of a store: no wrong value, nothing durable lost in silence, and a
//! repaired store serves what could be read.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod bed;

use bed::{open, options, value, write};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::inspect::{Fault, Repair, Snapshot, backup, repair, verify};
use store::{Committer, Disk, Found, MemoryDisk, OpenError, SegmentId, Together, WriteError};
use wire::ids::DoId;

const SEGMENT_BYTES: u32 = 4096;
const OBJECTS: u32 = 40; // the last one ends a commit

/// A store with several segments, old versions, tombstones; closed, or left in the middle.
fn made(close: bool) -> Arc<MemoryDisk> {
    let disk = MemoryDisk::new();
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    for version in 0..3 {
        for do_id in 0..OBJECTS {
            if version == 0 || do_id % (version + 1) == 0 {
                write(&mut store, do_id, version, 40);
            }
            if do_id % 3 == 0 {
                store.commit();
            }
        }
    }
    for do_id in (0..OBJECTS).step_by(7) {
        store.part(0).delete(DoId(do_id)).unwrap();
    }
    if close {
        store.settle();
        store.committer.close().unwrap();
    } else {
        store.commit();
    }
    disk
}

fn expected(do_id: u32) -> Option<u32> {
    (!do_id.is_multiple_of(7)).then_some(last_version(do_id))
}

/// What is durable without the last commit, which is all the deletes.
fn last_version(do_id: u32) -> u32 {
    if do_id.is_multiple_of(3) { 2 } else { u32::from(do_id.is_multiple_of(2)) }
}

/// What is read of an object: Err where it says that it is damaged.
fn read(store: &mut Together, do_id: u32) -> Result<Option<u32>, ()> {
    match store.part(0).find(DoId(do_id)) {
        Found::Absent => Ok(None),
        Found::Here(object) => {
            let found = object.field(bed::FIELD).unwrap();
            let version = u32::from_le_bytes(found[4..8].try_into().unwrap());
            assert_eq!(found, value(do_id, version, found.len()));
            Ok(Some(version))
        }
        Found::Damaged(_) => Err(()),
        Found::Away(place) => panic!("{place} is in memory"),
    }
}

fn repaired(disk: &MemoryDisk) -> (Vec<Repair>, BTreeMap<String, Vec<u8>>) {
    let mut aside = BTreeMap::new();
    let mut set_aside = |name: &str, bytes: &[u8]| {
        assert!(aside.insert(name.to_string(), bytes.to_vec()).is_none());
        Ok(())
    };
    let done = repair(disk, &mut set_aside, &mut |_, _| {}).unwrap();
    (done, aside)
}

/// Spoils one byte, then looks at all that a user could see.
fn check(disk: &Arc<MemoryDisk>, segment: SegmentId, at: usize, mask: u8) {
    let spoilt = disk.copy();
    spoilt.spoil(segment, |bytes| bytes[at] ^= mask);
    let before = verify(&*spoilt, &mut |_, _| {}).unwrap();
    // Damage of the very last commit of a store that was killed is no different from a write that
    // was cut short.
    let expected = |do_id| match before.unfinished {
        Some(_) => Some(last_version(do_id)),
        None => expected(do_id),
    };
    let mut damaged = 0;
    match Together::open(spoilt.copy(), &options(SEGMENT_BYTES)) {
        Ok((mut store, _)) => {
            for do_id in 0..OBJECTS {
                match read(&mut store, do_id) {
                    Ok(version) => assert_eq!(version, expected(do_id), "{segment} at {at}"),
                    Err(()) => damaged += 1,
                }
            }
        }
        Err(OpenError::Damaged { .. } | OpenError::Format { .. }) => {
            assert!(!before.findings.is_empty());
        }
        Err(why @ (OpenError::Catalog(_) | OpenError::Disk(_))) => panic!("{why}"),
    }
    let said = before.findings.iter().filter(|found| matches!(found.fault, Fault::Object(..)));
    assert_eq!(damaged, said.count(), "{segment} at {at}");
    if before.findings.iter().any(|found| matches!(found.fault, Fault::Format(_))) {
        return;
    }
    let (done, _) = repaired(&spoilt);
    assert_eq!(done.is_empty(), before.findings.is_empty(), "{segment} at {at}: {done:?}");
    assert_eq!(verify(&*spoilt, &mut |_, _| {}).unwrap().findings, []);
    let mut store = open(spoilt, &options(SEGMENT_BYTES));
    let unknown = done.iter().any(|it| matches!(it, Repair::Unknown(..) | Repair::Lost(_)));
    for do_id in 0..OBJECTS {
        let version = read(&mut store, do_id).expect("nothing is damaged after repair");
        let deleted = |it: &Repair| matches!(it, Repair::Deleted(id, _) if *id == DoId(do_id));
        let gone = done.iter().any(deleted);
        assert!(gone || unknown || version == expected(do_id), "{segment} at {at}: {do_id}");
        assert!(!gone || version.is_none(), "{segment} at {at}: {do_id}");
    }
}

fn all_over(disk: &Arc<MemoryDisk>) {
    let mut random = SmallRng::seed_from_u64(1);
    for segment in disk.list().unwrap() {
        let mut bytes = vec![0; disk.len(segment).unwrap() as usize];
        disk.read(segment, 0, &mut bytes).unwrap();
        // Records are aligned to 8, so each place of a header and of a body comes up.
        for at in (0..bytes.len()).step_by(3) {
            // Of what was never written, a sample.
            let around = &bytes[at.saturating_sub(32)..bytes.len().min(at + 32)];
            if at % 96 == 0 || around.iter().any(|byte| *byte != 0) {
                check(disk, segment, at, 1 << random.random_range(0..8));
            }
        }
    }
}

#[test]
fn bytes_all_over_a_closed_store() {
    all_over(&made(true));
}

#[test]
fn bytes_all_over_a_store_that_was_killed() {
    all_over(&made(false));
}

#[test]
fn a_store_in_order_is_left_as_it_is() {
    for disk in [made(true), made(false)] {
        let verified = verify(&*disk, &mut |_, _| {}).unwrap();
        assert_eq!((verified.findings.len(), verified.unfinished), (0, None));
        let before = disk.bytes();
        assert_eq!(repaired(&disk).0, []);
        assert_eq!(disk.bytes(), before);
    }
}

#[test]
fn a_damaged_object_is_not_written_and_the_rest_lives_on() {
    let disk = made(true);
    let store = open(disk.copy(), &options(SEGMENT_BYTES));
    let place = store.parts[0].place_of(DoId(1)).unwrap();
    disk.spoil(place.segment, |bytes| bytes[place.offset as usize + 30] ^= 1);
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    assert!(matches!(store.part(0).find(DoId(1)), Found::Damaged(at) if at == place));
    assert_eq!(store.part(0).delete(DoId(1)), Err(WriteError::Damaged(place)));
    // However much is swept, the segment stays, and what else was in it goes on.
    for version in 3..2000 {
        write(&mut store, 2, version, 40);
        store.settle();
    }
    assert!(store.committer.stats().swept > 5);
    assert!(matches!(store.part(0).find(DoId(1)), Found::Damaged(_)));
    assert_eq!(read(&mut store, 2), Ok(Some(1999)));
    let finding = &verify(&*disk, &mut |_, _| {}).unwrap().findings[0];
    assert!(finding.to_string().contains("object 1 is damaged"), "{finding}");
    drop(store);
    let (done, aside) = repaired(&disk);
    assert_eq!(done, [Repair::Deleted(DoId(1), place)]);
    assert_eq!(aside.len(), 1);
}

#[test]
fn the_scrub_finds_what_nobody_reads() {
    let disk = made(true);
    let store = open(disk.copy(), &options(SEGMENT_BYTES));
    let place = store.parts[0].place_of(DoId(1)).unwrap();
    disk.spoil(place.segment, |bytes| bytes[place.offset as usize + 30] ^= 1);
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    for _ in 0..200 {
        store.chore();
    }
    assert_eq!(store.committer.stats().damaged, 1);
    let heard: Vec<_> = store.heard.drain(..).map(|(_, heard)| heard).collect();
    assert_eq!(heard, [store::Heard::Damaged(DoId(1), place)]);
}

#[test]
fn a_backup_is_the_store() {
    for disk in [made(true), made(false)] {
        let snapshot = Snapshot::of(disk.copy()).unwrap();
        let to = MemoryDisk::new();
        let mut last = (0, 1);
        let objects = backup(&snapshot, &*to, &mut |done, all| last = (done, all)).unwrap();
        assert_eq!(last.0, last.1);
        let living = (0..OBJECTS).filter(|do_id| expected(*do_id).is_some()).count() as u64;
        assert_eq!((objects, snapshot.report().objects), (living, living));
        let mut room = Default::default();
        for (do_id, _) in snapshot.objects() {
            let object = snapshot.find(do_id, &mut room).unwrap().unwrap();
            let version = expected(do_id.0).unwrap();
            assert_eq!(object.field(bed::FIELD).unwrap(), value(do_id.0, version, 40));
        }
        let mut store = open(to, &options(SEGMENT_BYTES));
        for do_id in 0..OBJECTS {
            assert_eq!(read(&mut store, do_id), Ok(expected(do_id)));
        }
        let served = store.committer.stats();
        let seen = snapshot.stats();
        assert_eq!((served.live_bytes, served.dead_bytes), (seen.live_bytes, seen.dead_bytes));
        assert!(backup(&snapshot, &*disk, &mut |_, _| {}).is_err());
    }
}

/// The highest ids stand behind the damage, where only the records know of them.
#[test]
fn no_id_is_given_again_after_a_repair() {
    let disk = MemoryDisk::new();
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    for do_id in 0..OBJECTS / 2 {
        write(&mut store, do_id, 0, 40);
        store.commit();
    }
    let (segment, spoilt) = (disk.list().unwrap()[0], disk.copy());
    spoilt.spoil(segment, |bytes| bytes[1000] ^= 1);
    let (done, _) = repaired(&spoilt);
    assert!(done.iter().any(|it| matches!(it, Repair::Unknown(..))), "{done:?}");
    let (_, report) = Together::open(spoilt, &options(SEGMENT_BYTES)).unwrap();
    assert!((OBJECTS / 2..OBJECTS).contains(&report.next_do_id.0), "{report:?}");
}

/// The newest segment is lost, and with it the only records that know of the highest ids.
#[test]
fn no_id_is_given_again_where_the_newest_segment_is_lost() {
    for sealed in [false, true] {
        let disk = MemoryDisk::new();
        let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
        for do_id in 0..100 {
            write(&mut store, do_id, 0, 8);
            store.settle();
        }
        let place = store.parts[0].place_of(DoId(99)).unwrap();
        if sealed {
            store.committer.close().unwrap();
        }
        disk.spoil(place.segment, |bytes| {
            bytes[20] ^= 1;
            *bytes.last_mut().unwrap() ^= 1;
        });
        let (done, aside) = repaired(&disk);
        assert!(done.contains(&Repair::Lost(place.segment)) && !aside.is_empty(), "{done:?}");
        let next = |it: &Repair| if let Repair::NextId(next) = it { Some(*next) } else { None };
        let told = done.iter().find_map(next);
        assert!(told.is_some_and(|next| (100..300).contains(&next.0)), "{told:?}");
        assert_eq!(verify(&*disk, &mut |_, _| {}).unwrap().findings, []);
        assert_eq!(repaired(&disk).0, []);
        for _ in 0..2 {
            let (mut store, report) =
                Together::open(disk.clone(), &options(SEGMENT_BYTES)).unwrap();
            assert_eq!(Some(report.next_do_id), told);
            assert_eq!(read(&mut store, 0), Ok(Some(0)));
            assert_eq!(read(&mut store, 99), Ok(None));
        }
    }
}

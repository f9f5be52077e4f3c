//! The store on real files: what is refused, what is kept, and what can be looked at while it is
//! served.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod bed;

use bed::{open, options, version, write};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use store::inspect::{Frozen, Snapshot, backup, repair, verify};
use store::{Access, Committer, Disk, Files, FilesError, Found, Options, SegmentId};
use tempfile::TempDir;
use wire::ids::DoId;

const SEGMENT_BYTES: u32 = 64 << 10;

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_store_is_there_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/store");
    for round in 0..6 {
        let mut store = open(Files::open(&path, Access::Serve).unwrap(), &options(SEGMENT_BYTES));
        for do_id in 0..1000 {
            assert_eq!(version(&mut store, do_id), (round > 0).then(|| round - 1));
            write(&mut store, do_id, round, 100);
        }
        store.settle();
        if round % 2 == 0 {
            store.committer.close().unwrap();
            assert!(!names(&path).iter().any(|name| name.ends_with(".new")));
        }
    }
}

#[test]
fn the_newest_sealed_segments_are_read_through_their_maps() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    let mut store = open(files.clone(), &options(SEGMENT_BYTES));
    for do_id in 0..2000 {
        write(&mut store, do_id, 1, 300);
        if do_id % 50 == 0 {
            store.settle();
        }
    }
    store.settle();
    let stats = store.committer.stats();
    let sizes = files.list().unwrap().into_iter().map(|it| u64::from(files.len(it).unwrap()));
    assert_eq!(stats.disk_bytes, sizes.sum::<u64>());
    for do_id in 0..2000 {
        // What the system took out of memory is fetched, as a role would.
        if let Found::Away(place) = store.part(0).find(DoId(do_id)) {
            store.part(0).fetch(place);
            store.settle();
        }
        assert_eq!(version(&mut store, do_id), Some(1));
    }
}

#[test]
fn what_is_not_a_store_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::write(path.join("letter.txt"), "dear").unwrap();
    let refused = Files::open(path, Access::Serve).unwrap_err();
    assert_eq!(refused, FilesError::Foreign(path.into()));
    assert!(refused.to_string().contains("choose another directory"));
    assert_eq!(names(path), ["letter.txt"]);
    let file = path.join("letter.txt");
    assert_eq!(Files::open(&file, Access::Serve).unwrap_err(), FilesError::NotADirectory(file));
    let none = path.join("none");
    let refused = Files::open(&none, Access::ReadOnly).unwrap_err();
    assert_eq!(refused, FilesError::Missing(none.clone()));
    assert!(!none.exists());
    fs::create_dir(&none).unwrap();
    let refused = Files::open(&none, Access::ReadOnly).unwrap_err();
    assert_eq!(refused, FilesError::Foreign(none.clone()));
    assert_eq!(names(&none), [""; 0]);
}

#[test]
fn a_newer_format_is_refused() {
    let folder = TempDir::new().unwrap();
    let marker = folder.path().join("ferriswheel.store");
    fs::write(&marker, "ferriswheel object store, format 2\n").unwrap();
    let refused = Files::open(folder.path(), Access::Serve).unwrap_err();
    assert_eq!(refused, FilesError::Newer { path: folder.path().into(), format: 2 });
    fs::write(&marker, "something else").unwrap();
    let refused = Files::open(folder.path(), Access::Serve).unwrap_err();
    assert_eq!(refused, FilesError::Foreign(folder.path().into()));
    assert_eq!(names(folder.path()), ["ferriswheel.store"]);
}

#[test]
fn a_store_serves_one_at_a_time() {
    let folder = TempDir::new().unwrap();
    let first = Files::open(folder.path(), Access::Serve).unwrap();
    let refused = Files::open(folder.path(), Access::Serve).unwrap_err();
    let pid = Some(std::process::id());
    assert_eq!(refused, FilesError::InUse { path: folder.path().into(), pid });
    let looking = Files::open(folder.path(), Access::ReadOnly).unwrap();
    assert!(looking.create(SegmentId(1), &[], 8).is_err());
    drop(first);
    Files::open(folder.path(), Access::Serve).unwrap();
}

#[test]
fn what_was_being_made_is_taken_away() {
    let folder = TempDir::new().unwrap();
    drop(Files::open(folder.path(), Access::Serve).unwrap());
    fs::write(folder.path().join("00000009.segment.new"), "half").unwrap();
    fs::write(folder.path().join("00000007.segment.spare"), "kept").unwrap();
    fs::write(folder.path().join("notes"), "mine").unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    assert_eq!(files.list().unwrap(), []);
    assert_eq!(names(folder.path()), ["LOCK", "ferriswheel.store", "notes"]);
}

#[test]
fn a_damaged_store_is_repaired_and_keeps_what_it_takes_out() {
    let folder = TempDir::new().unwrap();
    let options = options(SEGMENT_BYTES);
    let mut store = open(Files::open(folder.path(), Access::Serve).unwrap(), &options);
    (0..100).for_each(|do_id| write(&mut store, do_id, 1, 100));
    store.settle();
    let place = store.parts[0].place_of(DoId(50)).unwrap();
    store.committer.close().unwrap();
    drop(store);
    let path = folder.path().join(format!("{:08}.segment", place.segment.0));
    let mut bytes = fs::read(&path).unwrap();
    bytes[place.offset as usize + 40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    let mut set_aside = |name: &str, bytes: &[u8]| files.set_aside(name, bytes);
    assert_eq!(repair(&*files, &mut set_aside, &mut |_, _| {}).unwrap().len(), 1);
    assert_eq!(names(&folder.path().join("damaged")).len(), 1);
    let mut store = open(files, &options);
    assert_eq!(version(&mut store, 50), None);
    assert!((0..100).all(|do_id| do_id == 50 || version(&mut store, do_id) == Some(1)));
}

/// A server updates pairs of objects while its directory is looked at: what is seen is always the
/// log up to one moment.
#[test]
fn a_store_is_looked_at_and_copied_while_it_is_served() {
    let folder = TempDir::new().unwrap();
    let (path, copies) = (folder.path().join("store"), folder.path().join("copies"));
    let mut store = open(Files::open(&path, Access::Serve).unwrap(), &options(SEGMENT_BYTES));
    let step = |store: &mut store::Together, round: u32| {
        let pair = 2 * (round % 100);
        write(store, pair, round, 300);
        write(store, pair + 1, round, 300);
        store.commit();
        store.work();
        store.chore();
    };
    (0..100).for_each(|round| step(&mut store, round));
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            (0..20).for_each(|copy| look(&path, &copies.join(copy.to_string())));
        });
        for round in 100.. {
            step(&mut store, round);
            if looking.is_finished() && store.committer.stats().swept > 5 {
                break;
            }
        }
    });
}

fn look(path: &Path, copy: &Path) {
    let frozen = Frozen::open(path).unwrap();
    assert_eq!(verify(&*frozen, &mut |_, _| {}).unwrap().findings, []);
    let snapshot = Snapshot::of(Frozen::open(path).unwrap()).unwrap();
    assert_eq!(snapshot.report().objects, 200);
    let mut room = Default::default();
    let mut shown = |do_id| {
        let object = snapshot.find(DoId(do_id), &mut room).unwrap().unwrap();
        u32::from_le_bytes(object.field(bed::FIELD).unwrap()[4..8].try_into().unwrap())
    };
    let versions: Vec<[u32; 2]> = (0..100).map(|at| [shown(2 * at), shown(2 * at + 1)]).collect();
    let newest = versions.iter().map(|pair| pair[0]).max().unwrap();
    for (at, [one, other]) in (0..).zip(versions) {
        // Where a segment ends between the two, the newest pair may be seen by half.
        assert!(one == other || (one == newest && other + 100 == newest), "{one}, {other}");
        assert_eq!((newest - one) / 100, 0, "no commit is missing: {at}");
    }
    let to = Files::open(copy, Access::Serve).unwrap();
    assert_eq!(backup(&snapshot, &*to, &mut |_, _| {}), Ok(200));
    let mut store = open(to, &options(SEGMENT_BYTES));
    assert!((0..200).all(|do_id| version(&mut store, do_id).is_some_and(|it| it <= newest)));
}

#[test]
fn directories_are_made_where_they_are_missing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("some/where/store");
    let files = Files::open(&path, Access::Serve).unwrap();
    files.set_aside("first", b"1").unwrap();
    files.set_aside("second", b"2").unwrap();
    assert_eq!(names(&path.join("damaged")), ["first", "second"]);
    fs::write(folder.path().join("file"), "").unwrap();
    let below = folder.path().join("file/store");
    let refused = Files::open(&below, Access::Serve).unwrap_err();
    assert_eq!(refused, FilesError::NotADirectory(below));
}

#[test]
fn a_segment_is_read_and_mapped_when_its_name_is_gone() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    let segment = SegmentId(1);
    files.create(segment, b"head", 4096).unwrap();
    // As where there is no descriptor for another file: nothing is opened any more.
    fs::remove_file(folder.path().join("00000001.segment")).unwrap();
    files.write(segment, 8, b"record").unwrap();
    files.sync(segment).unwrap();
    let map = files.map(segment).unwrap();
    let mut read = [0; 6];
    assert_eq!(files.read(segment, 8, &mut read), Ok(6));
    assert_eq!((&read, &map.bytes()[8..14]), (b"record", &b"record"[..]));
}

/// A segment of 8 KiB full of these bytes.
fn fill(files: &Files, segment: SegmentId, byte: u8) {
    files.create_filled(segment, b"head", 8192).unwrap();
    files.write(segment, 4, &[byte; 8188]).unwrap();
    files.sync(segment).unwrap();
}

fn bytes_of(disk: &dyn Disk, segment: SegmentId) -> Vec<u8> {
    let mut bytes = vec![0; disk.len(segment).unwrap() as usize];
    disk.read(segment, 0, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_removed_segment_becomes_another_one() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    let inode = |segment: u32| {
        fs::metadata(folder.path().join(format!("{segment:08}.segment"))).unwrap().ino()
    };
    for (last, bytes) in (1..).zip([8192, 4096, 20_000, 8192]) {
        fill(&files, SegmentId(last), 7);
        let before = inode(last);
        files.remove(SegmentId(last)).unwrap();
        assert_eq!(files.list().unwrap(), []);
        files.create(SegmentId(9), b"another", bytes).unwrap();
        assert_eq!(inode(9), before);
        let found = bytes_of(&*files, SegmentId(9));
        assert_eq!(found.len(), bytes as usize);
        assert!(found.starts_with(b"another"));
        assert!(found.ends_with(&[0; 48]), "no footer stands there");
        files.remove(SegmentId(9)).unwrap();
        files.tidy().unwrap();
        assert_eq!(names(folder.path()), ["LOCK", "ferriswheel.store"]);
    }
}

#[test]
fn no_more_are_kept_than_are_soon_needed() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    (1..10).for_each(|segment| fill(&files, SegmentId(segment), 7));
    (1..10).for_each(|segment| files.remove(SegmentId(segment)).unwrap());
    let spares = names(folder.path()).into_iter().filter(|name| name.ends_with(".spare"));
    assert_eq!(spares.count(), 2);
}

#[test]
fn what_is_read_does_not_become_something_else() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    fill(&files, SegmentId(1), 7);
    let map = files.map(SegmentId(1)).unwrap();
    files.remove(SegmentId(1)).unwrap();
    fill(&files, SegmentId(2), 8);
    let frozen = Frozen::open(folder.path()).unwrap();
    files.remove(SegmentId(2)).unwrap();
    fill(&files, SegmentId(3), 9);
    fill(&files, SegmentId(4), 10);
    assert!(map.bytes()[4..].iter().all(|byte| *byte == 7), "it was mapped");
    assert!(
        bytes_of(&*frozen, SegmentId(2))[4..].iter().all(|byte| *byte == 8),
        "it was held open"
    );
    // Neither in the way of the other: they have one kind of lock.
    assert_eq!(bytes_of(&*Frozen::open(folder.path()).unwrap(), SegmentId(4))[5], 10);
    drop((map, frozen));
    files.remove(SegmentId(3)).unwrap();
    files.create(SegmentId(5), b"head", 8192).unwrap();
    assert_eq!(bytes_of(&*files, SegmentId(5))[4], 7, "nobody reads that one any more");
}

#[test]
fn a_copy_by_another_name_stays_what_it_is() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    fill(&files, SegmentId(1), 7);
    let copy = folder.path().join("copy");
    fs::hard_link(folder.path().join("00000001.segment"), &copy).unwrap();
    files.remove(SegmentId(1)).unwrap();
    fill(&files, SegmentId(2), 8);
    assert!(fs::read(copy).unwrap()[4..].iter().all(|byte| *byte == 7));
}

#[test]
fn a_kept_file_that_somebody_has_removed_is_not_missed() {
    let folder = TempDir::new().unwrap();
    let files = Files::open(folder.path(), Access::Serve).unwrap();
    for segment in [1, 2] {
        fill(&files, SegmentId(segment), 7);
        files.remove(SegmentId(segment)).unwrap();
        fs::remove_file(folder.path().join(format!("{segment:08}.segment.spare"))).unwrap();
    }
    fill(&files, SegmentId(3), 8);
    assert_eq!(bytes_of(&*files, SegmentId(3))[5], 8);
    files.tidy().unwrap();
    assert_eq!(names(folder.path()), ["00000003.segment", "LOCK", "ferriswheel.store"]);
}

/// Segments that were others before, whose records stand behind what is written to them; the server
/// is killed again and again.
#[test]
fn no_old_record_is_taken_for_a_new_one() {
    let folder = TempDir::new().unwrap();
    let mut kept = 0;
    for round in 0..40_u32 {
        let files = Files::open(folder.path(), Access::Serve).unwrap();
        let options = options(SEGMENT_BYTES);
        let options = Options { hash_seeds: [round.into(), 2, 3, 4], ..options };
        let mut store = open(files, &options);
        for do_id in 0..100 {
            assert_eq!(version(&mut store, do_id), round.checked_sub(1), "object {do_id}");
        }
        for at in 0..800 + round {
            write(&mut store, at % 100, round, 300);
            if at % 7 == 0 {
                store.settle();
            }
        }
        kept += names(folder.path()).iter().filter(|name| name.ends_with(".spare")).count();
        store.settle();
    }
    assert!(kept > 20, "{kept} segments were kept");
}

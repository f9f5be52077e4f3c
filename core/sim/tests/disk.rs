//! The simulated disk keeps every promise of the real one, and nothing beyond.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use sim::chance::Chance;
use sim::disk::{Fault, FaultyDisk, Kind, Lie, Moment};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Disk, DiskError, SegmentId};

const SEGMENT: SegmentId = SegmentId(1);
const SECTOR: usize = 512;

fn disk(seed: u64) -> Arc<FaultyDisk> {
    FaultyDisk::new(Kind::default(), Chance::new(seed))
}

fn with_a_segment(seed: u64, bytes: u32) -> Arc<FaultyDisk> {
    let disk = disk(seed);
    disk.create(SEGMENT, b"head", bytes).unwrap();
    disk
}

#[test]
fn what_was_created_or_synced_is_there_after_a_crash() {
    for seed in 0..200 {
        let disk = with_a_segment(seed, 2048);
        disk.write(SEGMENT, 100, &[7; 1500]).unwrap();
        disk.sync(SEGMENT).unwrap();
        disk.crash();
        let image = disk.image(SEGMENT);
        assert_eq!(image.len(), 2048);
        assert_eq!(image[..4], *b"head");
        assert_eq!(image[100..1600], [7; 1500]);
    }
}

#[test]
fn each_sector_that_was_not_synced_is_old_or_new_and_all_sets_of_them_come() {
    let mut sets = BTreeSet::new();
    for seed in 0..400 {
        let disk = with_a_segment(seed, 4 * SECTOR as u32);
        disk.write(SEGMENT, SECTOR as u32, &[1; 3 * SECTOR]).unwrap();
        disk.crash();
        let image = disk.image(SEGMENT);
        let sectors: Vec<u8> = image.chunks(SECTOR).skip(1).map(|sector| sector[0]).collect();
        let is_whole = |sector: &[u8]| sector.iter().all(|byte| *byte == sector[0]);
        assert!(image.chunks(SECTOR).skip(1).all(is_whole), "a sector is torn");
        sets.insert(sectors);
    }
    assert_eq!(sets.len(), 8, "{sets:?}");
}

#[test]
fn a_truncation_that_was_not_synced_happened_or_not() {
    let mut lengths = BTreeSet::new();
    for seed in 0..100 {
        let disk = with_a_segment(seed, 4096);
        disk.truncate(SEGMENT, 1000).unwrap();
        assert_eq!(disk.len(SEGMENT), Ok(1000));
        disk.crash();
        lengths.insert(disk.len(SEGMENT).unwrap());
    }
    assert_eq!(lengths, [1000, 4096].into());
}

#[test]
fn a_process_that_is_killed_loses_nothing_until_the_power_goes() {
    let mut kept = BTreeSet::new();
    for seed in 0..100 {
        let disk = with_a_segment(seed, 512);
        disk.write(SEGMENT, 8, &[9; 8]).unwrap();
        disk.kill();
        assert_eq!(disk.image(SEGMENT)[8..16], [9; 8]);
        disk.crash();
        kept.insert(disk.image(SEGMENT)[8]);
    }
    assert_eq!(kept, [0, 9].into());
}

#[test]
fn the_power_goes_at_the_call_that_was_said() {
    for (moment, is_there) in [(Moment::Before, false), (Moment::After, true)] {
        let disk = with_a_segment(1, 512);
        disk.write(SEGMENT, 8, &[9; 8]).unwrap();
        disk.strike(disk.calls(), Fault::Cut(moment));
        assert!(disk.sync(SEGMENT).is_err());
        assert!(
            disk.is_off() && disk.list().is_err() && disk.create(SegmentId(2), b"", 8).is_err()
        );
        disk.crash();
        if is_there {
            assert_eq!(disk.image(SEGMENT)[8..16], [9; 8]);
        }
        assert_eq!(disk.list(), Ok(vec![SEGMENT]));
    }
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next_one() {
    let mut lost = 0;
    for seed in 0..200 {
        let disk = with_a_segment(seed, 512);
        disk.write(SEGMENT, 8, &[9; 8]).unwrap();
        disk.strike(disk.calls(), Fault::Failed);
        assert!(disk.sync(SEGMENT).is_err());
        assert_eq!(disk.sync(SEGMENT), Ok(()));
        disk.crash();
        lost += u32::from(disk.image(SEGMENT)[8] == 0);
    }
    assert!((20..180).contains(&lost), "{lost} of 200");
}

#[test]
fn a_full_disk_takes_what_fits_and_goes_on_with_more_space() {
    let disk = with_a_segment(1, 1000);
    disk.set_bytes_max(Some(1500));
    assert!(matches!(disk.create(SegmentId(2), b"", 501), Err(DiskError::Full { .. })));
    assert_eq!(disk.list(), Ok(vec![SEGMENT]));
    disk.write(SEGMENT, 1000, &[1; 500]).unwrap();
    assert!(matches!(disk.write(SEGMENT, 1500, &[1]), Err(DiskError::Full { .. })));
    disk.write(SEGMENT, 1499, &[1]).unwrap();
    disk.truncate(SEGMENT, 10).unwrap();
    disk.create(SegmentId(2), b"", 501).unwrap();
    disk.set_bytes_max(None);
    disk.create(SegmentId(3), b"", 9000).unwrap();
}

#[test]
#[should_panic(expected = "although it was mapped")]
fn nothing_is_written_below_a_map() {
    let disk = with_a_segment(1, 512);
    let map = disk.map(SEGMENT).unwrap();
    assert_eq!(map.bytes().len(), 512);
    let written = disk.write(SEGMENT, 0, &[0]);
    unreachable!("{written:?}");
}

#[test]
fn a_map_outlives_its_segment() {
    let disk = with_a_segment(1, 512);
    let map = disk.map(SEGMENT).unwrap();
    disk.remove(SEGMENT).unwrap();
    disk.crash();
    assert_eq!(disk.list(), Ok(vec![]));
    assert_eq!(map.bytes()[..4], *b"head");
}

#[test]
fn a_lie_is_one() {
    let lying = |lie, seed| {
        let disk = FaultyDisk::new(Kind { lie, ..Kind::default() }, Chance::new(seed));
        disk.create(SEGMENT, b"head", 512).unwrap();
        disk
    };
    let forgets = lying(Lie::CreateIsForgotten, 0);
    forgets.crash();
    assert_eq!(forgets.list(), Ok(vec![]));
    let revives = lying(Lie::RemoveIsForgotten, 0);
    revives.remove(SEGMENT).unwrap();
    assert_eq!(revives.list(), Ok(vec![]));
    revives.crash();
    assert_eq!(revives.list(), Ok(vec![SEGMENT]));
    for lie in [Lie::SyncDoesNothing, Lie::SyncIsLate] {
        let is_lost = |seed| {
            let disk = lying(lie, seed);
            disk.write(SEGMENT, 8, &[9; 8]).unwrap();
            disk.sync(SEGMENT).unwrap();
            disk.crash();
            disk.image(SEGMENT)[8] == 0
        };
        assert!((0..50).any(is_lost), "{lie:?}");
    }
}

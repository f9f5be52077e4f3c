//! Compaction keeps up: after many updates the disk holds at most twice what lives.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod bed;

use bed::{open, options, version, write};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use store::{Committer, MemoryDisk};
use wire::ids::DoId;

const SEGMENT_BYTES: u32 = 64 << 10;

#[test]
fn updates_for_hours_keep_the_disk_at_twice_what_lives() {
    let disk = MemoryDisk::new();
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    let mut random = SmallRng::seed_from_u64(1);
    let objects = 8000;
    let mut versions = vec![0; objects as usize];
    for do_id in 0..objects {
        write(&mut store, do_id, 0, 300);
    }
    store.settle();
    let mut most = 0.0_f64;
    for round in 1..4000 {
        for _ in 0..16 {
            // A tenth of the objects takes half of the updates.
            let of = if random.random() { objects } else { objects / 10 };
            let do_id = random.random_range(0..of);
            versions[do_id as usize] = round;
            write(&mut store, do_id, round, 300);
        }
        // One turn of a shard per commit, and one chore beside it.
        store.commit();
        store.work();
        store.chore();
        let stats = store.committer.stats();
        assert_eq!(stats.disk_bytes, disk.bytes());
        most = most.max(stats.disk_bytes as f64 / stats.live_bytes as f64);
    }
    assert!(most <= 2.0, "{most}");
    assert!(store.committer.stats().swept > 100);
    for (do_id, expected) in (0..objects).zip(versions) {
        assert_eq!(version(&mut store, do_id), Some(expected));
    }
}

#[test]
fn what_is_deleted_leaves_nothing_behind() {
    let disk = MemoryDisk::new();
    let options = options(SEGMENT_BYTES);
    let mut store = open(disk.clone(), &options);
    for do_id in 0..20_000 {
        write(&mut store, do_id, 0, 100);
        if do_id >= 50 {
            store.part(0).delete(DoId(do_id - 50)).unwrap();
        }
        if do_id % 20 == 0 {
            store.commit();
            store.work();
            store.chore();
        }
    }
    store.settle();
    let stats = store.committer.stats();
    assert_eq!(stats.objects, 50);
    assert!(stats.disk_bytes <= 8 * u64::from(SEGMENT_BYTES), "{stats:?}");
    drop(store);
    let (mut store, report) = store::Together::open(disk, &options).unwrap();
    assert_eq!((report.objects, report.next_do_id), (50, DoId(20_000)));
    assert_eq!(version(&mut store, 19_949), None);
    assert_eq!(version(&mut store, 19_950), Some(0));
}

#[test]
fn an_id_is_not_forgotten_with_its_object() {
    let disk = MemoryDisk::new();
    let options = options(4096);
    let mut store = open(disk.clone(), &options);
    write(&mut store, 1_000_000, 0, 100);
    store.commit();
    store.part(0).delete(DoId(1_000_000)).unwrap();
    store.settle();
    for version in 0..2000 {
        write(&mut store, 1, version, 100);
        store.settle();
    }
    assert!(store.committer.stats().swept > 10);
    assert_eq!(store.committer.stats().tombstone_bytes, 0);
    let (_, report) = store::Together::open(disk, &options).unwrap();
    assert_eq!(report.next_do_id, DoId(1_000_001));
}

#[test]
fn small_segments_of_many_starts_are_brought_together() {
    let disk = MemoryDisk::new();
    let options = options(SEGMENT_BYTES);
    for do_id in 0..40 {
        let mut store = open(disk.clone(), &options);
        write(&mut store, do_id, 1, 100);
        store.settle();
        assert!(store.committer.stats().segments <= 11);
        store.committer.close().unwrap();
    }
    let mut store = open(disk, &options);
    assert!((0..40).all(|do_id| version(&mut store, do_id) == Some(1)));
}

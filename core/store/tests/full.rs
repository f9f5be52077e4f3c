//! A disk without room: writes are refused, everything else goes on, and writes as soon as there is
//! room.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod bed;

use bed::{open, options, version, write};
use store::{Committer, Heard, MemoryDisk, PartId, Ticket, Together};
use wire::ids::DoId;

const SEGMENT_BYTES: u32 = 16 << 10;

fn refused(store: &mut Together) -> Vec<DoId> {
    let heard = store.heard.drain(..);
    let refused = heard.filter_map(|(_, heard)| match heard {
        Heard::Refused { do_id, .. } => Some(do_id),
        Heard::Nothing | Heard::Durable(_) | Heard::Fetched(..) => None,
        Heard::Failed(_) | Heard::Damaged(..) => panic!("{heard:?}"),
    });
    refused.collect()
}

/// Fills the store until a write is refused; how many objects there are then.
fn fill(store: &mut Together) -> u32 {
    for do_id in 0.. {
        write(store, do_id, 1, 300);
        store.settle();
        if !refused(store).is_empty() {
            assert_eq!(version(store, do_id), None);
            return do_id;
        }
    }
    unreachable!("the disk has an end")
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else() {
    let disk = MemoryDisk::new();
    disk.limit(Some(8 * u64::from(SEGMENT_BYTES)));
    let options = options(SEGMENT_BYTES);
    let mut store = open(disk.clone(), &options);
    let objects = fill(&mut store);
    assert!(store.committer.stats().full);
    assert!(objects > 5 * SEGMENT_BYTES / 344, "{objects}");
    // An update is refused as a create is, and the object stays as it was.
    write(&mut store, 0, 2, 300);
    store.settle();
    assert_eq!(refused(&mut store), [DoId(0)]);
    assert_eq!(version(&mut store, 0), Some(1));
    // Deletes go on, and make room: then writes go on.
    let mut deleted = 0;
    while store.committer.stats().full {
        store.part(0).delete(DoId(deleted)).unwrap();
        store.settle();
        store.chore();
        assert_eq!(refused(&mut store), []);
        deleted += 1;
        assert!(deleted < objects);
    }
    write(&mut store, objects, 1, 300);
    store.settle();
    assert_eq!(refused(&mut store), []);
    assert!((0..deleted).all(|do_id| version(&mut store, do_id).is_none()));
    assert!((deleted..=objects).all(|do_id| version(&mut store, do_id) == Some(1)));
    let mut store = open(disk, &options);
    assert!((0..deleted).all(|do_id| version(&mut store, do_id).is_none()));
    assert!((deleted..=objects).all(|do_id| version(&mut store, do_id) == Some(1)));
}

#[test]
fn room_that_others_made_is_found() {
    let disk = MemoryDisk::new();
    disk.limit(Some(4 * u64::from(SEGMENT_BYTES)));
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    let objects = fill(&mut store);
    disk.limit(None);
    while store.chore() {}
    assert!(!store.committer.stats().full);
    write(&mut store, objects, 1, 300);
    store.settle();
    assert_eq!(refused(&mut store), []);
    assert_eq!(version(&mut store, objects), Some(1));
}

#[test]
fn a_refused_write_takes_those_with_it_that_rest_on_it() {
    let disk = MemoryDisk::new();
    disk.limit(Some(4 * u64::from(SEGMENT_BYTES)));
    let mut store = open(disk.clone(), &options(SEGMENT_BYTES));
    let objects = fill(&mut store);
    // The first is refused; then there is room; but the second was made in view of the first.
    write(&mut store, 0, 2, 300);
    let first: Vec<_> = store.part(0).take_requests().collect();
    write(&mut store, 0, 3, 300);
    let second: Vec<_> = store.part(0).take_requests().collect();
    let mut replies = Vec::new();
    let mut ask = |store: &mut Together, requests: Vec<store::Request>| {
        let mut batch: Vec<_> = requests.into_iter().map(|it| (PartId(0), it)).collect();
        store.committer.commit(&mut batch, &mut replies);
    };
    ask(&mut store, first);
    disk.limit(None);
    while store.chore() {}
    assert!(!store.committer.stats().full);
    ask(&mut store, second);
    let heard: Vec<_> = replies.into_iter().map(|(_, reply)| store.part(0).hear(reply)).collect();
    let ticket = u64::from(objects) + 2;
    let refused = |ticket| Heard::Refused { ticket: Ticket(ticket), do_id: DoId(0) };
    assert_eq!(heard, [refused(ticket), refused(ticket + 1)]);
    assert_eq!(version(&mut store, 0), Some(1));
    // What is asked for in knowledge of both is carried out.
    write(&mut store, 0, 4, 300);
    store.settle();
    assert_eq!(version(&mut store, 0), Some(4));
}

#[test]
fn every_limit_at_every_moment_loses_nothing() {
    for limit in 3..9 {
        let disk = MemoryDisk::new();
        disk.limit(Some(limit * u64::from(SEGMENT_BYTES) + 1000));
        let options = options(SEGMENT_BYTES);
        let mut store = open(disk.clone(), &options);
        let mut model = [None; 60];
        let mut chance = limit as u32;
        for step in 0..3000_u32 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let do_id = (chance >> 8) % 60;
            let before = version(&mut store, do_id);
            if chance >> 28 == 0 && before.is_some() {
                store.part(0).delete(DoId(do_id)).unwrap();
                store.commit();
                if refused(&mut store).is_empty() {
                    model[do_id as usize] = None;
                }
            } else {
                write(&mut store, do_id, step, 1000);
                store.commit();
                if refused(&mut store).is_empty() {
                    model[do_id as usize] = Some(step);
                }
            }
            store.work();
            store.chore();
            assert_eq!(version(&mut store, do_id), model[do_id as usize], "step {step}");
        }
        let mut store = open(disk.copy(), &options);
        for (do_id, expected) in (0..).zip(model) {
            assert_eq!(version(&mut store, do_id), expected);
        }
    }
}

//! Every single thing that can befall a small store: a crash, a failure or a full disk at every
//! call of the disk, a log cut at every byte, every bit turned over.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use sim::chance::Chance;
use sim::disk::{self, Fault, FaultyDisk, Moment};
use sim::stored::body::{Body, Content};
use sim::stored::names::{self, Names};
use sim::stored::plan::{Plan, Trouble};
use sim::stored::promises::Promises;
use sim::stored::session::{self, Session};
use sim::stored::{play_plan, reader};
use sim::trace::Show;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use store::inspect::{Repair, RepairError, repair};
use store::{Log, OpenError, Opened, Options, SegmentId};

/// A workload that stays the same whatever strikes.
fn plan(trouble: Trouble, strike: Option<(u64, Fault)>) -> Plan {
    Plan {
        trouble,
        disk: disk::Kind::default(),
        segment_bytes: 4096,
        body_bytes_max: 300,
        lives: 2,
        steps: 160,
        new_one_in: 4,
        delete_one_in: 5,
        hot: 6,
        strike,
    }
}

/// Plays the workload of `seed` once for every call that it makes, with `fault` at that call; how
/// many calls there were.
fn at_every_call(trouble: Trouble, seed: u64, fault: Fault) -> u64 {
    let (outcome, calls) =
        play_plan(plan(trouble, Some((u64::MAX, fault))), Chance::new(seed), Show::Nothing);
    assert_eq!(outcome.violation, None, "seed {seed}, nothing strikes");
    for call in 0..calls {
        let struck = plan(trouble, Some((call, fault)));
        let (outcome, _) = play_plan(struck, Chance::new(seed), Show::Nothing);
        assert_eq!(outcome.violation, None, "seed {seed}, {fault:?} at call {call} of {calls}");
    }
    calls
}

#[test]
fn a_crash_at_every_call() {
    for seed in 0..2 {
        for moment in [Moment::Before, Moment::Within, Moment::After] {
            let calls = at_every_call(Trouble::Cuts, seed, Fault::Cut(moment));
            assert!(calls > 60, "{calls} calls are no workload");
        }
    }
}

#[test]
fn a_failure_at_every_call() {
    for seed in 0..4 {
        at_every_call(Trouble::Failures, seed, Fault::Failed);
    }
}

#[test]
fn no_space_at_every_call() {
    for seed in 0..4 {
        at_every_call(Trouble::Full, seed, Fault::Full);
    }
}

/// A log of one segment that was not sealed, and what was there after each of its commits.
struct Small {
    disk: Arc<FaultyDisk>,
    names: Names,
    /// Where the commit ends, and what there is then.
    commits: Vec<(usize, BTreeMap<u32, Content>)>,
}

const SEGMENT: SegmentId = SegmentId(1);

fn options() -> Options {
    Options {
        parts: 2,
        place: session::place,
        segment_bytes: 2048,
        catalog: names::some(&mut Chance::new(7)),
        hash_seeds: [1, 2, 3, 4],
        scrub: false,
    }
}

fn opened(disk: &Arc<FaultyDisk>, promises: Promises, names: &Names) -> Result<Session, OpenError> {
    let Opened { log, parts, .. } = Log::open(disk.clone(), &options())?;
    Ok(Session::new(Box::new(log), parts, promises, names.clone()).expect("what was promised"))
}

fn small() -> Small {
    let disk = FaultyDisk::new(disk::Kind::default(), Chance::new(1));
    let mut session = opened(&disk, Promises::default(), &Names::default()).unwrap();
    let mut chance = Chance::new(5);
    let head = reader::segment(&disk.image(SEGMENT)).unwrap().head;
    let mut commits = vec![(head, BTreeMap::new())];
    let mut now: BTreeMap<u32, Content> = BTreeMap::new();
    for commit in 0..8 {
        for _ in 0..=commit % 3 {
            let do_id = 100 + chance.below(6) as u32;
            let body =
                (now.get(&do_id).cloned().flatten().is_none() || !chance.one_in(3)).then(|| {
                    let mut body = Body::new(40, &mut chance);
                    body.class = 0;
                    body.fields.retain(|&field, _| session.names().has_field(field));
                    body
                });
            session.ask(do_id, body.clone()).unwrap();
            now.insert(do_id, body.map(Rc::new));
        }
        session.settle().unwrap();
        let records = reader::segment(&disk.image(SEGMENT)).unwrap().records;
        let last = records.last().unwrap();
        commits.push((last.offset + last.bytes, now.clone()));
    }
    let (_, names) = session.end();
    Small { disk, names, commits }
}

/// What there is in a store with this disk; `None` in place of an object: it is damaged.
type Seen = BTreeMap<u32, Option<Content>>;

fn seen(small: &Small, disk: &Arc<FaultyDisk>) -> Result<Seen, OpenError> {
    let session = opened(disk, Promises::unknown(), &small.names)?;
    let look = |do_id| (do_id, session.find(do_id).expect("a key has its meaning").ok());
    Ok((90..120).map(look).collect())
}

fn whole(of: &BTreeMap<u32, Content>) -> Seen {
    (90..120).map(|do_id| (do_id, Some(of.get(&do_id).cloned().flatten()))).collect()
}

#[test]
fn a_log_cut_at_every_byte() {
    let small = small();
    let bytes = small.disk.image(SEGMENT).len();
    for cut in 0..bytes {
        let disk = small.disk.copy(Chance::new(cut as u64));
        disk.cut_off(SEGMENT, cut as u32);
        let kept = small.commits.iter().rev().find(|(end, _)| *end <= cut);
        match (seen(&small, &disk), kept) {
            (Ok(seen), Some((_, contents))) => assert_eq!(seen, whole(contents), "cut at {cut}"),
            // A segment is made with its head or not at all.
            (Err(OpenError::Damaged { segment: SEGMENT, .. }), None) => {}
            // Only the padding behind the head is cut.
            (Ok(seen), None) if cut + 8 > small.commits[0].0 => {
                assert_eq!(seen, whole(&BTreeMap::new()), "cut at {cut}");
            }
            (other, _) => panic!("cut at {cut}: {other:?}"),
        }
    }
}

/// Repairs a store with a bit turned over, and opens it: what is not there as it was, the report
/// tells of, and it is a value that the object had.
fn is_repaired(small: &Small, disk: &Arc<FaultyDisk>, what: &str) {
    let done = match repair(&**disk, &mut |_, _| Ok(()), &mut |_, _| ()) {
        // The only segment has the only copy of the names.
        Err(RepairError::Format(..) | RepairError::Names(SEGMENT)) => return,
        done => done.unwrap(),
    };
    let seen = seen(small, disk).expect("a store that was repaired opens");
    let all = whole(&small.commits.last().unwrap().1);
    let is_vague = done.iter().any(|done| matches!(done, Repair::Unknown(..) | Repair::Lost(_)));
    for (do_id, is) in &seen {
        let was = |(_, contents): &(usize, _)| whole(contents)[do_id] == *is;
        let is_deleted = || {
            let is_it = |done: &Repair| matches!(done, Repair::Deleted(id, _) if id.0 == *do_id);
            *is == Some(None) && done.iter().any(is_it)
        };
        let is_told =
            *is == all[do_id] || is_deleted() || is_vague && small.commits.iter().any(was);
        assert!(is_told, "{what}: object {do_id} is {is:?}; {done:?}");
    }
}

/// Turns over every bit of the first segment; returns how often what came of it.
fn every_bit(small: &Small, is_sealed: bool) -> BTreeMap<&'static str, u32> {
    let image = small.disk.image(SEGMENT);
    let records = reader::segment(&image).unwrap().records;
    let (last_begin, _) = small.commits[small.commits.len() - 2];
    let (end, all) = small.commits.last().unwrap();
    let without_last = whole(&small.commits[small.commits.len() - 2].1);
    let mut counts = BTreeMap::new();
    // What is reserved behind the records is all the same.
    let offsets = (0..image.len()).filter(|offset| offset < end || is_sealed || offset % 16 == 0);
    for (offset, bit) in offsets.flat_map(|offset| (0..8).map(move |bit| (offset, bit))) {
        let disk = small.disk.copy(Chance::new(offset as u64));
        assert!(disk.flip(SEGMENT, offset as u32, bit));
        let result = match seen(small, &disk) {
            Err(OpenError::Damaged { segment: SEGMENT, .. }) => "damaged",
            Err(OpenError::Format { .. }) if (8..12).contains(&offset) => "format",
            Err(error) => panic!("bit {bit} of {offset}: {error}"),
            Ok(seen) if seen == whole(all) => "all is there",
            Ok(seen) if !is_sealed && seen == without_last => {
                assert!((last_begin..*end).contains(&offset), "bit {bit} of {offset}");
                "the last commit is cut off"
            }
            Ok(seen) => {
                let differ: Vec<u32> = seen
                    .iter()
                    .filter(|(id, is)| whole(all)[id] != **is)
                    .map(|(id, _)| *id)
                    .collect();
                let record = records.iter().rfind(|record| record.offset <= offset).unwrap();
                assert!(is_sealed, "bit {bit} of {offset}: {seen:?}");
                assert_eq!(differ, [record.do_id], "bit {bit} of {offset}");
                assert_eq!(seen[&record.do_id], None, "bit {bit} of {offset}");
                "one object is damaged"
            }
        };
        *counts.entry(result).or_default() += 1;
        if offset % 8 == bit as usize && ["damaged", "one object is damaged"].contains(&result) {
            let disk = small.disk.copy(Chance::new(offset as u64));
            assert!(disk.flip(SEGMENT, offset as u32, bit));
            is_repaired(small, &disk, &format!("bit {bit} of {offset}"));
            *counts.entry("repaired").or_default() += 1;
        }
    }
    counts
}

#[test]
fn every_bit_of_a_log_that_was_not_closed() {
    let small = small();
    let counts = every_bit(&small, false);
    println!("{counts:?}");
    assert!(counts["damaged"] > 0 && counts["the last commit is cut off"] > 0);
}

#[test]
fn every_bit_of_a_log_that_was_closed() {
    let small = small();
    let mut session = opened(&small.disk, Promises::unknown(), &small.names).unwrap();
    session.settle().unwrap();
    session.close().unwrap();
    small.disk.kill();
    assert!(reader::segment(&small.disk.image(SEGMENT)).unwrap().is_sealed);
    let counts = every_bit(&small, true);
    println!("{counts:?}");
    assert!(counts["damaged"] > 0 && counts["one object is damaged"] > 0);
    assert!(counts["repaired"] > 0);
}

//! When all has come to rest: the log as the second reader sees it, against what the store says.

use super::promises::get;
use super::reader::{self, Record, Segment};
use super::session::Session;
use crate::disk::FaultyDisk;
use crate::ledger::Violation;
use std::collections::BTreeMap;
use std::rc::Rc;

const LAYOUT: &str = "the log is laid out as it is said to be";
const FIGURES: &str = "the figures are exact";

/// What the records say, counted again.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Counted {
    objects: u64,
    live_bytes: u64,
    dead_bytes: u64,
    tombstone_bytes: u64,
    disk_bytes: u64,
    segments: u64,
}

/// Compares the records with what is shown and with the figures.
pub fn check(session: &mut Session, disk: &FaultyDisk) -> Result<(), Violation> {
    let broken = |what: String| Violation::new(LAYOUT, what);
    let mut segments = Vec::new();
    let mut disk_bytes = 0;
    for id in disk.segments() {
        let image = disk.image(id);
        disk_bytes += image.len() as u64;
        let segment = reader::segment(&image).map_err(|why| broken(format!("{id:?}: {why}")))?;
        if segment.number != id.0 {
            return Err(broken(format!("{id:?} says that it is {}", segment.number)));
        }
        segments.push(segment);
    }
    check_commits(&segments)?;
    let last = last_records(&segments);
    check_values(session, &last)?;
    let mut counted = count(&segments, &last);
    counted.disk_bytes = disk_bytes;
    check_figures(session, counted)
}

/// Commits count up one by one, each within a segment, each ended.
fn check_commits(segments: &[Segment]) -> Result<(), Violation> {
    let mut commit = 0;
    for segment in segments {
        let mut is_ended = true;
        for record in &segment.records {
            let follows = if is_ended { record.commit > commit } else { record.commit == commit };
            if !follows {
                let what =
                    format!("commit {} follows {commit} in {}", record.commit, segment.number);
                return Err(Violation::new(LAYOUT, what));
            }
            (commit, is_ended) = (record.commit, record.is_last);
        }
        if !is_ended {
            let what = format!("segment {} ends within commit {commit}", segment.number);
            return Err(Violation::new(LAYOUT, what));
        }
    }
    Ok(())
}

fn last_records(segments: &[Segment]) -> BTreeMap<u32, (&Segment, &Record)> {
    let records = segments.iter().flat_map(|of| of.records.iter().map(move |record| (of, record)));
    let of_objects = records.filter(|(_, record)| record.kind != 3);
    of_objects.map(|(of, record)| (record.do_id, (of, record))).collect()
}

fn check_values(
    session: &Session,
    last: &BTreeMap<u32, (&Segment, &Record)>,
) -> Result<(), Violation> {
    let mut read = BTreeMap::new();
    for (&do_id, (segment, record)) in last {
        let content = match record.kind {
            1 => Some(Rc::new(segment.body(record).map_err(|why| Violation::new(LAYOUT, why))?)),
            _ => None,
        };
        read.insert(do_id, content);
    }
    session
        .views
        .ids()
        .chain(read.keys().copied())
        .try_for_each(|do_id| session.views.check(do_id, &get(&read, do_id)))
}

fn count(segments: &[Segment], last: &BTreeMap<u32, (&Segment, &Record)>) -> Counted {
    let mut counted = Counted::default();
    for segment in segments.iter().filter(|segment| !segment.records.is_empty()) {
        counted.segments += 1;
        for record in &segment.records {
            let bytes = record.bytes as u64;
            let is_newest = last
                .get(&record.do_id)
                .is_some_and(|(of, newest)| of.number == segment.number && *newest == record);
            match record.kind {
                1 if is_newest => {
                    counted.objects += 1;
                    counted.live_bytes += bytes;
                }
                2 => counted.tombstone_bytes += bytes,
                _ => counted.dead_bytes += bytes,
            }
        }
    }
    counted
}

fn check_figures(session: &mut Session, counted: Counted) -> Result<(), Violation> {
    let stats = session.log().stats();
    let told = Counted {
        objects: stats.objects,
        live_bytes: stats.live_bytes,
        dead_bytes: stats.dead_bytes,
        tombstone_bytes: stats.tombstone_bytes,
        disk_bytes: stats.disk_bytes,
        segments: counted.segments,
    };
    if told != counted {
        let what = format!("told {told:?}, counted {counted:?}");
        return Err(Violation::new(FIGURES, what));
    }
    Ok(())
}

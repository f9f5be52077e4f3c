//! Makes a damaged store usable again, by setting aside what cannot be read.
//!
//! A damaged segment is written anew with the records that can be read. Where the footer says whose
//! record was damaged, a note takes its place that the object is gone, so that no older version of
//! it appears. Where nothing says so, older versions may appear; the report tells.

use super::Progress;
use super::next_id::{self, Lost, Note};
use crate::catalog::{Catalog, CatalogFull};
use crate::disk::{Disk, DiskError, read_aligned};
use crate::ids::{Place, SegmentId};
use crate::options::OpenError;
use crate::record::{HEADER_BYTES, Kind, Record, Said, Seal};
use crate::segment::{Entry, Head, Trailer};
use crate::survey::{Survey, entry_at};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rkyv::util::AlignedVec;
use wire::ids::DoId;

/// Something that repairing did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Repair {
    /// The newest version of this object could not be read. The object is deleted.
    Deleted(DoId, Place),
    /// A damaged record was dropped that nothing needed.
    Dropped(Place),
    /// These bytes are no records, and nothing says whose they were. What stood there last may have
    /// an older version now, or none.
    Unknown(SegmentId, u32, u32),
    /// The segment's head could not be read, so nothing in it could. What stood there last may have
    /// an older version now, or none.
    Lost(SegmentId),
    /// The segment's head could not be read, and was made anew.
    Head(SegmentId),
    /// The segment was without its footer, and has one now.
    Sealed(SegmentId),
    /// The newest ids were in segments that are lost. A note was written that ids go on from here,
    /// which is higher than any that can have been in them.
    NextId(DoId),
}

impl core::fmt::Display for Repair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Repair::Deleted(do_id, place) => {
                write!(f, "object {do_id} is deleted: its record could not be read ({place})")
            }
            Repair::Dropped(place) => {
                write!(f, "a damaged record was dropped that nothing needed ({place})")
            }
            Repair::Unknown(segment, from, to) => write!(
                f,
                "segment {segment}, offsets {from} to {to}: set aside; nothing says whose records \
                 they were, so objects may be gone or older than they were"
            ),
            Repair::Lost(segment) => write!(
                f,
                "segment {segment}: set aside, as its head could not be read; objects may be gone \
                 or older than they were"
            ),
            Repair::Head(segment) => write!(f, "segment {segment} has a head again"),
            Repair::Sealed(segment) => write!(f, "segment {segment} has a footer again"),
            Repair::NextId(next) => write!(
                f,
                "new ids begin at {next}: so many may have been given to objects that are lost"
            ),
        }
    }
}

/// Why a store was not repaired. What was done before stays done, and is safe to be done again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RepairError {
    /// A segment is of another format: it is not damaged.
    #[error("segment {0} is of format {1}, which this version does not know")]
    Format(SegmentId, u32),
    /// The head that could not be read had the only copy of names that objects need. Without them
    /// nobody knows what their values are.
    #[error(
        "the head of segment {0} had the only copy of the names of its classes and fields, and \
         cannot be read: restore a backup; nothing was taken out"
    )]
    Names(SegmentId),
    /// There are too many names.
    #[error(transparent)]
    Catalog(#[from] CatalogFull),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Keeps bytes under a name, before they are taken out of the store.
pub type SetAside<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Result<(), DiskError>;

/// Repairs a store that nobody else has. Returns what was done, in the order of the log; a store
/// that is in order stays as it is.
pub fn repair(
    disk: &dyn Disk,
    set_aside: SetAside<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Repair>, RepairError> {
    let mut done = Vec::new();
    let Surveyed { surveys, lost, catalog } = survey_all(disk, set_aside, &mut done)?;
    // The note first: if this is interrupted, the next repair sees that it is there.
    let note = Note::needed(&surveys, &lost);
    let is_noted = note.is_some();
    if let Some(note) = note {
        done.push(Repair::NextId(note.write(disk, &catalog)?));
    }
    for lost in &lost {
        disk.remove(lost.segment)?;
    }
    let newest = newest(&surveys);
    let next_do_id = surveys.iter().map(|survey| survey.next_do_id).max().unwrap_or_default();
    // The end of the log is left to the next start where it is only unfinished, and still the end.
    let in_order = !is_noted && crate::recovery::judge(&surveys).is_ok();
    let all = surveys.len() as u64;
    for (at, survey) in (1..).zip(&surveys) {
        let mut rewriting = Rewriting::of(disk, survey, &newest, next_do_id)?;
        rewriting.walk(survey, in_order);
        let headless = done.contains(&Repair::Head(survey.segment()));
        let open = survey.loose.is_some_and(|loose| loose.footer_damaged || !in_order);
        if headless || open || !rewriting.done.is_empty() {
            rewriting.finish(disk, set_aside, open, &mut done)?;
        }
        progress(at, all);
    }
    Ok(done)
}

/// The segments of a store that is repaired.
struct Surveyed {
    surveys: Vec<Survey>,
    lost: Vec<Lost>,
    catalog: Catalog,
}

/// All segments that can be used. Those whose head is damaged are found by their footer, if that is
/// whole; the others are taken out.
fn survey_all(
    disk: &dyn Disk,
    set_aside: SetAside<'_>,
    done: &mut Vec<Repair>,
) -> Result<Surveyed, RepairError> {
    let (mut surveys, mut headless, mut catalog) = (Vec::new(), Vec::new(), Catalog::default());
    let mut lost = Vec::new();
    for segment in disk.list()? {
        match Survey::of(disk, segment) {
            Ok(survey) => {
                catalog.add(&survey.head.catalog)?;
                surveys.push(survey);
            }
            Err(OpenError::Format { segment, format }) => {
                return Err(RepairError::Format(segment, format));
            }
            Err(OpenError::Disk(why)) => return Err(why.into()),
            Err(OpenError::Damaged { .. } | OpenError::Catalog(_)) => headless.push(segment),
        }
    }
    for segment in headless {
        let bytes = read_all(disk, segment)?;
        set_aside(&format!("{:08}.segment", segment.0), &bytes)?;
        match Survey::without_head(segment, &bytes, &catalog) {
            Some(survey) if !is_named(&survey, &bytes) => return Err(RepairError::Names(segment)),
            Some(survey) => {
                surveys.push(survey);
                done.push(Repair::Head(segment));
            }
            None => {
                let bytes = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                lost.push(Lost { segment, bytes });
                done.push(Repair::Lost(segment));
            }
        }
    }
    surveys.sort_by_key(Survey::segment);
    Ok(Surveyed { surveys, lost, catalog })
}

/// Whether its catalog has the names of all classes and fields of its records.
fn is_named(survey: &Survey, bytes: &[u8]) -> bool {
    let (seal, catalog) = (survey.head.seal(), &survey.head.catalog);
    survey.places().filter(|(entry, _)| entry.kind == Kind::Object).all(|(entry, place)| {
        let view = entry_at(seal, bytes, place.offset as usize).map(|(view, ..)| view);
        let fields = match view.and_then(|view| view.said()) {
            Some(Said::Object(object)) => Some(object),
            Some(Said::Tombstone(..) | Said::Mark(_)) | None => None,
        };
        let has_name = |key| catalog.field_name(key).is_some();
        catalog.class_name(entry.class).is_some()
            && fields.is_none_or(|object| object.fields().all(|(key, _)| has_name(key)))
    })
}

fn newest(surveys: &[Survey]) -> BTreeMap<DoId, Place> {
    let mut newest = BTreeMap::new();
    for (entry, place) in surveys.iter().flat_map(Survey::places) {
        match entry.kind {
            Kind::Object => newest.insert(entry.do_id, place),
            Kind::Tombstone => newest.remove(&entry.do_id),
            Kind::Mark => None,
        };
    }
    newest
}

fn read_all(disk: &dyn Disk, segment: SegmentId) -> Result<AlignedVec<8>, DiskError> {
    read_aligned(disk, segment, 0, disk.len(segment)?)
}

/// A segment that is put together anew.
struct Rewriting<'a> {
    bytes: AlignedVec<8>,
    newest: &'a BTreeMap<DoId, Place>,
    next_do_id: DoId,
    seal: Seal,
    head: Head,
    out: Vec<u8>,
    entries: Vec<Entry>,
    commits: Option<(u64, u64)>,
    /// Which bytes of the old segment are to be kept.
    aside: Vec<(usize, usize)>,
    /// How many bytes of it nothing is known of.
    unknown_bytes: usize,
    done: Vec<Repair>,
}

impl<'a> Rewriting<'a> {
    fn of(
        disk: &dyn Disk,
        survey: &Survey,
        newest: &'a BTreeMap<DoId, Place>,
        next_do_id: DoId,
    ) -> Result<Rewriting<'a>, DiskError> {
        let head = Head { next_do_id: survey.next_do_id, ..survey.head.clone() };
        let out = head.encode();
        Ok(Rewriting {
            bytes: read_all(disk, survey.segment())?,
            newest,
            next_do_id,
            seal: head.seal(),
            head,
            out,
            entries: Vec::new(),
            commits: None,
            aside: Vec::new(),
            unknown_bytes: 0,
            done: Vec::new(),
        })
    }

    fn walk(&mut self, survey: &Survey, in_order: bool) {
        for (entry, place) in survey.places() {
            match entry_at(self.seal, &self.bytes, place.offset as usize) {
                Some((view, found, _)) if found == *entry => {
                    let commit = view.commit;
                    self.copy(place.offset as usize, found, commit);
                }
                Some(_) | None => self.replace(entry, place, survey.first_commit),
            }
        }
        if survey.loose.is_some() && !in_order {
            self.salvage(survey.end as usize);
        }
    }

    /// Takes what can be read of a stretch in which records do not follow one another.
    fn salvage(&mut self, from: usize) {
        let (mut at, mut gap) = (from, from);
        let end = self.bytes.len();
        while at + HEADER_BYTES < end {
            let found = entry_at(self.seal, &self.bytes, at);
            let found = found.map(|(view, entry, next)| (view.commit, entry, next));
            let Some((commit, entry, next)) = found else {
                at += 8;
                continue;
            };
            // The survey ended before it.
            self.head.next_do_id = self.head.next_do_id.max(next);
            self.unknown(gap, at);
            self.copy(at, entry, commit);
            at += entry.bytes as usize;
            gap = at;
        }
    }

    fn unknown(&mut self, from: usize, to: usize) {
        if from < to {
            self.aside.push((from, to));
            self.unknown_bytes += to - from;
            self.done.push(Repair::Unknown(self.head.segment, from as u32, to as u32));
        }
    }

    fn copy(&mut self, at: usize, entry: Entry, commit: u64) {
        self.out.extend_from_slice(&self.bytes[at..at + entry.bytes as usize]);
        self.listed(entry, commit);
    }

    /// Something else stands for a damaged record.
    fn replace(&mut self, entry: &Entry, place: Place, first_commit: u64) {
        let (from, to) = (place.offset as usize, (place.offset + place.bytes) as usize);
        self.aside.push((from, to.min(self.bytes.len())));
        let instead = match entry.kind {
            Kind::Mark => Record::mark(self.next_do_id),
            Kind::Tombstone | Kind::Object => Record::tombstone(entry.do_id, entry.class),
        };
        let is_newest = self.newest.get(&entry.do_id) == Some(&place);
        if entry.kind == Kind::Object && is_newest {
            self.done.push(Repair::Deleted(entry.do_id, place));
        } else {
            self.done.push(Repair::Dropped(place));
        }
        let commit = self.commits.map_or(first_commit, |(_, last)| last);
        let start = self.out.len();
        self.out.extend_from_slice(instead.raw());
        self.seal.close(&mut self.out[start..], instead.kind(), commit, true);
        let entry = Entry { kind: instead.kind(), bytes: instead.bytes(), ..*entry };
        self.listed(entry, commit);
    }

    fn listed(&mut self, entry: Entry, commit: u64) {
        self.entries.push(entry);
        let (first, _) = self.commits.unwrap_or((commit, commit));
        self.commits = Some((first, commit));
    }

    /// Higher than any id that can have stood in the segment.
    fn next_do_id_above(&self) -> DoId {
        match self.unknown_bytes {
            0 => self.head.next_do_id,
            bytes => next_id::above(self.head.next_do_id.max(self.next_do_id), bytes),
        }
    }

    fn finish(
        mut self,
        disk: &dyn Disk,
        set_aside: SetAside<'_>,
        sealed: bool,
        done: &mut Vec<Repair>,
    ) -> Result<(), DiskError> {
        let segment = self.head.segment;
        for (from, to) in &self.aside {
            let name: String = format!("{:08}-{from}", segment.0);
            set_aside(&name, self.bytes.get(*from..*to).unwrap_or_default())?;
        }
        if self.entries.is_empty() {
            disk.remove(segment)?;
        } else {
            let (first_commit, last_commit) = self.commits.unwrap_or_default();
            let trailer = Trailer {
                first_commit,
                last_commit,
                next_do_id: self.next_do_id_above(),
                records_end: self.out.len() as u32,
                salt: self.head.salt,
            };
            self.out.extend_from_slice(&trailer.encode(&self.entries));
            disk.create(segment, &self.out, self.out.len() as u32)?;
            if sealed {
                self.done.push(Repair::Sealed(segment));
            }
        }
        done.append(&mut self.done);
        Ok(())
    }
}

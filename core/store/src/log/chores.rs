//! Work on the disk that does not delay a commit: what is handed out, and what comes back.

use super::Log;
use super::active::{Active, Prepared};
use super::compaction::Compaction;
use crate::committer::{Chore, Chored};
use crate::disk::{Disk, DiskError, SegmentBytes};
use crate::ids::{PartId, Place, SegmentId};
use crate::part::Sealed;
use crate::record::{Kind, Said};
use crate::request::Reply;
use crate::segment::{Entry, Head, Trailer};
use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rkyv::util::AlignedVec;
use wire::ids::DoId;

/// How many prepared segments there are at best: the next one, and the reserve.
const READY: usize = 2;
/// How much is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// Work that is to be done.
#[derive(Debug)]
pub(super) enum Doing {
    Fetch(PartId, Place),
    Prepare(Head, u32),
    Seal(Sealing),
    /// A sealed segment, so many bytes long.
    Map(SegmentId, u64),
    ReadAhead(SegmentId),
    Remove(SegmentId),
    Discard(SegmentId),
    /// The bytes of removed segments that nobody reads any more.
    LetGo(Vec<Arc<dyn SegmentBytes>>),
    Scrub(Scrubbing),
}

/// What became of it.
pub(super) enum Done {
    Fetched(PartId, Place, Result<(), DiskError>),
    Prepared(Result<Prepared, DiskError>),
    NotSealed(DiskError),
    Mapped(SegmentId, u64, Result<Arc<dyn SegmentBytes>, DiskError>),
    ReadAhead(SegmentId, Result<(), DiskError>),
    Removed(SegmentId, Result<(), DiskError>),
    Discarded(SegmentId, Result<(), DiskError>),
    LetGo,
    Scrubbed(Option<Scrubbing>, Vec<(DoId, Place)>),
}

/// A filled segment that gets its footer.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub segment: SegmentId,
    trailer: Trailer,
    entries: Vec<Entry>,
}

/// Segments whose records are to be checked.
#[derive(Default, Debug)]
pub(super) struct Scrub {
    pub segments: VecDeque<(SegmentId, Sealed)>,
    pub going: Option<Scrubbing>,
    pub out: bool,
}

/// How far the check of a segment is.
#[derive(Clone, Debug)]
pub(super) struct Scrubbing {
    segment: SegmentId,
    sealed: Sealed,
    next: usize,
    offset: u32,
}

impl Sealing {
    pub fn of(filled: Active, next_do_id: DoId) -> Sealing {
        let trailer = filled.trailer(next_do_id);
        Sealing { segment: filled.segment, trailer, entries: filled.entries }
    }

    /// Writes the footer and gives the space behind it back; how long the segment is then.
    pub fn run(&self, disk: &dyn Disk) -> Result<u64, DiskError> {
        let footer = self.trailer.encode(&self.entries);
        let end = self.trailer.records_end;
        let bytes = end + footer.len() as u32;
        disk.write(self.segment, end, &footer)?;
        disk.truncate(self.segment, bytes)?;
        disk.sync(self.segment)?;
        Ok(u64::from(bytes))
    }
}

/// How much time there is to make a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Haste {
    /// Somebody waits for it.
    Now,
    /// It is made ahead.
    Ahead,
}

/// Makes a segment that can be written to.
pub(super) fn prepare(
    disk: &dyn Disk,
    head: &Head,
    bytes: u32,
    haste: Haste,
) -> Result<Prepared, DiskError> {
    let encoded = head.encode();
    let first_record = encoded.len() as u32;
    let bytes = bytes.max(first_record);
    match haste {
        Haste::Now => disk.create(head.segment, &encoded, bytes)?,
        Haste::Ahead => disk.create_filled(head.segment, &encoded, bytes)?,
    }
    Ok(Prepared { segment: head.segment, salt: head.salt, first_record, bytes })
}

impl Doing {
    fn is_patient(&self, tight: bool) -> bool {
        match self {
            Doing::Scrub(_) => true,
            Doing::Prepare(..) => tight,
            Doing::Fetch(..)
            | Doing::Seal(_)
            | Doing::Map(..)
            | Doing::ReadAhead(_)
            | Doing::Remove(_)
            | Doing::Discard(_)
            | Doing::LetGo(_) => false,
        }
    }

    fn run(self, disk: &dyn Disk) -> Done {
        match self {
            Doing::Fetch(part, place) => {
                let (from, to) = (place.offset, place.offset + place.bytes);
                let read = read_pieces(disk, place.segment, from, to);
                Done::Fetched(part, place, read)
            }
            Doing::Prepare(head, bytes) => {
                Done::Prepared(prepare(disk, &head, bytes, Haste::Ahead))
            }
            Doing::Seal(sealing) => {
                let segment = sealing.segment;
                match sealing.run(disk) {
                    Ok(bytes) => Done::Mapped(segment, bytes, disk.map(segment)),
                    Err(why) => Done::NotSealed(why),
                }
            }
            Doing::Map(segment, bytes) => Done::Mapped(segment, bytes, disk.map(segment)),
            Doing::ReadAhead(segment) => {
                let read = disk.len(segment).and_then(|end| read_pieces(disk, segment, 0, end));
                Done::ReadAhead(segment, read)
            }
            Doing::Remove(segment) => Done::Removed(segment, disk.remove(segment)),
            Doing::Discard(segment) => Done::Discarded(segment, disk.remove(segment)),
            Doing::LetGo(bytes) => {
                drop(bytes);
                Done::LetGo
            }
            Doing::Scrub(scrubbing) => scrubbing.run(disk),
        }
    }
}

/// Reads a stretch of a segment, so that it is in memory.
fn read_pieces(disk: &dyn Disk, segment: SegmentId, from: u32, to: u32) -> Result<(), DiskError> {
    let mut piece = vec![0; PIECE_BYTES.min((to - from) as usize)];
    for at in (from..to).step_by(PIECE_BYTES) {
        let bytes = piece.len().min((to - at) as usize);
        disk.read(segment, at, &mut piece[..bytes])?;
    }
    Ok(())
}

impl Scrubbing {
    /// Checks about a MiB of records.
    fn run(mut self, disk: &dyn Disk) -> Done {
        let mut damaged = Vec::new();
        let sealed = self.sealed.clone();
        let footer = sealed.footer_place(self.segment);
        let read = footer
            .and_then(|at| read_pieces(disk, at.segment, at.offset, at.offset + at.bytes).ok());
        let Some(footer) = read.and_then(|()| sealed.footer()) else {
            tracing::error!(segment = %self.segment, "its footer cannot be read: it is not checked");
            return Done::Scrubbed(None, damaged);
        };
        let start = self.offset;
        let mut entries = Vec::new();
        for entry in footer.entries(self.next) {
            if (self.offset - start) as usize >= PIECE_BYTES {
                break;
            }
            entries.push(entry);
            self.offset += entry.bytes;
        }
        self.next += entries.len();
        let bytes = self.read(disk, start, &entries);
        let mut at = 0;
        for entry in &entries {
            let record = bytes.get(at..at + entry.bytes as usize).unwrap_or_default();
            if entry.kind == Kind::Object && !self.holds(record, entry) {
                let offset = start + at as u32;
                let place = Place { segment: self.segment, offset, bytes: entry.bytes };
                damaged.push((entry.do_id, place));
            }
            at += entry.bytes as usize;
        }
        Done::Scrubbed((!entries.is_empty()).then_some(self), damaged)
    }

    /// The bytes of these records; where the disk cannot give one, others are there still.
    fn read(&self, disk: &dyn Disk, start: u32, entries: &[Entry]) -> AlignedVec<8> {
        let mut bytes = AlignedVec::new();
        bytes.resize((self.offset - start) as usize, 0);
        if disk.read(self.segment, start, &mut bytes).is_ok() {
            return bytes;
        }
        let mut at = 0;
        for entry in entries {
            let record = &mut bytes[at..at + entry.bytes as usize];
            if let Err(why) = disk.read(self.segment, start + at as u32, record) {
                tracing::error!(segment = %self.segment, offset = start + at as u32, %why, "unreadable");
                record.fill(0);
            }
            at += entry.bytes as usize;
        }
        bytes
    }

    fn holds(&self, record: &[u8], entry: &Entry) -> bool {
        match self.sealed.seal.read(record).and_then(|view| view.said()) {
            Some(Said::Object(object)) => object.do_id() == entry.do_id,
            Some(Said::Tombstone(..) | Said::Mark(_)) | None => false,
        }
    }
}

impl Log {
    pub(super) fn hand_out(&mut self) -> Option<Chore> {
        let (doing, patient) = match self.next_doing() {
            Some(doing) => {
                let patient = doing.is_patient(self.tight);
                (doing, patient)
            }
            None => (self.next_again()?, true),
        };
        let disk = self.disk.clone();
        Some(Chore::new(patient, move || doing.run(&*disk)))
    }

    fn next_doing(&mut self) -> Option<Doing> {
        if let Some((part, place)) = self.fetches.pop_front() {
            return Some(Doing::Fetch(part, place));
        }
        if !self.let_go.is_empty() {
            return Some(Doing::LetGo(core::mem::take(&mut self.let_go)));
        }
        if self.failed.is_some() {
            return None;
        }
        if !self.sealing
            && let Some(sealing) = self.unsealed.pop_front()
        {
            self.sealing = true;
            return Some(Doing::Seal(sealing));
        }
        if !self.tight
            && let Some(prepare) = self.next_prepare()
        {
            return Some(prepare);
        }
        if let Some(segment) = self.removal() {
            return Some(Doing::Remove(segment));
        }
        if let Some(segment) = self.stale.first().copied().filter(|_| !self.discarding) {
            self.discarding = true;
            return Some(Doing::Discard(segment));
        }
        let next = self.read_ahead().or_else(|| self.next_prepare());
        if next.is_none() && !self.again.is_empty() {
            return None;
        }
        next.or_else(|| self.next_scrub())
    }

    /// What was in vain before; nothing but a fetch is of use any more where the disk has failed.
    fn next_again(&mut self) -> Option<Doing> {
        if self.failed.is_some() {
            self.again.retain(|doing| matches!(doing, Doing::Fetch(..)));
        }
        self.again.pop_front()
    }

    fn next_prepare(&mut self) -> Option<Doing> {
        if self.ready.len() >= READY || self.preparing.is_some() {
            return None;
        }
        let segment = self.take_segment_number();
        self.preparing = Some(segment);
        Some(Doing::Prepare(self.head(segment), self.segment_bytes))
    }

    fn next_scrub(&mut self) -> Option<Doing> {
        if self.scrub.out {
            return None;
        }
        let going = self.scrub.going.take().or_else(|| {
            let (segment, sealed) = self.scrub.segments.pop_front()?;
            Some(Scrubbing { segment, next: 0, offset: sealed.first_record, sealed })
        });
        self.scrub.out = going.is_some();
        going.map(Doing::Scrub)
    }

    pub(super) fn take_back(&mut self, done: Chored, out: &mut Vec<(PartId, Reply)>) {
        match done.result::<Done>() {
            Done::Fetched(part, place, Err(DiskError::Busy { .. })) => {
                self.again.push_back(Doing::Fetch(part, place));
            }
            Done::Fetched(part, place, result) => {
                let result = result.map_err(|why| why.to_string());
                out.push((part, Reply::Fetched(place, result)));
            }
            Done::Prepared(prepared) => {
                self.preparing = None;
                match prepared {
                    Ok(prepared) => self.prepared(prepared),
                    Err(why) if why.passes() => self.short(&why),
                    Err(why) => self.fail(&why, out),
                }
            }
            Done::NotSealed(why) => {
                self.sealing = false;
                self.fail(&why, out);
            }
            Done::Mapped(segment, bytes, Err(DiskError::Busy { .. })) => {
                self.again.push_back(Doing::Map(segment, bytes));
            }
            Done::Mapped(segment, bytes, mapped) => {
                self.sealing = false;
                match mapped {
                    Ok(map) => {
                        let tally = self.tallies.of(segment);
                        tally.file = bytes;
                        tally.sealed = true;
                        self.tell_all(&Reply::Sealed(segment, map), out);
                    }
                    Err(why) => self.fail(&why, out),
                }
            }
            Done::ReadAhead(segment, Ok(())) => self.sweep(segment, out),
            Done::ReadAhead(segment, Err(DiskError::Busy { .. })) => {
                self.again.push_back(Doing::ReadAhead(segment));
            }
            Done::ReadAhead(segment, Err(why)) => self.not_swept(segment, &why),
            Done::Removed(segment, removed) => match removed {
                Ok(()) => {
                    self.tallies.remove(segment);
                    self.compaction = Compaction::Idle;
                    self.counted.swept += 1;
                    self.scrub.segments.retain(|(at, _)| *at != segment);
                    self.tell_all(&Reply::Removed(segment), out);
                }
                Err(why) => self.fail(&why, out),
            },
            Done::Discarded(segment, removed) => {
                self.discarding = false;
                self.stale.remove(&segment);
                if let Err(why) = removed {
                    self.fail(&why, out);
                }
            }
            Done::LetGo => {}
            Done::Scrubbed(going, damaged) => self.scrubbed(going, damaged, out),
        }
    }

    /// Another segment could not be made now. While there is one in reserve, that is no harm.
    fn short(&mut self, why: &DiskError) {
        self.tight = true;
        if self.ready.is_empty() {
            self.now_full(why);
        }
    }

    fn scrubbed(
        &mut self,
        going: Option<Scrubbing>,
        damaged: Vec<(DoId, Place)>,
        out: &mut Vec<(PartId, Reply)>,
    ) {
        self.scrub.out = false;
        self.scrub.going = going.filter(|going| self.tallies.get(going.segment).is_some());
        for (do_id, place) in damaged {
            if self.tallies.get(place.segment).is_some() {
                tracing::error!(%do_id, %place, "the record of an object is damaged");
                self.counted.damaged += 1;
                let part = (self.place)(do_id, self.parts.len());
                out.push((PartId(part as u16), Reply::Damaged(do_id, place)));
            }
        }
    }

    /// Gives every segment its footer, and takes the prepared ones away.
    pub(super) fn seal_all(&mut self) -> Result<(), DiskError> {
        if self.failed.is_some() {
            return Ok(());
        }
        let trailer = self.active.trailer(self.next_do_id);
        let entries = core::mem::take(&mut self.active.entries);
        let segment = self.active.segment;
        if entries.is_empty() {
            self.disk.remove(segment)?;
        } else {
            self.unsealed.push_back(Sealing { segment, trailer, entries });
        }
        for sealing in self.unsealed.drain(..) {
            sealing.run(&*self.disk)?;
        }
        for ready in self.ready.drain(..) {
            self.disk.remove(ready.segment)?;
        }
        self.disk.tidy()
    }
}

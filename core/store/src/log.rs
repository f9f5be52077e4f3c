//! The log: it makes the parts' appends durable, commit by commit, and keeps the segments.
//!
//! A commit is one write and one sync into the active segment; nothing is answered before. What
//! takes time beside that is handed out as chores. A write or sync that fails is final. When the
//! disk is full, writes are refused, while deletes and moves go on into what was kept in reserve.

mod active;
mod chores;
mod compaction;
mod open;
pub(crate) mod tally;

pub use open::Opened;

use crate::catalog::Catalog;
use crate::committer::{Chore, Chored, Committer};
use crate::disk::{Disk, DiskError, SegmentBytes};
use crate::ids::{PartId, Place, SegmentId};
use crate::request::{Append, Purpose, Reply, Request};
use crate::segment::Head;
use crate::stats::Stats;
use active::{Active, Prepared, Staged};
use ahash::RandomState;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use chores::{Doing, Haste, Scrub, Sealing};
use compaction::Compaction;
use tally::Tallies;
use wire::ids::DoId;

/// A commit is not longer than this, so that nobody waits long.
pub(crate) const COMMIT_BYTES_MAX: usize = 4 << 20;

/// The log of a store. One thread owns it.
pub struct Log {
    disk: Arc<dyn Disk>,
    segment_bytes: u32,
    place: fn(DoId, usize) -> usize,
    salts: RandomState,
    catalog: Arc<Catalog>,
    parts: Vec<PartState>,
    active: Active,
    staged: Staged,
    /// The commit that is written next.
    commit: u64,
    next_do_id: DoId,
    /// The number of the next segment that is prepared.
    next_segment: SegmentId,
    /// Prepared segments, ascending. The last one is the reserve for deletes and moves.
    ready: VecDeque<Prepared>,
    /// The segment that a chore prepares.
    preparing: Option<SegmentId>,
    /// Prepared segments that came too late.
    stale: BTreeSet<SegmentId>,
    discarding: bool,
    /// Filled segments without a footer, ascending, but for the one that a chore seals.
    unsealed: VecDeque<Sealing>,
    sealing: bool,
    fetches: VecDeque<(PartId, Place)>,
    /// What the system was too short of something for: to be tried again at leisure.
    again: VecDeque<Doing>,
    /// What parts do not read any more, of segments that are removed.
    let_go: Vec<Arc<dyn SegmentBytes>>,
    scrub: Scrub,
    compaction: Compaction,
    /// Segments below this one are swept if anything in them is of no use, be it ever so little.
    sweep_below: SegmentId,
    tallies: Tallies,
    /// There was no room, or not enough else, for the segment that was to be prepared last.
    tight: bool,
    /// Writes are refused until there is room again.
    full: bool,
    failed: Option<Arc<str>>,
    counted: Stats,
}

/// What the log knows of a part.
#[derive(Clone, Default, Debug)]
struct PartState {
    /// How many refusals it was told.
    refusals: u32,
    /// Durable places that it has not been told yet.
    places: Vec<Place>,
}

impl Log {
    /// The names that the keys stand for.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn append(&mut self, part: PartId, append: &Append, out: &mut Vec<(PartId, Reply)>) {
        if self.failed.is_some() {
            return;
        }
        self.counted.appends += u64::from(append.purpose != Purpose::Move);
        if !self.admit(part, append, out) {
            if self.failed.is_none() {
                self.refuse(part, append.purpose);
            }
            return;
        }
        let offset = self.active.at + self.staged.bytes().len() as u32;
        let bytes = append.record.bytes();
        let place = Place { segment: self.active.segment, offset, bytes };
        self.staged.add(&append.record);
        self.staged.fates.push((part, Some(place)));
        if append.purpose == Purpose::Move {
            self.counted.moved_bytes += u64::from(bytes);
        }
    }

    /// Whether there is room for it, and it was asked in knowledge of all refusals.
    fn admit(&mut self, part: PartId, append: &Append, out: &mut Vec<(PartId, Reply)>) -> bool {
        let known = append.epoch >= self.parts[usize::from(part.0)].refusals;
        let refused = append.purpose == Purpose::Write && (self.full || !known);
        !refused && self.make_room(append.record.bytes(), append.purpose, out)
    }

    fn refuse(&mut self, part: PartId, purpose: Purpose) {
        self.parts[usize::from(part.0)].refusals += 1;
        self.staged.fates.push((part, None));
        self.counted.refused += u64::from(purpose != Purpose::Move);
        if purpose == Purpose::Move
            && let Compaction::Sweep(sweeping) = &mut self.compaction
        {
            sweeping.refused = true;
        }
    }

    /// Makes sure that a record of so many bytes fits behind what is staged.
    fn make_room(&mut self, bytes: u32, purpose: Purpose, out: &mut Vec<(PartId, Reply)>) -> bool {
        let together = self.staged.bytes().len() + bytes as usize;
        if together > COMMIT_BYTES_MAX {
            self.flush(out);
        }
        let together = self.staged.bytes().len() + bytes as usize;
        if self.failed.is_none() && !self.active.fits(self.staged.records() + 1, together) {
            self.flush(out);
            return self.failed.is_none() && self.roll(purpose, out);
        }
        self.failed.is_none()
    }

    /// Goes on in the next segment. For a write one must be left in reserve behind it.
    fn roll(&mut self, purpose: Purpose, out: &mut Vec<(PartId, Reply)>) -> bool {
        let needed = if purpose == Purpose::Write { 2 } else { 1 };
        while self.ready.len() < needed {
            let segment = self.take_segment_number();
            match self.prepare(segment) {
                Ok(prepared) => self.prepared(prepared),
                Err(why) if why.passes() => {
                    self.now_full(&why);
                    return false;
                }
                Err(why) => {
                    self.fail(&why, out);
                    return false;
                }
            }
        }
        let Some(next) = self.ready.pop_front() else { return false };
        let filled = core::mem::replace(&mut self.active, Active::new(next));
        self.unsealed.push_back(Sealing::of(filled, self.next_do_id));
        true
    }

    /// Writes what is staged, makes it durable, and answers.
    fn flush(&mut self, out: &mut Vec<(PartId, Reply)>) {
        if self.staged.records() > 0 {
            self.staged.close(&self.active, self.commit);
            let (segment, at) = (self.active.segment, self.active.at);
            let written = self.disk.write(segment, at, self.staged.bytes());
            if let Err(why) = written.and_then(|()| self.disk.sync(segment)) {
                self.fail(&why, out);
                return;
            }
            self.count_staged();
            let next = self.staged.moved_into(&mut self.active, self.commit);
            self.next_do_id = self.next_do_id.max(next);
            self.commit += 1;
        }
        self.answer(out);
    }

    fn count_staged(&mut self) {
        let bytes = self.staged.bytes().len() as u64;
        self.counted.commits += 1;
        self.counted.written_bytes += bytes;
        let tally = self.tallies.of(self.active.segment);
        self.staged.entries().iter().for_each(|entry| tally.add(entry));
        tally.file = tally.file.max(u64::from(self.active.at) + bytes);
    }

    /// Tells the parts what became of their appends, in the order of each part.
    fn answer(&mut self, out: &mut Vec<(PartId, Reply)>) {
        for (part, fate) in self.staged.fates.drain(..) {
            let state = &mut self.parts[usize::from(part.0)];
            if let Some(place) = fate {
                state.places.push(place);
                continue;
            }
            if !state.places.is_empty() {
                out.push((part, Reply::Durable(core::mem::take(&mut state.places))));
            }
            out.push((part, Reply::Refused));
        }
        for (part, state) in (0..).map(PartId).zip(&mut self.parts) {
            if !state.places.is_empty() {
                out.push((part, Reply::Durable(core::mem::take(&mut state.places))));
            }
        }
    }

    /// The disk has failed: nothing is written any more.
    fn fail(&mut self, why: &DiskError, out: &mut Vec<(PartId, Reply)>) {
        if self.failed.is_some() {
            return;
        }
        let why: Arc<str> = why.to_string().into();
        tracing::error!(%why, "the store is read-only from now on");
        self.staged.clear();
        self.failed = Some(why.clone());
        self.tell_all(&Reply::ReadOnly(why), out);
    }

    fn now_full(&mut self, why: &DiskError) {
        self.tight = true;
        if !self.full {
            tracing::error!(%why, "the store refuses writes until another segment can be made");
            self.full = true;
        }
    }

    fn tell_all(&self, reply: &Reply, out: &mut Vec<(PartId, Reply)>) {
        let parts = (0..).map(PartId).take(self.parts.len());
        out.extend(parts.map(|part| (part, reply.clone())));
    }

    fn take_segment_number(&mut self) -> SegmentId {
        let segment = self.next_segment;
        self.next_segment.0 += 1;
        segment
    }

    fn head(&self, segment: SegmentId) -> Head {
        let (salt, catalog) = (self.salts.hash_one(segment), (*self.catalog).clone());
        Head { segment, salt, next_do_id: self.next_do_id, catalog }
    }

    /// Prepares a segment here and now.
    fn prepare(&self, segment: SegmentId) -> Result<Prepared, DiskError> {
        chores::prepare(&*self.disk, &self.head(segment), self.segment_bytes, Haste::Now)
    }

    /// A segment can be written to.
    fn prepared(&mut self, prepared: Prepared) {
        let segment = prepared.segment;
        if segment < self.active.segment {
            self.stale.insert(segment);
            return;
        }
        self.tallies.of(segment).file = u64::from(prepared.bytes);
        self.tight = false;
        let at = self.ready.partition_point(|ready| ready.segment < segment);
        self.ready.insert(at, prepared);
        if self.full {
            tracing::info!("another segment could be made: the store takes writes again");
            self.full = false;
        }
    }
}

impl Committer for Log {
    fn commit(&mut self, batch: &mut Vec<(PartId, Request)>, out: &mut Vec<(PartId, Reply)>) {
        let mut answers: Vec<(PartId, SegmentId, bool)> = Vec::new();
        for (part, request) in batch.drain(..) {
            match request {
                Request::Append(append) => self.append(part, &append, out),
                Request::Dead(place) => self.tallies.dead(place),
                Request::Swept(segment) => answers.push((part, segment, false)),
                Request::Stuck(segment) => answers.push((part, segment, true)),
                Request::Fetch(place) => self.fetches.push_back((part, place)),
                Request::LetGo(bytes) => self.let_go.push(bytes),
            }
        }
        if self.failed.is_none() {
            self.flush(out);
        }
        for (part, segment, stuck) in answers {
            self.swept(part, segment, stuck);
        }
        self.compact_in_time(out);
    }

    fn next_chore(&mut self) -> Option<Chore> {
        self.hand_out()
    }

    fn chored(&mut self, done: Chored, out: &mut Vec<(PartId, Reply)>) {
        self.take_back(done, out);
        self.compact(out);
    }

    fn stats(&self) -> Stats {
        let sums = self.tallies.sums();
        Stats {
            objects: sums.objects,
            live_bytes: sums.live,
            dead_bytes: sums.dead(),
            tombstone_bytes: sums.tombstones,
            segments: self.tallies.iter().filter(|(_, tally)| tally.bytes > 0).count() as u64,
            disk_bytes: sums.file,
            full: self.full,
            read_only: self.failed.is_some(),
            ..self.counted
        }
    }

    fn cores(&self) -> Vec<usize> {
        self.disk.cores()
    }

    fn close(&mut self) -> Result<(), DiskError> {
        self.seal_all()
    }
}

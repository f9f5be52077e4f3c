//! When a segment is swept, and which.
//!
//! One at a time: its bytes are read ahead; the parts move what lives in it; a mark keeps the
//! highest id; the segment is removed. A segment is only ever removed when nothing in it lives.

use super::tally::{Tallies, Tally};
use super::{Doing, Log};
use crate::disk::DiskError;
use crate::ids::{PartId, SegmentId};
use crate::record::Record;
use crate::request::{Purpose, Reply};
use alloc::vec;
use alloc::vec::Vec;

/// So many commits pass before the segments are looked at again: where there are thousands, that
/// takes time.
const LOOK_EVERY: u64 = 16;
/// So many quarters of what lives may be dead before a segment is swept. With two of them 1.8 times as
/// much was moved where objects are written at random.
const DEAD_QUARTERS_MAX: u64 = 3;
/// More sealed segments than this that are less than a quarter full are brought together.
const SMALL_MAX: usize = 8;

/// How far the compaction is.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Compaction {
    Idle,
    /// The segment is to be read ahead; whether that has begun.
    Fetch(SegmentId, bool),
    Sweep(Sweeping),
    /// Nothing in it lives; the mark is to be written.
    Mark(SegmentId),
    /// It is to be removed; whether that has begun.
    Remove(SegmentId, bool),
}

/// A sweep under way.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Sweeping {
    segment: SegmentId,
    /// Parts that have not answered.
    waiting: Vec<bool>,
    stuck: bool,
    /// A move was refused, so being stuck says nothing of the segment.
    pub refused: bool,
}

impl Log {
    /// A part is through with the segment that is swept.
    pub(super) fn swept(&mut self, part: PartId, segment: SegmentId, stuck: bool) {
        if let Compaction::Sweep(sweeping) = &mut self.compaction
            && sweeping.segment == segment
        {
            sweeping.waiting[usize::from(part.0)] = false;
            sweeping.stuck |= stuck;
        }
    }

    /// From now on all segments before the active one are swept in which anything is of no use, be
    /// it ever so little: for a store at rest. A server sweeps where it is worth the writing.
    pub fn sweep_all(&mut self) {
        self.sweep_below = self.active.segment;
    }

    /// Goes on behind a commit.
    pub(super) fn compact_in_time(&mut self, out: &mut Vec<(PartId, Reply)>) {
        let look = self.counted.commits.is_multiple_of(LOOK_EVERY)
            || self.full
            || self.sweep_below > SegmentId::default();
        if look || self.compaction != Compaction::Idle {
            self.compact(out);
        }
    }

    /// Goes on where nothing is waited for.
    pub(super) fn compact(&mut self, out: &mut Vec<(PartId, Reply)>) {
        if self.failed.is_some() {
            return;
        }
        if self.compaction == Compaction::Idle && self.stale.is_empty() {
            self.compaction =
                self.pick().map_or(Compaction::Idle, |at| Compaction::Fetch(at, false));
        }
        if let Compaction::Sweep(sweeping) = &self.compaction
            && !sweeping.waiting.contains(&true)
        {
            let segment = sweeping.segment;
            let (stuck, refused) = (sweeping.stuck, sweeping.refused);
            let live = self.tallies.get(segment).map_or(0, |tally| tally.live);
            assert!(stuck || live == 0, "a segment that was swept holds nothing that lives");
            self.tallies.of(segment).stuck |= stuck && !refused;
            self.compaction = if stuck { Compaction::Idle } else { Compaction::Mark(segment) };
        }
        if let Compaction::Mark(segment) = self.compaction
            && self.append_mark(out)
        {
            self.compaction = Compaction::Remove(segment, false);
        }
    }

    /// The segment is in memory: the parts may begin.
    pub(super) fn sweep(&mut self, segment: SegmentId, out: &mut Vec<(PartId, Reply)>) {
        if self.failed.is_some() {
            return;
        }
        let waiting = vec![true; self.parts.len()];
        self.compaction =
            Compaction::Sweep(Sweeping { segment, waiting, stuck: false, refused: false });
        self.tell_all(&Reply::Sweep(segment), out);
    }

    /// The segment cannot be read as a whole, so it stays as it is.
    pub(super) fn not_swept(&mut self, segment: SegmentId, why: &DiskError) {
        tracing::error!(%segment, %why, "a segment cannot be read: it is kept, and not swept");
        self.tallies.of(segment).stuck = true;
        self.compaction = Compaction::Idle;
    }

    /// Whether the mark is durable.
    fn append_mark(&mut self, out: &mut Vec<(PartId, Reply)>) -> bool {
        let mark = Record::mark(self.next_do_id);
        if !self.make_room(mark.bytes(), Purpose::Move, out) {
            return false;
        }
        self.staged.add(&mark);
        self.flush(out);
        self.failed.is_none()
    }

    /// The segment that is best swept now, if any should be.
    fn pick(&self) -> Option<SegmentId> {
        let segment_bytes = u64::from(self.segment_bytes);
        let live: u64 = self.tallies.iter().map(|(_, tally)| tally.live).sum();
        let sealed = || self.tallies.sealed().filter(|(_, tally)| !tally.stuck);
        let dead: u64 = sealed().map(|(_, tally)| tally.dead()).sum();
        if self.full {
            let frees = |tally: &Tally| tally.dead() * 8 >= tally.bytes;
            let fits = |tally: &Tally| tally.live + tally.tombstones <= self.room();
            let frees = sealed().filter(|(_, tally)| frees(tally) && fits(tally));
            return most_dead(frees);
        }
        let is_due = |(segment, tally): &(SegmentId, &Tally)| {
            *segment < self.sweep_below && tally.live < tally.bytes
        };
        if let Some((segment, _)) = sealed().find(is_due) {
            return Some(segment);
        }
        if dead > (live / 4 * DEAD_QUARTERS_MAX).max(segment_bytes) {
            return most_dead(sealed());
        }
        let tombstones: u64 = sealed().map(|(_, tally)| tally.tombstones).sum();
        if tombstones > (live / 10).max(segment_bytes / 4) {
            return sealed().next().map(|(segment, _)| segment);
        }
        let is_small = |tally: &Tally| tally.bytes < segment_bytes / 4;
        let small = || sealed().filter(|(_, tally)| is_small(tally));
        match small().count() > SMALL_MAX {
            true => small().min_by_key(|(_, tally)| tally.live).map(|(segment, _)| segment),
            false => None,
        }
    }

    /// How many bytes of records surely fit without another segment.
    fn room(&self) -> u64 {
        let prepared: u64 = self.ready.iter().map(|ready| u64::from(ready.bytes)).sum();
        // A footer takes a third of the smallest record.
        (u64::from(self.active.room()) + prepared) / 4 * 3
    }

    pub(super) fn removal(&mut self) -> Option<SegmentId> {
        match &mut self.compaction {
            Compaction::Remove(segment, begun @ false) => {
                *begun = true;
                Some(*segment)
            }
            Compaction::Remove(..)
            | Compaction::Idle
            | Compaction::Fetch(..)
            | Compaction::Sweep(_)
            | Compaction::Mark(_) => None,
        }
    }

    pub(super) fn read_ahead(&mut self) -> Option<Doing> {
        match &mut self.compaction {
            Compaction::Fetch(segment, begun @ false) => {
                *begun = true;
                Some(Doing::ReadAhead(*segment))
            }
            Compaction::Fetch(..)
            | Compaction::Idle
            | Compaction::Sweep(_)
            | Compaction::Mark(_)
            | Compaction::Remove(..) => None,
        }
    }
}

fn most_dead<'a>(of: impl Iterator<Item = (SegmentId, &'a Tally)>) -> Option<SegmentId> {
    // Shares are compared crosswise, so that no fraction is rounded.
    of.max_by(|(_, a), (_, b)| {
        (a.dead() as u128 * b.bytes as u128).cmp(&(b.dead() as u128 * a.bytes as u128))
    })
    .map(|(segment, _)| segment)
}

impl Tallies {
    /// The sums of all segments: objects, live, dead, tombstones, files.
    pub fn sums(&self) -> Tally {
        let mut sums = Tally::default();
        for (_, tally) in self.iter() {
            sums.bytes += tally.bytes;
            sums.live += tally.live;
            sums.objects += tally.objects;
            sums.tombstones += tally.tombstones;
            sums.file += tally.file;
        }
        sums
    }
}

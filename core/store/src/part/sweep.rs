//! A sweep: everything of a part that lives in a segment is asked to be appended again.
//!
//! It goes in slices, the next one only when the moves of the one before have their fate. An object
//! with a version that is not durable yet is looked at later: a move must not stand behind it.

use super::Part;
use super::pending::Version;
use crate::ids::{Place, SegmentId};
use crate::record::{Kind, Record};
use crate::request::{Append, Purpose, Request};
use crate::segment::Entry;
use alloc::vec::Vec;

const MOVED_BYTES_MAX: u32 = 64 << 10;
const WALKED_BYTES_MAX: u32 = 1 << 20;

/// How far a sweep is.
#[derive(Debug)]
pub(crate) struct Sweep {
    segment: SegmentId,
    /// The number of the next entry of the footer, and where its record stands.
    next: usize,
    offset: u32,
    walked: bool,
    later: Vec<(Entry, Place)>,
    /// Moves whose fate is not known.
    moving: usize,
    stuck: bool,
}

impl Sweep {
    pub fn new(segment: SegmentId) -> Sweep {
        let later = Vec::new();
        Sweep { segment, next: 0, offset: 0, walked: false, later, moving: 0, stuck: false }
    }

    /// A move has its fate.
    pub fn moved(&mut self, refused: bool) {
        self.moving -= 1;
        if refused {
            self.stuck = true;
            self.walked = true;
            self.later.clear();
        }
    }
}

/// What becomes of an entry.
enum Verdict {
    Drop,
    Move(Record),
    Later,
    Unreadable,
}

impl Part {
    /// Whether [`Part::work`] has something to do now.
    pub fn has_work(&self) -> bool {
        let Some(sweep) = &self.sweep else { return false };
        let waits = |(entry, _): &(Entry, Place)| self.pending.has(entry.do_id);
        sweep.moving == 0
            && (!sweep.walked || sweep.later.is_empty() || !sweep.later.iter().all(waits))
    }

    /// A slice of a sweep: at most 64 KiB moved and 1 MiB walked over.
    pub fn work(&mut self) {
        if !self.has_work() {
            return;
        }
        let Some(mut sweep) = self.sweep.take() else { return };
        let mut moved = self.sweep_later(&mut sweep);
        if !sweep.walked {
            moved += self.sweep_slice(&mut sweep, moved);
        }
        if moved == 0 && sweep.walked && sweep.later.is_empty() {
            let segment = sweep.segment;
            let stuck = sweep.stuck;
            self.requests.push(if stuck {
                Request::Stuck(segment)
            } else {
                Request::Swept(segment)
            });
        } else {
            self.sweep = Some(sweep);
        }
    }

    /// Looks again at what had to wait; returns how many bytes move.
    fn sweep_later(&mut self, sweep: &mut Sweep) -> u32 {
        let mut moved = 0;
        for (entry, place) in core::mem::take(&mut sweep.later) {
            if moved < MOVED_BYTES_MAX {
                moved += self.sweep_entry(sweep, entry, place);
            } else {
                sweep.later.push((entry, place));
            }
        }
        moved
    }

    /// Walks on; returns how many bytes move.
    fn sweep_slice(&mut self, sweep: &mut Sweep, moved_before: u32) -> u32 {
        let sealed = self.held.sealed(sweep.segment).cloned();
        let footer = sealed.as_ref().and_then(|sealed| Some((sealed.footer()?, sealed)));
        let Some((footer, sealed)) = footer else {
            sweep.stuck = true;
            sweep.walked = true;
            return 0;
        };
        sweep.offset = sweep.offset.max(sealed.first_record);
        let (mut moved, mut walked) = (0, 0);
        for entry in footer.entries(sweep.next) {
            if moved_before + moved >= MOVED_BYTES_MAX || walked >= WALKED_BYTES_MAX {
                return moved;
            }
            let place = Place { segment: sweep.segment, offset: sweep.offset, bytes: entry.bytes };
            sweep.next += 1;
            sweep.offset += entry.bytes;
            walked += entry.bytes;
            moved += self.sweep_entry(sweep, entry, place);
        }
        sweep.walked = true;
        moved
    }

    fn sweep_entry(&mut self, sweep: &mut Sweep, entry: Entry, place: Place) -> u32 {
        match self.verdict(entry, place) {
            Verdict::Drop => 0,
            Verdict::Later => {
                sweep.later.push((entry, place));
                0
            }
            Verdict::Unreadable => {
                sweep.stuck = true;
                0
            }
            Verdict::Move(record) => {
                sweep.moving += 1;
                let append =
                    Append { record: record.clone(), purpose: Purpose::Move, epoch: self.refusals };
                self.requests.push(Request::Append(append));
                self.pending.push(Version { ticket: None, record });
                entry.bytes
            }
        }
    }

    fn verdict(&self, entry: Entry, place: Place) -> Verdict {
        match entry.kind {
            Kind::Mark => Verdict::Drop,
            Kind::Object => {
                if self.index.get(entry.do_id).map(|slot| slot.place()) != Some(place) {
                    return Verdict::Drop;
                }
                if self.pending.has(entry.do_id) {
                    return Verdict::Later;
                }
                let sealed = self.held.sealed(place.segment);
                match sealed.and_then(|sealed| sealed.object(place)) {
                    Some((view, object)) => Verdict::Move(Record::copied(&view, &object)),
                    None => Verdict::Unreadable,
                }
            }
            Kind::Tombstone => {
                let needed = self.is_mine(entry.do_id)
                    && self.index.get(entry.do_id).is_none()
                    && self.held.oldest() != Some(place.segment);
                match needed {
                    _ if self.pending.has(entry.do_id) => Verdict::Later,
                    true => Verdict::Move(Record::tombstone(entry.do_id, entry.class)),
                    false => Verdict::Drop,
                }
            }
        }
    }
}

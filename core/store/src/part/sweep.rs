//! A sweep: everything of a part that lives in a segment is asked to be appended again.
//!
//! It goes in slices, the next one only when the moves of the one before have their fate. An object
//! with a version that is not durable yet is looked at later: a move must not stand behind it. What
//! has gone out of memory again since the segment was read ahead is fetched first, one at a time.

use super::{Part, Sealed};
use crate::ids::{Place, SegmentId};
use crate::object::Object;
use crate::record::{Kind, View};
use crate::request::{Purpose, Request};
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
    /// What is being fetched, and what came last: that is read without asking again.
    awaited: Option<Place>,
    fetched: Option<Place>,
    stuck: bool,
}

impl Sweep {
    pub fn new(segment: SegmentId) -> Sweep {
        Sweep {
            segment,
            next: 0,
            offset: 0,
            walked: false,
            later: Vec::new(),
            moving: 0,
            awaited: None,
            fetched: None,
            stuck: false,
        }
    }

    /// A move has its fate.
    pub fn moved(&mut self, refused: bool) {
        self.moving -= 1;
        if refused {
            self.give_up();
            self.later.clear();
        }
    }

    /// Something was brought into memory, or cannot be.
    pub fn fetched(&mut self, place: Place, is_there: bool) {
        if self.awaited == Some(place) {
            self.awaited = None;
            self.fetched = is_there.then_some(place);
        }
    }

    /// Whether reading this does not wait for the disk, nor end the process where that cannot give it.
    fn may_read(&self, sealed: &Sealed, place: Place) -> bool {
        self.fetched == Some(place) || sealed.is_resident(place)
    }

    fn give_up(&mut self) {
        self.stuck = true;
        self.walked = true;
    }
}

/// What becomes of an entry.
enum Verdict<'a> {
    Drop,
    Move(View<'a>, Object<'a>),
    /// It must still be said that the object is gone.
    Repeat,
    Later,
    Away,
    Unreadable,
}

impl Part {
    /// Whether [`Part::work`] has something to do now.
    pub fn has_work(&self) -> bool {
        let Some(sweep) = &self.sweep else { return false };
        let waits = |(entry, _): &(Entry, Place)| self.pending.has(entry.do_id);
        sweep.moving == 0
            && sweep.awaited.is_none()
            && (!sweep.walked || sweep.later.is_empty() || !sweep.later.iter().all(waits))
    }

    /// A slice of a sweep: at most 64 KiB moved and 1 MiB walked over.
    pub fn work(&mut self) {
        if !self.has_work() {
            return;
        }
        let Some(mut sweep) = self.sweep.take() else { return };
        let mut moved = 0;
        match self.held.sealed(sweep.segment).cloned() {
            Some(sealed) => {
                moved += self.sweep_later(&mut sweep, &sealed);
                if !sweep.walked && sweep.awaited.is_none() {
                    moved += self.sweep_slice(&mut sweep, &sealed, moved);
                }
            }
            None => sweep.give_up(),
        }
        if moved == 0 && sweep.walked && sweep.later.is_empty() {
            let segment = sweep.segment;
            let stuck = sweep.stuck;
            self.want(if stuck { Request::Stuck(segment) } else { Request::Swept(segment) });
        } else {
            self.sweep = Some(sweep);
        }
    }

    /// Looks again at what had to wait; returns how many bytes move.
    fn sweep_later(&mut self, sweep: &mut Sweep, sealed: &Sealed) -> u32 {
        let mut moved = 0;
        for (entry, place) in core::mem::take(&mut sweep.later) {
            if moved < MOVED_BYTES_MAX && sweep.awaited.is_none() {
                moved += self.sweep_entry(sweep, sealed, entry, place);
            } else {
                sweep.later.push((entry, place));
            }
        }
        moved
    }

    /// Walks on; returns how many bytes move.
    fn sweep_slice(&mut self, sweep: &mut Sweep, sealed: &Sealed, moved_before: u32) -> u32 {
        let at = sealed.footer_place(sweep.segment);
        let Some(at) = at.filter(|at| !self.is_unreadable(*at)) else {
            sweep.give_up();
            return 0;
        };
        if !sweep.may_read(sealed, at) {
            sweep.awaited = Some(at);
            self.fetch(at);
            return 0;
        }
        let Some(footer) = sealed.footer() else {
            sweep.give_up();
            return 0;
        };
        sweep.offset = sweep.offset.max(sealed.first_record);
        let (mut moved, mut walked) = (0, 0);
        for entry in footer.entries(sweep.next) {
            let enough = moved_before + moved >= MOVED_BYTES_MAX || walked >= WALKED_BYTES_MAX;
            if enough || sweep.awaited.is_some() {
                return moved;
            }
            let place = Place { segment: sweep.segment, offset: sweep.offset, bytes: entry.bytes };
            sweep.next += 1;
            sweep.offset += entry.bytes;
            walked += entry.bytes;
            moved += self.sweep_entry(sweep, sealed, entry, place);
        }
        sweep.walked = true;
        moved
    }

    fn sweep_entry(
        &mut self,
        sweep: &mut Sweep,
        sealed: &Sealed,
        entry: Entry,
        place: Place,
    ) -> u32 {
        let outline = match self.verdict(sweep, sealed, entry, place) {
            Verdict::Drop => return 0,
            Verdict::Later => {
                sweep.later.push((entry, place));
                return 0;
            }
            Verdict::Away => {
                sweep.later.push((entry, place));
                sweep.awaited = Some(place);
                self.fetch(place);
                return 0;
            }
            Verdict::Unreadable => {
                sweep.stuck = true;
                return 0;
            }
            Verdict::Move(view, object) => self.pending.open().copy(&view, &object),
            Verdict::Repeat => self.pending.open().tombstone(entry.do_id, entry.class),
        };
        sweep.moving += 1;
        self.append(None, outline, Purpose::Move);
        entry.bytes
    }

    fn verdict<'a>(
        &self,
        sweep: &Sweep,
        sealed: &'a Sealed,
        entry: Entry,
        place: Place,
    ) -> Verdict<'a> {
        match entry.kind {
            Kind::Mark => Verdict::Drop,
            Kind::Object => {
                if self.index.get(entry.do_id).map(|slot| slot.place()) != Some(place) {
                    return Verdict::Drop;
                }
                if self.pending.has(entry.do_id) {
                    return Verdict::Later;
                }
                if self.is_unreadable(place) {
                    return Verdict::Unreadable;
                }
                if !sweep.may_read(sealed, place) {
                    return Verdict::Away;
                }
                match sealed.object(place) {
                    Some((view, object)) => Verdict::Move(view, object),
                    None => Verdict::Unreadable,
                }
            }
            Kind::Tombstone => {
                let needed = self.is_mine(entry.do_id)
                    && self.index.get(entry.do_id).is_none()
                    && self.held.oldest() != Some(place.segment);
                match needed {
                    _ if self.pending.has(entry.do_id) => Verdict::Later,
                    true => Verdict::Repeat,
                    false => Verdict::Drop,
                }
            }
        }
    }
}

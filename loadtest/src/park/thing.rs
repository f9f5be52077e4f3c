//! One object of the run and what was done to it, in order: by one connection, so that there is an
//! order. Whoever sees the object is somewhere in this list; what he hears next takes him on.
//!
//! Every move follows an update, so the number of the last update and the zone say where in the list
//! an object was when it was shown to somebody. What is said is not kept by the server: who has just
//! been shown an object may have missed it.

use std::collections::VecDeque;
use wire::ids::{DoId, Zone};

/// A place in the list: how many deeds come before it.
pub(crate) type Position = u32;

/// Deeds of an object that are remembered.
const DEEDS_MAX: usize = 1024;

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    Created,
    /// An update that the server keeps.
    Updated,
    /// An update that it does not.
    Said,
    Moved,
    /// Not certain: its client went without a word, and what he did last may never have arrived.
    Deleted {
        is_certain: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    deed: Deed,
    /// Of the last update, this one included.
    number: u16,
    /// Where it is afterwards.
    zone: Zone,
}

/// How what was heard follows on what had been heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It is next.
    Next(Position),
    /// So many before it were not heard.
    Over(Position, u32),
    /// It was before.
    Back,
    /// It never was.
    Never,
}

pub(crate) struct Thing {
    pub(crate) do_id: DoId,
    /// Whose avatar it is.
    pub(crate) owner: Option<u32>,
    entries: VecDeque<Entry>,
    /// The position of the first entry.
    base: Position,
    zone: Option<Zone>,
    number: u16,
    /// How often it was created.
    lives: u32,
    /// The deed that brought it where it is.
    placed: Position,
    /// When somebody first knew that it is there.
    known_ns: Option<u64>,
}

impl Thing {
    pub(crate) fn new(do_id: DoId, owner: Option<u32>) -> Thing {
        Thing {
            do_id,
            owner,
            entries: VecDeque::new(),
            base: 0,
            zone: None,
            number: 0,
            lives: 0,
            placed: 0,
            known_ns: None,
        }
    }

    pub(crate) fn zone(&self) -> Option<Zone> {
        self.zone
    }

    /// After all deeds.
    pub(crate) fn end(&self) -> Position {
        self.base + self.entries.len() as u32
    }

    /// Adds a deed; returns the number of the last update.
    pub(crate) fn add(&mut self, deed: Deed, zone: Zone) -> u16 {
        match deed {
            Deed::Created => {
                (self.number, self.lives) = (0, self.lives + 1);
                self.place(Some(zone));
            }
            Deed::Updated | Deed::Said => self.number = self.number.wrapping_add(1),
            Deed::Moved => self.place(Some(zone)),
            Deed::Deleted { .. } => self.place(None),
        }
        if self.entries.len() == DEEDS_MAX {
            self.entries.pop_front();
            self.base += 1;
        }
        self.entries.push_back(Entry { deed, number: self.number, zone });
        self.number
    }

    fn place(&mut self, zone: Option<Zone>) {
        (self.zone, self.placed, self.known_ns) = (zone, self.end(), None);
    }

    /// Somebody has heard of it up to here.
    #[inline]
    pub(crate) fn witness(&mut self, position: Position, now: u64) {
        if self.known_ns.is_none() && position > self.placed {
            self.known_ns = Some(now);
        }
    }

    /// Whether it was known to be where it is since before then.
    pub(crate) fn is_known_since(&self, ns: u64) -> bool {
        self.known_ns.is_some_and(|known| known < ns)
    }

    /// Where in the list it was in this zone with this number; and whether it was in one life only.
    pub(crate) fn find(&self, zone: Zone, number: u16) -> Option<(Position, bool)> {
        for (at, entry) in self.entries.iter().enumerate().rev() {
            if !matches!(entry.deed, Deed::Created | Deed::Updated) || entry.number != number {
                continue;
            }
            let is_sole = entry.deed == Deed::Updated || self.lives < 2;
            let position = self.base + at as u32 + 1;
            if entry.zone == zone {
                return Some((position, is_sole));
            }
            let moved = self.entries.get(at + 1);
            if moved.is_some_and(|next| next.deed == Deed::Moved && next.zone == zone) {
                return Some((position + 1, is_sole));
            }
        }
        None
    }

    /// An update of this number was heard at this position.
    #[inline]
    pub(crate) fn updated(&self, from: Position, is_fresh: bool, number: u16) -> Step {
        let step = self.search(from, is_fresh, |entry| {
            matches!(entry.deed, Deed::Updated | Deed::Said) && entry.number == number
        });
        if step != Step::Never {
            return step;
        }
        let seen = self.entries.iter().take(from.saturating_sub(self.base) as usize);
        let was_heard = { seen }.any(|entry| entry.number == number && number != 0);
        if was_heard { Step::Back } else { Step::Never }
    }

    /// A move to this zone was heard.
    pub(crate) fn moved(&self, from: Position, is_fresh: bool, zone: Zone) -> Step {
        self.search(from, is_fresh, |entry| entry.deed == Deed::Moved && entry.zone == zone)
    }

    /// Its leaving was heard by one to whom it must not leave by moving to a zone that he `keeps`.
    pub(crate) fn left(
        &self,
        from: Position,
        is_fresh: bool,
        keeps: impl Fn(Zone) -> bool,
    ) -> Step {
        let step = self.search(from, is_fresh, |entry| match entry.deed {
            Deed::Deleted { .. } => true,
            Deed::Moved => !keeps(entry.zone),
            Deed::Created | Deed::Updated | Deed::Said => false,
        });
        match step {
            Step::Over(position, _) if self.may_be_cut(from) => Step::Next(position),
            Step::Over(..) | Step::Next(_) | Step::Back | Step::Never => step,
        }
    }

    /// Deeds after this position that one who was shown the object there has not heard.
    pub(crate) fn left_over(&self, from: Position, is_fresh: bool) -> u32 {
        let rest = self.entries.iter().skip(from.saturating_sub(self.base) as usize);
        let missed = rest.skip_while(|entry| is_fresh && entry.deed == Deed::Said);
        missed.count() as u32 + self.base.saturating_sub(from)
    }

    #[inline]
    fn search(&self, from: Position, is_fresh: bool, is_it: impl Fn(&Entry) -> bool) -> Step {
        let (mut skipped, mut excuses) = (self.base.saturating_sub(from), is_fresh);
        let first = from.saturating_sub(self.base);
        for (at, entry) in (first..).zip(self.entries.iter().skip(first as usize)) {
            if is_it(entry) {
                let position = self.base + at + 1;
                return if skipped == 0 {
                    Step::Next(position)
                } else {
                    Step::Over(position, skipped)
                };
            }
            excuses &= entry.deed == Deed::Said;
            skipped += u32::from(!excuses);
        }
        Step::Never
    }

    /// Whether what was done after this position may never have arrived.
    fn may_be_cut(&self, from: Position) -> bool {
        let rest = self.entries.iter().skip(from.saturating_sub(self.base) as usize);
        let end = rest.map(|entry| entry.deed).find(|deed| matches!(deed, Deed::Deleted { .. }));
        end == Some(Deed::Deleted { is_certain: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Zone = Zone(1);
    const B: Zone = Zone(2);

    fn thing(deeds: &[(Deed, Zone)]) -> Thing {
        let mut thing = Thing::new(DoId(7), None);
        deeds.iter().for_each(|(deed, zone)| {
            thing.add(*deed, *zone);
        });
        thing
    }

    /// Created, updated to 1, says 2, updated to 3, moved.
    fn walker() -> Thing {
        use Deed::*;
        thing(&[(Created, A), (Updated, A), (Said, A), (Updated, A), (Moved, B)])
    }

    #[test]
    fn what_is_shown_is_found() {
        let walker = walker();
        assert_eq!(walker.find(A, 0), Some((1, true)));
        assert_eq!(walker.find(A, 1), Some((2, true)));
        assert_eq!(walker.find(A, 2), None);
        assert_eq!(walker.find(A, 3), Some((4, true)));
        assert_eq!(walker.find(B, 3), Some((5, true)));
        assert_eq!(walker.find(B, 1), None);
    }

    #[test]
    fn updates_come_one_after_the_other() {
        let walker = walker();
        assert_eq!(walker.updated(1, false, 1), Step::Next(2));
        assert_eq!(walker.updated(2, false, 2), Step::Next(3));
        assert_eq!(walker.updated(2, false, 3), Step::Over(4, 1));
        assert_eq!(walker.updated(2, true, 3), Step::Next(4));
        assert_eq!(walker.updated(1, true, 3), Step::Over(4, 2));
        assert_eq!(walker.updated(3, false, 1), Step::Back);
        assert_eq!(walker.updated(3, false, 4), Step::Never);
        assert_eq!(walker.moved(4, false, B), Step::Next(5));
        assert_eq!(walker.moved(3, false, B), Step::Over(5, 1));
        assert_eq!(walker.moved(4, false, A), Step::Never);
        assert_eq!([2, 3, 5].map(|from| walker.left_over(from, true)), [2, 2, 0]);
    }

    #[test]
    fn it_leaves_by_going_out_of_sight() {
        let mut walker = walker();
        assert_eq!(walker.left(4, false, |_| false), Step::Next(5));
        assert_eq!(walker.left(4, false, |zone| zone == B), Step::Never);
        walker.add(Deed::Updated, B);
        walker.add(Deed::Deleted { is_certain: true }, B);
        assert_eq!(walker.left(4, false, |zone| zone == B), Step::Over(7, 2));
        assert_eq!(walker.left(6, false, |_| false), Step::Next(7));
    }

    #[test]
    fn what_a_crash_cut_off_is_not_missed() {
        let mut walker = walker();
        walker.add(Deed::Updated, B);
        walker.add(Deed::Deleted { is_certain: false }, B);
        assert_eq!(walker.left(2, false, |_| false), Step::Next(5));
        assert_eq!(walker.left(5, false, |_| false), Step::Next(7));
    }

    #[test]
    fn a_second_life_begins_at_0() {
        let mut walker = walker();
        walker.add(Deed::Deleted { is_certain: true }, B);
        walker.add(Deed::Created, A);
        assert_eq!(walker.find(A, 0), Some((7, false)));
        assert_eq!(walker.updated(7, false, 1), Step::Back);
        assert_eq!(walker.add(Deed::Updated, A), 1);
        assert_eq!(walker.updated(7, false, 1), Step::Next(8));
    }

    #[test]
    fn a_place_is_known_once_somebody_has_seen_it() {
        let mut walker = walker();
        walker.witness(4, 100);
        assert!(!walker.is_known_since(200));
        walker.witness(5, 150);
        walker.witness(5, 180);
        assert!(walker.is_known_since(151) && !walker.is_known_since(150));
    }

    #[test]
    fn old_deeds_are_forgotten() {
        let mut walker = thing(&[(Deed::Created, A)]);
        (0..5000).for_each(|_| {
            walker.add(Deed::Updated, A);
        });
        assert_eq!(walker.end(), 5001);
        assert_eq!(walker.updated(5000, false, 5000), Step::Next(5001));
        assert_eq!(walker.updated(0, false, 4999), Step::Over(5000, 4999));
    }
}

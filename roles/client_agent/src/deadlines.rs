//! Until when clients must have done something: a list per rule, in which all wait equally long, so
//! that what comes in last is due last. A client stands in a list at most once and leaves it at any
//! time, at no cost.
//!
//! Who waits for something first, and then for something else until another time, has an [`Alarm`].

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use runtime::{ConnId, Now};

const NONE: u32 = u32::MAX;

/// One client's place in a list.
#[derive(Clone, Copy)]
struct Link {
    due: Now,
    before: u32,
    after: u32,
    is_in: bool,
}

const OUT: Link = Link { due: Now(0), before: NONE, after: NONE, is_in: false };

/// Who waits, in the order in which they are due.
pub struct Deadlines {
    /// How long each waits, in milliseconds; 0: this rule is off, and nobody does.
    ms: u64,
    links: Vec<Link>,
    first: u32,
    last: u32,
}

impl Deadlines {
    /// Nobody waits; whoever does waits so long.
    pub fn after_ms(ms: u64) -> Deadlines {
        Deadlines { ms, links: Vec::new(), first: NONE, last: NONE }
    }

    /// How long each waits, in milliseconds.
    pub fn ms(&self) -> u64 {
        self.ms
    }

    /// `conn` waits from now on.
    pub fn begin(&mut self, now: Now, conn: ConnId) {
        if self.ms == 0 {
            return;
        }
        self.end(conn);
        let at = conn.0 as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, OUT);
        }
        let (mut due, before) = (now.plus_ms(self.ms), self.last);
        match self.links.get_mut(before as usize) {
            Some(link) => {
                due = due.max(link.due);
                link.after = conn.0;
            }
            None => self.first = conn.0,
        }
        self.links[at] = Link { due, before, after: NONE, is_in: true };
        self.last = conn.0;
    }

    /// `conn` waits no more, if it did.
    pub fn end(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(conn.0 as usize).filter(|link| link.is_in) else {
            return;
        };
        let Link { before, after, .. } = core::mem::replace(link, OUT);
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => self.first = after,
        }
        match self.links.get_mut(after as usize) {
            Some(link) => link.before = before,
            None => self.last = before,
        }
    }

    /// When the first one is due.
    #[inline]
    pub fn next(&self) -> Option<Now> {
        self.links.get(self.first as usize).map(|link| link.due)
    }

    /// The next one that is due; it waits no more.
    pub fn pop(&mut self, now: Now) -> Option<ConnId> {
        self.next().filter(|due| *due <= now)?;
        let conn = ConnId(self.first);
        self.end(conn);
        Some(conn)
    }
}

/// Until when clients wait, each for itself. A client stands in it at most once; it knows when it is
/// due.
#[derive(Default)]
pub struct Alarm(BTreeSet<(Now, ConnId)>);

impl Alarm {
    /// `conn`, which does not wait yet, waits until `due`.
    pub fn begin(&mut self, due: Now, conn: ConnId) {
        self.0.insert((due, conn));
    }

    /// `conn`, which waits until `due`, waits no more.
    pub fn end(&mut self, due: Now, conn: ConnId) {
        self.0.remove(&(due, conn));
    }

    /// When the first one is due.
    #[inline]
    pub fn next(&self) -> Option<Now> {
        self.0.first().map(|&(due, _)| due)
    }

    /// The next one that is due; it waits no more.
    pub fn pop(&mut self, now: Now) -> Option<ConnId> {
        self.next().filter(|due| *due <= now)?;
        self.0.pop_first().map(|(_, conn)| conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a set of who is due when.
        #[test]
        fn who_waits_is_due_in_order(
            steps in prop::collection::vec((0u64..5, 0u32..20, 0u8..4), 1..300),
        ) {
            let mut deadlines = Deadlines::after_ms(10);
            let mut model: BTreeSet<(Now, u64, ConnId)> = BTreeSet::new();
            let (mut now, mut serial) = (Now(0), 0);
            for (wait, conn, what) in steps {
                now = now.plus_ms(wait);
                let conn = ConnId(conn);
                match what {
                    0 | 1 => {
                        serial += 1;
                        deadlines.begin(now, conn);
                        model.retain(|(_, _, who)| *who != conn);
                        model.insert((now.plus_ms(10), serial, conn));
                    }
                    2 => {
                        deadlines.end(conn);
                        model.retain(|(_, _, who)| *who != conn);
                    }
                    _ => {
                        let due = model.first().copied().filter(|(due, _, _)| *due <= now);
                        due.iter().for_each(|due| assert!(model.remove(due)));
                        prop_assert_eq!(deadlines.pop(now), due.map(|(_, _, who)| who));
                    }
                }
                prop_assert_eq!(deadlines.next(), model.first().map(|(due, _, _)| *due));
            }
        }
    }

    #[test]
    fn a_rule_that_is_off_makes_nobody_wait() {
        let mut deadlines = Deadlines::after_ms(0);
        deadlines.begin(Now(5), ConnId(0));
        assert_eq!((deadlines.next(), deadlines.pop(Now(u64::MAX))), (None, None));
    }
}

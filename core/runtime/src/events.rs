//! How often events are said to the event logger. Whoever can cause one can cause a flood of them;
//! each kind of them has its own budget.

use crate::budget::{Bucket, Rate};
use crate::ids::Now;
use crate::limits::Limits;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;

/// The budgets of all kinds of events. There are as many as roles know.
pub struct Events {
    /// When the turn before this one ended: a budget does not have to be exact.
    pub now: Now,
    rate: Option<Rate>,
    kinds: BTreeMap<String, Kind>,
}

#[derive(Default)]
struct Kind {
    bucket: Bucket,
    suppressed: u64,
}

impl Events {
    /// Nothing has been said yet.
    pub fn new(limits: &Limits) -> Events {
        let rate = Rate::new(limits.events_per_second, limits.event_burst);
        Events { now: Now(0), rate, kinds: BTreeMap::new() }
    }

    /// Whether an event of a kind may be said, and how many before it were not since the last that
    /// was.
    pub fn say(&mut self, kind: &str) -> Option<u64> {
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.to_owned(), Kind::default());
        }
        let Kind { bucket, suppressed } = self.kinds.get_mut(kind)?;
        if bucket.take(self.now, 1, self.rate) {
            return Some(core::mem::take(suppressed));
        }
        *suppressed += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_flood_of_one_kind_is_counted_and_leaves_the_others_alone() {
        let limits = Limits { events_per_second: 10, event_burst: 3, ..Limits::default() };
        let mut events = Events::new(&limits);
        let said = |events: &mut Events, times| (0..times).map(|_| events.say("a")).collect();
        let first: Vec<Option<u64>> = said(&mut events, 5);
        assert_eq!(first, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(events.say("b"), Some(0));
        events.now = Now(0).plus_ms(100);
        let second: Vec<Option<u64>> = said(&mut events, 2);
        assert_eq!(second, [Some(2), None]);
        events.now = Now(0).plus_ms(10_000);
        let third: Vec<Option<u64>> = said(&mut events, 4);
        assert_eq!(third, [Some(1), Some(0), Some(0), None]);
    }

    #[test]
    fn without_a_limit_all_are_said() {
        let limits = Limits { events_per_second: 0, ..Limits::default() };
        let mut events = Events::new(&limits);
        assert!((0..100_000).all(|_| events.say("a") == Some(0)));
    }
}

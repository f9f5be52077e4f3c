//! What is said to the event logger, and how often. Whoever can cause an event can cause a flood of
//! them: each kind has its own budget.

use crate::budget::{Bucket, Rate};
use crate::ids::Now;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::role::Effect;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use wire::event::{Event, Value};

impl Outbox {
    /// Whether events have somewhere to go.
    pub fn has_event_logger(&self) -> bool {
        self.config.has_event_logger
    }

    /// Sends a packet to the event logger, as it is.
    pub fn log_event(&mut self, packet: &[u8]) {
        self.effects.push(Effect::LogEvent(packet.to_vec()));
    }

    /// Says an event to the event logger, if there is one, and if there have not been too many of
    /// its kind.
    pub fn event(&mut self, event: &Event<'_>) {
        if !self.config.has_event_logger {
            return;
        }
        match self.events.take(event.kind) {
            None => self.counts.events_suppressed += 1,
            Some(0) => self.say(event),
            Some(suppressed) => {
                let sender = format!("Shard:{}", self.config.me.0);
                let values =
                    [("event_type", Value::Text(event.kind)), ("count", Value::Id(suppressed))];
                self.say(&Event { sender: &sender, kind: "events-suppressed", values: &values });
                self.say(event);
            }
        }
    }

    fn say(&mut self, event: &Event<'_>) {
        self.counts.events += 1;
        self.effects.push(Effect::LogEvent(event.encode(self.config.dialect)));
    }
}

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

    /// Whether an event of a kind may be said, and how many before it were not, since the last that
    /// was.
    fn take(&mut self, kind: &str) -> Option<u64> {
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
        let said = |events: &mut Events, times| (0..times).map(|_| events.take("a")).collect();
        let first: Vec<Option<u64>> = said(&mut events, 5);
        assert_eq!(first, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(events.take("b"), Some(0));
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
        assert!((0..100_000).all(|_| events.take("a") == Some(0)));
    }
}

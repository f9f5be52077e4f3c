//! What a part has asked the log to append and has not heard of yet.
//!
//! The log answers in the order of asking, so one queue says whose answer comes next; the versions
//! of an object are in the same order.

use crate::ids::Ticket;
use crate::record::Record;
use ahash::RandomState;
use alloc::collections::VecDeque;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use wire::ids::DoId;

/// A version of an object that is not durable yet.
#[derive(Debug)]
pub(crate) struct Version {
    /// None: it only moves, or only says again that the object is gone.
    pub ticket: Option<Ticket>,
    pub record: Record,
}

/// The versions of one object, oldest first. Mostly there is one; of an object that is written all
/// the time there may be very many.
enum Versions {
    One(Version),
    Many(VecDeque<Version>),
}

/// Everything that was asked for, oldest first.
pub(crate) struct Pending {
    asked: VecDeque<DoId>,
    versions: HashMap<DoId, Versions, RandomState>,
}

impl Versions {
    fn push(&mut self, version: Version) {
        if let Versions::Many(many) = self {
            many.push_back(version);
            return;
        }
        let one = core::mem::replace(self, Versions::Many(VecDeque::new()));
        *self = Versions::Many(one.last().into_iter().chain([version]).collect());
    }

    fn newest(&self) -> Option<&Version> {
        match self {
            Versions::One(version) => Some(version),
            Versions::Many(many) => many.back(),
        }
    }

    /// The only one that is left.
    fn last(self) -> Option<Version> {
        match self {
            Versions::One(version) => Some(version),
            Versions::Many(mut many) => many.pop_back(),
        }
    }
}

impl Pending {
    pub fn new(hasher: RandomState) -> Pending {
        Pending { asked: VecDeque::new(), versions: HashMap::with_hasher(hasher) }
    }

    pub fn push(&mut self, version: Version) {
        let do_id = version.record.do_id();
        self.asked.push_back(do_id);
        match self.versions.entry(do_id) {
            Entry::Occupied(mut entry) => entry.get_mut().push(version),
            Entry::Vacant(entry) => {
                entry.insert(Versions::One(version));
            }
        }
    }

    /// The version whose fate is known now.
    pub fn pop(&mut self) -> Version {
        let do_id = self.asked.pop_front().expect("the log answers only what it was asked");
        if let Some(Versions::Many(many)) = self.versions.get_mut(&do_id)
            && many.len() > 1
            && let Some(oldest) = many.pop_front()
        {
            return oldest;
        }
        let last = self.versions.remove(&do_id).and_then(Versions::last);
        last.expect("what is asked for has a version")
    }

    /// The newest version of an object, if one is not durable yet.
    #[inline]
    pub fn newest(&self, do_id: DoId) -> Option<&Version> {
        if self.asked.is_empty() {
            return None;
        }
        self.versions.get(&do_id)?.newest()
    }

    /// The newest write of the object that somebody asked for.
    pub fn newest_ticket(&self, do_id: DoId) -> Option<Ticket> {
        match self.versions.get(&do_id)? {
            Versions::One(version) => version.ticket,
            Versions::Many(many) => many.iter().rev().find_map(|version| version.ticket),
        }
    }

    pub fn has(&self, do_id: DoId) -> bool {
        !self.asked.is_empty() && self.versions.contains_key(&do_id)
    }

    pub fn clear(&mut self) {
        self.asked.clear();
        self.versions.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(do_id: u32, ticket: Option<u64>) -> Version {
        let record = Record::tombstone(DoId(do_id), crate::ids::ClassKey(0));
        Version { ticket: ticket.map(Ticket), record }
    }

    #[test]
    fn versions_come_out_as_they_were_asked_for() {
        let mut pending = Pending::new(RandomState::with_seeds(1, 2, 3, 4));
        let tickets = [(7, Some(1)), (8, Some(2)), (7, Some(3)), (7, None), (8, Some(4))];
        for _ in 0..2 {
            tickets.iter().for_each(|(do_id, ticket)| pending.push(asked(*do_id, *ticket)));
            assert_eq!(pending.newest(DoId(7)).unwrap().ticket, None);
            assert_eq!(pending.newest_ticket(DoId(7)), Some(Ticket(3)));
            for (do_id, ticket) in tickets {
                let version = pending.pop();
                assert_eq!(version.record.do_id(), DoId(do_id));
                assert_eq!(version.ticket, ticket.map(Ticket));
            }
            assert!(!pending.has(DoId(7)) && !pending.has(DoId(8)));
        }
    }

    /// As many as a part may ask for while one commit is under way, of one object.
    #[test]
    fn very_many_versions_of_an_object_take_no_longer_each() {
        let mut pending = Pending::new(RandomState::with_seeds(1, 2, 3, 4));
        let many = 300_000;
        (0..many).for_each(|ticket| pending.push(asked(7, Some(ticket))));
        for ticket in 0..many {
            assert_eq!(pending.newest_ticket(DoId(7)), Some(Ticket(many - 1)));
            assert_eq!(pending.pop().ticket, Some(Ticket(ticket)));
        }
        assert_eq!(pending.newest_ticket(DoId(7)), None);
    }
}

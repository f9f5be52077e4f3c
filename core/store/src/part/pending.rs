//! What a part has asked the log to append and has not heard of yet.
//!
//! The log answers in the order of asking, so one queue says whose answer comes next; the versions
//! of an object are in the same order.

use crate::ids::Ticket;
use crate::object::Object;
use crate::record::{Outline, Record, Sheaf};
use ahash::RandomState;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rkyv::util::AlignedVec;
use wire::ids::DoId;

/// How much memory of records whose fate is known is kept for those to come.
const SPARE_BYTES_MAX: usize = 1 << 20;
const SPARES_MAX: usize = 4;

/// A version of an object that is not durable yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    /// None: it only moves, or only says again that the object is gone.
    pub ticket: Option<Ticket>,
    pub outline: Outline,
    /// In which sheaf its record stands.
    sheaf: u64,
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
    /// Records that the log has been given, oldest first.
    given: VecDeque<Given>,
    /// The number of the first of these; the open one has the number behind the last.
    first: u64,
    open: Sheaf,
    opened: usize,
    spare: Vec<Arc<AlignedVec<8>>>,
}

/// Records that were given to the log together, and how many of them have no fate yet.
struct Given {
    bytes: Arc<AlignedVec<8>>,
    waiting: usize,
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
        Pending {
            asked: VecDeque::new(),
            versions: HashMap::with_hasher(hasher),
            given: VecDeque::new(),
            first: 0,
            open: Sheaf::default(),
            opened: 0,
            spare: Vec::new(),
        }
    }

    /// Where the next record is put together, which is then pushed.
    pub fn open(&mut self) -> &mut Sheaf {
        &mut self.open
    }

    pub fn push(&mut self, ticket: Option<Ticket>, outline: Outline) {
        let sheaf = self.first + self.given.len() as u64;
        let version = Version { ticket, outline, sheaf };
        self.opened += 1;
        self.asked.push_back(outline.do_id);
        match self.versions.entry(outline.do_id) {
            Entry::Occupied(mut entry) => entry.get_mut().push(version),
            Entry::Vacant(entry) => {
                entry.insert(Versions::One(version));
            }
        }
    }

    /// The records that were pushed since the last time: they go to the log now.
    pub fn give(&mut self) -> Arc<AlignedVec<8>> {
        if self.opened == 0 {
            return Arc::default();
        }
        let empty = self.spare.pop().and_then(Arc::into_inner).map(|mut spare| {
            spare.clear();
            spare
        });
        let bytes = core::mem::replace(&mut self.open.bytes, empty.unwrap_or_default());
        let bytes = Arc::new(bytes);
        let waiting = core::mem::take(&mut self.opened);
        self.given.push_back(Given { bytes: bytes.clone(), waiting });
        bytes
    }

    /// Whose versions will have their fates next.
    pub fn oldest(&self, count: usize) -> impl Iterator<Item = DoId> {
        self.asked.iter().take(count).copied()
    }

    /// The version whose fate is known now, and its record.
    pub fn pop(&mut self) -> (Option<Ticket>, Record) {
        let version = self.next();
        let given = self.given.front_mut().expect("the log answers only what it was given");
        given.waiting -= 1;
        let record = Record::new(given.bytes.clone(), version.outline);
        if given.waiting == 0 {
            self.first += 1;
            if let Some(Given { bytes, .. }) = self.given.pop_front()
                && self.spare.len() < SPARES_MAX
                && bytes.capacity() <= SPARE_BYTES_MAX
            {
                self.spare.push(bytes);
            }
        }
        (version.ticket, record)
    }

    fn next(&mut self) -> Version {
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

    /// What a version says of the object; None: that it is gone.
    pub fn read(&self, version: &Version) -> Option<Object<'_>> {
        let given = self.given.get((version.sheaf - self.first) as usize);
        version.outline.read(given.map_or(&self.open.bytes, |given| &given.bytes))
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
        self.first += self.given.len() as u64;
        self.given.clear();
        self.open.bytes.clear();
        self.opened = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClassKey, FieldKey};

    fn ask(pending: &mut Pending, do_id: u32, ticket: Option<u64>) {
        let value = ticket.unwrap_or(0).to_le_bytes();
        let fields = [(FieldKey(1), &value[..])];
        let outline = pending.open().object(DoId(do_id), ClassKey(0), &fields).unwrap();
        pending.push(ticket.map(Ticket), outline);
    }

    fn said(object: Option<Object<'_>>) -> u64 {
        let value = object.unwrap().field(FieldKey(1)).unwrap();
        u64::from_le_bytes(value.try_into().unwrap())
    }

    #[test]
    fn versions_come_out_as_they_were_asked_for() {
        let mut pending = Pending::new(RandomState::with_seeds(1, 2, 3, 4));
        let tickets = [(7, Some(1)), (8, Some(2)), (7, Some(3)), (7, None), (8, Some(4))];
        for given_after in 0..tickets.len() {
            for (at, (do_id, ticket)) in tickets.into_iter().enumerate() {
                ask(&mut pending, do_id, ticket);
                if at == given_after {
                    pending.give();
                }
            }
            let newest = pending.newest(DoId(8)).unwrap();
            assert_eq!(said(pending.read(newest)), 4);
            pending.give();
            assert_eq!(said(pending.read(pending.newest(DoId(8)).unwrap())), 4);
            assert_eq!(pending.newest(DoId(7)).unwrap().ticket, None);
            assert_eq!(pending.newest_ticket(DoId(7)), Some(Ticket(3)));
            for (do_id, expected) in tickets {
                let (ticket, record) = pending.pop();
                assert_eq!(record.do_id(), DoId(do_id));
                assert_eq!(ticket, expected.map(Ticket));
                assert_eq!(said(record.read()), expected.unwrap_or(0));
            }
            assert!(!pending.has(DoId(7)) && !pending.has(DoId(8)));
        }
    }

    /// As many as a part may ask for while one commit is under way, of one object.
    #[test]
    fn very_many_versions_of_an_object_take_no_longer_each() {
        let mut pending = Pending::new(RandomState::with_seeds(1, 2, 3, 4));
        let many = 300_000;
        (0..many).for_each(|ticket| ask(&mut pending, 7, Some(ticket)));
        pending.give();
        for ticket in 0..many {
            assert_eq!(pending.newest_ticket(DoId(7)), Some(Ticket(many - 1)));
            assert_eq!(pending.pop().0, Some(Ticket(ticket)));
        }
        assert_eq!(pending.newest_ticket(DoId(7)), None);
    }
}

//! What a part has asked the log to append and has not heard of yet.
//!
//! The log answers in the order of asking, so one queue says whose answer comes next; the versions
//! of an object are in the same order.

use crate::ids::Ticket;
use crate::record::Record;
use ahash::RandomState;
use alloc::collections::VecDeque;
use hashbrown::HashMap;
use smallvec::SmallVec;
use wire::ids::DoId;

/// A version of an object that is not durable yet.
#[derive(Debug)]
pub(crate) struct Version {
    /// None: it only moves, or only says again that the object is gone.
    pub ticket: Option<Ticket>,
    pub record: Record,
}

/// Everything that was asked for, oldest first.
pub(crate) struct Pending {
    asked: VecDeque<DoId>,
    versions: HashMap<DoId, SmallVec<[Version; 1]>, RandomState>,
}

impl Pending {
    pub fn new(hasher: RandomState) -> Pending {
        Pending { asked: VecDeque::new(), versions: HashMap::with_hasher(hasher) }
    }

    pub fn push(&mut self, version: Version) {
        let do_id = version.record.do_id();
        self.asked.push_back(do_id);
        self.versions.entry(do_id).or_default().push(version);
    }

    /// The version whose fate is known now.
    pub fn pop(&mut self) -> Version {
        let do_id = self.asked.pop_front().expect("the log answers only what it was asked");
        let versions = self.versions.get_mut(&do_id).expect("what is asked for has a version");
        let version = versions.remove(0);
        if versions.is_empty() {
            self.versions.remove(&do_id);
        }
        version
    }

    /// The newest version of an object, if one is not durable yet.
    #[inline]
    pub fn newest(&self, do_id: DoId) -> Option<&Version> {
        if self.asked.is_empty() {
            return None;
        }
        self.versions.get(&do_id)?.last()
    }

    /// The newest write of the object that somebody asked for.
    pub fn newest_ticket(&self, do_id: DoId) -> Option<Ticket> {
        self.versions.get(&do_id)?.iter().rev().find_map(|version| version.ticket)
    }

    pub fn has(&self, do_id: DoId) -> bool {
        !self.asked.is_empty() && self.versions.contains_key(&do_id)
    }

    pub fn clear(&mut self) {
        self.asked.clear();
        self.versions.clear();
    }
}

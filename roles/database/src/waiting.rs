//! Requests that wait because their object has to be brought into memory.
//!
//! All later ones about the same object wait behind them: what is asked of an object is done in the
//! order in which it came.

use crate::pending::{KeptMail, Mail};
use alloc::collections::{BTreeMap, VecDeque};
use store::Place;
use wire::ids::DoId;

/// A request that waits, and whether it may change its object.
pub type Kept = (KeptMail, bool);

/// All that waits for objects.
#[derive(Default)]
pub struct Waiting {
    requests: BTreeMap<DoId, VecDeque<Kept>>,
    /// What is on its way.
    fetching: BTreeMap<Place, DoId>,
    bytes: usize,
}

impl Waiting {
    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether requests wait for an object.
    pub fn is_awaited(&self, do_id: DoId) -> bool {
        !self.requests.is_empty() && self.requests.contains_key(&do_id)
    }

    /// The objects that what waits for them may change, ascending.
    pub fn about_to_change(&self) -> impl Iterator<Item = DoId> + '_ {
        let changes = |queue: &VecDeque<Kept>| queue.iter().any(|(_, changes)| *changes);
        self.requests.iter().filter(move |(_, queue)| changes(queue)).map(|(do_id, _)| *do_id)
    }

    /// A request waits for an object, behind those that do; whether it may change it.
    pub fn push(&mut self, do_id: DoId, mail: &Mail<'_>, changes: bool) {
        let mail = mail.keep();
        self.bytes += mail.bytes();
        self.requests.entry(do_id).or_default().push_back((mail, changes));
    }

    /// The first request that waits for an object.
    pub fn pop(&mut self, do_id: DoId) -> Option<Kept> {
        let queue = self.requests.get_mut(&do_id)?;
        let kept = queue.pop_front();
        if queue.is_empty() {
            self.requests.remove(&do_id);
        }
        self.bytes -= kept.as_ref().map_or(0, |(mail, _)| mail.bytes());
        kept
    }

    /// A request that has been taken has to wait once more.
    pub fn push_front(&mut self, do_id: DoId, kept: Kept) {
        self.bytes += kept.0.bytes();
        self.requests.entry(do_id).or_default().push_front(kept);
    }

    /// An object is to be fetched from a place; whether it is not on its way from there already.
    pub fn fetch(&mut self, do_id: DoId, place: Place) -> bool {
        self.fetching.insert(place, do_id).is_none()
    }

    /// What stands at a place has come.
    pub fn fetched(&mut self, place: Place) -> Option<DoId> {
        self.fetching.remove(&place)
    }
}

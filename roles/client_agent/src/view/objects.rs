//! The objects that a client sees or owns: 16 bytes each, and one hash look-up to find one.

use super::terms::{Key, Terms};
use hashbrown::HashTable;
use wire::ids::{ClassId, DoId};
use wire::state_server::Location;

/// What the client knows of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub do_id: DoId,
    pub location: Location,
    pub dclass: ClassId,
    /// The client was told that it entered, and not that it left.
    pub is_seen: bool,
    state: u8,
}

const OWNED: u8 = 1;
const COUNTED: u8 = 2;
const DOUBTED: u8 = 4;
const ASKED: u8 = 8;
const LOST_UNSAID: u8 = 16;
const STALE: u8 = 32;

const _: () = assert!(size_of::<Object>() == 16, "clients see many objects");

impl Object {
    pub fn new(do_id: DoId, location: Location, dclass: ClassId) -> Object {
        Object { do_id, location, dclass, is_seen: false, state: 0 }
    }

    pub fn is_owned(&self) -> bool {
        self.is(OWNED)
    }

    pub fn set_owned(&mut self, is_owned: bool) {
        self.set(OWNED, is_owned);
    }

    /// Whether the client owned it, does not any more, and was not told so.
    pub fn is_lost_unsaid(&self) -> bool {
        self.is(LOST_UNSAID)
    }

    pub fn set_lost_unsaid(&mut self, is_lost_unsaid: bool) {
        self.set(LOST_UNSAID, is_lost_unsaid);
    }

    /// Whether the zone where it is counts it.
    pub fn is_counted(&self) -> bool {
        self.is(COUNTED)
    }

    pub fn set_counted(&mut self, is_counted: bool) {
        self.set(COUNTED, is_counted);
    }

    /// Whether it may not be any more where it is shown, or as it is shown.
    pub fn is_doubted(&self) -> bool {
        self.is(DOUBTED)
    }

    /// Whether it has been asked where it is.
    pub fn is_asked(&self) -> bool {
        self.is(ASKED)
    }

    /// Its values may be old, be it sure where it is: it moved while it was in doubt, or never was out
    /// of it.
    pub fn set_stale(&mut self) {
        self.set(STALE, true);
    }

    /// It has just been shown.
    pub fn set_fresh(&mut self) {
        self.set(STALE, false);
    }

    /// Whether it is where it is shown, and as it is shown.
    pub fn is_sure(&self) -> bool {
        self.state & (DOUBTED | ASKED | STALE) == 0
    }

    pub fn doubt(&mut self) {
        self.set(DOUBTED, true);
        self.set(ASKED, false);
    }

    pub fn ask(&mut self) {
        self.set(DOUBTED, false);
        self.set(ASKED, true);
    }

    pub fn trust(&mut self) {
        self.set(DOUBTED, false);
        self.set(ASKED, false);
        self.set(STALE, false);
    }

    fn is(&self, bit: u8) -> bool {
        self.state & bit != 0
    }

    fn set(&mut self, bit: u8, is_set: bool) {
        self.state = self.state & !bit | if is_set { bit } else { 0 };
    }
}

/// The objects that a client sees or owns.
#[derive(Default)]
pub(super) struct Objects(HashTable<Object>);

impl Objects {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub fn get(&self, key: Key) -> Option<&Object> {
        self.0.find(key.hash, |object| object.do_id == key.do_id)
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut Object> {
        self.0.find_mut(key.hash, |object| object.do_id == key.do_id)
    }

    /// Adds one that is not there.
    pub fn insert(&mut self, terms: &Terms, key: Key, object: Object) -> &mut Object {
        debug_assert!(self.get(key).is_none(), "an object is there once");
        let hash = |object: &Object| terms.key(object.do_id).hash;
        self.0.insert_unique(key.hash, object, hash).into_mut()
    }

    pub fn remove(&mut self, key: Key) -> Option<Object> {
        let entry = self.0.find_entry(key.hash, |object| object.do_id == key.do_id).ok()?;
        Some(entry.remove().0)
    }

    /// All of them, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Object> {
        self.0.iter_mut()
    }

    /// What they take on the heap.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.0.allocation_size()
    }

    /// Gives back what many that have gone took.
    pub fn shrink(&mut self, terms: &Terms) {
        if self.0.is_empty() {
            self.0 = HashTable::new();
        } else if self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to_fit(|object| terms.key(object.do_id).hash);
        }
    }
}
